# %% [markdown] tags=["slide"]
# # Start here
#
# **Claim.** Within a minute of opening the notebook, you can enlarge your own photo 4 times, more sharply than bicubic
# does.
#
# **Time.** 15 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** You know a little Python. Run the cells from top to bottom: Shift+Enter runs a cell and moves on to the
# next. Run the closed cells, too. You need not read their code, which begins with `# @title`: it prepares something,
# draws a figure, or checks what the text says.
#
# {{colab_badge}}

# %% [markdown] tags=["slide"]
# ## Why
#
# A detective says "enhance", and a blurred photo becomes sharp. That is fiction. Or is it? This course builds the
# network that came closest: SRGAN (Ledig et al. 2017). You will write its parts yourself, train it, measure it, and
# learn where not to trust it.
#
# Enlarging a photo together with its detail is called **super-resolution**. SRGAN is short for *super-resolution
# generative adversarial network*: a network that generates pixels, trained against a second network, its adversary.
#
# But first, try it. Two networks come with the course, and they have the same layers:
#
# - **SRResNet** was trained to come as close as it can to the original photo, pixel by pixel.
# - **SRGAN** started from SRResNet and was then trained further, to look like a photo.
#
# The cells below load them. If something is missing on your machine, run `srgan-lessons doctor` in a terminal: it tells
# you what.

# %% tags=["fold"]
import time

import numpy as np

from srgan_lessons.classroom.drawings import drawing
from srgan_lessons.classroom.figures import bars, show_crops, show_images
from srgan_lessons.classroom.viewers import compare, upload_photo, zoom
from srgan_lessons.images import sample_photos
from srgan_lessons.metrics import luma, psnr
from srgan_lessons.models import ESPCN, Generator, count_parameters
from srgan_lessons.resize import imresize
from srgan_lessons.upscaling import upscale
from srgan_lessons.weights import load_network

settings = lesson_settings(full={"side": 160}, fast={"side": 64})  # of the middle of your photo

# %% tags=["skip"]
started = time.perf_counter()
srresnet, srgan = load_network("srresnet"), load_network("srgan")

# %% [markdown] tags=["slide"] answers=["16", "sixteen", "sixteenth"]
# ## One photo, four times larger
#
# To know how good an enlargement is, we need to know the truth. So we take a photo (HR, high resolution), make it four
# times smaller in each direction (LR, low resolution), and enlarge the small copy again.
#
# **Before you read on:** what fraction of the large image's pixels does the small one still have?

