# %% [markdown] tags=["slide"]
# # Content loss
#
# **Claim.** MSE prefers the blurred average of all plausible answers; VGG features do not.
#
# **Time.** 31 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lessons 01 and 04: LR images, PSNR, MSE training. You know what a convolution, a ReLU and a gradient are.
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import functools

import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from srgan_lessons import vgg
from srgan_lessons.classroom.drawings import drawing
from srgan_lessons.classroom.figures import bars, curves, feature_grid, show_images
from srgan_lessons.classroom.viewers import play
from srgan_lessons.classroom.waiting import waiting
from srgan_lessons.evaluation import paper_table
from srgan_lessons.images import sample_photos, to_tensor
from srgan_lessons.losses import (
    OFFLINE_FACTOR,
    OFFLINE_SHARE,
    PHASE_WEIGHT,
    VGG19_SCALE,
    OfflineLoss,
    VGGLoss,
    mse_loss,
)
from srgan_lessons.models import ESPCN
from srgan_lessons.resize import downscale, imresize, upscale
from srgan_lessons.vgg import offline_features, random_features
from srgan_lessons.weights import load_network, shipped_weights

settings = lesson_settings(
    full={"tiles": 3, "tile_steps": 80, "size": 48, "steps": 80},
    fast={"tiles": 2, "tile_steps": 30, "size": 32, "steps": 40},
)

# %% [markdown] tags=["slide"] answers=["twice", "fur"]
# ## Why
#
# Here is a photo, and two attempts to reproduce it. The first was enlarged by a network trained with MSE. The second is
# the photo itself, moved two pixels to the left.
#
# **Before you read on:** run the cells. Which attempt would you send to a friend? Which one does MSE prefer?

# %%
name = "srresnet" if "srresnet" in shipped_weights() else "espcn"  # both were trained with MSE
network = load_network(name)
PLACES = {"chelsea": (60, 100), "astronaut": (20, 160), "grass": (100, 100), "motorcycle": (200, 300)}
PLACES |= {"coffee": (100, 200), "gravel": (100, 100), "brick": (100, 100)}


@functools.cache
def attempts(photo):
    """HR, the network's SR, bicubic, and HR moved by two pixels: (1, 3, 96, 96) each."""
    top, left = PLACES[photo]
    wide = sample_photos()[photo][top - 8 : top + 104, left - 8 : left + 104]  # (112, 112, 3)
    lr = imresize(wide, 1 / 4)  # (28, 28, 3)
    with torch.no_grad():
        sr = network(to_tensor(lr))  # (1, 3, 112, 112)
    whole = (to_tensor(wide), sr, to_tensor(imresize(lr, 4)))
    hr, sr, bicubic = (image[..., 8:-8, 8:-8] for image in whole)  # without the borders
    return hr, sr, bicubic, whole[0][..., 8:-8, 10:-6]


hr, sr, _, moved = attempts("chelsea")
ratio = (F.mse_loss(moved, hr) / F.mse_loss(sr, hr)).item()
print(f"MSE of the moved photo / MSE of the network's: {ratio:.1f}")

# %% tags=["fold"]
show_images(
    hr,
    sr,
    moved,
    titles=["HR", "trained with MSE", "HR, moved by two pixels"],
    alt="A cat's eye in three versions: HR; a soft one without fur; and one that looks the same as HR.",
)
assert ratio > 2

# %% [markdown]
# By MSE, the moved photo is more than twice as bad. To your eye nothing is wrong with it, while the other one has lost
# its fur.
#
# Do not blame the network. It does what it was told to do. This lesson shows what that was, and looks for something
# better to tell it.

# %% [markdown] tags=["instructor"]
# **Timing.** "Why" takes 2 minutes, two answers 5, preprocessing 2, phi and the maps 6, the content loss 4, the claim
# and its exception 6, what a layer forgets 4, and the recap 2. The exercises take 28. On one core, all cells take about
# half a minute in fast mode, and a little more in full mode. Let the room vote before the figure is explained, and keep
# the result: at the end you ask the same question about phi(2, 2).

# %% [markdown] tags=["slide"] answers=["grey", "flat"]
# ## Two plausible answers
#
# Here is a toy example, so simple that we know everything about it: a pullover with vertical stripes, two pixels dark,
# two pixels bright, and so on. It may begin with a dark stripe or with a bright one.
#
# **Question.** What does the LR image look like in each case?


# %% tags=["check-output"]
def stripes(shift, size=24):
    """Vertical stripes of period 4, (1, 3, size, size): 0.2 is dark, 0.8 is bright."""
    line = [0.8 if (x + shift) % 4 < 2 else 0.2 for x in range(size)]
    return torch.tensor(line).expand(1, 3, size, size).contiguous()


A, B = stripes(0), stripes(2)
lr_a, lr_b = (downscale(stripes(shift, size=64))[..., 3:-3, 3:-3] for shift in (0, 2))  # the middle, (1, 3, 10, 10)
print("levels in LR, A:", (lr_a * 255).unique().tolist(), " B:", (lr_b * 255).unique().tolist())

# %% tags=["fold"]
assert torch.equal(lr_a, lr_b)

# %% [markdown] answers=["grey", "average"]
# It is a flat grey, and exactly the same one in both cases. **LR does not say which of the two it was.** Both answers
# are right.
#
# A network must still decide: it gives one image. Half of the time the truth is pullover A, half of the time it is B.
#
# **Question.** Which image would *you* give, if your penalty were the mean squared error?

# %% tags=["check-output"]
for answer, image in {"A": A, "B": B, "half of each": (A + B) / 2}.items():
    expected = (F.mse_loss(image, A) + F.mse_loss(image, B)) / 2
    print(f"{answer}: expected squared error {expected:.2f}")

