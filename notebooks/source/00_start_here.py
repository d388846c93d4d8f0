# %% [markdown] tags=["slide"]
# # Start here
#
# **Claim.** A 4x enlargement of your own photo, sharper than bicubic, within a minute of opening the notebook.
#
# **Time.** 15 minutes of teaching, 0 minutes of exercises.
#
# **Before.** A little Python. Run the cells from top to bottom: Shift+Enter runs one and goes to the next.
#
# {{colab_badge}}

# %% [markdown] tags=["slide"]
# ## Why
#
# A detective says "enhance", and a blurred photo becomes sharp. That is fiction. Or is it? This course builds the
# network that came closest: SRGAN (Ledig et al. 2017). You write its parts yourself, train it, measure it, and learn
# where it must not be trusted.
#
# But first you use one: a small relative, ESPCN, with three layers. The cell below loads it. If something is missing
# on your machine, `srgan-lessons doctor` in a terminal says what.

# %%
import tempfile
import time

import numpy as np

from srgan_lessons.classroom.figures import bars, show_crops
from srgan_lessons.classroom.viewers import compare, upload_photo, zoom
from srgan_lessons.images import sample_photos
from srgan_lessons.metrics import luma, psnr
from srgan_lessons.models import ESPCN, Generator, count_parameters
from srgan_lessons.resize import imresize
from srgan_lessons.training import RECIPES, train
from srgan_lessons.upscaling import upscale
from srgan_lessons.weights import load_network, shipped_weights

started = time.perf_counter()
UNSEEN = ("astronaut", "chelsea", "motorcycle")  # photos that no network of this lesson was trained on

if "espcn" in shipped_weights():
    network = load_network("espcn")
    print("ESPCN: the weights that come with the course.")
else:
    print("ESPCN: no weights are here, so it is trained now. On two idle cores that takes half a minute ...")
    recipe = RECIPES["espcn"].change(steps=1200, batch=8, crop=48)
    others = {name: photo for name, photo in sample_photos().items() if name not in UNSEEN}
    with tempfile.TemporaryDirectory() as folder:
        network = train(recipe, others, run=folder, device="cpu", progress=False).network

# %% [markdown] tags=["slide"]
# ## One photo, four times larger
#
# To know how good an enlargement is, one must know the truth. So we begin with a photo, make it four times smaller,
# and enlarge the small one again.
#
# **Before you read on:** how many of the pixels of the large image does the small one still have?

