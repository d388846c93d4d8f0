# %% [markdown] tags=["slide"]
# # Measuring
#
# **Claim.** SRGAN loses PSNR and wins the perceptual metric, and neither number means anything without its protocol.
#
# **Time.** 33 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lesson 01 (PSNR, and how LR images are made). Lessons 05 and 06 (discriminator and content loss).
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import copy
import json

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from PIL import Image
from scipy import ndimage
from skimage.metrics import structural_similarity
from torch import nn

from srgan_lessons.classroom.figures import (
    LINES,
    STYLE,
    as_html,
    bars,
    curves,
    name_points,
    put,
    show_crops,
    show_images,
)
from srgan_lessons.classroom.viewers import play
from srgan_lessons.classroom.waiting import waiting
from srgan_lessons.datasets import CropSampler
from srgan_lessons.evaluation import paper_table
from srgan_lessons.files import shipped
from srgan_lessons.images import sample_photos, to_image, to_tensor
from srgan_lessons.losses import content_loss
from srgan_lessons.metrics import luma, psnr, ssim
from srgan_lessons.models import Discriminator
from srgan_lessons.resize import imresize
from srgan_lessons.stlpips import STLPIPS
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.steps import gan_step, pretrain_step
from srgan_lessons.upscaling import upscaler
from srgan_lessons.weights import load_network

# %% tags=["skip", "fold"]
settings = lesson_settings(
    full={"side": 160, "updates": 60, "crop": 48, "mixes": 7}, fast={"side": 96, "updates": 45, "crop": 32, "mixes": 2}
)
PLACES = {  # photo, top, left: what is measured in this lesson, and never trained on
    "badge": ("astronaut", 330, 120),
    "cat": ("chelsea", 70, 90),
    "cup": ("coffee", 90, 240),
    "spoon": ("coffee", 200, 60),
    "engine": ("motorcycle", 200, 420),
}
side = settings.side
photos = {name: sample_photos()[photo][y : y + side, x : x + side] for name, (photo, y, x) in PLACES.items()}
lr_photos = {name: imresize(photo, 1 / 4) for name, photo in photos.items()}

# %% [markdown] tags=["slide"] answers=["same", "tenth", "at_psnr"]
# ## Why
#
# The cell below makes four damaged copies of one photo. **Before you run it:** what does the most harm to a picture:
# making it a little brighter, turning it by less than one degree, blurring it, or adding noise?
#
# Then look, and guess which one has the lowest PSNR.


# %% tags=["fold"]
def at_psnr(damage, target, largest):
    """The damage whose strength, found by halving the interval again and again, gives that PSNR."""
    low, high = 0.0, largest
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if psnr(damage(middle), face) > target else (low, middle)
    return damage(low)


def levels(values):
    return np.clip(values, 0, 255).round().astype(np.uint8)


face = sample_photos()["astronaut"][32:160, 160:288]  # (128, 128, 3)
grain = np.random.default_rng(0).normal(size=face.shape)
copies = {"brighter": levels(face + 16.0)}
target = psnr(copies["brighter"], face)
for name, damage, largest in (
    ("turned", lambda angle: ndimage.rotate(face, angle, reshape=False, order=1, mode="nearest"), 10),
    ("blurred", lambda sigma: ndimage.gaussian_filter(face, (sigma, sigma, 0)), 10),
    ("noisy", lambda sigma: levels(face + sigma * grain), 100),
):
    copies[name] = at_psnr(damage, target, largest)
values = {name: psnr(copy_, face) for name, copy_ in copies.items()}
show_images(
    *copies.values(),
    titles=list(copies),
    alt="A woman's face four times: a little too bright, turned by a hair, quite blurred, and noisy.",
)
assert max(values.values()) - min(values.values()) < 0.1

# %% [markdown]
# All four have the same PSNR, to within a tenth of a decibel. Yet the first two hardly bother anybody. PSNR adds up how
# far each pixel is off. It does not ask *what* went wrong.
#
# In the paper, people like SRGAN best. On BSD100, its PSNR is just 0.14 dB above that of nearest neighbour, which makes
# large square pixels. So the authors had to report both PSNR and opinions. This lesson is about numbers that disagree:
# how they are made, how they are spoiled, and what they leave out.

# %% [markdown] tags=["instructor"]
# **Timing.** "Why" takes 2 minutes, the set 3, protocols 4, SSIM 4, slips 4, the perceptual metric 4, the claim 5, the
# tables 3, and the plane 4. The exercises take 26. Let the room vote by a show of hands on the four copies before you
# give the numbers, and write the votes down: it is a first opinion study, and lesson 09 does it properly. The idea of
# showing equal errors comes from Wang and Bovik (2009).

# %% [markdown] tags=["slide"] answers=["25", "22.6", "nine tenths"]
# ## From photos to one number
#
# A table has one number for a whole set. Suppose the set has two photos: one is enlarged with 30 dB, the other with 20
# dB.
#
# **Question.** What is the PSNR of the set?

# %% tags=["check-output"]
each = np.array([30.0, 20.0])  # dB
errors = 255**2 / 10 ** (each / 10)  # the two MSEs
print(f"mean of the decibels: {each.mean():.2f} dB")
print(f"PSNR of the mean error: {10 * np.log10(255**2 / errors.mean()):.2f} dB")
print(f"the second photo's share of the error: {errors[1] / errors.sum():.0%}")

# %% [markdown]
# There are two answers, 2.4 dB apart. If the errors are pooled first, the hard photo decides nine tenths of the result.
# The field takes **the mean of the per-image values**, and so does the paper. The logarithm comes first, then the mean.
#
# ### {{exercise: psnr_of_set}}
#
# Write `psnr_of_set(enlarge, photos)`. `photos` is a list of HR photos, uint8 (H, W, 3), of any size; `enlarge` makes
# (4h, 4w, 3) of an LR image (h, w, 3). Use `imresize` and the package's `psnr(sr, hr)`, which follows the protocol of
# lesson 01. Cut off the rows at the bottom and the columns on the right of HR that do not fill a tile of 4 x 4,
# *before* anything else. Expected: one number, in dB.

# %% tags=["stub"]
# {{stub: psnr_of_set}}

# %% tags=["solution"]
# {{solution: psnr_of_set}}

# %%
psnr_of_set = check("psnr_of_set", psnr_of_set)


def nearest(lr):
    return lr.repeat(4, axis=0).repeat(4, axis=1)


def bicubic(lr):
    return imresize(lr, 4)