# %% [markdown] tags=["slide"]
# Grey: it has half the error of either pullover. And of the three, it is the only one that is **certainly wrong**.
#
# Why is that? Let the answers $y$ have the mean $\bar y$, and let $\mathbb{E}$ be the average over all answers. For any
# image $x$,
#
# $$\mathbb{E}\,(x - y)^2 = (x - \bar y)^2 + \mathbb{E}\,(y - \bar y)^2$$
#
# The last part does not depend on $x$. So the best $x$ is $\bar y$, whatever the answers are.
#
# ### {{exercise: mse_answer}}
#
# Now let the answers have different probabilities. Write `mse_answer(answers, chances)`: the image with the smallest
# expected squared error. `answers` is (K, 3, H, W), `chances` is (K,) and sums to 1. Expected: one image, (3, H, W).

# %% tags=["stub"]
# {{stub: mse_answer}}

# %% tags=["solution"]
# {{solution: mse_answer}}

# %%
mse_answer = check("mse_answer", mse_answer)
both, half = torch.cat([A, B]), torch.tensor([0.5, 0.5])
grey = mse_answer(both, half)  # (3, 24, 24)

# %% tags=["fold"]
show_images(
    A,
    B,
    lr_a,
    grey,
    titles=["A", "B", "LR of A, and of B", "the best answer by MSE"],
    alt="Pullover A begins with bright stripes, B with dark ones; their LR image and the MSE answer are flat grey.",
)
assert torch.allclose(grey, torch.full_like(A[0], 0.5))

# %% [markdown] tags=["subslide"]
# ### What a network can answer: 48 numbers
#
# Does *training* end up there, too? And what can a network answer at all when LR is a flat grey? It sees the same thing
# everywhere, so away from the borders every LR pixel becomes the same 4x4 **tile** of RGB: 48 numbers, repeated. We
# check this, and then train the tile instead of a network.

# %% [markdown] tags=["notes"]
# The loss below takes one more function, `maps`: both images go through it before they are compared. Here it is
# `pixels`, which changes nothing. Later, other functions will take its place.

# %%
with torch.no_grad():
    y = ESPCN()(torch.full((1, 3, 16, 16), 0.5))[..., 16:-16, 16:-16]  # (1, 3, 32, 32), untrained


of_answers = functools.cache(lambda maps: (maps(A).detach(), maps(B).detach()))


def expected_loss(x, maps):
    """The expected distance to A or B, divided by that of the answer A, (0 + A to B) / 2. The two halves cancel."""
    at_a, at_b = of_answers(maps)
    seen = maps(x)
    return (F.mse_loss(seen, at_a) + F.mse_loss(seen, at_b)) / F.mse_loss(at_a, at_b)


def train_tile(maps, start, steps=settings.tile_steps):
    """The tile (1, 3, 4, 4) after `steps` updates, and its expected loss before the last."""
    tile = start.clone().requires_grad_()  # (1, 3, 4, 4)
    optimizer = torch.optim.Adam([tile], lr=0.03)
    for _ in waiting(range(steps), "training the tile"):
        loss = expected_loss(tile.repeat(1, 1, 6, 6), maps)  # of (1, 3, 24, 24)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return tile.detach(), loss.item()


def pixels(images):
    return images


torch.manual_seed(0)
noise = [0.5 + 0.05 * torch.randn(1, 3, 4, 4) for _ in range(settings.tiles)]  # grey, a little disturbed
nearly_a = [(0.7 * A + 0.3 * B)[..., :4, :4] + 0.02 * torch.randn(1, 3, 4, 4) for _ in range(settings.tiles)]
learned = {start: train_tile(pixels, start_at[0]) for start, start_at in (("grey", noise), ("A", nearly_a))}

# %% tags=["fold", "skip"]
assert torch.allclose(y[..., :-4, :-4], y[..., 4:, 4:], atol=1e-5)  # it repeats with period 4
for start, (tile, loss) in learned.items():
    print(f"started near {start}: contrast {tile.std():.2f} (A has {A.std():.2f}), expected loss {loss:.2f}")
    assert tile.std() < 0.03 < 0.29 < A.std()
    assert abs(loss - 0.5) < 0.01

# %% [markdown]
# Whether it starts near grey or near A, the tile becomes grey. Even a tile that was mostly A is pulled back to the
# middle.
#
# Photos are full of such pullovers. Think of grass: in LR, nobody can tell where each blade stood. The same is true of
# hair and gravel. Here is the idea of the paper's Figure 3 on a real meadow. We keep what LR shows of one place, and
# add fine detail from other places of the same photo. All of these answers have almost the same LR image. MSE wants
# their average.

# %% tags=["fold"]
meadow = to_tensor(sample_photos()["grass"])  # (1, 3, 512, 512)


def patch(top, left, side=96):
    """What LR shows of a place, and the fine detail that it does not show: (1, 3, side, side) each, without borders."""
    hr = meadow[..., top - 16 : top + side + 16, left - 16 : left + side + 16]
    smooth = upscale(downscale(hr))
    return [x[..., 16:-16, 16:-16] for x in (smooth, hr - smooth)]


seen, own = patch(200, 200)
places = [(y, x) for y in range(20, 400, 40) for x in range(20, 400, 40)]
answers = torch.cat([seen + patch(y, x)[1] for y, x in places])  # (100, 3, 96, 96)
fog = answers.mean(dim=0, keepdim=True)
show_images(
    *[answers[k : k + 1].clamp(0, 1) for k in (3, 47, 88)],
    fog.clamp(0, 1),
    titles=["one answer", "another", "a third", "the average of 100"],
    alt="Three different pieces of a meadow, all sharp, and their average, a soft grey fog.",
)
apart = (downscale(answers)[..., 4:-4, 4:-4] - downscale(seen + own)[..., 4:-4, 4:-4]).abs().mean()
assert apart < 8 / 255  # in LR they differ by less than 8 grey levels on average
error = {name: F.mse_loss(x.expand_as(answers), answers).item() for name, x in (("fog", fog), ("one", answers[3:4]))}
assert error["fog"] < 0.65 * error["one"]