# %% tags=["check-output"]
hr = sample_photos()["astronaut"]  # (512, 512, 3): high resolution, the truth
lr = imresize(hr, 1 / 4)  # (128, 128, 3): low resolution, all that the network will see
print("HR", hr.shape, "- LR", lr.shape)
print("HR pixels for each LR pixel:", hr.size // lr.size)

# %% [markdown]
# One of sixteen. The other fifteen have to be made up.
#
# The classic way is **bicubic** interpolation, a weighted mean of the neighbours. Every photo editor has it. A
# network does the same job, but its weights were not thought up: they were learned from photos. Move the slider.

# %%
bicubic = imresize(lr, 4)  # (512, 512, 3)
sr = upscale(lr, network)  # (512, 512, 3): super-resolved
compare(
    bicubic, sr, titles=("bicubic", "network"), alt="An astronaut, enlarged 4 times; the network's side is sharper."
)
print(f"There after {time.perf_counter() - started:.0f} seconds.")

# %% [markdown]
# Look at the badge, the edge of the helmet, the stripes of the flag. Closer, pixel by pixel:

# %%
show_crops(
    hr,
    lr,
    bicubic,
    sr,
    titles=["HR: the truth", "LR: what is given", "bicubic", "network"],
    box=(332, 124, 96, 96),
    alt="A badge on a space suit: clear in HR, blocks in LR, soft by bicubic, with crisper edges by the network.",
)

# %% [markdown] tags=["slide"]
# ## Better, or only different?
#
# Eyes are easily pleased. So we measure two things.
#
# - **PSNR**, in decibels (dB): how close is it to the truth? The higher, the closer.
# - **Sharpness**: how steep is the picture, on average, from pixel to pixel? The truth has 100 %.


# %% tags=["check-output"]
def sharpness(image):
    """The mean slope of the brightness, as a share of the truth's, in per cent."""

    def slope(image):
        y = luma(image)  # (H, W), brightness
        return np.hypot(np.diff(y, axis=0)[:, :-1], np.diff(y, axis=1)[:-1]).mean()

    return 100 * slope(image) / slope(hr)


print(f"bicubic: {psnr(bicubic, hr):.1f} dB, sharpness {sharpness(bicubic):.0f} %")
print(f"truth: sharpness {sharpness(hr):.0f} %")

# %% [markdown]
# **Question.** The network: more dB or fewer? Sharper or softer? Guess first.

# %%
print(f"network: {psnr(sr, hr):.1f} dB, sharpness {sharpness(sr):.0f} %")
assert psnr(sr, hr) > psnr(bicubic, hr) + 0.2
assert sharpness(bicubic) + 5 < sharpness(sr) < 100

# %% [markdown]
# Closer to the truth *and* sharper. Still, the truth is far sharper than both.
#
# ### The counter-test
#
# Is a sharp picture a good picture? Take bicubic's, and add noise.

# %% tags=["check-output"]
noise = np.random.default_rng(0).normal(0, 8, bicubic.shape)  # grey levels
noisy = np.clip(np.round(bicubic + noise), 0, 255).astype(np.uint8)  # (512, 512, 3)
print(f"bicubic and noise: {psnr(noisy, hr):.1f} dB, sharpness {sharpness(noisy):.0f} %")

# %%
show_crops(
    hr,
    bicubic,
    sr,
    noisy,
    titles=[
        "truth",
        f"bicubic {psnr(bicubic, hr):.1f} dB",
        f"network {psnr(sr, hr):.1f} dB",
        f"noise {psnr(noisy, hr):.1f} dB",
    ],
    box=(332, 124, 96, 96),
    alt="The badge again: the picture with noise has the highest sharpness of all enlargements, and looks worst.",
)
assert sharpness(noisy) > sharpness(sr)
assert psnr(noisy, hr) < psnr(bicubic, hr) - 0.4

# %% [markdown]
# "Sharper than the truth", and worse than before. So sharpness alone proves nothing; only together with PSNR does it
# mean something. And PSNR alone? It has a flaw of its own, and this flaw is the reason why SRGAN exists (lesson 06).
#
# ### Luck with one photo?
#
# One photo is an anecdote. Here are three that the network has not seen in training.

# %%
pictures, gains = {}, {}
for name in UNSEEN:
    height, width = (n // 4 * 4 for n in sample_photos()[name].shape[:2])
    photo = sample_photos()[name][:height, :width]  # whole 4 x 4 tiles
    small = imresize(photo, 1 / 4)  # (H/4, W/4, 3)
    pictures[name] = (photo, imresize(small, 4), upscale(small, network))  # HR, bicubic, SR: (H, W, 3) each
    gains[name] = psnr(pictures[name][2], photo) - psnr(pictures[name][1], photo)
bars(
    gains, xlabel="gain over bicubic in dB", alt="Bars: the network's gain in decibels on three photos, all above zero."
)
assert min(gains.values()) > 0

# %% [markdown] tags=["slide"]
# ## Your own photo
#
# Choose a picture. Its middle, at most 240 x 240 pixels, becomes four times larger. This time nobody knows the truth:
# your photo *is* all there is. It goes to the machine on which this notebook runs, and nowhere else.


# %%
def enlarge(photo):
    """Shows the middle of a photo, uint8 (H, W, 3), enlarged by bicubic and by the network."""
    top, left = (max(0, (n - 240) // 2) for n in photo.shape[:2])
    middle = photo[top : top + 240, left : left + 240]  # (240, 240, 3) at most
    larger = upscale(middle, network)  # (960, 960, 3)
    height, width = larger.shape[:2]
    titles = (f"bicubic, {width} x {height}", "network")
    compare(imresize(middle, 4), larger, titles=titles, alt="The middle of your photo, enlarged 4 times.")


upload_photo(enlarge)

# %% [markdown]
# No photo at hand? This is what happens to the cat, which no one ever photographed at that size.

# %%
enlarge(sample_photos()["chelsea"])

# %% [markdown]
# A whole photo, in a terminal: `srgan-lessons upscale holiday.jpg -o holiday_x4.png --weights espcn`.
#
# ## Play
#
# Pick a photo, move the box, change its size. Where does the network win, and where does nothing help?

# %%
zoom(pictures, titles=["HR", "bicubic", "network"], alt="A crop of a photo as HR, by bicubic and by the network.")

# %% [markdown] tags=["slide"]
# ## What it cannot do
#
# **Question.** Can any method, however clever, get the true HR photo back?

# %%
cat = sample_photos()["chelsea"][:300, :448]  # (300, 448, 3)
rows, columns = np.indices(cat.shape[:2])
chequers = np.where((rows + columns) % 2, 24, -24)[..., None]  # (300, 448, 1), grey levels
other = np.clip(cat + chequers, 0, 255).astype(np.uint8)  # (300, 448, 3)
cat_lr, other_lr = imresize(cat, 1 / 4), imresize(other, 1 / 4)  # (75, 112, 3) both
show_crops(
    cat,
    other,
    cat_lr,
    other_lr,
    titles=["a photo", "another photo", "LR of the one", "LR of the other"],
    box=(96, 184, 64, 64),
    alt="A cat's eye, once with a fine chequerboard over it. The two LR images look the same.",
)
apart, apart_lr = (np.abs(a.astype(int) - b).mean() for a, b in ((cat, other), (cat_lr, other_lr)))
print(f"On average the photos differ by {apart:.1f} grey levels, their LR images by {apart_lr:.1f}.")
assert apart > 20
assert apart_lr < 1

# %% [markdown]
# Two photos, and almost the same LR image. From the LR image nobody can tell which of them was there. What a network
# adds is the *most plausible* detail, judged by the photos that it has seen. It is a guess, and with SRGAN a very
# convincing one.
#
# So: for a holiday photo, yes. To read a number plate, to recognise a face, to judge an X-ray: **never**. Lesson 10
# comes back to this.

# %% [markdown] tags=["slide"]
# ## The way ahead
#
# | | lesson | what you will have built |
# |---|---|---|
# | 01 | Images and scale | the LR images and the measure, to the last bit |
# | 02 | Residual generator | the network's trunk |
# | 03 | Pixel shuffle | its last step; you train the network of this lesson yourself |
# | 04 | Training SRResNet | a training that can be stopped and resumed |
# | 05 | Discriminator | the network's opponent |
# | 06 | Content loss | a measure that prefers texture to blur |
# | 07 | Training SRGAN | both against each other |
# | 08 | Measuring | the tables of the paper, with your rows in them |
# | 09 | Mean opinion score | the opinion of your class, as a study |
# | 10 | Your own photos | an honest tool |
#
# The network above is the smallest of them. How small?

# %% tags=["check-output"]
print(f"ESPCN has {count_parameters(ESPCN()):,} trained numbers, SRGAN's generator {count_parameters(Generator()):,}.")

# %% [markdown] tags=["slide"]
# ## Recap
#
# - A 4x enlargement invents fifteen of sixteen pixels.
# - Bicubic averages neighbours. A network has learned from photos what stands there most often.
# - PSNR says how close to the truth, sharpness says how steep. Neither is enough alone.
# - What was lost is lost. Whatever looks like it is a guess.
#
# ### Three questions
#
# <details><summary>1. Why did we make the photo smaller before we enlarged it?</summary>
#
# To have the truth to compare with. Of an enlargement of a real photo nobody knows how good it is.
# </details>
#
# <details><summary>2. Noise made the picture sharper. Why is it no enhancement?</summary>
#
# The sharpness is not that of the truth: PSNR fell. A measure that can be raised by noise proves nothing alone.
# </details>
#
# <details><summary>3. Why were the three photos kept out of training?</summary>
#
# A network may know its training photos by heart. Only photos that it has not seen tell what it has learned.
# </details>
#
# ### What this lesson leaves out
#
# How LR images are made and PSNR is counted (lesson 01), how the network works and learns (02 to 04), and everything
# about GANs (05 to 07).
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): the introduction, and Figure 1.
# - Shi et al. 2016, [arXiv 1609.05158](https://arxiv.org/abs/1609.05158): ESPCN, the network of this lesson, section
#   3.

# %% [markdown] tags=["instructor"]
# **Timing.** Slider and crops 3 minutes, measuring 5, own photos 4, limits 3. **Before class** run the notebook once
# on the machines of the room. Ask for guesses before each number, by show of hands. The usual answer to "can any
# method get it back?" is "with enough data": keep the two photos with one LR image on the screen until someone says
# why not.
