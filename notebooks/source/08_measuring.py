# %% [markdown] tags=["slide"]
# # Measuring
#
# **Claim.** SRGAN loses PSNR and wins the perceptual metric, and neither number means anything without its protocol.
#
# **Time.** 33 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lesson 01, PSNR and how LR images are made. Lessons 05 and 06, discriminator and content loss.
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

from srgan_lessons.classroom.figures import LINES, STYLE, as_html, bars, curves, put, show_crops, show_images
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
    full={"side": 160, "updates": 60, "crop": 48, "mixes": 7}, fast={"side": 96, "updates": 50, "crop": 32, "mixes": 2}
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
# Four damaged copies of one photo. **Before you run the cell:** which of these does most harm to a picture: a little
# brighter, turned by less than one degree, blurred, or noisy?
#
# Then look, and find the one with the lowest PSNR.


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
# All four have the same PSNR, to a tenth of a decibel. The first two hardly hurt anybody. PSNR adds up how far each
# pixel is off. It does not ask *what* went wrong.
#
# The paper has a method that people like best, SRGAN. On BSD100 its PSNR is 0.14 dB above that of large square pixels.
# So the authors had to report both. This lesson is about numbers that say different things: how they are made, how they
# are spoiled, and what they leave out.

# %% [markdown] tags=["instructor"]
# **Timing.** Why 2 minutes, the set 3, protocols 4, SSIM 4, slips 4, the perceptual metric 4, the claim 5, the tables
# 3, the plane 4. Exercises 26. Let the room vote by hand on the four copies before you tell the numbers, and write the
# votes down: it is a first opinion study, and lesson 09 does it properly. The idea of equal errors is that of Wang and
# Bovik (2009).

# %% [markdown] tags=["slide"] answers=["25", "22.6", "nine tenths"]
# ## From photos to one number
#
# A table has one number for a whole set. Two photos, one enlarged at 30 dB, one at 20 dB.
#
# **Question.** What is the PSNR of the set?

# %% tags=["check-output"]
each = np.array([30.0, 20.0])  # dB
errors = 255**2 / 10 ** (each / 10)  # the two MSEs
print(f"mean of the decibels: {each.mean():.2f} dB")
print(f"PSNR of the mean error: {10 * np.log10(255**2 / errors.mean()):.2f} dB")
print(f"of all the error, the second photo has {errors[1] / errors.sum():.0%}")

# %% [markdown]
# Two answers, 2.4 dB apart. If the errors are pooled first, the hard photo has nine tenths of the say. The field takes
# **the mean of the per-image values**, and so does the paper. The logarithm comes first, then the mean.
#
# ### {{exercise: psnr_of_set}}
#
# Write `psnr_of_set(enlarge, photos)`. `photos` is a list of HR photos, uint8 (H, W, 3), of any size; `enlarge` makes
# (4h, 4w, 3) of an LR image (h, w, 3). Use `imresize` and the package's `psnr(sr, hr)`, which is the protocol of lesson
# 01. What does not fill a tile of 4 x 4 is cut off HR at the bottom and on the right, *before* anything else. Expected:
# one number, in dB.

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
print({name: f"{value:.2f} dB" for name, value in table.items()})

# %% tags=["fold"]
assert table["nearest"] + 1 < table["bicubic"] < table["ESPCN"] - 0.3

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** One logarithm for all; LR from the uncut photo, which stops with two sizes that differ by a
# pixel or two; bicubic inside the loop where `enlarge` belongs, so that all methods come out alike. Ask: what would the
# pooled number reward? (Work on the hardest image alone.)

# %% [markdown] tags=["slide"] answers=["0.014"]
# ## Two protocols
#
# The package ships what it measured on Set5, Set14 and BSD100, image by image, under two protocols. For nearest
# neighbour and bicubic there is nothing to train: everybody must get what the paper got.
#
# **Question.** Under which protocol do we?

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