# %% [markdown]
# Every blade that is in one answer and not in the others costs something, however good it looks. The average has no
# blades.
#
# ## Compare what is seen, not where it is
#
# Both pullovers are *striped*. If the loss compared "striped, this wide, this strong" instead of pixels, a wrong guess
# would cost little, and grey would cost a lot. But who can measure "striped"?
#
# A network that learned to name objects had to find such measures by itself. The paper takes **VGG19** (Simonyan and
# Zisserman 2015), trained on ImageNet, and compares its feature maps.

# %% [markdown] tags=["slide"]
# ## What VGG expects
#
# VGG's training images were normalised. Simonyan and Zisserman subtracted the mean of each channel. For torchvision's
# weights, the images were also divided by the standard deviation, and all VGGs in this lesson expect that. Both numbers
# were measured on ImageNet.
#
# | | red | green | blue |
# |---|---|---|---|
# | mean | 0.485 | 0.456 | 0.406 |
# | std | 0.229 | 0.224 | 0.225 |
#
# ### {{exercise: vgg_input}}
#
# Write `vgg_input(images)` for images (N, 3, H, W) in [0, 1]. A generator's SR may leave that range a little: do not
# clamp values outside [0, 1]. Gradients must get through, and `images` itself must not change. Expected: the normalised
# images, in the same shape.

# %% tags=["stub"]
# {{stub: vgg_input}}

# %% tags=["solution"]
# {{solution: vgg_input}}

# %%
vgg_input = check("vgg_input", vgg_input)

# %% tags=["fold"]
assert torch.allclose(vgg_input(hr), vgg.normalise(hr), atol=1e-5)  # the package's

# %% [markdown] tags=["slide"] answers=["8", "35"]
# ## phi(i, j)
#
# The cell below lists the layers of VGG19, from torchvision, without weights.
#
# **Question.** The paper's $\phi_{i,j}$ is the map of the $j$-th convolution, *after the activation*, before the $i$-th
# max-pooling; $j$ starts again from 1 after each pooling. What is the number of the layer $\phi_{2,2}$? And of
# $\phi_{5,4}$?

# %% tags=["check-output"]
with torch.device("meta"):  # shapes alone: no memory, no download
    vgg19 = torchvision.models.vgg19().features
SHORT = {nn.Conv2d: "conv", nn.ReLU: "ReLU", nn.MaxPool2d: "POOL"}
row = []
for index, layer in enumerate(vgg19):
    row.append(f"{index} {SHORT[type(layer)]}")
    if isinstance(layer, nn.MaxPool2d):
        print("   ".join(row))
        row = []

# %% [markdown]
# ### {{exercise: phi}}
#
# Write `phi(features, i, j)`. `features` is an `nn.Sequential` as above. Do not rely on fixed numbers: another VGG has
# different ones, and may have a BatchNorm after each convolution. Walk along the layers and count: layers from 0, `i`
# and `j` from 1. Expected: the network up to phi(i, j), including its ReLU. (A slice of an `nn.Sequential` is a
# network.) If `features` has no phi(i, j), such as phi(1, 3) of VGG19, return None, never another layer.

# %% tags=["stub"]
# {{stub: phi}}

# %% tags=["solution"]
# {{solution: phi}}

# %%
phi = check("phi", phi)

# %% tags=["check-output", "skip"]
for i, j in ((2, 2), (5, 4)):
    last = len(phi(vgg19, i, j)) - 1
    print(f"phi({i}, {j}) is layer {last}, {SHORT[type(vgg19[last])]}; the package says {vgg.phi_index(i, j)}")

# %% [markdown] tags=["subslide"]
# They are 8 and 35. It sounds easy, and it is easy to get wrong: take a pooling, or the wrong ReLU, and nothing breaks.
# The loss falls, but the pictures come out different.
#
# ### The network we use here
#
# The weights of VGG19 are a download of 548 MB. `VGGLoss("vgg54")` gets them where there is an internet connection.
# This lesson must run offline, so it looks through **another** network: a VGG16 that comes with the package of the
# perceptual metric ST-LPIPS (Ghildyal and Liu 2022). Two differences matter:
#
# - Its third, fourth and fifth blocks have three convolutions each, where VGG19 has four. So there *is* no phi(5, 4);
#   its last map is phi(5, 3).
# - Its poolings blur a little, and it was trained to judge as people do, even when a photo is moved by a pixel. It
#   probably forgives a shift more readily than VGG19.
#
# Does your `phi` find its way there, too? Let us look at a photo through it.

# %%
trunk = offline_features(5, 3).layers  # frozen


def eye(i, j):
    """images in [0, 1] -> their feature maps phi(i, j) in the offline VGG16."""
    cut = phi(trunk, i, j)
    return lambda images: cut(vgg_input(images))


phi12, phi22, phi33, phi53 = (eye(i, j) for i, j in ((1, 2), (2, 2), (3, 3), (5, 3)))


def strongest(maps, count=4):
    """The maps (count, h, w) with the largest spread, of maps (1, C, h, w)."""
    return maps[0, maps[0].std(dim=(1, 2)).argsort(descending=True)[:count]]


# %% tags=["fold"]
assert torch.equal(phi(trunk, 2, 2)(vgg_input(hr)), offline_features(2, 2)(hr))  # the same maps as the package's