espcn = upscaler("espcn", device=device)
methods = {"nearest": nearest, "bicubic": bicubic, "ESPCN": espcn}
table = {name: psnr_of_set(method, list(photos.values())) for name, method in methods.items()}
print(", ".join(f"{name} {value:.2f} dB" for name, value in table.items()))

# %% tags=["fold"]
assert table["nearest"] + 1 < table["bicubic"] < table["ESPCN"] - 0.3

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** One logarithm is taken for all images. LR is made from the uncut photo, which stops with two
# sizes that differ by a pixel or two. Or bicubic is in the loop where `enlarge` belongs, so that all methods come out
# alike. Ask: what would the pooled number reward? (Work on the hardest image alone.)

# %% [markdown] tags=["slide"] answers=["0.014", "0.055"]
# ## Two protocols
#
# The package comes with its own measurements on Set5, Set14 and BSD100, image by image, under two protocols: the one
# that most papers use (`"community"`, as in lesson 01) and the one of this paper (`"paper"`). For nearest neighbour and
# bicubic there is nothing to train: with the right protocol, everybody must get the paper's numbers.
#
# **Question.** How far from the paper's numbers will the community's protocol be? Guess for PSNR, and for SSIM.

# %% tags=["check-output"]
measured = {}  # method -> (set, protocol) -> means
for path in sorted(shipped("results").glob("*.json")):
    result = json.loads(path.read_text(encoding="utf-8"))
    measured[result["method"]] = {(mean["set"], mean["protocol"]): mean for mean in result["means"]}

paper = {(row.set, row.method): row for row in paper_table(2)}
SETS = ("Set5", "Set14", "BSD100")
off = {}
for protocol in ("community", "paper"):
    for value in ("psnr", "ssim"):
        off[protocol, value] = [
            measured[method][name, protocol][value] - getattr(paper[name, method], value)
            for method in ("nearest", "bicubic")
            for name in SETS
        ]
    worst = {value: max(np.abs(off[protocol, value])) for value in ("psnr", "ssim")}
    print(f"{protocol:9}: at most {worst['psnr']:.3f} dB and {worst['ssim']:.4f} SSIM from the paper's six entries")

# %% tags=["fold", "skip"]
names = [f"{name} {method}" for method in ("nearest", "bicubic") for name in SETS]
bars(
    {
        f"{name}, {protocol}": abs(off[protocol, "ssim"][k])
        for k, name in enumerate(names)
        for protocol in ("community", "paper")
    },
    xlabel="distance of our SSIM from the paper's, same method, same images",
    digits=4,
    group=lambda name: int("paper" in name),
    alt="Twelve bars: under the community protocol .011 to .055 away from the paper, under its own at most .0011.",
)
assert max(off["community", "ssim"]) < -0.01
assert round(paper["BSD100", "SRGAN"].psnr - paper["BSD100", "nearest"].psnr, 2) == 0.14
assert round(paper["Set14", "SRResNet"].ssim - paper["Set14", "DRCN"].ssim, 3) == 0.011
assert -0.056 < min(off["community", "ssim"]) < -0.05
assert max(np.abs(off["paper", "ssim"])) < 0.0012
assert max(np.abs(off["paper", "psnr"])) < 0.014

# %% [markdown] tags=["slide"] answers=[]
# With `protocol="paper"` we match all six entries, to within 0.014 dB and 0.0012. With the community's protocol, PSNR
# is off by a tenth of a decibel and SSIM by up to 0.055. **On the same pictures.**
#
# The paper measured with the tools of the daala video codec: luma by BT.709 instead of BT.601, and a different SSIM.
# The paper does not mention BT.709. We infer it: with BT.709 the numbers fit, with BT.601 they do not.
#
# To see where the 0.055 comes from, we must open up SSIM.
#
# ## SSIM, by hand
#
# Wang et al. (2004) asked three questions about a small window in two pictures $a$ and $b$. Is it equally bright in
# both? Does it have as much contrast? Do the grey levels rise and fall in the same places? The means $\mu$ answer the
# first question, the variances $\sigma^2$ the second, the covariance $\sigma_{ab}$ the third. The first fraction below
# is about brightness, the second about the other two questions together:
#
# $$\mathrm{SSIM} = \frac{2 \mu_a \mu_b + c_1}{\mu_a^2 + \mu_b^2 + c_1} \cdot
# \frac{2 \sigma_{ab} + c_2}{\sigma_a^2 + \sigma_b^2 + c_2}$$
#
# with $c_1 = (0.01 \cdot 255)^2$ and $c_2 = (0.03 \cdot 255)^2$, so that a black or a flat window does not lead to a
# division by 0.
#
# **Question.** What is the SSIM of a window and its negative, $255 - a$? Can it be below 0?
#
# ### {{exercise: ssim_index}}
#
# Write `ssim_index(a, b, weights)` for one window: `a`, `b` and `weights` are float arrays (k, k), grey levels 0 to
# 255, and the weights sum to 1. A mean is a weighted sum: `(weights * a).sum()`. For variances and covariance, subtract
# the mean first; they are weighted means of products of what is left. Expected: one number, 1 for equal windows.

# %% tags=["stub"]
# {{stub: ssim_index}}

# %% tags=["solution"]
# {{solution: ssim_index}}

# %%
ssim_index = check("ssim_index", ssim_index)

# %% [markdown]
# The SSIM of a picture is the mean over all positions of the window. The community's window is an 11 x 11 Gaussian with
# $\sigma = 1.5$, placed wherever it fits. Your function, moved over a small crop, gives the package's number:

# %% tags=["check-output"]
hr = face[40:72, 40:72]  # (32, 32, 3)
sr = bicubic(imresize(hr, 1 / 4))
gauss = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))  # (11,)
window = np.outer(gauss, gauss) / gauss.sum() ** 2  # (11, 11), sums to 1

a, b = luma(sr), luma(hr)  # (32, 32) each
places = [(slice(y, y + 11), slice(x, x + 11)) for y in range(22) for x in range(22)]
by_hand = np.mean([ssim_index(a[place], b[place], window) for place in places])
print(f"by hand {by_hand:.4f}, the package {ssim(sr, hr, border=0):.4f}")
print(f"a window and its negative: {ssim_index(b[:11, :11], 255 - b[:11, :11], window):.2f}")

# %% tags=["fold"]
assert abs(by_hand - ssim(sr, hr, border=0)) < 1e-6
assert ssim_index(b[:11, :11], 255 - b[:11, :11], window) < 0