# %% tags=["fold"]
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
# Under `protocol="paper"` we meet all six entries, to 0.014 dB and 0.0012. Under the community's, PSNR is off by a
# tenth of a decibel and SSIM by up to 0.055. **On the same pictures.**
#
# The paper measured with the tools of the daala video codec: luma by BT.709 instead of BT.601, and another SSIM. That
# it was BT.709 is nowhere written. It is inferred: with it the numbers fit, with BT.601 they do not.
#
# To see where the .055 come from we must open SSIM.
#
# ## SSIM, by hand
#
# Wang et al. (2004) asked three questions about a small window of two pictures $a$ and $b$. Is it as bright? Has it as
# much contrast? Does it rise and fall in the same places? Means answer the first, variances the second, the covariance
# the third:
#
# $$\mathrm{SSIM} = \frac{2 \mu_a \mu_b + c_1}{\mu_a^2 + \mu_b^2 + c_1} \cdot
# \frac{2 \sigma_{ab} + c_2}{\sigma_a^2 + \sigma_b^2 + c_2}$$
#
# with $c_1 = (0.01 \cdot 255)^2$ and $c_2 = (0.03 \cdot 255)^2$, so that a black or a flat window is no division by 0.
#
# **Question.** What is SSIM of a window and its negative, $255 - a$? Can it be below 0?
#
# ### {{exercise: ssim_index}}
#
# Write `ssim_index(a, b, weights)` for one window: `a`, `b` and `weights` are float arrays (k, k), grey levels 0 to
# 255, and the weights sum to 1. A mean is a weighted sum: `(weights * a).sum()`. Variances and covariance are the
# weighted means of the products of what is left when the mean is subtracted. Expected: one number, 1 for equal windows.

# %% tags=["stub"]
# {{stub: ssim_index}}

# %% tags=["solution"]
# {{solution: ssim_index}}

# %%
ssim_index = check("ssim_index", ssim_index)

# %% [markdown]
# The SSIM of a picture is the mean over all places of the window. The community's window is 11 x 11, a Gaussian with
# $\sigma = 1.5$, wherever it fits. Yours, moved over a small crop, gives the package's number:

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
# ### How large is a window?
#
# In the paper's tools $\sigma$ is not 1.5. It is 1.5 for a picture of 256 rows, and grows with the height: 3 at 512
# rows.

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
# **Question.** A bicubic enlargement has lost fine detail and kept the coarse. Will a larger window like it more, or
# less?

# %%
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
print("from sigma 1.5 to 3:", {name: f"{value:+.3f}" for name, value in change.items()})

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
# Same pictures, another window, and SSIM rises by several hundredths. Set14's images are the tallest, so the paper's
# numbers are farthest from the community's there. Between SRResNet and DRCN in Table 2 lie 0.011 on Set14. **Never
# compare an SSIM with one of another protocol.** Whoever copies the paper's column next to their own numbers has
# measured the window.
#
# ## What each slip moves
#
# The window is one choice of many. Here is a list of slips that have been made in public code. Each is one line.
#
# **Before you run it:** which of them are harmless? Guess three.


# %%
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

# %% [markdown]
# For bicubic you know the cost from lesson 01: Pillow, rounding and borders do little harm, the others take from half
# a decibel to one and a half. New is the *lead*: where the slip is only a matter of how pixels are compared (RGB,
# range, border, rounding) both methods slip alike, and the lead of ESPCN is nearly what it was.
#
# One bar is worse than a slip: from an LR image without antialiasing the network falls *below* bicubic. It was given
# something that it was never trained on.
#
# So a wrong protocol does not make a comparison false, **as long as it is the same one for all**. It becomes false when
# a number is copied from somebody else's table. Full-range luma on one side alone is worth more than this whole
# network.

# %% [markdown] tags=["instructor"]
# **What to say.** Lesson 01 had these slips for bicubic; new here is the second column. Ask for each row: does it
# change the *ranking*? Two rows do harm of another kind. Without antialiasing the network is given an LR that it was
# not trained on. Off by one pixel is the classic of `align_corners` and of a network with an uneven padding: the
# picture looks perfect.