for layer, maps in {"phi(2, 2)": phi22(hr), "phi(5, 3)": phi53(hr)}.items():
    feature_grid(
        strongest(maps),
        columns=4,
        titles=[f"{layer}, {part}" for part in ("strongest", "second", "third", "fourth")],
        alt=f"Maps of {layer}: phi(2, 2) shows where edges run, phi(5, 3) a few large blocks.",
    )
    print(layer, tuple(maps.shape), f"zeros: {(maps == 0).float().mean():.0%}")
    assert (maps == 0).float().mean() > 0.8
assert phi53(hr).shape[2:] == (7, 7)

# %% [markdown] answers=["more than half", "not there"]
# phi(2, 2) is still a drawing of the photo: one map for each kind of edge or texture. phi(5, 3) has only 7 x 7 places
# left. (96 / 16 would be 6, but each blurring pooling pads the borders, and so it adds one place after it has halved
# their number.) Each place says "something of this kind is around here". And nearly everything is zero: a map speaks up
# only where it finds its own pattern. That is the work of the ReLU.
#
# **Question.** What happens if you cut one layer earlier, before the ReLU?

# %% tags=["check-output", "fold", "skip"]
before = phi(trunk, 2, 2)[:-1](vgg_input(hr))  # (1, 128, 49, 49)
print(f"before the ReLU, more than half of the numbers are below zero: {bool((before < 0).float().mean() > 0.5)}")
energy = before.square().sum()
print(f"more than half of the sum of squares is theirs: {bool(before.clamp(max=0).square().sum() > energy / 2)}")

# %% [markdown] tags=["slide"]
# Then you mostly compare how strongly things are *not* there. That is a different loss. ESRGAN (Wang et al. 2018) chose
# it on purpose; the paper did not.
#
# ## The content loss
#
# This is the paper's equation 5, with the mean over all numbers of the maps:
#
# $$l = \mathrm{mean}\left[\left(\frac{\phi(\mathrm{SR})}{12.75} - \frac{\phi(\mathrm{HR})}{12.75}\right)^2\right]$$
#
# Why 12.75? The paper gives the purpose: the loss should be about as large as the MSE loss. It does not say how the
# number was found. Its effect on the loss is squared: $1 / 12.75^2 \approx 0.006$. It belongs to **one** network; for
# ours we find another number below.

# %% tags=["fold"]
drawing("vgg_loss")

# %% [markdown]
# ### {{exercise: content_loss}}
#
# Write `content_loss(maps, sr, hr)`, the formula above with its 12.75. `maps` is a frozen network that takes images in
# [0, 1] and normalises them itself. Do not clamp SR, and leave `maps`, `sr` and `hr` unchanged. Only SR learns from the
# loss: HR is a fixed target. Expected: a tensor with one number that passes a gradient to SR and none to HR.

# %% tags=["stub"]
# {{stub: content_loss}}

# %% tags=["solution"]
# {{solution: content_loss}}

# %%
content_loss = check("content_loss", content_loss)

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** 12.75 is applied once instead of squared. There is a sum instead of a mean. Or the whole
# network runs under `no_grad`: a frozen network and a network without gradients are two different things, and a
# published SRGAN got this wrong (its VGG loss was wrapped in a new tensor, and trained nothing). Ask: which tensors
# need `requires_grad`? (Neither the weights of VGG nor HR. SR has it from the generator.)

# %% [markdown] tags=["subslide"]
# ### The package's `VGGLoss`
#
# With VGG19's layers, it computes the same as yours. We check that with random weights: `"random"` is phi(5, 4) of a
# VGG19 that knows nothing. The offline network has its own factor: instead of $1 / 12.75^2$, about 0.006, its loss is
# multiplied by 3.37. Where does 3.37 come from? For bicubic images, we want the loss to be as large as their MSE loss,
# measured on [-1, 1] as in the paper. The last lines check that only SR gets a gradient, and that the network stays
# frozen and in evaluation mode, even if somebody calls `train()`.

# %% tags=["check-output", "skip"]
yours = content_loss(random_features(5, 4), sr, hr)
print("phi(5, 4), 12.75: yours and the package's agree:", torch.allclose(yours, VGGLoss("random")(sr, hr), rtol=1e-4))
offline = VGGLoss("offline-vgg22")
by_hand = OFFLINE_FACTOR["offline-vgg22"] * F.mse_loss(phi22(sr), phi22(hr))
print("offline, 3.37: by hand and the package's agree:", torch.allclose(by_hand, offline(sr, hr), rtol=1e-4))
print(f"1 / 12.75 squared: {VGG19_SCALE**2:.5f}; factor of the offline network: {OFFLINE_FACTOR['offline-vgg22']}")

sr_leaf, hr_leaf = sr.clone().requires_grad_(), hr.clone().requires_grad_()
offline.train()(sr_leaf, hr_leaf).backward()
print("gradient arrives at SR:", sr_leaf.grad is not None, "- at HR:", hr_leaf.grad is not None)
learning = sum(weight.requires_grad for weight in offline.parameters())
print("weights that learn:", learning, "- training mode:", offline.features.training)

# %% tags=["skip"]
pixel_loss = feature_loss = 0.0
for photo in PLACES:
    original, _, bicubic, _ = attempts(photo)
    pixel_loss += F.mse_loss(2 * bicubic - 1, 2 * original - 1).item()
    feature_loss += F.mse_loss(phi22(bicubic), phi22(original)).item()
print(f"a factor from these {len(PLACES)} photos: {pixel_loss / feature_loss:.1f}")

# %% tags=["fold"]
assert 3.37 / 2 < pixel_loss / feature_loss < 3.37 * 2
assert VGG19_SCALE == 1 / 12.75
assert OFFLINE_FACTOR["offline-vgg22"] == 3.37