# %% [markdown] tags=["slide"]
# The negative falls where the window rises, so the covariance is below 0, and the SSIM is, too.
#
# ### How large is a window?
#
# In the paper's tools, $\sigma$ is not always 1.5. It is 1.5 for a picture of 256 rows and grows with the height: 3 at
# 512 rows.

# %% tags=["fold"]
place = np.arange(-10, 11)
shapes = {f"sigma {s}": np.exp(-(place**2) / (2 * s**2)) for s in (1.5, 3)}
curves(
    {name: (place, shape / shape.sum()) for name, shape in shapes.items()},
    xlabel="distance from the middle of the window, in pixels",
    ylabel="weight",
    alt="Two bells: a window of sigma 1.5 looks at about nine pixels, one of sigma 3 at about twice as many.",
)

# %% [markdown] answers=["rises", "rise"]
# **Question.** A bicubic enlargement has lost the fine detail and kept the coarse structure. Will a larger window like
# it more, or less?

# %% tags=["skip"]
sigmas = [0.5, 1, 1.5, 2, 3, 4, 6]
grown = {}
for name in ("badge", "engine"):
    hr = luma(photos[name])  # (side, side)
    sr = luma(bicubic(lr_photos[name]))
    grown[name] = [
        structural_similarity(sr, hr, sigma=s, gaussian_weights=True, use_sample_covariance=False, data_range=255)
        for s in sigmas
    ]
change = {name: values[4] - values[2] for name, values in grown.items()}
print("SSIM, from sigma 1.5 to 3:", ", ".join(f"{name} {value:+.3f}" for name, value in change.items()))

# %% tags=["fold"]
curves(
    {name: (sigmas, values) for name, values in grown.items()},
    xlabel="sigma of the window, in pixels",
    ylabel="SSIM of bicubic",
    alt="SSIM of the same two enlargements rises as the window grows, by far more than 0.01 from sigma 1.5 to 3.",
)
assert all(value > 0.01 for value in change.values())
assert all(values[-1] > values[2] for values in grown.values())

# %% [markdown] tags=["slide"] answers=[]
# The pictures are the same, only the window is different, and SSIM rises by several hundredths. (It also rises on the
# far left. A window of sigma 0.5 sees hardly more than one pixel, so both variances are small, and $c_2$ pulls the
# second fraction towards 1.)
#
# Set14's images are the tallest, so that is where the paper's numbers are farthest from the community's. In Table 2,
# SRResNet and DRCN are only 0.011 apart on Set14. **Never compare an SSIM with one from another protocol.** If you copy
# the paper's column next to your own numbers, you are comparing windows.
#
# ## What each slip moves
#
# The window is one choice among many. The dict `slips` below lists others, all found in public code. Each is a single
# line.
#
# **Before you run it:** which of them are harmless? Guess three.


# %% tags=["fold"]
# @title What the slips need: decibels, kinds of luma, and LR images made in other ways
def db(a, b):
    return 10 * np.log10(255**2 / np.mean((np.asarray(a, float) - b) ** 2))


def inside(x):
    return x[4:-4, 4:-4]


def full_range(image):
    return np.round(image @ [0.299, 0.587, 0.114])  # 0 to 255


def limited(image):
    return 16 + image @ np.array([65.481, 128.553, 24.966]) / 255  # not rounded


def pooled(values):
    return 10 * np.log10(255**2 / np.mean([255**2 / 10 ** (v / 10) for v in values]))


def pillow(image, factor):
    size = [round(n * factor) for n in image.shape[1::-1]]
    return np.asarray(Image.fromarray(image).resize(size, Image.BICUBIC))


def aliased(photo):
    return to_image(F.interpolate(to_tensor(photo), scale_factor=1 / 4, mode="bicubic"))


def scores(enlarge, measure, reduce=lambda hr: imresize(hr, 1 / 4)):
    return [measure(enlarge(reduce(hr)), hr) for hr in photos.values()]


# %%
def uniform(sr, hr):
    return structural_similarity(luma(sr), luma(hr), data_range=255)  # 7 x 7, and divides by n - 1


slips = {  # name -> method -> PSNR
    "R, G and B, no luma": lambda m: np.mean(scores(m, lambda sr, hr: db(inside(sr), inside(hr)))),
    "luma from 0 to 255": lambda m: np.mean(
        scores(m, lambda sr, hr: db(inside(full_range(sr)), inside(full_range(hr))))
    ),
    "LR without antialiasing": lambda m: np.mean(scores(m, psnr, aliased)),
    "one MSE for the set": lambda m: pooled(scores(m, psnr)),
    "off by one pixel": lambda m: np.mean(scores(lambda lr: np.roll(m(lr), 1, axis=1), psnr)),
    "LR by Pillow's bicubic": lambda m: np.mean(scores(m, psnr, lambda hr: pillow(hr, 1 / 4))),
    "borders not cut": lambda m: np.mean(scores(m, lambda sr, hr: psnr(sr, hr, border=0))),
    "luma not rounded": lambda m: np.mean(scores(m, lambda sr, hr: db(inside(limited(sr)), inside(limited(hr))))),
}
right = {name: np.mean(scores(method, psnr)) for name, method in methods.items()}
rows = {"right": right} | {slip: {n: value(methods[n]) for n in ("bicubic", "ESPCN")} for slip, value in slips.items()}
slipped = pd.DataFrame(rows).T[["bicubic", "ESPCN"]]
slipped["ESPCN's lead"] = slipped["ESPCN"] - slipped["bicubic"]
slipped["moves bicubic by"] = slipped["bicubic"] - slipped["bicubic"]["right"]
window_slip = np.mean(scores(bicubic, uniform)) - np.mean(scores(bicubic, ssim))
moves, lead = slipped["moves bicubic by"], slipped["ESPCN's lead"]
print((slipped.round(2) + 0).to_string())  # adding 0 turns -0.0 into 0.0
print(f"SSIM with skimage's default window: {window_slip:+.3f}")