# %% [markdown] tags=["slide"] answers=[]
# ## A metric that has looked at pictures
#
# PSNR compares pixels. Lesson 06 compared *feature maps* instead. Zhang et al. (2018) made a metric of this, LPIPS:
# five maps of a trained network, and for each channel a weight, fitted to the judgements of people. **ST-LPIPS**
# (Ghildyal and Liu 2022) is its cousin that forgives a shift by a pixel. Its weights come with a package, so it runs
# here.
#
# **Question.** Read the steps, then guess: which of them forgives a change in contrast?

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
# **Lower is better**: it is a distance. Three metrics, three verdicts on pictures of one and the same PSNR. ST-LPIPS
# puts the brighter and the turned copy far ahead of blur and noise. So do most people.
#
# But it is a *network's* opinion. We shall ask it twice more, and the second time it will be wrong.
#
# ## The claim, on this CPU
#
# Two copies of the shipped ESPCN, with the same weights. Both train on for a few updates, on the same crops in the same
# order. One gets the MSE loss. The other gets SRGAN's idea: features of a VGG, and a discriminator.
#
# **Question.** Which will have the higher PSNR on photos that neither has seen? Which the lower ST-LPIPS?


# %%
class PixelsAndFeatures(nn.Module):
    """The content loss: feature maps of a VGG16, and some pixels, so that colours do not drift."""

    def __init__(self):
        super().__init__()
        self.pixels, self.features = content_loss("mse"), content_loss("offline-vgg22")

    def forward(self, sr, hr):
        return self.pixels(sr, hr) + 8 * self.features(sr, hr)


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
# **This is the claim.** The network with the discriminator lost PSNR on photos that it never saw, and won ST-LPIPS. The
# baseline is its twin: same start, same crops, same number of updates, MSE. Only the loss differs.
#
# `srresnet` and `srgan` stand in the table, too: the same pair at full size, trained for minutes on a large GPU.
#
# Honestly: the twin is no SRGAN. It is a small network and a few updates. Its features are of the VGG16 that comes with
# ST-LPIPS, since the paper's VGG19 is a download. And it has pixels in its loss, which the paper's has not: without
# them the colours of so short a run drift. What it shares with SRGAN is what the claim is about.
#
# ### Does any loss of PSNR win?
#
# A claim needs its negative control. PSNR is easy to lose. Take the MSE twin's pictures and spoil them, once with blur,
# once with noise, photo by photo, down to *exactly* the PSNR of the GAN twin.
#
# **Question.** Will ST-LPIPS like one of them?


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
# Blur loses PSNR and loses ST-LPIPS. Noise, on average, gains little or nothing. So losing PSNR is not enough; it
# matters what is put in its place.
#
# And five crops prove little. These were not drawn by lot: on a first choice of four, noise did as well as the GAN
# twin. Read this as a demonstration. The evidence is the tables below, on 119 images that nobody chose for the purpose.
#
# Now look closely at the GAN twin's picture: a fine weave, one thread for each LR pixel. Lesson 03 knows it, the
# checkerboard of a sub-pixel layer. Your eye sees a fault; the metric took it for texture. And on a rough photo, such
# as the cat's fur, the metric may even prefer plain noise to the network. A metric that a grain can please is no judge
# to be trained against for long, and no substitute for an eye.

# %% [markdown] tags=["instructor"]
# **What to say.** The loss saw a VGG16, the judge is an AlexNet: never judge by the network that was trained against.
# Both belong to ST-LPIPS, so they are cousins; say so. Measured with five seeds in the fast settings: GAN against MSE
# twin -0.17 to -0.36 dB and -7 to -10 % of ST-LPIPS; noise at the same PSNR -1 to +4 %, blur +20 to +30 %.

# %% [markdown] tags=["slide"]
# ## Table 2, with our rows
#
# The paper's numbers are of its own protocol, and so are ours here. Each cell: PSNR in dB / SSIM / MOS, the mean
# opinion of 26 people on a scale from 1 to 5 (lesson 09). We have asked nobody, so our rows have no MOS.

# %%
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
    for method in ("SRResNet", "SRGAN")
}
halved = {
    name: measured["srgan"][name, "community"]["stlpips"] / measured["srresnet"][name, "community"]["stlpips"]
    for name in SETS
}
costs = [measured["srresnet"][s, "paper"]["psnr"] - measured["srgan"][s, "paper"]["psnr"] for s in SETS]
print("ST-LPIPS, SRGAN / SRResNet:", {name: round(value, 2) for name, value in halved.items()})
pd.DataFrame(table2, index=SETS).T

