# %% [markdown] tags=["slide"]
# # Pixel shuffle
#
# **Claim.** A sub-pixel network that you train on this CPU in half a minute beats bicubic on photos it has never seen.
#
# **Time.** 29 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lesson 01 (LR images, PSNR). You know what a convolution is. Lesson 04 explains how training works; here
# you only read the loop.
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from srgan_lessons import models
from srgan_lessons.classroom.figures import LossBoard, bars, feature_grid, number_cells, show_crops, show_images
from srgan_lessons.classroom.motion import shuffle_film
from srgan_lessons.classroom.viewers import play, zoom
from srgan_lessons.classroom.waiting import waiting
from srgan_lessons.datasets import CropSampler
from srgan_lessons.images import sample_photos, to_image, to_tensor
from srgan_lessons.metrics import psnr
from srgan_lessons.models import SubPixelUpsample, count_parameters
from srgan_lessons.resize import imresize

settings = lesson_settings(
    full={"updates": 1200, "control": 1200, "rate": 1.5e-3}, fast={"updates": 700, "control": 60, "rate": 4e-3}
)

UNSEEN = ("astronaut", "chelsea", "motorcycle")  # never trained on: we are graded on them
training_photos = {name: photo for name, photo in sample_photos().items() if name not in UNSEEN}
assert len(training_photos) == 11
unseen = {}  # name -> HR, LR
for name in UNSEEN:
    height, width = (n // 4 * 4 for n in sample_photos()[name].shape[:2])
    hr = sample_photos()[name][:height, :width]  # whole 4 x 4 tiles
    unseen[name] = hr, imresize(hr, 1 / 4)

# %% [markdown] tags=["slide"] answers=["beats", "beaten"]
# ## Why
#
# Bicubic interpolation is more than forty years old and has been polished ever since. Here is what it makes of a photo.
#
# **Before you read on:** three layers, half a minute of training, eleven photos. Is that enough to beat bicubic?

# %% tags=["skip"]
hr, lr = unseen["motorcycle"]  # (500, 740, 3), (125, 185, 3)
bicubic = imresize(lr, 4)  # (500, 740, 3)

# %% tags=["fold"]
box = (280, 128, 80, 80)
show_crops(
    hr,
    lr,
    bicubic,
    titles=["HR: the truth", "LR: what is given", f"bicubic: {psnr(bicubic, hr):.1f} dB"],
    box=box,
    alt="A motorcycle; the crop on its wheel is clear in HR, blocks in LR, and soft by bicubic.",
)

# %% [markdown]
# Write down your guess. At the end of this lesson your own picture will stand beside bicubic's. The trick is in the
# network's last step, and this lesson takes that step apart.

# %% [markdown] tags=["instructor"]
# **Timing.** The three ways take 4 minutes, the shuffle 4, the paper's layer 2, ESPCN 2, checkerboards 7, training 5,
# the control 2, and looking inside and the recap 3. The exercises take 31. **Before class**, run the notebook once on
# the classroom's machines and note how long the training takes. Collect the guesses by a show of hands, and write them
# down: in most rooms, the majority says "no".

# %% [markdown] tags=["slide"]
# ## Three ways to sixteen pixels
#
# A 4x enlargement turns one pixel into sixteen. Where in the network should that happen?
#
# 1. **First**, by bicubic. The network then repairs the result (SRCNN, 2014).
# 2. **Last, by a transposed convolution**: each LR pixel writes a whole patch, and the patches are added.
# 3. **Last, by a sub-pixel convolution**: an ordinary convolution gives sixteen channels for each colour, and they are
#    laid out as pixels (ESPCN, 2016). This is SRGAN's way.

# %% tags=["check-output"]
x = torch.rand(1, 64, 24, 24)  # (1, 64, 24, 24): feature maps at LR size

first = nn.Conv2d(64, 3, 3, padding=1)(F.interpolate(x, scale_factor=4, mode="bicubic"))  # way 1
transposed = nn.ConvTranspose2d(64, 3, 8, stride=4, padding=2)(x)  # way 2
channels = nn.Conv2d(64, 48, 3, padding=1)(x)  # way 3: (1, 48, 24, 24)
print("first:", tuple(first.shape), "transposed:", tuple(transposed.shape), "channels:", tuple(channels.shape))
print("numbers:", first.numel(), transposed.numel(), channels.numel())

# %% [markdown] answers=["16", "sixteen"]
# All three ways produce the same number of values. The third has them as 48 maps of 24 x 24 instead of 3 maps of 96
# x 96. Keep that in mind.
#
# **Question.** Now let three convolutions follow each other, as in ESPCN below. How much more do they cost if bicubic
# comes first (way 1) than if the enlargement comes last (way 3)? A convolution needs k x k x inputs x outputs
# multiplications *at each place of its grid*.


# %% tags=["check-output"]
def multiplications(kernel, inputs, outputs):
    """What one place of the grid costs."""
    return kernel**2 * inputs * outputs


# ESPCN has three layers, and you will build it below: kernel, inputs, outputs of each
at_lr = [multiplications(5, 3, 64), multiplications(3, 64, 32), multiplications(3, 32, 48)]
at_hr = [multiplications(5, 3, 64), multiplications(3, 64, 32), multiplications(3, 32, 3)]
places = 4 * 4  # at HR size there are so many for each LR pixel
for name, small, large in zip(("first", "second", "last"), at_lr, at_hr, strict=True):
    print(
        f"{name} layer, for each LR pixel: {small:,} at LR, {places * large:,} at HR, {places * large // small} times"
    )
print(f"together: {sum(at_lr):,} and {places * sum(at_hr):,}, {places * sum(at_hr) / sum(at_lr):.1f} times")

# %% [markdown]
# Bicubic first means sixteen times the multiplications in every layer but the last. In the last it makes no difference:
# 48 numbers at one place, or 3 numbers at sixteen. And it gains nothing: bicubic adds pixels, not information.
#
# So stay small as long as you can, and become large at the very end.

# %% [markdown] tags=["slide"]
# ## Pixel shuffle, with four numbers
#
# How do 48 channels become an image? Take the smallest case: four channels, a 2x enlargement, one place.

# %% tags=["check-output"]
features = torch.arange(4).reshape(1, 4, 1, 1)  # (1, 4, 1, 1): four channels, one place
image = F.pixel_shuffle(features, 2)  # (1, 1, 2, 2): one channel, four places
print(image[0, 0])

# %% [markdown] answers=["20", "channel 1"]
# Four channels at one place have become one channel at four places, a **tile** of 2 x 2 pixels. Nothing was computed.
# Numbers were *moved*: the network decides what the channels hold, and pixel shuffle says which corner of the tile each
# channel owns.
#
# **Question.** Now each channel has 2 x 2 places. In the numbers below, the tens digit is the channel and the ones
# digit is the place. Which number stands to the right of 0 in the image? Which number is below it?

# %%
features = 10 * torch.arange(4).reshape(1, 4, 1, 1) + torch.arange(4).reshape(1, 1, 2, 2)  # (1, 4, 2, 2)
image = F.pixel_shuffle(features, 2)  # (1, 1, 4, 4)

# %% tags=["fold"]
number_cells(
    *features[0],
    image[0, 0],
    titles=["channel 0", "channel 1", "channel 2", "channel 3", "the image"],
    group=lambda number: int(number) // 10,
    alt="Four channels of 2 x 2 numbers, and the 4 x 4 image: each 2 x 2 tile holds one number of each channel.",
)
assert image[0, 0, 0].tolist() == [0, 10, 1, 11]
assert image[0, 0, 1].tolist() == [20, 30, 21, 31]

# %% [markdown]
# The number to the right of 0 is 10: it comes from channel 1, from the same place. The number below 0 is 20: it comes
# from channel 2, from the same place. Each tile holds one number of each channel. Press **Play** and watch them go.

# %% tags=["fold"]
shuffle_film(alt="The numbers of four channels fly into the image, one channel after the other: each owns a corner.")

# %% [markdown]
# In general: with r = 4 and three colours, channel 16 c + 4 i + j owns row i, column j of each tile of colour c.
#
# ### {{exercise: pixel_shuffle}}
#
# Write `pixel_shuffle(x, r)` with `reshape` and `permute` alone. `x` is (N, C r r, H, W), the result (N, C, H r, W r);
# C r r is C times r times r. Channel c r r + i r + j lands in row i, column j of each r x r tile of result channel c.
# Expected: the same numbers as `F.pixel_shuffle`, for any C and r. A first hint: `reshape` can split an axis in two. It
# turns an axis of length H r into two, (H, r), and the index of the second one changes faster.

# %% tags=["stub"]
# {{stub: pixel_shuffle}}

# %% tags=["solution"]
# {{solution: pixel_shuffle}}

# %%
pixel_shuffle = check("pixel_shuffle", pixel_shuffle)

for r in (2, 3, 4):
    x = torch.rand(2, 3 * r * r, 5, 6)  # (2, 3 r r, 5, 6)
    assert torch.equal(pixel_shuffle(x, r), nn.PixelShuffle(r)(x))  # torch's version
    assert torch.equal(F.pixel_unshuffle(pixel_shuffle(x, r), r), x)  # and the way back: nothing is lost

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** The answer reshapes without permute: the picture is torn into stripes. It swaps the two r:
# the tiles are transposed, and diagonal edges get teeth. Or it puts r in front of H instead of after it: the result is
# a sheet of sixteen small pictures. Have somebody draw the six axes on the board and join them with arrows. Ask: why
# does `view` fail as the last step, when `reshape` does not? (After permute the numbers are no longer in order in
# memory.)

# %% [markdown] tags=["subslide"] answers=["(1, 64, 48, 48)"]
# ### The paper's layer
#
# SRGAN's generator shuffles twice, by 2 each time. Figure 4 of the paper writes `k3n256s1`, `PixelShuffler x2`,
# `PReLU`: a 3x3 convolution to 256 maps with stride 1, a shuffle by 2, an activation.
#
# **Question.** 64 maps go in. How many come out?

# %% tags=["check-output"]
layer = SubPixelUpsample(64)  # the package's version
x = torch.randn(1, 64, 24, 24)  # (1, 64, 24, 24)

y = F.conv2d(x, layer.conv.weight, layer.conv.bias, padding=1)  # (1, 256, 24, 24): k3n256s1
y = pixel_shuffle(y, 2)  # (1, how many, 48, 48)?
y = torch.where(y > 0, y, layer.act.weight * y)  # PReLU, one learned slope
print("256 channels:", tuple(layer.conv(x).shape), "- after the shuffle:", tuple(y.shape))

# %% tags=["fold"]
assert torch.allclose(y, layer(x), atol=1e-6)

# %% [markdown] tags=["slide"]
# ## ESPCN
#
# ESPCN, the *efficient sub-pixel convolutional neural network* (Shi et al. 2016), consists of three convolutions and a
# shuffle. It is small enough to be trained in half a minute, and now you write it yourself.
#
# ### {{exercise: ESPCN}}
#
# Write the class `ESPCN`: a 5x5 convolution to 64 maps and a tanh; a 3x3 convolution to 32 maps and a tanh; a 3x3
# convolution to as many maps as a tile of 4 x 4 RGB pixels needs; then pixel shuffle by 4. The convolutions keep the LR
# size, so each is padded with zeros. Expected: (N, 3, h, w) becomes (N, 3, 4h, 4w), with 37,200 trained numbers.

# %% tags=["stub"]
# {{stub: ESPCN}}

# %% tags=["solution"]
# {{solution: ESPCN}}

# %%
ESPCN = check("ESPCN", ESPCN)


def to_package(network):
    """The package's ESPCN with your network's weights. They are matched by shape: all six shapes differ."""
    by_shape = {p.shape: p.detach() for p in network.parameters()}
    theirs = models.ESPCN()
    theirs.load_state_dict({name: by_shape[w.shape] for name, w in theirs.state_dict().items()})
    return theirs.requires_grad_(False)


mine = ESPCN()
x = torch.rand(1, 3, 30, 20)  # (1, 3, 30, 20)
print("out:", tuple(mine(x).shape), "- trained numbers:", f"{count_parameters(mine):,}")

# %% tags=["fold"]
assert torch.allclose(mine(x), to_package(mine)(x), atol=1e-6)  # the same tensor

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** There are three maps at the end, because "a picture has three channels". Or there is a tanh
# after the last convolution, or a clamp to [0, 1]. Ask: why is there no activation at the end? (Where it flattens, no
# gradient comes back.) The original ESPCN worked on luma alone; ours works on RGB, as SRGAN does.

# %% [markdown] tags=["slide"] answers=["unequal", "1, 2, 1"]
# ## Checkerboards
#
# We skipped way 2. It has a flaw that you can find by counting. Each LR pixel writes a patch of kernel x kernel pixels,
# and the patches start `stride` pixels apart. Where they overlap, they add up.
#
# **Question.** With kernel 3 and stride 2, in one dimension: how many patches fall on each output pixel?
#
# ### {{exercise: overlap_counts}}
#
# Write `overlap_counts(size, kernel, stride)` for a row of `size` input pixels. Input pixel i writes `kernel` output
# pixels, starting at i * stride. Return, for each output pixel, how many input pixels write to it. No padding: the
# output ends where the last patch ends.

# %% tags=["stub"]
# {{stub: overlap_counts}}

# %% tags=["solution"]
# {{solution: overlap_counts}}

# %%
overlap_counts = check("overlap_counts", overlap_counts)

# %% tags=["subslide", "check-output"]
for kernel, stride in ((3, 2), (4, 2), (9, 4), (8, 4)):
    counts = overlap_counts(12, kernel, stride)
    print(f"kernel {kernel}, stride {stride}, in the middle: {np.array(counts)[8:16].tolist()}")

# %% tags=["fold"]
for kernel, stride in ((3, 2), (4, 2), (9, 4), (8, 4)):
    ones = F.conv_transpose1d(torch.ones(1, 1, 12), torch.ones(1, 1, kernel), stride=stride)  # (1, 1, L): the real one
    assert ones[0, 0].tolist() == list(overlap_counts(12, kernel, stride))

# %% [markdown]
# The counts are unequal, unless the kernel is a multiple of the stride. In two dimensions they multiply. Choose a
# kernel and a stride:


# %% tags=["fold"]
def overlaps(kernel, stride):
    counts = np.array(overlap_counts(12, kernel, stride))  # one dimension
    middle = counts[kernel : kernel + 8]  # away from the ends: (8,)
    table = np.outer(middle, middle)  # (8, 8): in two dimensions
    title = f"kernel {kernel}, stride {stride}"
    number_cells(
        table, titles=[title], alt=f"How often each pixel is written to, {title}: {table.min()}-{table.max()}."
    )


play(overlaps, kernel=[9, *range(4, 9), *range(10, 13)], stride=[4, 2, 3])
nine = np.array(overlap_counts(12, 9, 4))[9:17]
assert (np.outer(nine, nine).max(), np.outer(nine, nine).min()) == (9, 4)

# %% [markdown]
# *Figure: a table of 8 x 8 counts. For kernel 9 and stride 4, one place in each 4 x 4 tile is written to 9 times,
# others 4 or 6 times.*
#
# One corner of each tile is written to nine times, all other places four or six times. This is the **checkerboard**
# that Odena et al. (2016) described.
#
# ### And the sub-pixel convolution?
#
# It is a transposed convolution, too. To see this, shuffle its *weights* instead of its output.
#
# (Why `flip` and `transpose` in the cell below? A transposed convolution writes its kernel from the other end, and its
# weight has the axes the other way round: inputs before outputs.)

# %%
r, k = 4, 3
weight = torch.randn(3 * r * r, 32, k, k)  # (48, 32, 3, 3): a convolution before a shuffle
x = torch.randn(1, 32, 6, 7)  # (1, 32, 6, 7)
sub_pixel = pixel_shuffle(F.conv2d(x, weight, padding=1), r)  # (1, 3, 24, 28)

kernel = pixel_shuffle(weight.flip(2, 3).transpose(0, 1), r)  # (32, 3, 12, 12): one large kernel
transposed = F.conv_transpose2d(x, kernel, stride=r, padding=r * (k // 2))  # (1, 3, 24, 28)

# %% tags=["fold"]
assert torch.allclose(sub_pixel, transposed, atol=1e-4)
assert kernel.shape[-1] == 12
assert kernel.shape[-1] % r == 0

# %% [markdown] answers=["different filters", "as strong"]
# It is the same tensor. A sub-pixel convolution *is* a transposed convolution whose kernel, 12, is a multiple of its
# stride, 4. All counts are equal, by construction.
#
# So it makes no checkerboard? To answer that, we need a number. Cut a picture into tiles of 4 x 4, and for each of the
# sixteen places take the average over all tiles. In a photo the sixteen averages are nearly equal, because a photo
# knows nothing of our tiles. Our **tile pattern** is the standard deviation of these sixteen averages, in per cent of
# the standard deviation of the whole picture.
#
# **Question.** We take two untrained networks, one with a transposed convolution of kernel 9, one with a sub-pixel
# convolution. Which has the stronger tile pattern?


# %%
def tile_pattern(x):
    """How far the 16 places of the 4 x 4 tiles are apart on average, in % of the contrast. x: (1, C, H, W)."""
    x = x[..., 8:-8, 8:-8]  # the border, where zeros are padded, is another story
    places = F.pixel_unshuffle(x, 4).mean(dim=(2, 3)).reshape(-1, 16)  # (C, 16): a mean for each place
    return (100 * places.std(dim=1, correction=0) / x.std(dim=(0, 2, 3))).mean().item()


def stretched(x):
    """A picture to look at: from its darkest to its brightest value. (1, 3, H, W) in [0, 1]."""
    x = x.detach()
    return (x - x.amin()) / (x.amax() - x.amin())


hr, lr = unseen["chelsea"]
x = to_tensor(lr)  # (1, 3, 75, 112), in [0, 1]
torch.manual_seed(0)
body = nn.Sequential(nn.Conv2d(3, 64, 5, padding=2), nn.Tanh(), nn.Conv2d(64, 32, 3, padding=1), nn.Tanh())
untrained = {
    "transposed, kernel 9": nn.ConvTranspose2d(32, 3, 9, stride=4, padding=3, output_padding=1)(body(x)),
    "sub-pixel": ESPCN()(x),
}
pattern = {name: tile_pattern(picture) for name, picture in untrained.items()}
pattern["the photo"] = tile_pattern(to_tensor(hr))

# %% tags=["fold"]
eye = (slice(None), slice(None), slice(48, 192), slice(88, 232))
show_images(
    to_tensor(hr)[eye],
    *[stretched(picture[eye]) for picture in untrained.values()],
    titles=[f"{name}\ntile pattern {pattern[name]:.0f} %" for name in ("the photo", *untrained)],
    alt="A cat's eye as a photo, and by two untrained networks: both print the same 4 x 4 tile over everything.",
)
assert pattern["the photo"] < 2
assert min(pattern["transposed, kernel 9"], pattern["sub-pixel"]) > 80

# %% [markdown]
# *Figure: the eye of a cat, and two untrained enlargements of it, covered by a regular pattern of tiles.*
#
# The sub-pixel layer makes a tile pattern, too, as strong as the other's. Its counts are equal, but the sixteen places
# of a tile have **sixteen different filters**, and at the start these are random. Overlap is not the whole story.
#
# ### The cure
#
# Aitken et al. (2017) let all the filters of a tile start out *equal*. Then all the pixels of a tile are equal, and the
# untrained layer is a nearest-neighbour enlargement. They call it **ICNR**, "initialised to convolution,
# nearest-neighbour resize".
#
# ### {{exercise: icnr}}
#
# `weight`, (C r r, inputs, k, k), belongs to a new convolution, which is still random and comes before a shuffle by
# `r`. Return a weight of the same shape in which the r r filters of each tile are equal. They must still be random,
# with values of about the same size as before (a mean of several filters has smaller ones): their standard deviation
# must be 0.7 to 3 times that of `weight`. Remember which channels make up a tile.

# %% tags=["stub"]
# {{stub: icnr}}

# %% tags=["solution"]
# {{solution: icnr}}

# %%
icnr = check("icnr", icnr)


def fresh_espcn(with_icnr):
    """Your ESPCN, untrained. Always the same random numbers."""
    torch.manual_seed(0)
    network = ESPCN()
    if with_icnr:
        with torch.no_grad():
            for p in network.parameters():
                if p.shape == (48, 32, 3, 3):  # the convolution before the shuffle
                    p.copy_(icnr(p, 4))
                elif p.shape == (48,):
                    p.zero_()  # a bias for each place of a tile would be a pattern, too
    return network


plain, smooth = fresh_espcn(False)(x), fresh_espcn(True)(x)  # (1, 3, 300, 448) both

# %% tags=["subslide", "fold"]
show_images(
    stretched(plain[eye]),
    stretched(smooth[eye]),
    titles=[
        f"{name}: tile pattern {tile_pattern(y):.0f} %" for name, y in (("as torch begins", plain), ("ICNR", smooth))
    ],
    alt="The cat's eye by the untrained network: under a pattern of tiles, and with ICNR as plain square pixels.",
)
assert tile_pattern(plain) > 90
assert tile_pattern(smooth) < 0.01
assert torch.allclose(smooth, F.interpolate(smooth[..., ::4, ::4], scale_factor=4), atol=1e-5)  # nearest neighbour

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** The answer uses `repeat` instead of `repeat_interleave`: then channels 0, 1, 2, 0, 1, 2 are
# equal, and the pattern stays. Or it takes the mean of the sixteen filters, which has the right symmetry but is four
# times too weak. Ask: where else could a tile pattern come from, once the weights are equal? (From the bias: it has one
# number for each place of the tile.)

# %% [markdown] answers=["whole tiles", "level them"]
# The pattern falls from nearly 100 per cent to 0, and the eye can be seen before any training.
#
# The paper's generator has a safeguard of another kind. After its last shuffle comes one more convolution, **9x9**.
#
# **Question.** Why so large? What can a 9x9 kernel do to a pattern of 4 x 4 tiles that a 3x3 kernel cannot do?

# %%
tail = torch.zeros(3, 1, 9, 9)
tail[..., 3:7, 3:7] = 1 / 16  # inside the large kernel a square of 4 x 4, all weights equal
after_9x9 = F.conv2d(plain, tail, padding=4, groups=3)  # (1, 3, 300, 448)
after_3x3 = F.conv2d(plain, torch.full((3, 1, 3, 3), 1 / 9), padding=1, groups=3)  # (1, 3, 300, 448)
print(f"tile pattern: {tile_pattern(plain):.0f} %, after a 3x3 mean {tile_pattern(after_3x3):.0f} %, ", end="")
print(f"after a 9x9 kernel that holds a 4x4 mean {tile_pattern(after_9x9):.1f} %")

# %% tags=["fold"]
assert tile_pattern(after_3x3) > 20
assert tile_pattern(after_9x9) < 2
assert 16 * multiplications(9, 64, 3) / multiplications(3, 64, 64) == 6.75

# %% [markdown]
# A 9x9 kernel sees whole tiles, so it *can* learn to level them. A 3x3 kernel never sees a whole tile: from one pixel
# to the next, it covers a different nine of the sixteen places, so its means differ as well, and most of the pattern
# stays. The large kernel has its price: per LR pixel, it needs as many multiplications as 6.75 convolutions of the
# trunk. ESPCN has no such layer. It has ICNR instead.

# %% [markdown] tags=["slide"]
# ## Training, live
#
# The loop below is all there is to training. Lesson 04 explains each line; for now, read only the comments. The LR and
# HR crops come in pairs, made as in lesson 01.


# %%
RATE = settings.rate  # 0.0015, the highest learning rate of a run


def fit(network, updates, shuffled=False, watch=None):
    """Trains a network. shuffled: give each LR crop the HR crop of another photo. watch: called now and then."""
    torch.set_num_threads(1)  # such a small network gains nothing from more threads
    crops = CropSampler(training_photos, batch=8, crop=48, seed=0)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=updates, pct_start=0.1)
    for step in waiting(range(updates), "training"):
        lr, hr = crops(step)  # (8, 3, 12, 12) and (8, 3, 48, 48), in [0, 1], from eight photos
        if shuffled:
            lr = lr.roll(1, dims=0)  # the pairs are broken, nothing else changes
        sr = network(lr)  # (8, 3, 48, 48): enlarge
        loss = F.mse_loss(sr, hr)  # how far from the truth?
        optimizer.zero_grad()
        loss.backward()  # which way is better, for each weight?
        optimizer.step()  # a small step that way
        schedule.step()
        if watch and (step + 1) % 100 == 0:
            watch(step + 1)
    return network


def enlarge(network, lr):
    """uint8 (h, w, 3) -> uint8 (4h, 4w, 3)."""
    with torch.no_grad():
        return to_image(network(to_tensor(lr)))


def on_unseen(method):
    """Mean PSNR over the three photos that are not trained on, in dB. method: LR photo -> SR photo."""
    return np.mean([psnr(method(lr), hr) for hr, lr in unseen.values()])


# %% [markdown]
# First comes a short run of 25 updates. Does ICNR still make a difference once the network learns?

# %%
early = [fit(fresh_espcn(with_icnr), 25)(x) for with_icnr in (False, True)]  # (1, 3, 300, 448) each

# %% tags=["fold"]
show_images(
    *[stretched(picture[eye]) for picture in early],
    titles=[
        f"{name}: tile pattern {tile_pattern(y):.0f} %"
        for name, y in zip(("as torch begins", "ICNR"), early, strict=True)
    ],
    alt="The cat's eye after 25 updates: still behind a pattern of tiles, and with ICNR soft and without one.",
)
assert tile_pattern(early[0]) > 3 * tile_pattern(early[1])

# %% [markdown] answers=[]
# Both pictures are still rough. Without ICNR, the network must also unlearn its tiles; with ICNR, it has none to
# unlearn.
#
# **Now the real run.** It trains on eleven of the photos that come with scikit-image, from a cup of coffee to the moon.
# The chart shows its PSNR on the three others, with bicubic's as a line to beat. We look at these three while it
# trains, but make no decision based on them.
#
# **Before you run it:** after how many updates will the curve cross bicubic's line?

# %% tags=["fold"]
board = LossBoard(
    ylabel="PSNR on unseen photos, dB", log=False, bounds=(24, 29), alt="PSNR of your network, and of bicubic."
)

# %%
bicubic_db = on_unseen(lambda lr: imresize(lr, 4))
network = fresh_espcn(with_icnr=True)
started = time.perf_counter()
with board:

    def watch(step):
        board.add(step, **{"your network": on_unseen(lambda lr: enlarge(network, lr)), "bicubic": bicubic_db})

    fit(network, settings.updates, watch=watch)
seconds = time.perf_counter() - started

gain = on_unseen(lambda lr: enlarge(network, lr)) - bicubic_db
print(f"{settings.updates} updates in {seconds:.0f} seconds: {gain:+.2f} dB over bicubic on photos it has never seen")

# %% tags=["fold"]
assert gain > 0.3, "less than 0.3 dB better than bicubic: restart the kernel and run all cells from the top"

# %%
gains = {name: psnr(enlarge(network, lr), hr) - psnr(imresize(lr, 4), hr) for name, (hr, lr) in unseen.items()}

# %% tags=["fold"]
for name, (top, left) in {"chelsea": (80, 104), "motorcycle": (280, 128)}.items():
    hr, lr = unseen[name]
    bicubic, sr = imresize(lr, 4), enlarge(network, lr)  # (H, W, 3) both
    place = (slice(top, top + 80), slice(left, left + 80))
    show_images(
        hr[place],
        bicubic[place],
        sr[place],
        titles=["HR: the truth", f"bicubic: {psnr(bicubic, hr):.2f} dB", f"yours: {psnr(sr, hr):.2f} dB"],
        alt=f"{name}: a crop as HR, by bicubic, and by your network, whose edges are crisper than bicubic's.",
    )
bars(gains, xlabel="your network's gain over bicubic in dB", alt="Bars: the gain on three photos, all above zero.")
assert min(gains.values()) > 0
assert tile_pattern(to_tensor(sr)) < 3  # no tiles are left

# %% [markdown]
# Your network is better than bicubic on each of the three photos. This is the claim: three layers, eleven photos, half
# a minute, and a forty-year-old formula is beaten. On the way there, the curve may cross bicubic's line more than once:
# while the learning rate is high, each update can also make things worse. To be honest, the result is still far from
# HR. The rest needs a deeper network (lesson 04), and more than PSNR (lesson 06).

# %% [markdown] tags=["instructor"]
# **What to say.** While it trains: the first updates only find out how bright a photo is; then come the edges. The
# curve is rough while the learning rate is high, and settles at the end as the rate goes to 0 (lesson 04). The final
# number varies by about 0.1 dB with the seed. **While it runs**, ask the question of the counter-test.

# %% [markdown] tags=["slide"] answers=["grey", "average", "safest"]
# ## The counter-test
#
# Did the network learn from the *pairs*? Or would any training on photos do? We train the same network on the same
# crops, for the same number of updates. But now each LR crop is paired with the HR crop of a different photo.
#
# **Question.** LR now says nothing about HR. Which picture should the network draw to keep the mean squared error
# small?

# %% tags=["skip"]
control = fit(fresh_espcn(with_icnr=True), settings.control, shuffled=True)
control_gain = on_unseen(lambda lr: enlarge(control, lr)) - bicubic_db
sr_control = enlarge(control, lr)  # (500, 740, 3)

# %% tags=["fold"]
show_crops(
    hr,
    sr,
    sr_control,
    titles=["HR", f"true pairs: {gain:+.1f} dB", f"shuffled pairs: {control_gain:+.1f} dB"],
    box=box,
    alt="The wheel again: with shuffled pairs the network paints nothing but grey.",
)
assert control_gain < -5
assert sr_control.std() < hr.std() / 3  # hardly any contrast

# %% [markdown]
# It is grey: the average of all photos, the safest answer when the question tells you nothing. Bicubic beats it by more
# than 5 dB. So the network did learn from the pairs.

# %% [markdown] tags=["slide"]
# ## What is in the channels?
#
# The first layer of the trained network looks for edges and colours. Here are sixteen of its 64 maps:

# %%
trained = to_package(network)  # the package's ESPCN, which names its parts
crop = to_tensor(unseen["chelsea"][1][14:50, 20:74])  # (1, 3, 36, 54)
first = trained.body[:2](crop)  # (1, 64, 36, 54): convolution and tanh
inside = first[0, :16, 2:-2, 2:-2]  # (16, 32, 50): without the border, where zeros were padded

# %% tags=["fold"]
feature_grid(inside, columns=8, alt="Sixteen maps of a cat's eye: some show edges of one direction, others areas.")

# %% [markdown] answers=["negatives", "negative", "reliefs"]
# And the last layer? Sixteen of the 48 channels make up the tiles of the green channel. Side by side they would all
# look the same, so the figure shows how each *differs* from the mean of the sixteen.
#
# **Question.** Row 0, column 0 is the upper left corner of each tile; row 3, column 3 is the lower right one. How will
# these two compare?

# %% tags=["skip"]
last = trained.upsample[0](trained.body(crop))  # (1, 48, 36, 54): before the shuffle
green = last[0, 16:32]  # (16, 36, 54): channels 16 c + 4 i + j for c = 1
differs = green - green.mean(dim=0)  # (16, 36, 54)
corners = torch.corrcoef(differs[[0, 15]].flatten(1))[0, 1].item()
print(f"correlation of opposite corners: {corners:.2f}")

# %% tags=["fold"]
assert torch.equal(F.pixel_shuffle(green[None], 4)[:, 0], trained(crop)[:, 1])  # shuffled, they are the green image
feature_grid(
    differs,
    columns=4,
    titles=[f"row {i}, column {j}" for i in range(4) for j in range(4)],
    alt="Sixteen maps like reliefs, lit from sixteen sides: opposite corners of the tile are negatives of each other.",
)
assert corners < -0.5

# %% [markdown]
# They look like reliefs, lit from sixteen sides. At an edge that gets brighter to the right, the left column of a tile
# must be darker than the mean and the right one brighter. Nobody told the network this: it found out by itself what
# "between the pixels" means.

# %% [markdown] tags=["notes"]
# ## Play
#
# Pick a photo, move the box, change its size. Where is your picture better than bicubic's, and where is it not?

# %% tags=["skip"]
pictures = {name: (hr, imresize(lr, 4), enlarge(network, lr)) for name, (hr, lr) in reversed(unseen.items())}

# %% tags=["fold", "skip"]
zoom(pictures, titles=["HR", "bicubic", "yours"], alt="A crop as HR, by bicubic and by your network.")

# %% [markdown] tags=["slide"]
# ## Recap
#
# - Stay at LR size and enlarge at the end: every layer but the last then costs a sixteenth.
# - Pixel shuffle computes nothing. It moves r r channels into tiles of r x r pixels.
# - A sub-pixel convolution is a transposed convolution whose kernel is a multiple of its stride.
# - Equal counts do not prevent a checkerboard at the start. Equal filters do: that is ICNR.
# - Trained on true pairs, three layers beat bicubic. On shuffled pairs they paint grey.
#
# ### Three questions
#
# <details><summary>1. A network for 3x enlargement of grey pictures ends with pixel shuffle. How many maps does its
# last convolution produce?</summary>
#
# 9: a tile of 3 x 3 pixels with one number each.
# </details>
#
# <details><summary>2. Somebody's enlargements show a fine regular grid, always in the same places. What do you ask
# first?</summary>
#
# Ask which layer enlarges. If it is a transposed convolution: does the stride divide the kernel? If it is a sub-pixel
# convolution: how was it initialised, and was it trained long enough to unlearn the pattern?
# </details>
#
# <details><summary>3. Why must the photos we are graded on stay out of training, if the network has only 37,200 numbers
# and cannot know photos by heart?</summary>
#
# It can still lean towards their textures and colours, and nobody could tell how much. Photos it has never seen settle
# the matter.
# </details>
#
# ### What this lesson leaves out
#
# There is a fourth way, resizing by nearest neighbour and convolving afterwards: it makes no checkerboards and costs
# more (Odena et al.). Lesson 04 explains where crops come from, what Adam and the learning rate do, and why weights are
# averaged.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 2.1 and Figure 4, the two sub-pixel
#   layers of the generator.
# - Shi et al. 2016, [arXiv 1609.05158](https://arxiv.org/abs/1609.05158): section 2.2, the periodic shuffling; section
#   3.2, the sizes of ESPCN's layers.
# - Shi et al. 2016, [arXiv 1609.07009](https://arxiv.org/abs/1609.07009): sub-pixel and transposed convolution are the
#   same layer.
# - Odena et al. 2016, [Deconvolution and checkerboard artifacts](https://distill.pub/2016/deconv-checkerboard/).
# - Aitken et al. 2017, [arXiv 1707.02937](https://arxiv.org/abs/1707.02937): ICNR.
# - In this package: `ESPCN`, `SubPixelUpsample` and `icnr_` in `srgan_lessons/models.py`.
#
# Next: lesson 04, the training loop, line by line. Here is what you have solved so far.

# %%
progress()