# %% tags=["fold"]
bars(
    lead.to_dict(),
    xlabel="ESPCN's lead over bicubic in dB, measured with one slip at a time",
    group=lambda name: int(name == "right"),
    alt="Bars: the lead is nearly the same with most slips, smaller with a few, and negative without antialiasing.",
)
assert -1.7 < moves["R, G and B, no luma"] < -1.2
assert -1.4 < moves["luma from 0 to 255"] < -1.2
assert moves["LR without antialiasing"] < -0.6
assert moves["off by one pixel"] < -0.4
assert moves["one MSE for the set"] < -0.5
assert abs(moves["LR by Pillow's bicubic"]) < 0.03
assert abs(moves["luma not rounded"]) < 0.02
assert abs(moves["borders not cut"]) < 0.3
assert window_slip > 0.005
same = [slip for slip in slips if slip not in ("LR without antialiasing", "off by one pixel", "one MSE for the set")]
assert (lead[same] - lead["right"]).abs().max() < 0.15
assert moves["luma from 0 to 255"] < -1.5 * lead["right"]
assert lead["LR without antialiasing"] < -0.5
assert 0.2 < lead["off by one pixel"] / lead["right"] < 0.6

# %% [markdown]
# You know bicubic's cost from lesson 01: Pillow, rounding and borders do little harm; the others cost between half a
# decibel and one and a half. What is new is the *lead*. If a slip only affects how pixels are compared (RGB, range,
# border, rounding), it hits both methods alike, and ESPCN's lead is nearly what it was.
#
# Two bars are worse. Moved by one pixel, the network loses half of its lead or more, because its finer detail is now in
# the wrong place. And without antialiasing in the LR image, it falls *below* bicubic: it was given something it was
# never trained on.
#
# So a wrong protocol does not make a comparison false, **as long as all methods share it**. The comparison becomes
# false when a number is copied from somebody else's table. Full-range luma on one side alone changes PSNR by more than
# this whole network does.

# %% [markdown] tags=["instructor"]
# **What to say.** Lesson 01 had these slips for bicubic; the lead is new here. Ask for each bar: does it change the
# *ranking*? Two slips do harm of another kind. Without antialiasing the network is given an LR that it was not trained
# on. A picture that is off by one pixel is the classic result of `align_corners`, or of uneven padding in a network,
# and it looks perfect.

# %% [markdown] tags=["slide"] answers=[]
# ## A metric that has looked at pictures
#
# PSNR compares pixels. Lesson 06 compared *feature maps* instead. Zhang et al. (2018) turned this into a metric, LPIPS:
# five maps of a trained network, with a weight for each channel, fitted to people's judgements. **ST-LPIPS** (Ghildyal
# and Liu 2022) is a cousin of LPIPS that forgives a shift by a pixel. Its weights come with a package, so it runs here.
#
# **Question.** Read `maps_of` and `distance` with their comments, then guess: which step forgives a change in contrast?

# %%
judge = STLPIPS("alex").to(device)  # an AlexNet; the loss below uses another network, a VGG16


def maps_of(image):
    with torch.no_grad():
        return judge.features(to_tensor(image).to(device))  # five maps (1, C, h, w), each place a vector of length 1


def distance(maps_a, maps_b):
    total = 0.0
    for k in range(5):
        weight = getattr(judge, f"weight{k}")  # (1, C, 1, 1), learned from people's judgements
        squared = weight * (maps_a[k] - maps_b[k]) ** 2  # (1, C, h, w)
        total += float(squared.sum(dim=1).mean())  # sum over channels, mean over places
    return total


face_maps = maps_of(face)
liked = {name: distance(maps_of(picture), face_maps) for name, picture in copies.items()}
theirs = judge(to_tensor(copies["blurred"]).to(device), to_tensor(face).to(device))  # the package's: (1,)
similar = {name: ssim(picture, face) for name, picture in copies.items()}
print(pd.DataFrame({"PSNR": values, "SSIM": similar, "ST-LPIPS": liked}).round(2).to_string())

# %% tags=["fold"]
assert abs(liked["blurred"] - float(theirs)) < 1e-4
assert max(liked["brighter"], liked["turned"]) < min(liked["blurred"], liked["noisy"])

# %% [markdown] tags=["slide"] answers=["lost", "won"]
# **Lower is better**: ST-LPIPS is a distance. By PSNR, the four pictures are equally bad. ST-LPIPS puts the brighter
# and the turned copy far ahead of blur and noise, and so do most people. (And the contrast? Each place of a map is a
# vector that is scaled to length 1. That step forgives it.)
#
# But it is only a *network's* opinion. We will go on asking it, and test it at the end.
#
# ## The claim, on this CPU
#
# We take two copies of the shipped ESPCN, with the same weights. Both train for a few more updates, on the same crops
# in the same order. One gets the MSE loss. The other gets SRGAN's idea: VGG features and a discriminator.
# (`pretrain_step` is the update of lesson 04, `gan_step` that of lesson 07.)
#
# **Question.** Which will have the higher PSNR on photos neither has seen? Which will have the lower ST-LPIPS?


# %%
class PixelsAndFeatures(nn.Module):
    """The content loss: feature maps of a VGG16, and the pixels, so that colours do not drift."""

    def __init__(self):
        super().__init__()
        self.pixels, self.features = content_loss("mse"), content_loss("offline-vgg22")

    def forward(self, sr, hr):
        return self.pixels(sr, hr) + 8 * self.features(sr, hr)


# %% [markdown]
# One loop trains both twins. They differ only in what is passed to it: the content loss and the adversarial weight.

# %%
unseen = {photo for photo, *_ in PLACES.values()}
seen = {name: photo for name, photo in sample_photos().items() if name not in unseen}
sampler = CropSampler(seen, batch=4, crop=settings.crop, device=device)


def tune(content, adversarial=0.0):
    """The shipped ESPCN after a few more updates; with an adversarial weight also against a discriminator."""
    torch.manual_seed(0)
    network = load_network("espcn").requires_grad_(True).to(device).train()
    critic = Discriminator(crop=settings.crop, channels=16).to(device)
    moves_g, moves_d = torch.optim.Adam(network.parameters(), 2e-4), torch.optim.Adam(critic.parameters(), 1e-3)
    slower = torch.optim.lr_scheduler.LinearLR(moves_g, 1, 0.2, settings.updates)
    machine = Machine(device.type)
    for step in waiting(range(settings.updates), "training"):
        lr, hr = sampler(step)  # (4, 3, c/4, c/4) and (4, 3, c, c)
        if adversarial:
            gan_step(network, critic, moves_g, moves_d, content, lr, hr, machine, adversarial=adversarial)
        else:
            pretrain_step(network, moves_g, content, lr, hr, machine)
        slower.step()
    return network.eval()


networks = {
    "ESPCN-MSE": tune(content_loss("mse")),
    "ESPCN-GAN": tune(PixelsAndFeatures().to(device), adversarial=0.003),
}