# %% tags=["check-output", "skip"]
hr = sample_photos()["chelsea"][:300, :448]  # (300, 448, 3): high resolution, the truth
lr = imresize(hr, 1 / 4)  # (75, 112, 3): low resolution, all that the networks will see
print("HR", hr.shape, "- LR", lr.shape)
print("HR pixels for each LR pixel:", hr.size // lr.size)

# %% tags=["fold"]
show_images(hr, lr, titles=["HR: the truth", "LR: what is given"], alt="A cat in HR, and as coarse blocks in LR.")

# %% [markdown] tags=["fragment"]
# One in sixteen. The other fifteen have to be made up.

# %% [markdown] tags=["subslide"]
# The classic method is **bicubic** interpolation: each new pixel is a weighted mean of its neighbours. Every photo
# editor has it. A network does the same job, but nobody chose its weights: it learned them from photos. Run both cells,
# and drag the line across the picture.

# %% tags=["skip"]
bicubic = imresize(lr, 4)  # (300, 448, 3)
closest, liveliest = upscale(lr, srresnet), upscale(lr, srgan)  # (300, 448, 3) each: super-resolved
print(f"Two networks loaded, one photo enlarged by each: {time.perf_counter() - started:.0f} s.")

# %% tags=["fold"]
compare(bicubic, liveliest, titles=("bicubic", "SRGAN"), alt="A cat, enlarged 4 times; SRGAN's side has fur.")

# %% [markdown] tags=["notes"]
# Here is one eye of the cat, enlarged by bicubic and by both networks, beside the truth:

# %% tags=["fold"]
FACE = (52, 92, 136, 136)  # top, left, height, width
show_crops(
    hr,
    bicubic,
    closest,
    liveliest,
    titles=["HR: the truth", "bicubic", "SRResNet", "SRGAN"],
    box=FACE,
    alt="A cat's eye: soft by bicubic, clean and smooth by SRResNet, with fur by SRGAN.",
)

# %% [markdown]
# SRResNet draws clean edges and leaves out the fur, as a painter would. SRGAN draws fur. From a little distance, you
# would take its picture for the real photo.

# %% [markdown] tags=["slide"]
# ## Better, or only different?
#
# Eyes are easily pleased, so we measure two things.
#
# - **PSNR**, in decibels (dB): how close is the enlargement to the truth? The higher, the closer.
# - **Sharpness**: how much does the brightness change, on average, from one pixel to the next? The truth counts as 100
#   %.


# %% tags=["check-output"]
def sharpness(image):
    """How much the brightness changes from pixel to pixel, in per cent of the truth's change."""

    def slope(image):
        y = luma(image)  # (H, W), brightness
        return np.hypot(np.diff(y, axis=0)[:, :-1], np.diff(y, axis=1)[:-1]).mean()

    return 100 * slope(image) / slope(hr)


print(f"bicubic: {psnr(bicubic, hr):.1f} dB, sharpness {sharpness(bicubic):.0f} %")
print(f"truth: sharpness {sharpness(hr):.0f} %")

# %% [markdown] answers=["further", "sharpest", "closer"]
# **Question.** Does SRResNet have more dB than bicubic, or fewer? Is it sharper, or softer? And SRGAN? Make all four
# guesses, then run the cell.

# %% tags=["fold"]
print(f"SRResNet: {psnr(closest, hr):.1f} dB, sharpness {sharpness(closest):.0f} %")
print(f"SRGAN: {psnr(liveliest, hr):.1f} dB, sharpness {sharpness(liveliest):.0f} %")
assert psnr(closest, hr) > psnr(bicubic, hr) + 0.5
assert psnr(liveliest, hr) < psnr(bicubic, hr) - 0.8
assert sharpness(bicubic) + 5 < sharpness(closest) < 60
assert 75 < sharpness(liveliest) < 100

# %% [markdown]
# SRResNet is closer to the truth than bicubic, *and* sharper. SRGAN is by far the sharpest, and **further from the
# truth than bicubic**. That is no accident: its hairs are not where the cat's hairs are. It was trained to draw fur,
# not this cat's fur.
#
# ## The counter-test
#
# Is a sharp picture a good picture? Take the bicubic picture and add noise until it has about as many dB as SRGAN's.

# %% tags=["check-output"]
noise = np.random.default_rng(0).normal(0, 6, bicubic.shape)  # grey levels
noisy = np.clip(np.round(bicubic + noise), 0, 255).astype(np.uint8)  # (300, 448, 3)
print(f"bicubic and noise: {psnr(noisy, hr):.1f} dB, sharpness {sharpness(noisy):.0f} %")

# %% tags=["fold"]
show_crops(
    hr,
    closest,
    liveliest,
    noisy,
    titles=[
        "truth",
        f"SRResNet {psnr(closest, hr):.1f} dB",
        f"SRGAN {psnr(liveliest, hr):.1f} dB",
        f"noise {psnr(noisy, hr):.1f} dB",
    ],
    box=FACE,
    alt="The cat's eye again: the picture with noise is sharper than SRGAN's by the number, and looks worst.",
)
assert sharpness(noisy) > sharpness(liveliest) + 10
assert abs(psnr(noisy, hr) - psnr(liveliest, hr)) < 0.2

# %% [markdown] tags=["notes"]
# By the numbers, the noisy picture is sharper than SRGAN's and just as close to the truth. And it is worth nothing. So
# neither number can tell fur from noise. You can. Lesson 06 looks for a measure that can do it, too: the one that SRGAN
# is trained with.

# %% [markdown]
# ## Just lucky with one photo?
#
# One photo is an anecdote. Here are three, and neither network saw any of them in training.

# %% tags=["skip"]
pictures, gains = {"chelsea": (hr, bicubic, closest, liveliest)}, {}
for name in ("coffee", "astronaut"):
    photo = sample_photos()[name]  # (400, 600, 3) and (512, 512, 3)
    small = imresize(photo, 1 / 4)  # (H/4, W/4, 3)
    pictures[name] = (photo, imresize(small, 4), upscale(small, srresnet), upscale(small, srgan))  # (H, W, 3) each
for name, (photo, smooth, *by_networks) in pictures.items():
    for kind, sr in zip(("SRResNet", "SRGAN"), by_networks, strict=True):
        gains[f"{name}, {kind}"] = psnr(sr, photo) - psnr(smooth, photo)

# %% tags=["fold"]
bars(
    gains,
    xlabel="gain over bicubic in dB",
    alt="Bars: on three photos SRResNet gains decibels over bicubic; SRGAN loses some, or gains far fewer.",
)
for name in pictures:
    assert gains[f"{name}, SRResNet"] > 0.5
    assert gains[f"{name}, SRGAN"] < gains[f"{name}, SRResNet"] - 1.5
assert gains["chelsea, SRGAN"] < -0.4
assert abs(gains["coffee, SRGAN"]) < 0.4 < gains["astronaut, SRGAN"]

# %% [markdown]
# SRResNet has the highest PSNR on all three, and SRGAN's is at least 1.5 dB lower each time. Compared with bicubic's,
# it is lower on the cat, about equal on the coffee, and higher on the astronaut. Now look at what the decibels do not
# tell you: the spoon and its reflections.

# %% tags=["fold"]
show_crops(
    *pictures["coffee"],
    titles=["HR", "bicubic", "SRResNet", "SRGAN"],
    box=(176, 300, 152, 152),
    alt="A spoon beside a cup: a blur by bicubic, smooth by SRResNet, with crisp reflections by SRGAN.",
)

# %% [markdown] tags=["slide"]
# ## Your own photo
#
# Choose a picture. Its middle, at most 160 x 160 pixels, is enlarged four times. This time nobody knows the truth: your
# photo *is* all there is. It goes to the machine this notebook runs on, and nowhere else.


# %% tags=["fold"]
def enlarge(photo):
    """Shows the middle of a photo, uint8 (H, W, 3), enlarged by bicubic, SRResNet and SRGAN."""
    side = settings.side
    top, left = (max(0, (n - side) // 2) for n in photo.shape[:2])
    middle = photo[top : top + side, left : left + side]  # (160, 160, 3) at most
    by = {"SRGAN": upscale(middle, srgan), "bicubic": imresize(middle, 4), "SRResNet": upscale(middle, srresnet)}
    height, width = by["SRGAN"].shape[:2]
    alt = "The middle of your photo, enlarged 4 times"
    compare(by["bicubic"], by["SRGAN"], titles=(f"bicubic, {width} x {height}", "SRGAN"), alt=f"{alt}.")
    versions = by["SRGAN"], middle, by["bicubic"], by["SRResNet"]
    show_crops(
        *versions, titles=["SRGAN", "your photo", "bicubic", "SRResNet"], alt=f"{alt}, and a part of it, zoomed."
    )


upload_photo(enlarge)

# %% [markdown] tags=["notes"]
# No photo at hand? Here is the cat, enlarged to a size at which nobody ever photographed it.

# %% tags=["skip"]
enlarge(sample_photos()["chelsea"][60:260, 60:260])

# %% [markdown]
# To enlarge a whole photo, use a terminal: `srgan-lessons upscale holiday.jpg -o holiday_x4.png --weights srgan`. On a
# phone, or for a friend, there is [a page that does the same in the
# browser](https://srgan-lessons.github.io/srgan-lessons/try/); the photo stays on the device.

# %% [markdown] tags=["notes"]
# ## Play
#
# Pick a photo, move the box, change its size. Where does SRGAN win? Where does SRResNet? And where does nothing help?

# %% tags=["fold", "skip"]
zoom(
    pictures,
    titles=["HR", "bicubic", "SRResNet", "SRGAN"],
    at=(35, 35),  # the cat's eye
    alt="A crop of a photo as HR, by bicubic, by SRResNet and by SRGAN.",
)

# %% [markdown] tags=["slide"]
# ## What it cannot do
#
# If a hair of the fur is in the wrong place, nobody notices. In a face, everybody does.

# %% tags=["fold"]
show_crops(
    *pictures["astronaut"],
    titles=["HR", "bicubic", "SRResNet", "SRGAN"],
    box=(64, 168, 112, 112),
    alt="A woman's smiling face: SRResNet's is soft and hers; SRGAN's has crumpled teeth and odd eyes.",
)

# %% [markdown] answers=["same", "nobody", "plausible"]
# This is a failure, and not a rare one. In the LR image, the mouth covers only a few pixels. SRGAN knows that something
# sharp belongs there, but not what. Here it is worse than SRResNet, which leaves the face soft, but recognisably hers.
# Small faces, lettering and fine regular stripes all go wrong in this way.
#
# **Question.** Can any method, however clever and however long it was trained, get the true HR photo back?

# %% tags=["skip"]
cat = sample_photos()["chelsea"][:300, :448]  # (300, 448, 3)
rows, columns = np.indices(cat.shape[:2])
chequers = np.where((rows + columns) % 2, 24, -24)[..., None]  # (300, 448, 1), grey levels
other = np.clip(cat + chequers, 0, 255).astype(np.uint8)  # (300, 448, 3)
cat_lr, other_lr = imresize(cat, 1 / 4), imresize(other, 1 / 4)  # (75, 112, 3) both
apart, apart_lr = (np.abs(a.astype(int) - b).mean() for a, b in ((cat, other), (cat_lr, other_lr)))
print(f"On average the photos differ by {apart:.1f} grey levels, their LR images by {apart_lr:.1f}.")

# %% tags=["fold"]
show_crops(
    cat,
    other,
    cat_lr,
    other_lr,
    titles=["a photo", "another photo", "LR of the one", "LR of the other"],
    box=(96, 184, 64, 64),
    alt="A cat's eye, once with a fine chequerboard over it. The two LR images look the same.",
)
assert apart > 20
assert apart_lr < 1

# %% [markdown]
# The two photos have almost the same LR image. From that LR image, nobody can tell which photo it came from. What a
# network adds is the *most plausible* detail, judging by the photos it has seen. It is a guess, and with SRGAN a very
# convincing one.
#
# So use it for a holiday photo, but **never** to read a number plate, to recognise a face or to judge an X-ray. Lesson
# 10 comes back to this.

# %% [markdown] tags=["slide"]
# ## The way ahead

# %% tags=["fold"]
drawing("course")

# %% [markdown] tags=["notes"]
# | | lesson | what you will have built |
# |---|---|---|
# | 01 | Images and scale | the LR images and the measure, exact to the last digit |
# | 02 | Residual generator | the network's trunk |
# | 03 | Pixel shuffle | its last step, and a first small network of your own, ESPCN |
# | 04 | Training SRResNet | a training run that can be stopped and resumed |
# | 05 | Discriminator | the network's opponent |
# | 06 | Content loss | a measure that prefers texture to blur |
# | 07 | Training SRGAN | both networks, playing against each other |
# | 08 | Measuring | the paper's tables, with your rows in them |
# | 09 | Mean opinion score | the opinion of your class, as a study |
# | 10 | Your own photos | an honest tool for your own pictures |
# | 11 | Your own SRGAN | a network trained your way, and your class's own table |
#
# SRResNet and SRGAN are the same network with different weights. ESPCN is smaller. How large are they?

# %% tags=["check-output", "skip"]
print(f"ESPCN has {count_parameters(ESPCN()):,} trained numbers, SRGAN's generator {count_parameters(Generator()):,}.")

# %% [markdown] tags=["slide"]
# ## Recap
#
# - A 4x enlargement invents fifteen of sixteen pixels.
# - Bicubic averages neighbours. SRResNet comes closest to the truth, and is smooth. SRGAN looks most like a photo.
# - PSNR says how close a picture is to the truth; sharpness says how much it changes from pixel to pixel. Even together
#   they cannot tell fur from noise.
# - What was lost is lost. Any detail that seems to have come back is a guess.
#
# ### Three questions
#
# <details><summary>1. Why did we make the photo smaller before we enlarged it?</summary>
#
# To have the truth to compare with. Enlarge a real photo, and nobody can say how good the result is.
# </details>
#
# <details><summary>2. On the cat, SRGAN has fewer dB than bicubic. Is it worse?</summary>
#
# It is further from the truth, pixel by pixel. To the eye, it is the better picture wherever the exact place of a
# detail does not matter, as in fur. Where it does matter, as in a face, it may be the worse one.
# </details>
#
# <details><summary>3. Why were the three photos kept out of training?</summary>
#
# A network may know its training photos by heart. Only photos it has never seen show what it has learned.
# </details>
#
# ### What this lesson leaves out
#
# This lesson leaves out how LR images are made and how PSNR is computed (lesson 01), how the network works and learns
# (02 to 04), and everything about GANs (05 to 07).
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): the introduction, and Figure 1.
# - The model cards of the two networks, `srgan_lessons/weights/srresnet.md` and `srgan.md`: how they were trained and
#   how good they are.

# %% [markdown] tags=["instructor"]
# **Timing.** The slider and the crops take 3 minutes, measuring 5, the learners' own photos 3, and the limits 4.
# **Before class**, run the notebook once on the classroom's machines. Before each number, ask for guesses by a show of
# hands: nearly everyone expects SRGAN to win on PSNR. The usual answer to "can any method get it back?" is "with enough
# data": keep the two photos with one LR image on the screen until someone says why not.
