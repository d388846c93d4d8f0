# %% [markdown] tags=["slide"]
# # Images and scale
#
# **Claim.** How the LR image is made and which PSNR is reported can each change a result by more than 1 dB.
#
# **Time.** 25 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** You know Python and numpy arrays. There are no networks yet: this lesson is about what they are fed and
# how they are graded.
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from srgan_lessons import UserError
from srgan_lessons.classroom.figures import bars, curves, show_crops, show_images
from srgan_lessons.classroom.motion import kernel_film
from srgan_lessons.classroom.viewers import play
from srgan_lessons.datasets import benchmark
from srgan_lessons.images import load_image, sample_photos, to_image, to_tensor
from srgan_lessons.metrics import luma, psnr, ssim
from srgan_lessons.resize import downscale, imresize, training_pair


def whole_tiles(photo):
    """The photo without the rows and columns that are left over when it is divided into 4 x 4 tiles."""
    height, width = photo.shape[:2]
    return photo[: height // 4 * 4, : width // 4 * 4]


photos = {
    name: whole_tiles(sample_photos()[name]) for name in ("astronaut", "chelsea", "coffee", "motorcycle", "rocket")
}

# %% [markdown] tags=["slide"] answers=["luma", "rgb", "brightness"]
# ## Why
#
# Two groups enlarge the same photo with the same formula. One reports 26.8 dB, the other 25.3 dB. In this field, a
# gain of 0.3 dB is enough for a publication.
#
# **Before you read on:** the formula is the same, the photo is the same. What else can differ?

# %%
hr = photos["astronaut"]  # (512, 512, 3)
lr = imresize(hr, 1 / 4)  # (128, 128, 3)
sr = imresize(lr, 4)  # (512, 512, 3)

# %% tags=["fold"]
on_luma = psnr(sr, hr)
squared_error = (sr.astype(float) - hr)[4:-4, 4:-4] ** 2  # (504, 504, 3): the border is left out, as psnr does
on_rgb = 10 * np.log10(255**2 / np.mean(squared_error))
show_crops(
    hr,
    lr,
    sr,
    titles=["HR: the truth", "LR: 4 times smaller", f"SR: {on_luma:.1f} dB, or {on_rgb:.1f} dB"],
    box=(64, 176, 96, 96),
    alt="A face in a photo; the same crop as HR, as blocky LR and as a blurred enlargement.",
)
assert round(on_luma, 1) == 26.8
assert round(on_rgb, 1) == 25.3

# %% [markdown]
# One picture, two numbers. The first looks at brightness alone, the second at red, green and blue. Both are called
# PSNR. By the end of this lesson you will know where each number comes from, and you will have built every step
# yourself.

# %% [markdown] tags=["instructor"]
# **Timing.** Arrays take 3 minutes, the kernel 8, torch's bicubic 4, crops 3, PSNR 5, and the chart of slips 2. The
# exercises take 35. Ask the room first: who has compared a PSNR with one from a paper? Which protocol was it? The usual
# answer is silence, and that silence is the reason for this lesson.

# %% [markdown] tags=["slide"]
# ## A photo is an array
#
# In memory, a photo is a box of whole numbers: rows, columns and three channels.

# %% tags=["check-output"]
print("shape:", hr.shape, "type:", hr.dtype, "from", hr.min(), "to", hr.max())
print("pixel in row 0, column 0, as R, G, B:", hr[0, 0].tolist())

# %% [markdown] answers=["254"]
# **Question.** A `uint8` is a whole number from 0 to 255 and nothing else. What is 3 - 5?

# %% tags=["check-output"]
three, five = np.array([3], dtype=np.uint8), np.array([5], dtype=np.uint8)
print("3 - 5 as uint8:", (three - five)[0])
print("3 - 5 as float:", three.astype(float)[0] - five.astype(float)[0])

# %% [markdown]
# There is no error and no warning: the result is 254. Remember this in the exercise on PSNR.
#
# A network wants something different: floats, channels first, and a batch axis in front.

# %%
by_hand = torch.from_numpy(hr.copy())  # (512, 512, 3), uint8
by_hand = by_hand.permute(2, 0, 1)  # (3, 512, 512): channels first
by_hand = by_hand[None].float() / 255  # (1, 3, 512, 512), in [0, 1]

x = to_tensor(hr)  # the package's version

# %% tags=["fold"]
assert torch.equal(by_hand, x)
assert (to_image(x) == hr).all()  # and back, without a loss

# %% [markdown]
# The whole course keeps to this rule: **float images are (N, 3, H, W) in [0, 1], photos are uint8 (H, W, 3)**.
# `to_tensor` and `to_image` convert one into the other.

# %% [markdown] tags=["slide"] answers=["new", "aliasing"]
# ## Smaller: every fourth pixel?
#
# Every benchmark starts with a photo and makes the small image from it. To make it four times smaller, why not take
# every fourth pixel? Below is a test picture whose rings get finer towards the edge.
#
# **Question.** What will the rings look like where they are finer than four pixels?

# %% tags=["skip"]
rows, columns = np.mgrid[-256:256, -256:256]
rings = np.round(127.5 + 127.5 * np.cos((rows**2 + columns**2) * np.pi / 1024)).astype(np.uint8)  # (512, 512)
every_fourth = rings[::4, ::4]  # (128, 128)
averaged = imresize(rings, 1 / 4)  # (128, 128)
corner = (slice(0, 20), slice(0, 20))  # here the rings are far finer than an LR pixel

# %% tags=["fold"]
show_images(
    rings,
    every_fourth,
    averaged,
    titles=["512 x 512", "every 4th pixel", "imresize"],
    alt="Rings that get finer outwards. With every 4th pixel, new rings appear everywhere; imresize leaves grey.",
)
assert every_fourth[corner].std() > 80
assert averaged[corner].std() < 10

# %% [markdown]
# New rings appear where there were none. Detail that is too fine for the small grid does not vanish: it comes back as
# something else. This is **aliasing**. On the right, each LR pixel is a weighted mean of all the pixels around it, and
# detail that cannot be shown becomes grey.
#
# So the question is not *whether* to average, but with which weights.

# %% [markdown] tags=["slide"]
# ## The cubic kernel
#
# How much does a pixel at distance $x$ count? Keys (1981) answers with two cubic pieces that join smoothly:
#
# $$k(x) = \begin{cases} (a+2)\,|x|^3 - (a+3)\,|x|^2 + 1 & |x| \le 1 \\
# a\,|x|^3 - 5a\,|x|^2 + 8a\,|x| - 4a & 1 < |x| < 2 \\ 0 & \text{elsewhere} \end{cases}$$
#
# The one free number is $a$. MATLAB, whose `imresize` made the LR images of all the benchmarks, uses $a = -0.5$.
#
# ### {{exercise: cubic_kernel}}
#
# Write `cubic_kernel(x)` for an array `x` of any shape: the formula above, for all elements at once. Expected: an array
# of the same shape, which is 1 where x is 0, and 0 where x is any other whole number.

# %% tags=["stub"]
# {{stub: cubic_kernel}}

# %% tags=["solution"]
# {{solution: cubic_kernel}}

# %%
cubic_kernel = check("cubic_kernel", cubic_kernel)

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** The absolute value is forgotten in one of the two pieces. The second piece is missing. Or a
# is -0.75, copied from torch or OpenCV. Ask: why is k(0) = 1 and k(1) = 0? (At the old pixels nothing must change.)

# %% tags=["skip"]
distance = np.linspace(-3, 3, 73)  # twelve places a pixel

# %% tags=["fold"]
curves(
    {"cubic, a = -0.5": (distance, cubic_kernel(distance)), "linear": (distance, np.clip(1 - abs(distance), 0, None))},
    xlabel="distance in pixels",
    ylabel="weight",
    alt="The cubic kernel: a bell of height 1 that dips below zero between 1 and 2 pixels, and the linear triangle.",
)
assert cubic_kernel(np.array([0.0, 1.0, 2.0])).tolist() == [1, 0, 0]
assert cubic_kernel(np.array([1.5]))[0] < 0

# %% [markdown] tags=["subslide"]
# The dips below zero sharpen the picture: a bright pixel pulls its second neighbours down a little.
#
# ### Wider when the image shrinks
#
# The kernel reaches 2 pixels to each side. Is that enough for an LR pixel that stands for a tile of 4 x 4?
#
# It is not. It just covers the tile, and 12 of the tile's 16 pixels would hardly count: we would be back at aliasing.
# So distances are measured in *LR pixels*. The kernel becomes 4 times as wide and reaches 8 HR pixels to each side. Its
# weights now sum to about 4, so they are divided by their sum. This widening is what the option *antialiasing* means.
#
# ### {{exercise: bicubic_weights}}
#
# `distance` contains the distances of some HR pixels from the centre of an LR pixel, in HR pixels. `factor` says how
# many HR pixels fit across an LR pixel. Return how much each of them counts. Expected: the weights of the widened
# kernel, which sum to 1.

# %% tags=["stub"]
# {{stub: bicubic_weights}}

# %% tags=["solution"]
# {{solution: bicubic_weights}}

# %%
bicubic_weights = check("bicubic_weights", bicubic_weights)

# %% tags=["subslide", "check-output"]
distance = np.arange(-8, 8) + 0.5  # (16,): the LR pixel's centre lies between two HR pixels
weights = bicubic_weights(distance, 4)
print("pixels that count:", np.count_nonzero(weights), "- sum:", round(weights.sum(), 4))
print("right half:", np.round(weights[8:], 3).tolist())

# %% [markdown]
# Press **Play**: your kernel glides over a row of 32 pixels from the cat's eye. Every four pixels, it leaves an LR
# pixel behind: the weighted mean of what lies under it.

# %% tags=["fold"]
kernel_film(
    np.round(luma(photos["chelsea"])[106, 156:188]),
    bicubic_weights,
    alt="A bell with small negative dips glides over a row of pixels; below it a row of pixels, four times as wide.",
)

# %% [markdown] tags=["slide"] answers=["repeated", "again"]
# ## imresize, by hand
#
# Now we compute a whole row at once. Each new pixel is a weighted mean of old ones, so a row is shrunk by a matrix.
#
# **Question.** At the border, the kernel reaches beyond the photo. What does it find there? One line of the next cell
# decides.


# %%
def resize_matrix(size, new_size):
    """(new_size, size): row i says how much each old pixel counts in the new pixel i."""
    factor = max(size / new_size, 1)  # the kernel widens where the image shrinks; it never narrows
    matrix = np.zeros((new_size, size))
    for i in range(new_size):
        centre = (i + 0.5) * size / new_size - 0.5  # of the new pixel, in old pixels: old pixel k is centred at k
        old = np.arange(int(centre - 2 * factor) - 1, int(centre + 2 * factor) + 3)
        weights = bicubic_weights(centre - old, factor)
        np.add.at(matrix[i], old.clip(0, size - 1), weights)
    return matrix


def to_levels(x):
    return np.floor(x + 0.5).clip(0, 255)  # whole grey levels, as in an 8-bit file


def resize(image, height, width):
    """uint8 (H, W, 3) -> uint8 (height, width, 3): rows first, then columns, whole levels after each."""
    x = to_levels(np.tensordot(resize_matrix(image.shape[0], height), image, 1))  # (height, W, 3)
    x = to_levels(resize_matrix(image.shape[1], width) @ x)  # (height, width, 3): one product for each row
    return x.astype(np.uint8)


# %% [markdown] answers=["not one"]
# Each line is a decision: rows before columns, the border pixel repeated (`clip`), rounding after *each* pass. MATLAB
# made these decisions, and they have shaped every published LR image.
#
# (Why `np.add.at`? After `clip`, the border pixel occurs in `old` several times. A plain `+=` would add only one of its
# weights.)
#
# **Question.** We make five photos smaller, and larger again. How many numbers differ from those of the package?

# %% tags=["check-output"]
differing = {}  # photo -> how many numbers are not the package's
for name, photo in photos.items():
    height, width = photo.shape[0] // 4, photo.shape[1] // 4
    smaller = resize(photo, height, width)  # (H/4, W/4, 3)
    larger = resize(smaller, 4 * height, 4 * width)  # (H, W, 3)
    differing[name] = (smaller != imresize(photo, 1 / 4)).sum() + (larger != imresize(smaller, 4)).sum()
    print(f"{name}: {height} x {width} and back, {differing[name]} numbers differ")

# %% tags=["fold"]
assert not any(differing.values())
for photo in photos.values():
    assert (to_image(downscale(to_tensor(photo))) == imresize(photo, 1 / 4)).all()  # tensors: (1, 3, H/4, W/4)

# %% [markdown]
# Not one number differs. You have written `imresize`, and it can enlarge, too. For batches of tensors, on a GPU, the
# package has `downscale` and `upscale`, which give the same numbers. The tests of this course compare them with the 119
# LR images that Set5, Set14 and BSD100 were published with: not one pixel differs. So the package computes what
# MATLAB's imresize computed when the sets were made. Later versions of MATLAB mirror the picture at its border instead
# of repeating the border pixel, which changes the border by 2 to 8 levels.

# %% [markdown] tags=["slide"] answers=["more than 1", "1 dB"]
# ## The other bicubic
#
# torch has its own bicubic: `F.interpolate(x, scale_factor=1/4, mode="bicubic")`. Many tutorials use it. Its $a$ is
# -0.75, and `antialias` is **off** unless you ask for it.
#
# **Question.** By how many dB does that change the result of an enlargement?


# %%
def torch_resize(photo, antialias):
    x = F.interpolate(to_tensor(photo), scale_factor=1 / 4, mode="bicubic", antialias=antialias)  # (1, 3, H/4, W/4)
    return to_image(x)  # clipped and rounded: (H/4, W/4, 3)


photo = photos["rocket"]
right, wrong = imresize(photo, 1 / 4), torch_resize(photo, antialias=False)
results = [imresize(right, 4), imresize(wrong, 4)]


def mean_psnr(reduce, enlarge=lambda lr: imresize(lr, 4), measure=psnr):
    """The mean over the sample photos, in dB: reduce each, enlarge it again, compare with the photo."""
    return np.mean([measure(enlarge(reduce(photo)), photo) for photo in photos.values()])


def matlab(photo):
    return imresize(photo, 1 / 4)


baseline = mean_psnr(matlab)
aliased = mean_psnr(lambda photo: torch_resize(photo, antialias=False))
antialiased = mean_psnr(lambda photo: torch_resize(photo, antialias=True))
print(f"MATLAB's LR {baseline:.2f} dB; torch {aliased:.2f} dB; torch with antialias=True {antialiased:.2f} dB")

# %% tags=["fold"]
show_crops(
    photo,
    *results,
    titles=[
        "HR",
        f"from a right LR: {psnr(results[0], photo):.2f} dB",
        f"no antialiasing: {psnr(results[1], photo):.2f} dB",
    ],
    box=(200, 136, 128, 96),
    alt="A tower beside a rocket. Without antialiasing its thin beams break up into coloured dots.",
)
assert aliased < baseline - 1
assert abs(antialiased - baseline) < 0.01

# %% [markdown]
# It changes by more than 1 dB, although the enlargement was correct both times: only the LR image was wrong. A network
# trained on one kind of LR and tested on the other loses in the same way. This is the classic reason why somebody's
# network "does not even beat bicubic".
#
# With `antialias=True`, torch agrees with MATLAB to 0.01 dB: this switch widens the kernel and also sets $a$ to -0.5.
# So it does not matter whose bicubic it is. It matters whether the kernel widens.

# %% [markdown] tags=["instructor"]
# **What to say.** With antialias=True, torch's kernel has a = -0.5; without it, a is -0.75. Nobody expects a switch for
# antialiasing to change the kernel. A common objection is: "but the aliased LR image looks sharper". It does, and that
# is the trouble: the sharpness is false.

# %% [markdown] tags=["slide"] answers=["14", "frame", "false"]
# ## Crops without false borders
#
# Training uses small crops: 96 x 96 HR pixels, and the 24 x 24 LR pixels that belong to them.
#
# **Question.** Does it matter whether we cut first and then reduce, or reduce first and then cut?

# %%
top, left, size = 240, 320, 96
photo = photos["motorcycle"]
cut_first = imresize(photo[top : top + size, left : left + size], 1 / 4)  # (24, 24, 3)
reduced_first = imresize(photo, 1 / 4)[top // 4 :, left // 4 :][:24, :24]  # (24, 24, 3)
difference = np.abs(cut_first.astype(int) - reduced_first).max(axis=2)  # (24, 24) in grey levels
print(f"largest difference: border {difference.max()} levels, middle {difference[2:-2, 2:-2].max()} levels")

# %% tags=["fold"]
show_images(
    photo[top : top + size, left : left + size],
    cut_first,
    reduced_first,
    (255 * np.minimum(difference, 4) / 4).astype(np.uint8),
    titles=["HR crop", "cut, then reduced", "reduced, then cut", "difference\n(white: 4 or more levels)"],
    alt="A crop and its two LR versions. They look alike; they differ only in a frame of two pixels along the border.",
)
assert difference.max() == 14
assert difference[2:-2, 2:-2].max() == 0
assert 0.3 < 1 - 20**2 / 24**2 < 1 / 3  # the frame's share of the pixels
assert round(1 / (difference > 0).mean()) == 6

# %% [markdown]
# The two outermost LR pixels on each side are off by up to 14 grey levels: the kernel reached beyond the crop. There
# the photo goes on, but the kernel found only the border pixel, repeated. No real LR image looks like this. In a crop
# of 24 x 24, nearly a third of all pixels are made in this way. Here about one pixel in six comes out wrong.

# %% [markdown]
# ### {{exercise: lr_crop}}
#
# Write `lr_crop(photo, top, left, size)`: the LR image, (size/4, size/4, 3), of the crop of `photo` that begins at
# `top`, `left` and is `size` pixels high and wide. `top`, `left` and `size` are multiples of 4. Expected: the same
# pixels as in the LR image of the whole photo, but without reducing the whole photo. At the photo's own border there
# are fewer pixels to add around the crop.

# %% tags=["stub"]
# {{stub: lr_crop}}

# %% tags=["solution"]
# {{solution: lr_crop}}

# %%
lr_crop = check("lr_crop", lr_crop)

wide = to_tensor(photo[top - 8 : top + size + 8, left - 8 : left + size + 8])  # (1, 3, 112, 112)
lr_tensor, hr_tensor = training_pair(wide)  # the package's version: (1, 3, 24, 24) and (1, 3, 96, 96)

# %% tags=["fold"]
assert (lr_crop(photo, top, left, size) == reduced_first).all()
assert (to_image(lr_tensor) == reduced_first).all()

# %% [markdown] tags=["slide"] answers=["48.13", "42.11", "6 dB"]
# ## One number: PSNR
#
# How far apart are two pictures? Take the mean squared error of the grey levels and compare it with the largest
# possible level, in decibels:
#
# $$\mathrm{PSNR} = 10 \log_{10} \frac{255^2}{\mathrm{MSE}}$$
#
# **Question.** Every pixel is off by 1 level. How many dB is that? And if every pixel is off by 2?

# %% tags=["check-output"]
for off in (1, 2, 4, 8):
    print(f"all pixels off by {off}: {10 * np.log10(255**2 / off**2):.2f} dB")
print(f"1 dB less: every error times {10 ** (1 / 20):.2f}")

# %% [markdown]
# Twice the error costs 6 dB. Losing 1 dB means that every error is 12 % larger.

# %% [markdown] tags=["subslide"] answers=["16", "235"]
# ### Which grey levels?
#
# The eye sees fine detail in brightness, not in colour. So the field measures **Y**, television's luma, as the standard
# ITU-R BT.601 defines it:
#
# $$Y = 16 + \frac{65.481\,R + 128.553\,G + 24.966\,B}{255}$$
#
# **Question.** What is Y for black, and for white? Which colour counts most?

# %% tags=["check-output"]
colours = {"black": (0, 0, 0), "white": (255, 255, 255), "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
for name, colour in colours.items():
    pixel = np.full((1, 1, 3), colour, dtype=np.uint8)  # (1, 1, 3)
    print(f"{name}: Y = {luma(pixel)[0, 0]:.0f}")
print(f"errors in 219 levels instead of 255: {-20 * np.log10(219 / 255):+.1f} dB")

# %% [markdown]
# Y goes from 16 to 235: this is the *limited range*. It squeezes Y into 219 levels, so the errors of Y are smaller than
# those of R, G and B. Use Y from 0 to 255 instead, as many libraries do, and every PSNR falls by the same 1.3 dB.
#
# ### {{exercise: psnr_y}}
#
# Write `psnr_y(sr, hr)` for two uint8 pictures (H, W, 3), in dB, by the protocol that most PyTorch papers report: Y by
# BT.601 in limited range, rounded to whole numbers; 4 pixels cut off at each border, because no method can know what
# lies beyond; peak 255. Expected: a number.

# %% tags=["stub"]
# {{stub: psnr_y}}

# %% tags=["solution"]
# {{solution: psnr_y}}

# %%
psnr_y = check("psnr_y", psnr_y)

# %% tags=["check-output", "skip"]
for name, photo in photos.items():
    bicubic = imresize(imresize(photo, 1 / 4), 4)
    assert abs(psnr_y(bicubic, photo) - psnr(bicubic, photo)) < 0.001  # the package's version
    print(f"{name}: {psnr(bicubic, photo):.2f} dB")

# %% [markdown] tags=["slide"] answers=["0.01", "0.1"]
# ## Two protocols
#
# The SRGAN paper measured with different tools. Its Y seems to follow BT.709, a later standard for luma (we infer this:
# with BT.709 the numbers fit, see lesson 08). It also reports SSIM, a second measure, which is 1 for equal pictures.
# Its SSIM compares the pictures window by window, and these windows grow with the image. The package has both
# protocols: `protocol="community"`, which your `psnr_y` follows, and `protocol="paper"`.
#
# **Question.** Which of the two measures changes more, compared with the distance between a good and a better method?

# %%
change = {"PSNR": [], "SSIM": []}
for photo in photos.values():
    bicubic = imresize(imresize(photo, 1 / 4), 4)
    change["PSNR"].append(psnr(bicubic, photo, protocol="paper") - psnr(bicubic, photo))
    change["SSIM"].append(ssim(bicubic, photo, protocol="paper") - ssim(bicubic, photo))
print(f"PSNR: {np.mean(change['PSNR']):+.2f} dB on average, SSIM: {np.mean(change['SSIM']):+.3f}")

# %% tags=["fold"]
assert abs(np.mean(change["PSNR"])) < 0.15
assert np.mean(change["SSIM"]) > 0.01

# %% [markdown]
# It is SSIM. PSNR changes by about 0.1 dB, which is little. SSIM rises by more than 0.01, which is as much as the
# difference between one good method and another. Never compare your SSIM with the paper's unless the protocol is the
# same. A number without its protocol means nothing.

# %% [markdown] tags=["slide"] answers=["1.3", "half a dB"]
# ## What each slip costs
#
# Now we put it all into one chart: the same bicubic enlargement, with one slip at a time. If the benchmark Set5 is
# installed, we measure on it; if not, on our five sample photos.
#
# There are six slips: RGB instead of Y, Y from 0 to 255, an LR image made without antialiasing, borders not cut, Y not
# rounded, and one MSE for all images. For the last one, the errors of the whole data set are averaged first, and only
# then is the logarithm taken.
#
# **Before you run it:** write down which slip you think costs most.

# %%
try:
    measured = {image.name: whole_tiles(load_image(image.hr)) for image in benchmark("Set5")}
    on = "Set5"
except UserError:  # not installed: srgan-lessons data get Set5
    measured, on = photos, "five sample photos"
pairs = [(hr, imresize(imresize(hr, 1 / 4), 4)) for hr in measured.values()]


def db(a, b, border=4):
    inside = slice(border, -border or None)
    return 10 * np.log10(255**2 / np.mean((a[inside, inside].astype(float) - b[inside, inside]) ** 2))


def full_range(image):
    return np.round(image @ [0.299, 0.587, 0.114])  # 0 to 255


right = np.mean([psnr(sr, hr) for hr, sr in pairs])
slips = {
    "RGB instead of Y": np.mean([db(sr, hr) for hr, sr in pairs]),
    "Y from 0 to 255": np.mean([db(full_range(sr), full_range(hr)) for hr, sr in pairs]),
    "LR without antialiasing": np.mean([psnr(imresize(torch_resize(hr, False), 4), hr) for hr, _ in pairs]),
    "borders not cut": np.mean([psnr(sr, hr, border=0) for hr, sr in pairs]),
    "one MSE for all images": 10 * np.log10(255**2 / np.mean([255**2 / 10 ** (psnr(sr, hr) / 10) for hr, sr in pairs])),
    "Y not rounded": np.mean(
        [db(hr @ [65.481, 128.553, 24.966] / 255, sr @ [65.481, 128.553, 24.966] / 255) for hr, sr in pairs]
    ),
}
cost = dict(sorted(((name, value - right) for name, value in slips.items()), key=lambda item: item[1]))

# %% tags=["fold"]
bars(
    cost,
    xlabel=f"change of PSNR in dB (bicubic on {on}: {right:.2f} dB)",
    alt="Bars: RGB, full-range Y, a wrong LR and one MSE for all cost 0.5 to 2 dB; borders and rounding hardly any.",
)
assert -2 < cost["RGB instead of Y"] < -1.2
assert -1.4 < cost["Y from 0 to 255"] < -1.2
assert cost["LR without antialiasing"] < -0.6
assert abs(cost["borders not cut"]) < 0.25
assert abs(cost["Y not rounded"]) < 0.02
assert cost["one MSE for all images"] < -0.5
assert abs(28.4 - 27.1 + cost["Y from 0 to 255"]) < 0.05  # question 1 at the end
assert on != "Set5" or [(slip, round(value, 2)) for slip, value in list(cost.items())[:2]] == [
    ("one MSE for all images", -1.74),
    ("RGB instead of Y", -1.72),
]
assert on != "Set5" or round(right, 2) == 28.42  # what everybody reports for bicubic on Set5

# %% [markdown]
# This is the claim of the lesson, measured. RGB, or Y in the wrong range, costs more than 1 dB. A wrong LR image costs
# more than half a dB on Set5, and more than 1 dB on our photos. And it works in both directions: measure Y, compare
# with someone's RGB, and you have "gained" more than 1 dB without doing anything. Borders and rounding cost hardly
# anything here. They are fixed so that everybody gets the same digits.
#
# One bar is not about single images at all. The PSNR of a data set is the mean of its images' PSNRs. Take one MSE over
# all images instead, and the hardest image decides the result. On Set5, this slip costs most, just ahead of RGB: 1.74
# and 1.72 dB.
#
# ### Does everything matter, then?
#
# A claim needs a counter-test. If *any* change moved the numbers by 1 dB, PSNR would be worthless. Pillow has a third
# bicubic, written by other people: with antialiasing, but with different rounding.


# %%
def pillow(image, scale):
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(image).resize((round(width * scale), round(height * scale)), Image.BICUBIC))


both_ways = mean_psnr(lambda photo: pillow(photo, 1 / 4), enlarge=lambda lr: pillow(lr, 4))
nearest = mean_psnr(matlab, enlarge=lambda lr: lr.repeat(4, axis=0).repeat(4, axis=1))
print(f"MATLAB's bicubic {baseline:.2f} dB, Pillow's {both_ways:.2f} dB, nearest neighbour {nearest:.2f} dB")

# %% tags=["fold"]
assert abs(both_ways - baseline) < 0.02
assert nearest < baseline - 1

# %% [markdown]
# Pillow instead of MATLAB changes nothing. Nearest neighbour, a method that really is worse, loses more than 1 dB. So
# the numbers do mean something, as long as the LR images and the protocol are the same. But note how much one mistake
# can cost: as much as the difference between the crudest method and a good one.

# %% [markdown] tags=["notes"]
# ## Play
#
# Choose how the LR image is made, and watch the fine lines. Where does the enlargement look sharper than it should?

# %% tags=["skip"]
ways = {
    "imresize": matlab,
    "torch, antialias off": lambda photo: torch_resize(photo, antialias=False),
    "every 4th pixel": lambda photo: photo[::4, ::4],
    "mean of 4 x 4": lambda photo: to_image(F.avg_pool2d(to_tensor(photo), 4)),
}


# %% tags=["fold", "skip"]
def one_way(photo, way):
    hr = photos[photo]
    lr = ways[way](hr)
    sr = imresize(lr, 4)
    middle = (hr.shape[0] // 8 * 4 - 48, hr.shape[1] // 8 * 4 - 48, 96, 96)
    titles = ["HR", f"LR by {way}", f"enlarged: {psnr(sr, hr):.2f} dB"]
    show_crops(hr, lr, sr, titles=titles, box=middle, alt=f"{photo}: a crop as HR, as LR by {way}, and enlarged again.")


play(one_way, photo=["motorcycle", "astronaut", "chelsea", "coffee", "rocket"], way=list(ways))

# %% [markdown] tags=["slide"]
# ## Recap
#
# - A photo is uint8 (H, W, 3); a network's image is float (N, 3, H, W) in [0, 1].
# - LR images are made by MATLAB's bicubic: $a = -0.5$, a kernel widened by the factor, rounding after each pass.
# - Crops are cut 8 HR pixels wider on each side, reduced, and trimmed by 2 LR pixels.
# - PSNR is measured on Y in limited range, rounded, with 4 pixels cut off; the PSNR of a set is the mean over its
#   images.
# - A number without its protocol means nothing.
#
# ### Three questions
#
# <details><summary>1. Somebody's bicubic reaches 27.1 dB on Set5. Everyone else reports 28.4. What do you
# ask?</summary>
#
# The difference is 1.3 dB, the cost of a Y from 0 to 255. Ask for the range of their Y.
# </details>
#
# <details><summary>2. A network was trained on crops that were cut first and then reduced. Where will it be
# worse?</summary>
#
# It will be worse inside a photo. It has learned that pixels repeat beyond the edge of what it sees. In a real LR image
# that is true only at the photo's own border. So what it has learned from nearly a third of each crop's pixels is false
# inside a photo.
# </details>
#
# <details><summary>3. Why is Y rounded before the subtraction, although rounding only adds an error?</summary>
#
# So that everyone gets the same number: MATLAB's rgb2ycbcr gives whole levels for uint8 images. The rounding changes
# the result by less than 0.02 dB, but that is more than nothing.
# </details>
#
# ### What this lesson leaves out
#
# Real cameras do not reduce photos by MATLAB's bicubic: they blur, add noise and compress. A network that has only seen
# bicubic LR images is lost there (lesson 10). Lesson 08 explains what SSIM computes, and why neither number is what the
# eye sees.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 3.1, data and similarity
#   measures; Table 2 for bicubic's numbers.
# - Keys 1981, *Cubic convolution interpolation for digital image processing*: the kernel; with $a = -0.5$ it is
#   equation 15.
# - In this package: `srgan_lessons/resize.py` and `srgan_lessons/metrics.py`, about 140 lines each.
#
# Next: lesson 02, the network itself. Here is what you have solved so far.

# %%
progress()