# %%
results = {name: {p: methods[name](lr) for p, lr in lr_photos.items()} for name in ("nearest", "bicubic")}
for name, network in networks.items():
    results[name] = {p: upscaler(network)(lr) for p, lr in lr_photos.items()}
for name, file in {"SRResNet": "srresnet", "SRGAN": "srgan"}.items():  # the pair at full size
    results[name] = {p: upscaler(file, device=device)(lr) for p, lr in lr_photos.items()}
hr_maps = {name: maps_of(photo) for name, photo in photos.items()}


def judged(pictures):
    """PSNR in dB and ST-LPIPS of a method's pictures, mean of the photos, and ST-LPIPS of each."""
    each = {p: distance(maps_of(picture), hr_maps[p]) for p, picture in pictures.items()}
    return np.mean([psnr(picture, photos[p]) for p, picture in pictures.items()]), np.mean(list(each.values())), each


plane = {name: judged(pictures) for name, pictures in results.items()}
print(pd.DataFrame({n: {"PSNR": v[0], "ST-LPIPS": v[1]} for n, v in plane.items()}).T.round(3).to_string())
(mse_db, mse_d, mse_each), (gan_db, gan_d, gan_each) = plane["ESPCN-MSE"], plane["ESPCN-GAN"]

# %% tags=["fold"]
assert gan_db < mse_db - 0.05, "the network tuned with a GAN loss did not lose PSNR"
assert gan_d < 0.96 * mse_d, "it did not win ST-LPIPS"
assert plane["SRGAN"][0] < plane["SRResNet"][0] - 1.5
assert plane["SRGAN"][1] < 0.7 * plane["SRResNet"][1]

# %% [markdown] tags=["slide"] answers=["gains", "worse"]
# **This is the claim.** On photos it had never seen, the network with the discriminator lost PSNR and won ST-LPIPS. The
# baseline is its twin, with the same start, the same crops and the same number of updates, but MSE. Only the loss
# differs.
#
# `srresnet` and `srgan` are in the table, too: the same pair at full size, trained for an evening on two CPU cores and
# for minutes on a large GPU.
#
# To be honest, the GAN twin is no SRGAN. It is a small network with few updates. Its features come from the VGG16 that
# is included with ST-LPIPS, because the paper's VGG19 must be downloaded. And unlike the paper's, its loss includes
# pixels: without them, the colours drift in such a short run. But it shares with SRGAN what the claim is about.
#
# ### Is it enough to lose PSNR?
#
# A claim needs a negative control. PSNR is easy to lose. We take the MSE twin's pictures and spoil them, once with blur
# and once with noise, photo by photo, down to *exactly* the PSNR of the GAN twin.
#
# **Question.** Will ST-LPIPS like either of them?


# %%
def spoiled(damage, largest):
    """The MSE twin's pictures, damaged down to the PSNR of the GAN twin's."""
    pictures = {}
    for p, photo in photos.items():
        goal, low, high = psnr(results["ESPCN-GAN"][p], photo), 0.0, largest
        for _ in range(12):
            middle = (low + high) / 2
            enough = psnr(damage(results["ESPCN-MSE"][p], middle), photo) <= goal
            low, high = (low, middle) if enough else (middle, high)
        pictures[p] = damage(results["ESPCN-MSE"][p], high)
    return pictures


def blur(picture, sigma):
    return ndimage.gaussian_filter(picture, (sigma, sigma, 0))


def noise(picture, sigma):
    return levels(picture + sigma * np.random.default_rng(0).normal(size=picture.shape))


controls = {"MSE + blur": spoiled(blur, 8.0), "MSE + noise": spoiled(noise, 60.0)}
plane |= {name: judged(pictures) for name, pictures in controls.items()}
wins = [p for p in photos if plane["MSE + noise"][2][p] < gan_each[p]]
print("photos on which ST-LPIPS likes the noise better than the GAN:", ", ".join(wins) or "none")

# %% tags=["fold"]
bars(
    {name: plane[name][1] for name in ("ESPCN-MSE", "ESPCN-GAN", *controls)},
    xlabel="ST-LPIPS, lower is better; the last three have the same PSNR",
    digits=3,
    alt="Bars: the GAN twin has the lowest ST-LPIPS; noise at the same PSNR gains far less, blur is much worse.",
)
assert all(abs(plane[name][0] - gan_db) < 0.1 for name in controls)
assert plane["MSE + blur"][1] > 1.1 * mse_d
assert mse_d - plane["MSE + noise"][1] < 0.5 * (mse_d - gan_d)

# %% tags=["fold"]
show_crops(
    photos["cat"],
    *[pictures["cat"] for pictures in (results["ESPCN-MSE"], results["ESPCN-GAN"], *controls.values())],
    titles=["HR"]
    + [
        f"{name}\n{psnr(pictures['cat'], photos['cat']):.1f} dB, {plane[name][2]['cat']:.2f}"
        for name, pictures in {n: (results | controls)[n] for n in ("ESPCN-MSE", "ESPCN-GAN", *controls)}.items()
    ],
    box=(8, 32, 64, 64),
    alt="A cat's eye: soft by the MSE twin, crisper with a fine weave by the GAN twin, blurred, and grainy with noise.",
)

# %% [markdown]
# Blur loses both PSNR and ST-LPIPS. Noise, on average, gains little or nothing. So losing PSNR is not enough; what
# matters is what you get in return.
#
# And five crops prove little. We did not pick them at random: on our first choice of four crops, noise did as well as
# the GAN twin. Take this as a demonstration. The evidence is in the tables below: they cover 119 images, which nobody
# chose for this purpose.
#
# Now look closely at the GAN twin's picture: a fine weave, one thread for each LR pixel. You know it from lesson 03:
# the checkerboard of a sub-pixel layer. Your eye sees a fault; the metric took it for texture. And on a rough photo,
# such as the cat's fur, the metric may even prefer plain noise to the network. If a metric likes grain, do not use it
# as a loss for long. It does not replace your eyes.

# %% [markdown] tags=["instructor"]
# **What to say.** The loss used a VGG16, and the judge is an AlexNet: never judge with the network you trained against.
# Both belong to ST-LPIPS, so they are cousins; say so. We measured this with five seeds in the fast settings. Against
# the MSE twin, the GAN twin changed PSNR by -0.17 to -0.36 dB and ST-LPIPS by -7 to -10 %. At the same PSNR, noise
# changed ST-LPIPS by -1 to +4 %, and blur by +20 to +30 %.