# %% [markdown] tags=["slide"] answers=["hill", "lowest", "grey"]
# With a handful of photos we come within a factor of 2 of 3.37. The package used many more. Now we have a loss, and can
# test the claim.
#
# ## Between the two answers
#
# We walk from pullover A to pullover B by mixing them. In the middle of the walk, the image is grey. At each step, what
# is the expected loss, if the truth is A or B, each half of the time?
#
# **Before you look:** draw the curve for MSE, then the one for phi(2, 2). A third curve is the control: phi(2, 2) of
# the same network **untrained**, with all its weights random.

# %%
untrained = vgg.VGGFeatures(2, 2, convs=vgg.VGG16, blur=True)  # the same layers; it normalises by itself
generator = torch.Generator().manual_seed(0)
for layer in untrained.layers:
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(layer.bias)
share = torch.linspace(0, 1, 21)
walk = {
    loss_name: [expected_loss((1 - t) * A + t * B, maps).item() for t in share]
    for loss_name, maps in {"MSE": pixels, "phi(2, 2)": phi22, "phi(2, 2), untrained": untrained}.items()
}
middle = {loss_name: losses[10] for loss_name, losses in walk.items()}
print("in the middle:", ", ".join(f"{loss_name} {loss:.1f}" for loss_name, loss in middle.items()))

# %% tags=["fold"]
size_of_a, wrong_guess = phi22(A).square().mean(), F.mse_loss(phi22(B), phi22(A))
grey_costs = F.mse_loss(phi22((A + B) / 2), phi22(A)) / wrong_guess
print(f"phi(2, 2), if the truth is A: grey costs {grey_costs:.0f} times as much as B, the wrong guess")
apart = wrong_guess / size_of_a
print(f"squared distance of A and B in phi(2, 2): {apart:.1%} of the maps' mean square")
curves(
    {loss_name: (share, losses) for loss_name, losses in walk.items()},
    xlabel="share of pullover B in the image",
    ylabel="expected loss (1 = pullover A)",
    log=True,
    alt="From A to B: MSE is lowest in the middle; phi(2, 2) has a high hill there; untrained it has a low one.",
)
assert min(walk["MSE"]) > middle["MSE"] - 1e-3
assert abs(middle["MSE"] - 0.5) < 0.01
assert walk["phi(2, 2)"].index(min(walk["phi(2, 2)"])) in (0, 20)
assert grey_costs > 30
assert middle["phi(2, 2)"] > 50
assert 1 < middle["phi(2, 2), untrained"] < 10
assert apart < 0.04

# %% [markdown] tags=["subslide"]
# **This is the claim.** For MSE the middle is the best place, at half the loss. For phi(2, 2) it is the worst: grey
# costs more than thirty times as much as the *wrong* pullover. (The curve shows twice that number. Its unit is what the
# answer A costs on average, and A is right half of the time.)
#
# Why? To phi(2, 2), the two pullovers are nearly the same: their squared distance is less than 4 % of the maps' mean
# square. A wrong guess costs next to nothing. Grey has no stripes, and that costs a great deal.
#
# And the control? The same layers with random weights make a small hill, less than 10 high. So most of the hill was
# *learned*.
#
# ### Let it train
#
# A walk along one line does not show the whole landscape. So we train the 48 numbers again, this time with phi(2, 2),
# from the same two starts, each of them several times with different noise.

# %% tags=["skip"]
from_grey = [train_tile(phi22, start) for start in noise]
from_a = [train_tile(phi22, start) for start in nearly_a]


def error(tile, *answers):
    """The squared error to the nearest of the answers."""
    return min(F.mse_loss(tile, answer[..., :4, :4]).item() for answer in answers)


of_grey = error(learned["grey"][0], A)

# %% tags=["fold"]
show_images(
    *[tile.repeat(1, 1, 4, 4) for tile in (A[..., :4, :4], learned["A"][0], from_a[0][0], from_grey[0][0])],
    titles=["A", "MSE, from wherever", "phi(2, 2), from near A", "phi(2, 2), from grey"],
    alt="Stripes; flat grey by MSE; stripes again by phi(2, 2) from near A; from grey, a strong coloured texture.",
)
for start, results in (("near A", from_a), ("grey", from_grey)):
    for tile, loss in results:
        print(f"phi(2, 2), from {start}: contrast {tile.std():.2f}, expected loss {loss:.1f}")
        assert tile.std() > 0.15
        assert loss < 6
assert all(error(tile, A) < of_grey / 2 for tile, _ in from_a)
assert all(error(tile, A, B) > of_grey / 2 for tile, _ in from_grey)
assert sum(loss for _, loss in from_grey) > sum(loss for _, loss in from_a)
assert all(expected_loss(start.repeat(1, 1, 6, 6), phi22) > 20 for start in noise)

# %% [markdown] tags=["slide"] answers=["woven", "safest", "lowest"]
# There are two results, and we report both.
#
# 1. **phi(2, 2) flees from grey.** From near A it goes back to stripes. From there, MSE went to grey. But the stripes
#    have colours that A does not have, and may cost even less than A: this loss hardly sees colour.
# 2. **It does not know the way.** From grey it finds *some* texture of the right strength, in wild colours, that is
#    neither A nor B. The loss has many valleys. Those near the answers are deeper, but a tile that starts in the middle
#    falls into another one.
#
# The same happens with photos: Johnson et al. (2016, section 4.2) report a fine cross-hatch pattern from networks
# trained with a VGG loss alone. What is missing is somebody who says "no pullover looks like this". That was lesson 05,
# and lesson 07 brings the two together.
#
# ## Where it does not hold
#
# **Question.** The same grey LR also fits *horizontal* stripes. Walk from vertical to horizontal. Does phi(2, 2) have a
# hill in the middle again?

# %%
across = A.transpose(2, 3).contiguous()  # (1, 3, 24, 24)