# %% tags=["fold"]
assert all(0.1 < value < 0.5 for value in behind["SRResNet"])
assert 0.1 < behind["SRGAN"][0] < 0.3
assert -0.3 < behind["SRGAN"][1] < 0
assert -0.8 < behind["SRGAN"][2] < -0.5
assert 1.6 < min(costs) < max(costs) < 2.4
assert all(0.45 < value < 0.55 for value in halved.values())
assert table2["bicubic"][0][:5] == table2["bicubic, ours"][0][:5] == "28.43"

# %% [markdown]
# Our SRResNet is 0.1 to 0.5 dB behind the paper's: tens of thousands of updates on a few hundred photos, where the
# paper has a million on 350,000. Our SRGAN is 0.2 dB behind the paper's on Set5, and above it on the two other sets, on
# BSD100 by more than half a decibel. That does not make it the better one: it gives up 1.6 to 2.4 dB against SRResNet,
# the paper's gives up more, and fewer dB may buy more texture. A row of ours says what *this* file of weights does, and
# `srgan-lessons evaluate` repeats it. ("Open" would mean: no result of these weights is shipped.)
#
# And the perceptual metric, on all 119 images: SRGAN's ST-LPIPS is about half of SRResNet's.
#
# ### {{exercise: table2_reading}}
#
# Read the paper's rows. SRGAN's opponents are all other methods; HR, the photo itself, is none. Expected: a dict with
# the five answers, names spelled as in the table.

# %% tags=["stub"]
# {{stub: table2_reading}}

# %% tags=["solution"]
# {{solution: table2_reading}}

# %%
table2_reading = check("table2_reading", table2_reading)

# %% [markdown] tags=["slide"] answers=["none", "same order", "exactly"]
# ### Seven in a row, and one out of line
#
# PSNR has a bad name. Is it deserved?
#
# **Question.** Sort the seven methods without SRGAN by PSNR, and by what 26 people said. How many change places?

# %% tags=["check-output"]
SEVEN = [method for method in table2 if (SETS[0], method) in paper and method not in ("SRGAN", "HR")]
for name in SETS:
    by_psnr = sorted(SEVEN, key=lambda method: paper[name, method].psnr)
    by_people = sorted(SEVEN, key=lambda method: paper[name, method].mos)
    all_eight = sorted([*SEVEN, "SRGAN"], key=lambda method: paper[name, method].psnr)
    below = ", ".join(all_eight[: all_eight.index("SRGAN")])
    moved = sum(a != b for a, b in zip(by_psnr, by_people, strict=True))
    print(f"{name}: change places: {moved}; below SRGAN by PSNR: {below}")