# %% [markdown] tags=["slide"]
# ## Table 2, with our rows
#
# The paper's numbers follow its own protocol, and so do ours here. Each cell has PSNR in dB / SSIM / MOS, the mean
# opinion of 26 people on a scale from 1 to 5 (lesson 09). We have not asked anybody, so our rows have no MOS.

# %% tags=["fold"]
# @title Table 2, with our rows
OURS = {"nearest": "nearest", "bicubic": "bicubic", "ESPCN": "espcn", "SRResNet": "srresnet", "SRGAN": "srgan"}


def cell(*numbers):
    return " / ".join("-" if n is None else f"{n:.{digits}f}" for n, digits in zip(numbers, (2, 4, 2), strict=False))


def our_cells(name, sets):
    """Our PSNR / SSIM under the paper's protocol; open where nothing was measured."""
    rows = measured.get(name, {})
    return [cell(rows[s, "paper"]["psnr"], rows[s, "paper"]["ssim"]) if (s, "paper") in rows else "open" for s in sets]


table2 = {}
for method in dict.fromkeys(row.method for row in paper_table(2)):
    rows = [paper[name, method] for name in SETS]
    table2[method] = [cell(row.psnr, row.ssim, row.mos) for row in rows]
    if method in OURS:
        table2[f"{method}, ours"] = our_cells(OURS[method], SETS)
behind = {
    method: [paper[name, method].psnr - measured[OURS[method]][name, "paper"]["psnr"] for name in SETS]
    for method in ("ESPCN", "SRResNet", "SRGAN")
}
halved = {
    name: measured["srgan"][name, "community"]["stlpips"] / measured["srresnet"][name, "community"]["stlpips"]
    for name in SETS
}
costs = [measured["srresnet"][s, "paper"]["psnr"] - measured["srgan"][s, "paper"]["psnr"] for s in SETS]
pd.DataFrame(table2, index=SETS).T

# %% tags=["fold"]
print("ST-LPIPS, SRGAN / SRResNet:", ", ".join(f"{name} {value:.2f}" for name, value in halved.items()))
assert all(0.1 < value < 0.5 for value in behind["SRResNet"])
assert 0.55 < min(behind["ESPCN"]) < max(behind["ESPCN"]) < 1.45
assert 0.1 < behind["SRGAN"][0] < 0.3
assert -0.3 < behind["SRGAN"][1] < 0
assert -0.8 < behind["SRGAN"][2] < -0.5
assert 1.55 < min(costs) < max(costs) < 2.35
assert all(0.45 < value < 0.55 for value in halved.values())
assert table2["bicubic"][0][:5] == table2["bicubic, ours"][0][:5] == "28.43"

# %% [markdown]
# Our SRResNet is 0.2 to 0.5 dB behind the paper's: it had tens of thousands of updates on a few hundred photos, while
# the paper's had a million on 350,000. Our ESPCN is 0.6 to 1.4 dB behind: it is the small network of lesson 03,
# trained for minutes. Our SRGAN is 0.1 dB behind the paper's on Set5, and ahead on the two other sets,
# on BSD100 by more than half a decibel. That does not make it better: it gives up 1.6 to 2.3 dB against SRResNet, the
# paper's gives up more, and a lower PSNR may buy more texture. Our rows say what *these* weights do, and `srgan-lessons
# evaluate` repeats the measurement. ("Open" would mean that no result for these weights is included.)
#
# And the perceptual metric? On all 119 images, SRGAN's ST-LPIPS is about half of SRResNet's.
#
# ### {{exercise: table2_reading}}
#
# Read the paper's rows. SRGAN's opponents are all the other methods; HR, the photo itself, does not count. Expected: a
# dict with the five answers, with names spelled as in the table.

# %% tags=["stub"]
# {{stub: table2_reading}}

# %% tags=["solution"]
# {{solution: table2_reading}}

# %%
table2_reading = check("table2_reading", table2_reading)

# %% [markdown] tags=["slide"] answers=["none", "same order", "exactly"]
# ### Seven in a row, and one out of line
#
# PSNR has a bad reputation. Is it deserved?
#
# **Question.** Leave out SRGAN, and sort the other seven methods by PSNR, and then by what 26 people said. How many
# change places?

# %% tags=["check-output", "fold"]
# @title Sorted by PSNR, and by people
SEVEN = [method for method in table2 if (SETS[0], method) in paper and method not in ("SRGAN", "HR")]
for name in SETS:
    by_psnr = sorted(SEVEN, key=lambda method: paper[name, method].psnr)
    by_people = sorted(SEVEN, key=lambda method: paper[name, method].mos)
    all_eight = sorted([*SEVEN, "SRGAN"], key=lambda method: paper[name, method].psnr)
    below = ", ".join(all_eight[: all_eight.index("SRGAN")])
    moved = sum(a != b for a, b in zip(by_psnr, by_people, strict=True))
    print(f"{name}: methods that change places: {moved}; lower PSNR than SRGAN: {below}")