def walk_to(other, maps):
    ends = maps(A), maps(other)
    unit = F.mse_loss(*ends)
    seen = [maps((1 - t) * A + t * other) for t in share]
    return [((F.mse_loss(s, ends[0]) + F.mse_loss(s, ends[1])) / unit).item() for s in seen]


turned = {"MSE": walk_to(across, pixels), "phi(2, 2)": walk_to(across, phi22)}
far = F.mse_loss(phi22(A), phi22(across)) / size_of_a
print(f"squared distance in phi(2, 2): A and B {apart:.1%}, vertical and horizontal {far:.0%} of the maps' mean square")

# %% tags=["fold"]
assert torch.equal(downscale(stripes(0, size=64).transpose(2, 3))[..., 3:-3, 3:-3], lr_a)
curves(
    {loss_name: (share, losses) for loss_name, losses in turned.items()},
    xlabel="share of the horizontal stripes",
    ylabel="expected loss (1 = vertical)",
    alt="From vertical to horizontal stripes both curves are lowest near the middle.",
)
assert min(turned["phi(2, 2)"]) < 0.8
assert far > 5 * apart
assert 0.3 < share[turned["phi(2, 2)"].index(min(turned["phi(2, 2)"]))] < 0.8

# %% [markdown] tags=["slide"]
# There is no hill. Vertical and horizontal stripes appear in different maps, so to phi they are *far* apart, more than
# five times as far as A and B, and a bit of both is the safest bet: a woven pattern. After all, the VGG loss **is** an
# MSE, of maps instead of pixels. It wants an average, too. It just averages other things.
#
# Remember it like this: **the VGG loss forgives where something is, not what it is.** (That is true of patterns. Colour
# is another matter, as you will see when you play.)
#
# ## Photos
#
# Back to the first figure. Divide the loss of the moved photo by the loss of the network's SR. Above 1, the loss
# prefers the network's soft version; below 1, it prefers the moved photo.


# %%
def preference(photo, maps):
    """The loss of the moved photo over that of the network's SR."""
    hr, sr, _, moved = attempts(photo)
    with torch.no_grad():
        seen = maps(hr)
        return (F.mse_loss(maps(moved), seen) / F.mse_loss(maps(sr), seen)).item()


prefers = {photo: [preference(photo, maps) for maps in (pixels, phi22, untrained)] for photo in PLACES}
print(f"{'moved / network':16}       MSE  phi(2, 2) untrained")
for photo, ratios in prefers.items():
    print(f"{photo:16}" + "".join(f"{ratio:10.2f}" for ratio in ratios))

# %% tags=["fold"]
for photo, (by_pixels, by_maps, by_noise) in prefers.items():
    assert by_pixels > 1.5
    assert by_maps < by_pixels / 4
    assert photo == "brick" or by_maps < 0.6
    assert photo == "brick" or by_noise > 0.9

# %% [markdown]
# On every photo, MSE prefers the soft version. phi(2, 2) prefers the moved one on all photos but the brick wall, which
# is so smooth that the network leaves out little. And an untrained network agrees with MSE more than with phi(2, 2):
# the eye for texture was learned.
#
# To be fair, this VGG16 was trained to overlook small shifts. If you have an internet connection, you can see how far
# VGG19 agrees: use `vgg.paper_features(2, 2)` instead of `phi22`.

# %% [markdown] tags=["slide"] answers=["17", "out of place"]
# ## What a layer forgets
#
# If phi forgives where things are, it must have forgotten where they are. How much of a photo is left in its maps? Keep
# the maps, throw the photo away, start from noise, and change the pixels until the noise has the same maps.
#
# **Question.** From phi(1, 2) you get the photo back. What do you get from phi(2, 2), two convolutions and one pooling
# later?


# %%
def from_noise(maps, target, size, steps=settings.steps):
    """Pixels (1, 3, size, size) whose maps are brought close to `target`, and the loss as a share of its square."""
    torch.manual_seed(0)
    x = (0.5 + 0.1 * torch.randn(1, 3, size, size)).requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.1)
    for _ in waiting(range(steps), "from noise"):
        loss = F.mse_loss(maps(x), target) / target.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            x.clamp_(0, 1)
    return x.detach(), loss.item()


def decibels(a, b):
    return -10 * F.mse_loss(a, b).log10().item()


size = settings.size
face = to_tensor(sample_photos()["astronaut"][96 : 96 + size, 196 : 196 + size])  # (1, 3, size, size)
EYES = {"phi(1, 2)": phi12, "phi(2, 1)": eye(2, 1), "phi(2, 2)": phi22, "phi(3, 3)": phi33, "untrained": untrained}
found = {layer: from_noise(maps, maps(face), size) for layer, maps in EYES.items()}
reached = {layer: decibels(x, face) for layer, (x, _) in found.items()}
first = list(EYES)[:3]
for layer in first:
    print(f"{layer}: {reached[layer]:.1f} dB; the maps differ by {found[layer][1]:.2%} of their mean square")

# %% tags=["fold"]
show_images(
    face,
    *[found[layer][0] for layer in first],
    titles=["HR", *[f"{layer}: {reached[layer]:.1f} dB" for layer in first]],
    alt="A face, and what its maps give back: phi(1, 2) all, phi(2, 1) a dull face, phi(2, 2) some lines.",
)
assert all(loss < 0.2 for _, loss in found.values())
assert reached["phi(1, 2)"] > 25
assert reached["phi(2, 2)"] < reached["phi(2, 1)"] < 21
assert reached["phi(2, 2)"] < 17