# %% tags=["fold"]
def draw(groups, xlabel, ylabel, alt, joined=()):
    """Named points in a plane: group -> name -> (x, y); the groups in `joined` are joined by a line."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 5), layout="constrained")
        axis = figure.add_subplot()
        for (group, points), (colour, style, mark) in zip(groups.items(), LINES, strict=False):
            line = style if group in joined else "none"
            axis.plot(*zip(*points.values(), strict=True), color=colour, linestyle=line, marker=mark, label=group)
            for name, place in points.items():
                spot = {"xytext": (9, -15)} if group in ("Set5", "methods") else {"xytext": (-9, 5), "ha": "right"}
                axis.annotate(name, place, textcoords="offset points", color=colour, **spot)
        axis.set(xlabel=xlabel, ylabel=ylabel)
        axis.margins(x=0.12, y=0.1)
        if len(groups) > 1:
            figure.legend(loc="outside upper center", ncols=3)
        put(as_html(figure, alt=alt), alt=alt)


# %%
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

# %% tags=["fold"]
draw(
    groups,
    "PSNR in dB, higher is better",
    "MOS, higher is better",
    "Three rising lines of seven methods each, from nearest to SRResNet; SRGAN lies far above all, at low PSNR.",
    joined=SETS,
)
assert all(paper[name, "SRGAN"].mos > max(paper[name, m].mos for m in SEVEN) for name in SETS)

# %% [markdown] tags=["slide"] answers=["VGG22"]
# None changes places. On all three sets, PSNR orders seven methods exactly as people do. Those seven all do the same
# thing, better and better: all but nearest and bicubic learn the mean of what could be right (lesson 06). Within such
# a family PSNR is a
# fine ruler.
#
# Then somebody stopped doing the same thing, and the ruler broke. By PSNR, SRGAN is second to last on BSD100; by people
# it is first, by far.
#
# ### Table 1: which loss did it?
#
# Table 1 varies one thing at a time. **Question.** Which rows differ only by the adversarial loss?

# %% tags=["fold"]
rows1 = {(row.set, row.method): row for row in paper_table(1)}
table1 = {}
for method in dict.fromkeys(row.method for row in paper_table(1)):
    theirs = [cell(rows1[s, method].psnr, rows1[s, method].ssim, rows1[s, method].mos) for s in SETS[:2]]
    table1[method] = theirs + our_cells("srresnet" if method == "SRResNet-MSE" else "", SETS[:2])
table1["SRGAN with the offline VGG16"] = ["", "", *our_cells("srgan", SETS[:2])]
for s in SETS[:2]:
    for content in ("MSE", "VGG22"):
        with_d, without = rows1[s, f"SRGAN-{content}"], rows1[s, f"SRResNet-{content}"]
        loss, gain = without.psnr - with_d.psnr, with_d.mos - without.mos
        print(f"{s}, {content}: the discriminator costs {loss:.2f} dB and brings {gain:.2f} MOS")
        assert min(loss - 0.3, gain) > 0.3
pd.DataFrame(table1, index=["Set5, paper", "Set14, paper", "Set5, ours", "Set14, ours"]).T

# %% tags=["fold"]
assert rows1["Set5", "SRGAN-VGG22"].mos > rows1["Set5", "SRGAN-VGG54"].mos
assert rows1["Set14", "SRGAN-VGG22"].mos < rows1["Set14", "SRGAN-VGG54"].mos

# %% [markdown] tags=["slide"]
# Twice the same pair, MSE and VGG22: each time the discriminator costs PSNR and brings about a third of a step of MOS,
# or more. Which *content* loss is best is less clear than it is often told. VGG54 wins on the 14 images of Set14 and
# loses to VGG22 on the five of Set5.
#
# `docs/results.md` names the commands that fill our rows of Table 1.
#
# ## The perception-distortion plane
#
# Put both numbers on two axes: one how far from HR (**distortion**), one how much like a photo (**perception**). A
# method is **dominated** if another one is at least as good in both, and better in one. Those that are not are the
# **front**: to choose among them is a matter of taste, or of use.
#
# ### {{exercise: pareto_front}}
#
# Write `pareto_front(methods)`. `methods` maps names to pairs (PSNR in dB, ST-LPIPS). Expected: the set of the names
# that no other method dominates. Two methods with the same pair do not dominate each other.

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
# SRResNet and SRGAN are both on the front: neither beats the other, they answer two questions.
#
# ### Between two networks
#
# The twins have the same layers. What is a network whose weights are the mean of theirs? Take shares from 0 (all MSE)
# to 1 (all GAN). (Wang et al. 2018 did this for ESRGAN.)
#
# **Question.** A straight line between the twins, or a curve?


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

# %% tags=["fold"]
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
chord = [(1 - share) * mse_db + share * gan_db for share in shares]
assert np.mean([point[0] for point in path[1:-1]]) > np.mean(chord)

# %% [markdown] tags=["slide"] answers=["twice", "3 dB"]
# A curve: on the way, PSNR stays above the straight line. One knob leads from one end to the other: more like HR, or
# more like a photo. There is no corner where both are best, and that is no fault of our networks. Blau and Michaeli
# (2018) proved it for every distortion: **below some distance from HR, no method can look real.**
#
# ### What looking real must cost
#
# An LR pixel says 100 or 150, and both are as likely. Two gamblers guess. One always says the mean. The other draws at
# random, from the right distribution: his pictures are indistinguishable from real ones.
#
# **Question.** How much larger is his squared error?

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

# %% [markdown] tags=["slide"]
# Twice, whatever the distribution: **3 dB**. Who looks perfectly real need not pay more than that against the best
# possible mean. The paper's SRGAN gives up 2.4 to 2.7 dB against SRResNet. Its low PSNR is no accident and no shame. It
# is the price.
#
# ## The metric is wrong, too
#
# At last the second question to ST-LPIPS. Nearest neighbour or bicubic, on Set5?

# %% tags=["check-output"]
for method in ("nearest", "bicubic"):
    theirs, ours = paper["Set5", method], measured[method]["Set5", "community"]
    print(f"{method:8} PSNR {ours['psnr']:.2f} dB, ST-LPIPS {ours['stlpips']:.3f}, MOS {theirs.mos:.2f}")
for name in SETS:
    distances = [measured[method][name, "community"]["stlpips"] for method in ("nearest", "bicubic")]
    assert distances[0] < distances[1]
    assert paper[name, "nearest"].mos < paper[name, "bicubic"].mos

# %% [markdown] tags=["slide"]
# ST-LPIPS prefers nearest neighbour by far, on all three sets. People give it the lowest MOS of all. Large square
# pixels have sharp edges, and the network was not shown enough of them to know that nobody likes these. PSNR gets this
# pair right.
#
# So: PSNR for what is true, a perceptual metric for what looks real, *and never one of them alone*. And where it
# matters, people.
#
# ## Play
#
# Turn the knob. At which share would you stop for a holiday photo? And for a photo from which somebody will read a
# number plate?


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
# - SSIM's window makes up to .055; never compare SSIM across protocols.
# - A slip made on both sides nearly cancels; a number copied from another table does not.
# - A GAN loss lost PSNR and won ST-LPIPS; blur at the same PSNR did not, and noise did not on average.
# - Looking real costs up to 3 dB. PSNR ranks a family of methods as people do, and fails between families. ST-LPIPS
#   fails elsewhere.
#
# ### Three questions
#
# <details><summary>1. A new network has SSIM .79 on Set14, bicubic .704 there. DRCN has .8074 in Table 2.</summary>
#
# So is DRCN better? Nobody knows. Bicubic tells the protocol: .704 is the community's, Table 2 has .7486. Measure
# DRCN's pictures by the community's protocol, or the new ones by the paper's.
# </details>
#
# <details><summary>2. Your GAN gives up 4.5 dB against your MSE network. What do you suspect?</summary>
#
# Looking real costs at most 3 dB against the best mean. More than that pays for something else: artefacts, colours
# that drift, a picture shifted by a pixel.
# </details>
#
# <details><summary>3. Somebody trains on ST-LPIPS, reports ST-LPIPS, and wins. What do you ask for?</summary>
#
# Another judge: a metric with another network, PSNR beside it, pictures, and at best people. What is optimised stops
# being a measure.
# </details>
#
# ### What this lesson leaves out
#
# Metrics without a reference (NIQE, and FID for whole sets), which ask "does it look like a photo?" without asking "of
# this?". And people: ST-LPIPS stands in for them here only because it can run on your machine.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 3.1 for the measures, Tables 1 and
#   2.
# - Wang et al. 2004, *Image quality assessment: from error visibility to structural similarity*. Wang and Bovik 2009,
#   *Mean squared error: love it or leave it?*, for the pictures of equal error.
# - Zhang et al. 2018, [arXiv 1801.03924](https://arxiv.org/abs/1801.03924): LPIPS. Ghildyal and Liu 2022, [arXiv
#   2207.13686](https://arxiv.org/abs/2207.13686): ST-LPIPS.
# - Blau and Michaeli 2018, [arXiv 1711.06077](https://arxiv.org/abs/1711.06077): the trade-off and the 3 dB. Wang et
#   al. 2018, [arXiv 1809.00219](https://arxiv.org/abs/1809.00219): mixing networks.
# - In this package: `srgan_lessons/metrics.py`, `stlpips.py`, `evaluation.py`, and `docs/results.md`.
#
# Next: lesson 09 asks people. Below is what you have solved so far.

# %%
progress()