# %% tags=["fold"]
# @title Preparation: a function that draws methods in a plane
def draw(groups, xlabel, ylabel, alt, joined=()):
    """Points in a plane: group -> name -> (x, y). The groups in `joined` are joined by a line; blanks name no point."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 5), layout="constrained")
        axis = figure.add_subplot()
        named = []
        for (group, points), (colour, style, mark) in zip(groups.items(), LINES, strict=False):
            line = style if group in joined else "none"
            axis.plot(*zip(*points.values(), strict=True), color=colour, linestyle=line, marker=mark, label=group)
            named += [(name, place, colour) for name, place in points.items() if name.strip()]
        axis.set(xlabel=xlabel, ylabel=ylabel)
        axis.margins(x=0.12, y=0.1)
        if len(groups) > 1:
            figure.legend(loc="outside upper center", ncols=len(groups))
        name_points(axis, named)
        put(as_html(figure, alt=alt), alt=alt)


# %% tags=["fold"]
groups = {}
for name in SETS:
    row = sorted(SEVEN, key=lambda method: paper[name, method].psnr)
    groups[name] = {
        method if name == "Set5" and method not in ("SelfExSR", "DRCN") else " " * k: (
            paper[name, method].psnr,
            paper[name, method].mos,
        )
        for k, method in enumerate(row)
    }
groups["SRGAN"] = {name: (paper[name, "SRGAN"].psnr, paper[name, "SRGAN"].mos) for name in SETS}
draw(
    groups,
    "PSNR in dB, higher is better",
    "MOS, higher is better",
    "Three rising lines of seven methods each, from nearest to SRResNet; SRGAN lies far above all, at low PSNR.",
    joined=SETS,
)
assert all(paper[name, "SRGAN"].mos > max(paper[name, m].mos for m in SEVEN) for name in SETS)

# %% [markdown] tags=["slide"] answers=["VGG22"]
# None of them. On all three sets, PSNR puts seven methods in exactly the same order as people do. Those seven all have
# the same aim, and each comes closer to it than the one before; the four networks among them learn the mean of what
# could be right (lesson 06). Within such a family, PSNR is a fine ruler.
#
# Then somebody aimed at something else, and the ruler broke. On BSD100, PSNR ranks SRGAN second to last; people rank it
# first, by far.
#
# ### Table 1: which loss did it?
#
# Table 1 changes almost one thing at a time. (SRGAN's rows start from SRResNet's weights, and one row of SRResNet has a
# small further loss.) **Question.** Which rows differ only in the adversarial loss?

# %% tags=["fold"]
# @title Table 1, with our rows
rows1 = {(row.set, row.method): row for row in paper_table(1)}
table1 = {}
for method in dict.fromkeys(row.method for row in paper_table(1)):
    theirs = [cell(rows1[s, method].psnr, rows1[s, method].ssim, rows1[s, method].mos) for s in SETS[:2]]
    table1[method] = theirs + our_cells("srresnet" if method == "SRResNet-MSE" else "", SETS[:2])
table1["SRGAN with the offline VGG16"] = ["", "", *our_cells("srgan", SETS[:2])]
pd.DataFrame(table1, index=["Set5, paper", "Set14, paper", "Set5, ours", "Set14, ours"]).T

# %% tags=["fold"]
for s in SETS[:2]:
    for content in ("MSE", "VGG22"):
        with_d, without = rows1[s, f"SRGAN-{content}"], rows1[s, f"SRResNet-{content}"]
        loss, gain = without.psnr - with_d.psnr, with_d.mos - without.mos
        print(f"{s}, {content}: the discriminator costs {loss:.2f} dB and brings {gain:.2f} MOS")
        assert min(loss - 0.3, gain) > 0.3
assert rows1["Set5", "SRGAN-VGG22"].mos > rows1["Set5", "SRGAN-VGG54"].mos
assert rows1["Set14", "SRGAN-VGG22"].mos < rows1["Set14", "SRGAN-VGG54"].mos

# %% [markdown] tags=["slide"]
# There are two such pairs, one with MSE and one with VGG22. Each time the discriminator costs PSNR and gains about a
# third of a MOS point, or more. Which *content* loss is best is less clear than is often claimed. VGG54 wins on the 14
# images of Set14 and loses to VGG22 on the five of Set5. By the paper's tests, only the first of these is significant.
#
# In our columns, only two rows are filled. `docs/results.md` lists the commands that fill the others.
#
# ## The perception-distortion plane
#
# Put the two numbers on two axes: one says how far a method is from HR (**distortion**), the other how much its
# pictures look like photos (**perception**). A method is **dominated** if another one is at least as good in both
# numbers, and better in one. The methods that are not dominated form the **front**: choosing among them is a matter of
# taste, or of purpose.
#
# ### {{exercise: pareto_front}}
#
# Write `pareto_front(methods)`. `methods` maps names to pairs (PSNR in dB, ST-LPIPS). Expected: a set with the names of
# the methods that no other method dominates. Two methods with the same pair do not dominate each other.

# %% tags=["stub"]
# {{stub: pareto_front}}

# %% tags=["solution"]
# {{solution: pareto_front}}

# %%
pareto_front = check("pareto_front", pareto_front)
front = pareto_front({name: values[:2] for name, values in plane.items()})
print("on the front:", ", ".join(sorted(front)))

# %% tags=["fold"]
assert not {"MSE + blur", "bicubic", "nearest"} & front
assert {"SRResNet", "SRGAN"} <= front
assert pareto_front({name: plane[name][:2] for name in networks}) == set(networks)  # each twin wins one number

# %% [markdown] tags=["slide"] answers=["curve", "above"]
# SRResNet and SRGAN are both on the front: neither beats the other, because they answer different questions.
#
# ### Between two networks
#
# The twins have the same layers. What happens if we mix their weights? We take shares from 0 (all MSE) to 1 (all GAN),
# as Wang et al. (2018) did for ESRGAN.
#
# **Question.** Will the mixtures lie on a straight line between the twins, or on a curve?


# %%
def between(share):
    """A network with weights (1 - share) MSE twin + share GAN twin."""
    network = copy.deepcopy(networks["ESPCN-MSE"])
    with torch.no_grad():
        for mine, other in zip(network.parameters(), networks["ESPCN-GAN"].parameters(), strict=True):
            mine.lerp_(other, share)
    return network


shares = np.linspace(0, 1, settings.mixes + 2)[1:-1]  # without the two ends, which we have
path = [plane["ESPCN-MSE"][:2]]
for share in shares:
    path.append(judged({p: upscaler(between(share))(lr) for p, lr in lr_photos.items()})[:2])
path.append(plane["ESPCN-GAN"][:2])

# %% tags=["fold", "skip"]
draw(
    {
        "methods": {name: values[:2] for name, values in plane.items() if name not in controls},
        "spoiled": {name: plane[name][:2] for name in controls},
        "between the twins": {" " * k: point for k, point in enumerate(path)},
    },
    "PSNR in dB, higher is better",
    "ST-LPIPS, lower is better",
    "PSNR and ST-LPIPS: a curve from the MSE twin down left to the GAN twin; SRResNet far right, SRGAN far below.",
    joined=["between the twins"],
)

# %% tags=["fold"]
draw(
    {
        "between the twins": {" " * k: point for k, point in enumerate(path)},
        "straight line": {name: plane[name][:2] for name in networks},
    },
    "PSNR in dB, higher is better",
    "ST-LPIPS, lower is better",
    "The same curve, larger: between its ends it lies to the right of a straight line, at a higher PSNR.",
    joined=["between the twins", "straight line"],
)
chord = [(1 - share) * mse_db + share * gan_db for share in shares]
assert np.mean([point[0] for point in path[1:-1]]) > np.mean(chord)

# %% [markdown] tags=["slide"] answers=["twice", "3 dB"]
# They lie on a curve: on the way, PSNR stays above the straight line, as the close-up shows. A single knob leads from
# one end to the other: more like HR, or more like a photo. There is no point where both are best, and that is not the
# fault of our networks. Blau and Michaeli (2018) proved it for every distortion: **a method that comes closer to HR
# than a certain limit cannot look real.**
#
# ### What looking real must cost
#
# Given the LR image, a pixel may be 100 or 150, and both are equally likely. Two players guess the pixel. One of them
# always answers with the mean. The other draws at random from the right distribution, so the result is
# indistinguishable from a real pixel.
#
# **Question.** How much larger is the squared error of the one who draws?

# %% tags=["check-output"]
rng = np.random.default_rng(0)
truth, drawn = rng.choice([100.0, 150.0], size=(2, 1_000_000))  # (1000000,) each
mean_error, drawn_error = np.mean((truth - 125) ** 2), np.mean((truth - drawn) ** 2)
times = drawn_error / mean_error
print(f"the mean: about {mean_error:.0f}; a draw: {times:.2f} times as much, or {10 * np.log10(times):.1f} dB")
given_up = [paper[name, "SRResNet"].psnr - paper[name, "SRGAN"].psnr for name in SETS]
print("SRGAN gives up", ", ".join(f"{value:.2f}" for value in given_up), "dB")

# %% tags=["fold"]
assert max(given_up) < 10 * np.log10(2)

# %% [markdown] tags=["slide"] answers=["by far", "lowest MOS"]
# It is twice as large, whatever the distribution: that is **3 dB**. Compared with the best possible mean, looking
# perfectly real need not cost more than that. The paper's SRGAN gives up 2.4 to 2.7 dB against SRResNet. Its low PSNR
# is no accident and no shame. It is the price.
#
# ## Is the metric right?
#
# **Question.** Look again at the table of the twins: which of nearest neighbour and bicubic does ST-LPIPS prefer on
# our five crops? Does it do so on Set5, too? And what did people say?

# %% tags=["check-output"]
for method in ("nearest", "bicubic"):
    theirs, ours = paper["Set5", method], measured[method]["Set5", "community"]
    print(f"{method:8} PSNR {ours['psnr']:.2f} dB, ST-LPIPS {ours['stlpips']:.3f}, MOS {theirs.mos:.2f}")

# %% tags=["fold"]
for name in SETS:
    distances = [measured[method][name, "community"]["stlpips"] for method in ("nearest", "bicubic")]
    assert distances[0] < distances[1]
    assert paper[name, "nearest"].mos < paper[name, "bicubic"].mos
assert plane["nearest"][1] < 0.8 * plane["bicubic"][1]  # on our crops

# %% [markdown] tags=["slide"]
# On our crops and on all three sets, ST-LPIPS prefers nearest neighbour by far. People give it the lowest MOS of all.
# Large square pixels have sharp edges, and the network was not shown enough of them to know that nobody likes such
# edges. PSNR gets this pair right.
#
# So use PSNR for what is true and a perceptual metric for what looks real, *and never one of them alone*. And where it
# matters, ask people.
#
# ## Play
#
# Turn the knob from MSE to GAN. At what share would you stop for a holiday photo? And for a photo from which somebody
# will read a number plate?


# %% tags=["fold"]
def mix(share, photo):
    hr, lr = photos[photo], lr_photos[photo]
    sr = upscaler(between(share))(lr)
    show_crops(
        hr,
        bicubic(lr),
        sr,
        titles=["HR", f"bicubic: {psnr(bicubic(lr), hr):.2f} dB", f"share {share:.2f}: {psnr(sr, hr):.2f} dB"],
        box=(16, 16, 64, 64),
        alt=f"{photo}: HR, bicubic, and a network that is {share:.0%} GAN twin.",
    )


play(mix, share=[0.5, 0.0, 0.25, 0.75, 1.0], photo=list(photos))

# %% [markdown] tags=["slide"]
# ## Recap
#
# - The PSNR of a set is the mean of its images' PSNRs. LR, luma, border, rounding and window belong to a protocol, and
#   the protocol belongs to the number.
# - SSIM's window alone can change it by up to 0.055; never compare SSIM across protocols.
# - A slip made for all methods nearly cancels out; in a number copied from another table it does not.
# - A GAN loss lost PSNR and won ST-LPIPS; blur with the same PSNR did not, and noise did not on average.
# - Looking real costs up to 3 dB. PSNR ranks a family of methods as people do, and fails between families. ST-LPIPS
#   fails elsewhere.
#
# ### Three questions
#
# <details><summary>1. Somebody reports an SSIM of 0.79 on Set14 for a new network, and 0.704 for bicubic. In Table 2,
# DRCN has 0.8074. Is DRCN better?</summary>
#
# Nobody knows. Bicubic gives the protocol away: 0.704 is the community's, Table 2 has 0.7486. Measure DRCN's pictures
# by the community's protocol, or the new network's by the paper's.
# </details>
#
# <details><summary>2. Your GAN gives up 4.5 dB against your MSE network. What do you suspect?</summary>
#
# Looking real costs at most 3 dB against the best mean. More than that pays for something else: artefacts, colours
# that drift, a picture shifted by a pixel.
# </details>
#
# <details><summary>3. Somebody trains with ST-LPIPS, reports ST-LPIPS, and wins. What do you ask for?</summary>
#
# Ask for another judge: a metric with another network, PSNR beside it, pictures, and ideally people. A measure that is
# optimised stops being a measure.
# </details>
#
# ### What this lesson leaves out
#
# This lesson leaves out metrics without a reference (NIQE, and FID for whole sets), which ask "does it look like a
# photo?" without asking "of this?". It also leaves out people: ST-LPIPS stands in for them here only because it can run
# on your machine.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 3.1 for the measures; Table 1 and
#   Table 2.
# - Wang et al. 2004, *Image quality assessment: from error visibility to structural similarity*. Wang and Bovik 2009,
#   *Mean squared error: love it or leave it?*, for the pictures of equal error.
# - Zhang et al. 2018, [arXiv 1801.03924](https://arxiv.org/abs/1801.03924): LPIPS. Ghildyal and Liu 2022, [arXiv
#   2207.13686](https://arxiv.org/abs/2207.13686): ST-LPIPS.
# - Blau and Michaeli 2018, [arXiv 1711.06077](https://arxiv.org/abs/1711.06077): the trade-off and the 3 dB. Wang et
#   al. 2018, [arXiv 1809.00219](https://arxiv.org/abs/1809.00219): mixing networks.
# - In this package: `srgan_lessons/metrics.py`, `stlpips.py`, `evaluation.py`, and `docs/results.md`.
#
# Next: lesson 09 asks people. Here is what you have solved so far.

# %%
progress()