# %% [markdown] tags=["subslide"] answers=["brown", "wild"]
# phi(1, 2) knows every pixel. phi(2, 1) keeps the lines; brightness and colour fade. In phi(2, 2) even the lines are
# out of place: the maps agree, but the picture is far away, at less than 17 dB. Were there too few steps? With 300 of
# them, at 48 x 48 pixels, we got 14 dB: `from_noise(phi22, phi22(face), size, steps=300)`.
#
# ### Three controls
#
# **Question.** Does a layer forget because it is *deep*, or because it was *trained*? And does the target matter at
# all, or could the optimiser have brought down any loss?
#
# So we try a deeper layer, phi(3, 3); phi(2, 2) of the untrained network; and **shuffled targets**: the same feature
# values, each moved to another place.

# %% tags=["skip"]
generator = torch.Generator().manual_seed(1)
shuffled = {}
for layer in ("phi(1, 2)", "phi(2, 2)"):
    target = EYES[layer](face)  # (1, C, h, w)
    order = torch.randperm(target[0, 0].numel(), generator=generator)
    shuffled[layer] = from_noise(EYES[layer], target.flatten(2)[..., order].view_as(target), size)
    print(f"{layer}: loss {found[layer][1]:.2f}, with a shuffled target {shuffled[layer][1]:.2f}")

# %% tags=["fold"]
for layer, (picture, loss) in shuffled.items():
    assert loss > max(0.15, 3 * found[layer][1])
    assert decibels(picture, face) < 18
show_images(
    *[x for x, _ in (found["phi(3, 3)"], found["untrained"], *shuffled.values())],
    titles=[
        f"phi(3, 3): {reached['phi(3, 3)']:.1f} dB",
        f"phi(2, 2), untrained: {reached['untrained']:.1f} dB",
        *[f"{layer}, shuffled: {decibels(x, face):.1f} dB" for layer, (x, _) in shuffled.items()],
    ],
    alt="phi(3, 3) gives wild stripes, the untrained phi(2, 2) a good face, shuffled targets brown noise.",
)
assert reached["phi(3, 3)"] < reached["phi(2, 2)"] + 1
assert reached["untrained"] > 20

# %% [markdown] tags=["slide"]
# The deeper layer brings nothing back. But depth alone does not forget: *untrained*, phi(2, 2) gives the face back.
# Training taught the network what does not matter for telling things apart, and the network dropped it.
#
# With shuffled targets, look at the loss, not at the decibels, which noise can have as well. It stays high: no picture
# has such maps. The maps of a photo are something special: neighbouring values belong together.
#
# This is the price. What a layer has dropped, its loss cannot punish: the exact place, but also the colour.
#
# ## Play
#
# Spoil a photo in one of six ways. Which loss minds, and which does not? The unit of the bars is the loss of the
# bicubic picture. Do not miss these two:
#
# - the red tint: for MSE it is as bad as bicubic, or worse; for phi(2, 2) it costs less than half of that;
# - the photo that is 0.1 brighter: in these units, phi(2, 2) charges less than a fiftieth of what MSE charges.


# %%
def blurred(x):
    return F.avg_pool2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), 5, stride=1)


torch.manual_seed(0)
grain = 0.05 * torch.randn(1, 3, 96, 96)
SPOIL = {
    "moved by two pixels": lambda x: F.pad(x, (0, 2, 0, 0), mode="replicate")[..., 2:],  # to the left
    "blurred": blurred,
    "grain": lambda x: x + grain,
    "brighter": lambda x: x + 0.1,
    "less contrast": lambda x: 0.7 * x + 0.15,
    "red tint": lambda x: x + torch.tensor([0.1, 0.0, -0.1]).view(1, 3, 1, 1),
}


@functools.cache
def of_bicubic(photo, maps):
    hr, _, bicubic, _ = attempts(photo)
    seen = maps(hr)
    return seen, F.mse_loss(maps(bicubic), seen)  # HR's maps, and what bicubic costs


def cost(how, photo, maps):
    seen, unit = of_bicubic(photo, maps)
    return (F.mse_loss(maps(SPOIL[how](attempts(photo)[0])), seen) / unit).item()


# %% tags=["fold", "skip"]
LOSSES = {"MSE": pixels, "phi(1, 2)": phi12, "phi(2, 2)": phi22, "phi(5, 3)": phi53}


def spoil(how, photo):
    hr, _, bicubic, _ = attempts(photo)
    x, costs = SPOIL[how](hr), {loss_name: cost(how, photo, maps) for loss_name, maps in LOSSES.items()}
    show_images(hr, bicubic, x, titles=["HR", "bicubic", how], alt=f"{photo}: HR, bicubic, and {how}.")
    bars(costs, xlabel="loss (1 = bicubic)", alt=f"Four losses of {photo}, {how}, as a share of bicubic's.")


play(spoil, how=list(SPOIL), photo=list(PLACES))
assert all(cost("brighter", photo, phi22) < cost("brighter", photo, pixels) / 50 for photo in PLACES)
assert all(cost("red tint", photo, phi22) < cost("red tint", photo, pixels) / 2 for photo in PLACES)
assert all(cost("red tint", photo, pixels) > 0.9 for photo in PLACES)

# %% [markdown] answers=["free", "cheap", "nine"]
# ### For later: the package's `OfflineLoss`
#
# Lesson 07 shows what this loss is for, so you may come back then. Trained on these features alone, a network lets
# colours wash out. So the package's offline recipe does not rely on phi(2, 2) alone. Its `OfflineLoss` is 0.55 phi(2,
# 2) + 0.35 phi(1, 2) + 0.35 MSE, and one more term.
#
# That term is **ours, not the paper's**. Two pixel shuffles make 16 kinds of pixels, by row and column modulo 4 (lesson
# 03), and in none of them should SR be brighter or darker than HR on average.
#
# So for each kind we take the mean of SR - HR over a window of 48 x 48 pixels, its *phase mean*, and add 60 times the
# mean of their squares. Grain goes up and down within each kind, so its phase means are nearly 0. A woven pattern (a
# *weave*) or a tint keeps its whole strength in them.
#
# **Question.** We add a chequerboard, a shade (everything a little brighter) or white noise, each of 6 grey levels. For
# MSE all three are equally bad. How bad are the first two for phi(2, 2)? And for `OfflineLoss`, with its phase means?

# %% tags=["skip"]
noise6 = 6 / 255 * torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(0))  # grey
row, column = torch.meshgrid(torch.arange(96), torch.arange(96), indexing="ij")
FAULTS = {"chequerboard": 6 / 255 * (1 - 2 * ((row + column) % 2).float()), "shade": torch.tensor(6 / 255)}
JUDGES = {"MSE": mse_loss, "phi(2, 2) alone": offline, "OfflineLoss": OfflineLoss()}
originals = [attempts(photo)[0] for photo in PLACES]  # (1, 3, 96, 96) each
beside_noise = {}
for judge, criterion in JUDGES.items():
    of_noise = [criterion(original + noise6, original) for original in originals]
    for fault, wrong in FAULTS.items():
        of_fault = [criterion(original + wrong, original) for original in originals]
        beside_noise[judge, fault] = [(a / b).item() for a, b in zip(of_fault, of_noise, strict=True)]

# %% tags=["fold"]
bars(
    {f"{fault}, {judge}": sum(values) / len(values) for (judge, fault), values in beside_noise.items()},
    xlabel="cost (1 = white noise of the same strength), mean of the photos",
    alt="Bars: both faults cost 1 by MSE, less than a third and nearly nothing by phi(2, 2), over 20 by OfflineLoss.",
)
assert OFFLINE_SHARE == {"offline-vgg22": 0.55, "offline-vgg12": 0.35, "mse": 0.35}
assert PHASE_WEIGHT == 60
assert all(abs(value - 1) < 0.02 for fault in FAULTS for value in beside_noise["MSE", fault])
assert all(value < 0.6 for value in beside_noise["phi(2, 2) alone", "chequerboard"])
assert all(value < 0.02 for value in beside_noise["phi(2, 2) alone", "shade"])
assert all(value > 20 for fault in FAULTS for value in beside_noise["OfflineLoss", fault])

# %% [markdown]
# To phi(2, 2) the shade is nearly free, and the chequerboard is cheap. A generator takes what is cheap, so it weaves.
# With the phase means both cost more than twenty times as much as noise, on every photo. Grain stays cheap.

# %% [markdown] tags=["slide"]
# ## Recap
#
# - Several HR images fit one LR image. MSE's best answer is their average, which is none of them.
# - VGG takes images minus ImageNet's mean, divided by its standard deviation. phi(i, j) is a ReLU: phi(2, 2) is layer 8
#   of VGG19, phi(5, 4) is layer 35.
# - The content loss is the MSE of feature maps. 12.75 makes it as large as the pixels' MSE, but only for VGG19.
# - It forgives *where* a pattern is: grey costs more than a wrong guess. It does not forgive *what* it is: there it
#   averages.
# - It hardly sees brightness and colour.
# - Deep maps forget. A small feature loss does not prove that a picture is true.

# %% tags=["check-output"]
table = {(row.set, row.method): row for row in paper_table(1)}
for method in ("SRResNet-MSE", "SRResNet-VGG22"):
    row = table["Set14", method]
    print(f"the paper's Table 1, Set14, {method}: {row.psnr:.2f} dB, MOS {row.mos:.2f}")

# %% [markdown] tags=["slide"]
# The paper's authors trained the same network with both losses. With VGG features the PSNR is lower, and people like
# the pictures better.
#
# ### Three questions
#
# <details><summary>1. LR fits three answers, with probabilities 0.8, 0.1 and 0.1. Does MSE give the first?</summary>
#
# No: it gives a mixture of 0.8 of the first and 0.1 of each of the others. A single answer comes out only if its
# probability is 1.
# </details>
#
# <details><summary>2. Your VGG loss does nothing: your generator does not change. What do you check?</summary>
#
# Check whether a gradient gets through. SR's maps may be computed under no_grad, a detach may be on the wrong side, or
# the loss may be wrapped in a new tensor. Look at the gradient of one of the generator's weights.
# </details>
#
# <details><summary>3. Why not train with the deepest layer alone?</summary>
#
# It has forgotten too much: many wrong pictures have nearly the same maps. The paper's SRGAN-VGG54 relies on the
# adversarial loss, and on a good start from SRResNet.
# </details>
#
# ### What this lesson leaves out
#
# This lesson leaves out VGG19 itself: all feature values here come from another network, trained differently. Real
# training with a VGG loss follows in lesson 07. There are losses that were built to judge as people do: LPIPS, DISTS,
# ST-LPIPS. And is a network made for image classification the right judge at all? It was simply available.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 2.2.1 and equation 5, the content
#   loss; section 3.2, the 12.75; Figure 3, the average of the answers as a drawing.
# - Simonyan and Zisserman 2015, [arXiv 1409.1556](https://arxiv.org/abs/1409.1556): VGG, Table 1.
# - Johnson et al. 2016, [arXiv 1603.08155](https://arxiv.org/abs/1603.08155): perceptual losses. Mahendran and Vedaldi
#   2015, [arXiv 1412.0035](https://arxiv.org/abs/1412.0035): photos from feature maps.
# - In this package: `srgan_lessons/vgg.py` and `srgan_lessons/losses.py`.
#
# Next: lesson 07 puts the two losses together. Here is what you have solved so far.

# %% tags=["skip"]
chances = torch.tensor([0.8, 0.1, 0.1])  # question 1
corners = torch.eye(3).view(3, 3, 1, 1)  # three answers that do not overlap
progress()

# %% tags=["fold"]
assert torch.allclose(mse_answer(corners, chances).flatten(), chances)
