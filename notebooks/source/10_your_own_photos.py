# %% [markdown] tags=["slide"]
# # Your own photos
#
# **Claim.** The detail that a network adds is not in your photo: it comes from the photos that the network was trained
# on.
#
# **Time.** 38 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lesson 01 (LR images, PSNR) and lesson 00. You know matrix products in numpy. Lessons 04 to 08 help, but
# are not needed.
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import copy
import importlib.util
import io
import tempfile
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from srgan_lessons import UserError
from srgan_lessons.classroom.figures import bars, curves, put, show_crops, show_images
from srgan_lessons.classroom.viewers import play, upload_photo, zoom
from srgan_lessons.classroom.waiting import Bar
from srgan_lessons.datasets import benchmark_hashes, load_photos, perceptual_hash
from srgan_lessons.export import export_onnx
from srgan_lessons.images import read_picture, sample_photos, save_image, to_image, to_tensor
from srgan_lessons.metrics import psnr
from srgan_lessons.resize import imresize, taps
from srgan_lessons.training import RECIPES, train
from srgan_lessons.upscaling import upscale, upscale_file
from srgan_lessons.weights import load_network

settings = lesson_settings(full={"updates": 800}, fast={"updates": 150})

NETWORKS = ("espcn", "srresnet", "srgan")
BEST = "srgan"  # the one that invents most
photos = sample_photos()
folder = Path(tempfile.mkdtemp())  # for all files of this lesson

# %% [markdown] tags=["slide"] answers=["86"]
# ## Why
#
# At night, a camera has caught a two-digit house number from far away. Each digit is two pixels high. A network
# enlarges it.
#
# **Before you read on:** run the cells. Which number is it? Write it down. How sure are you, in per cent?


# %% tags=["fold"]
def house_number(number, size=10):
    """A sign with two digits, uint8 (32, 64, 3)."""
    sign = Image.new("L", (64, 32), 232)
    font = ImageFont.load_default(size=size)
    ImageDraw.Draw(sign).text((32, 16), number, fill=40, anchor="mm", font=font)
    return np.stack([np.asarray(sign)] * 3, axis=-1)


NUMBERS = [f"{n:02d}" for n in range(100)]
secret = NUMBERS[2 * 43]  # do not work it out


# %%
def caught(number, size=10, noise=16, seed=0):
    """What the camera makes of it, uint8 (8, 16, 3): the LR picture, each pixel up to `noise` grey levels off."""
    lr = imresize(house_number(number, size), 1 / 4)
    off = np.random.default_rng(seed).integers(-noise, noise + 1, (8, 16, 1))
    return np.clip(lr.astype(int) + off, 0, 255).astype(np.uint8)


lr = caught(secret)

# %% tags=["fold"]
show_images(
    lr,
    imresize(lr, 4),
    upscale(lr, BEST),
    titles=["what the camera caught", "bicubic", f"the network ({BEST})"],
    alt="A sign with two digits: a few dark blocks in LR, a grey smear by bicubic, a tangle of strokes by the network.",
)

# %% [markdown]
# Keep your number. We will come back to it, with a list of all the numbers it *could* have been.

# %% [markdown] tags=["instructor"]
# **Timing.** The learners' own photos take 6 minutes, what is not in the photo 8, consistency 4, two folders 7, the
# house number 3, noise 3, files and tiles 4, and uses and cases 3. The exercises take 19. **Before class**, ask for
# photos that may be shown: a holiday picture, a page of print, a face. Collect the guesses for the house number on the
# board, each with its percentage. Most rooms are surer than they should be; the list at the end has more than one
# number.

# %% [markdown] tags=["slide"] answers=["invented", "texture"]
# ## A photo of your own
#
# In lesson 00, you enlarged a photo of yours and looked at it. Now you can question it: let two networks enlarge the
# same crop, and see where they disagree.
#
# Run the cell. It begins with the cat. The button loads a photo of yours, which stays on the machine that this notebook
# runs on. The sliders move the crop to where the red lines cross. Try a face, some lettering, leaves, the sky.
#
# **Question.** Where do SRResNet and SRGAN disagree? Can the photo tell you which of them is right?


# %% tags=["fold"]
chosen = {"photo": photos["chelsea"]}


def keep(photo):
    chosen["photo"] = photo
    step = max(1, max(photo.shape) // 256)
    show_images(photo[::step, ::step], titles=["now move a slider below"], alt="Your photo, small.")


def disagree(down, right):
    """Shows 64 x 64 pixels of the chosen photo, enlarged by SRResNet and by SRGAN, and where the two differ."""
    photo = chosen["photo"]  # uint8 (H, W, 3)
    top, left = (max(0, n - 64) * percent // 100 for n, percent in zip(photo.shape[:2], (down, right), strict=True))
    crop = photo[top : top + 64, left : left + 64]  # (64, 64, 3) at most
    step = max(1, max(photo.shape) // 256)
    overview = photo[::step, ::step].copy()
    overview[(top + len(crop) // 2) // step] = overview[:, (left + crop.shape[1] // 2) // step] = (255, 0, 0)
    srresnet, srgan = upscale(crop, "srresnet"), upscale(crop, "srgan")  # (256, 256, 3) both
    apart = np.abs(srgan.astype(int) - srresnet)  # (256, 256, 3)
    reduced = np.abs(imresize(srgan, 1 / 4).astype(int) - imresize(srresnet, 1 / 4))  # (64, 64, 3)
    show_images(
        overview,
        srresnet,
        srgan,
        np.clip(4 * apart.mean(axis=2), 0, 255).astype(np.uint8),
        titles=["the photo", "srresnet", "srgan", "difference x 4"],
        alt="A photo, a part of it by SRResNet and by SRGAN, and their difference, which is bright at fine detail.",
    )
    said = f"Mean difference: {apart.mean():.1f} grey levels. After both are reduced again: {reduced.mean():.1f}."
    put(f"<p>{said}</p>", alt=said)


percent = [50, *(n for n in range(101) if n != 50)]
upload_photo(keep)
play(disagree, down=percent, right=percent)

# %% [markdown] answers=[]
# They agree in smooth areas, and disagree in texture and at fine edges. When both pictures are reduced to the size of
# the photo again, most of the difference is gone. So the photo cannot say which of them is right. Where they disagree,
# at least one of them has *invented* what you see.
#
# **Look closely.** Is SRGAN's detail *true*? For your own photo, nobody can tell. So take one whose truth is known: the
# cell below makes a photo smaller and enlarges it again. Move the box. Try the eye, the fur, the whiskers.

# %%
portrait = photos["chelsea"][:300, :448]  # (300, 448, 3)
versions = {name: upscale(imresize(portrait, 1 / 4), name) for name in ("bicubic", *NETWORKS)}  # (300, 448, 3) each
hr = portrait[56:248, 104:296]  # (192, 192, 3), for what follows

# %% tags=["fold"]
zoom(
    {"chelsea": (portrait, versions["bicubic"], versions["srresnet"], versions[BEST])},
    titles=["HR: the truth", "bicubic", "srresnet", BEST],
    at=(35, 35),  # the eye
    alt="A part of a cat's face as HR, by bicubic, by SRResNet and by SRGAN.",
)

# %% [markdown] tags=["slide"] answers=["93.75", "fifteen"]
# ## What is not in the photo
#
# How much of an HR picture is lost when it is reduced? Apart from rounding, the reduction is a matrix: along each axis,
# an LR pixel is a weighted mean of HR pixels. You wrote these weights in lesson 01.
#
# **Question.** The matrix below is 64 x 256. It reduces an HR picture of 256 x 256 numbers, which can be changed in
# 256 x 256 independent ways. How many of these changes does LR not show at all? Guess the share, in per cent.


# %% tags=["check-output"]
def reduction(n):
    """(n / 4, n): bicubic reduction by 4 along one axis."""
    index, weight = taps(n, n // 4, 1 / 4)  # (n / 4, 16) both: which HR pixels, and how much of each
    matrix = np.zeros((n // 4, n))
    for row in range(n // 4):
        np.add.at(matrix[row], index[row].numpy(), weight[row].numpy())
    return matrix


R = reduction(256)
channel = photos["chelsea"][20:276, 100:356, 0].astype(float)  # (256, 256)
by_matrix = R @ channel @ R.T  # (64, 64): along both axes
official = imresize(photos["chelsea"][20:276, 100:356], 1 / 4)[..., 0]
print("at most", round(np.abs(by_matrix.clip(0, 255) - official).max()), "grey level from imresize, which rounds twice")
seen = np.linalg.matrix_rank(R) ** 2  # along both axes: the ranks multiply
print(f"{seen} of {256**2} directions show in LR; {100 - 100 * seen / 256**2:.2f} % do not")

# %% [markdown] answers=["smooth", "predictable"]
# (The rank of a matrix says in how many independent directions it lets something through; the others are mapped to 0.)
#
# The share is 93.75 %, or fifteen in sixteen: an LR pixel has 3 numbers, and the 4 x 4 HR pixels for which it stands
# have 48. Counted in *numbers*, nearly all of an HR picture is missing from its LR picture.
#
# **Question.** Then why does enlarging work at all? Is 93.75 % of what you *see* gone, too? We measure the energy, the
# squared deviation from the mean, and split each photo into what LR sees and what it does not. Noise is the control.


# %% tags=["fold", "skip"]
# @title Preparation: how much of a picture's energy the reduction does not see
def unseen_share(picture, reduce):
    """Per cent of the energy of (n, n) that the reduction does not see."""
    deviation = picture - picture.mean()
    back = np.linalg.pinv(reduce)  # (n, n / 4): the way back; reduce @ back is the identity
    visible = back @ (reduce @ deviation @ reduce.T) @ back.T  # (n, n): down along both axes, and back
    return 100 * (1 - (visible**2).sum() / (deviation**2).sum())


middle = {}
for name in ("retina", "coffee", "astronaut", "chelsea", "gravel", "grass"):
    height, width = photos[name].shape[:2]
    top, left = (height - 256) // 2, (width - 256) // 2
    middle[name] = photos[name][top : top + 256, left : left + 256].mean(axis=2)  # (256, 256), grey
middle["noise"] = np.random.default_rng(0).normal(size=(256, 256))
shares = {name: unseen_share(picture, R) for name, picture in middle.items()}

# %% tags=["fold"]
bars(
    shares,
    xlabel="energy that the LR picture does not see, %",
    digits=1,
    alt="Bars: 1 % of a retina, some per cent of most photos, a third of grass, and 94 % of noise are not seen.",
)
assert abs(shares["noise"] - 93.75) < 0.5
assert max(shares["retina"], shares["coffee"], shares["astronaut"], shares["chelsea"]) < 10
assert shares["grass"] > 25

# %% [markdown]
# So photos are not noise. Most of their energy is in smooth areas, and LR keeps it. What is lost is the texture, the
# hair, the print. A network does well because photos are *predictable*. It fails where they are not.
#
# For the way back, there is the pseudo-inverse, `back = np.linalg.pinv(reduce)`. It leads from LR to HR in such a way
# that reducing again gives exactly the same LR.
#
# ### {{exercise: invisible}}
#
# Write `invisible(detail, reduce)`: the part of `detail`, (n, n), that the reduction does not see. That is all of it
# except what survives the way down along both axes and back up along both. Expected: (n, n), for any `reduce` of shape
# (n/4, n), with `reduce @ result @ reduce.T` zero.

# %% tags=["stub"]
# {{stub: invisible}}

# %% tags=["solution"]
# {{solution: invisible}}

# %%
invisible = check("invisible", invisible)

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** The answer comes back by `reduce.T`, by repeating pixels or by bicubic: none of these is an
# inverse, so something stays visible. Or it works on the rows only: the result is invisible, but a part is lost. Ask:
# is `back @ reduce` the identity? (No, it is 256 x 256 with rank 64: it forgets.) And `reduce @ back`? (Yes, 64 x 64.)

# %% [markdown] tags=["subslide"]
# ### Another photo with the same LR picture
#
# Now let us write on the cat, with ink that no LR picture shows.
#
# The function `another` adds this ink with your `invisible`. A file holds whole grey levels, so the new photo has to be
# rounded, and then some pixels of its LR picture are wrong by a level. A loop corrects them and rounds again, until
# both LR *files* are equal byte for byte.


# %% tags=["fold", "skip"]
# @title Preparation: another photo with the same LR picture
def another(photo, detail, reduce):
    """A photo with different detail, and with exactly the same LR picture. photo: uint8 (n, n, 3)."""
    lr, back = imresize(photo, 1 / 4), np.linalg.pinv(reduce)
    rng = np.random.default_rng(0)

    def per_colour(left, picture):
        return np.stack([left @ picture[..., c] @ left.T for c in range(3)], axis=-1)

    other = photo + invisible(detail, reduce)[..., None]  # (n, n, 3), real numbers
    other = other + per_colour(back, lr - per_colour(reduce, other))  # reduces to lr, to whole levels
    for _ in range(300):
        other = np.clip(np.round(other), 0, 255).astype(np.uint8)
        missing = lr.astype(float) - imresize(other, 1 / 4)  # (n/4, n/4, 3)
        if not missing.any():
            return other
        other = other + rng.uniform(0.5, 1.5, other.shape) * per_colour(back, missing)  # uneven: not round in circles
    raise RuntimeError("no such photo was found: try weaker detail")


# %%
cat = photos["chelsea"][20:276, 100:356]  # (256, 256, 3)
page = Image.new("L", (256, 256), 0)
for y in range(4, 256, 16):
    line = "I AM NOT A CAT   " * 4
    ImageDraw.Draw(page).text((4 - 3 * y, y), line * 3, fill=255, font=ImageFont.load_default(size=13))
no_cat = another(cat, -60 * (np.asarray(page) / 255), R)
same = np.array_equal(imresize(cat, 1 / 4), imresize(no_cat, 1 / 4))
print(f"The LR pictures are equal in every byte: {same}. PSNR between the photos: {psnr(no_cat, cat):.1f} dB.")

# %% tags=["fold"]
show_crops(
    cat,
    no_cat,
    imresize(cat, 1 / 4),
    imresize(no_cat, 1 / 4),
    titles=["a photo", "another photo", "LR of the one", "LR of the other"],
    box=(72, 24, 80, 80),
    alt="A cat's eye, once clear and once with the words I AM NOT A CAT all over it; both LR pictures are the same.",
)
assert same

# %% [markdown] answers=["same input"]
# **Question.** You train for a year, on all the photos in the world. Which of these two photos will your network
# return?
#
# <details><summary>Answer</summary>
#
# It gets *the same input*, so it returns the same picture for both. It is wrong at least once, and we can say by how
# much before it is even trained. If SR is close to one photo, it is far from the other: at best it is halfway between
# them.
# </details>

# %%
apart = np.mean((cat.astype(float) - no_cat) ** 2)  # mean squared difference of the two truths
ceiling = 10 * np.log10(255**2 / (apart / 4))  # halfway: half the distance, a quarter of the square
worst = {}
for name in ("bicubic", *NETWORKS):
    sr = upscale(imresize(cat, 1 / 4), name)
    worst[name] = min(10 * np.log10(255**2 / np.mean((sr.astype(float) - truth) ** 2)) for truth in (cat, no_cat))

# %% tags=["fold"]
bars(
    worst | {"no network can do better": ceiling},
    xlabel="PSNR on the worse of the two photos, dB (RGB)",
    digits=1,
    group=lambda name: int(name not in worst),
    alt="Bars: bicubic and all networks stay below the ceiling that holds for any network.",
)
assert max(worst.values()) < ceiling - 5

# %% [markdown]
# All methods are far below the ceiling, because they are also wrong about the cat itself. But even a perfect network
# stops here: whatever picture it shows, one of the two photos is at least that far away.

# %% [markdown] tags=["slide"]
# ## Does it fit?
#
# Nobody has the truth for your photo. But there is one thing you *can* check: when you reduce the enlargement again,
# you should get the LR picture back. This is **consistency**, in dB.
#
# ### {{exercise: consistency}}
#
# Write `consistency(sr, lr)`: reduce `sr`, uint8 (4h, 4w, 3), with `imresize`, and return the PSNR in dB between the
# result and `lr`, uint8 (h, w, 3), over all pixels and all three colours, with a peak of 255. Expected: one number;
# `np.inf` if nothing differs.

# %% tags=["stub"]
# {{stub: consistency}}

# %% tags=["solution"]
# {{solution: consistency}}

# %%
consistency = check("consistency", consistency)

# %% [markdown] answers=["inf", "fits best"]
# **Question.** Rank these by consistency: bicubic, a network, a network's picture moved by one pixel, another photo of
# a cat. And where in this list is the cat with the writing?

# %%
lr = imresize(cat, 1 / 4)  # (64, 64, 3)
sr = {name: upscale(lr, name) for name in ("bicubic", *NETWORKS)}  # (256, 256, 3) each
fit = {name: consistency(picture, lr) for name, picture in sr.items()}
fit["moved by one pixel"] = consistency(np.roll(sr["espcn"], 1, axis=1), lr)
fit["another cat"] = consistency(cat[:, ::-1], lr)  # its mirror image
print("the cat with the writing on it:", consistency(no_cat, lr), "dB")

# %% tags=["fold"]
bars(
    fit,
    xlabel="consistency with the LR picture, dB",
    digits=1,
    alt="Bars: the enlargements fit best, the moved one fits worse, and another cat does not fit at all.",
)
assert fit["another cat"] < 25 < fit["bicubic"]
assert fit["moved by one pixel"] < fit["espcn"] - 1
assert consistency(no_cat, lr) == np.inf

# %% [markdown] answers=["never"]
# The picture that lies the most fits the best. A low consistency proves that a picture is wrong. **A high one proves
# nothing.**
#
# ### A repair that costs nothing
#
# Consistency can be repaired: `back` adds the missing LR levels to the enlargement. The result fits, whatever network
# it came from.
#
# **Question.** Can this make the picture worse?


# %%
def repaired(sr, lr, reduce):
    """The nearest picture to sr that reduces to lr, float (n, n, 3)."""
    back = np.linalg.pinv(reduce)
    channels = []
    for c in range(3):
        missing = lr[..., c] - reduce @ sr[..., c] @ reduce.T  # (n/4, n/4)
        channels.append(sr[..., c] + back @ missing @ back.T)
    return np.stack(channels, axis=-1)


def db(picture, truth):
    """PSNR over all pixels and colours, without rounding."""
    return 10 * np.log10(255**2 / np.mean((picture - truth.astype(float)) ** 2))


exact_lr = np.stack([R @ cat[..., c] @ R.T for c in range(3)], axis=-1)  # (64, 64, 3), not rounded
dbs = {}
for name in ("bicubic", *NETWORKS):
    dbs[name] = db(sr[name], cat), db(repaired(sr[name].astype(float), exact_lr, R), cat)
    print(f"{name}: {dbs[name][0]:.2f} dB, repaired {dbs[name][1]:.2f} dB")

# %% tags=["fold"]
assert all(after >= before - 1e-9 for before, after in dbs.values())

# %% [markdown]
# Never. Think of all the pictures that fit as a plane in space, and of the enlargement as a point above it. The truth
# lies somewhere on the plane. The repair goes straight down to the nearest point, so it meets the plane at a right
# angle. The enlargement, the repaired picture and the truth are then the corners of a right triangle, whose longest
# side joins the enlargement and the truth. So the repair comes closer to the truth, and to *all* other pictures that
# fit. (Strictly speaking, this holds for the LR picture before rounding.) The result respects what is known, and is
# still free in fifteen of sixteen directions.

# %% [markdown] tags=["slide"]
# ## Where the detail comes from
#
# If the detail is not in the photo, where does it come from? We let two networks look at the same LR picture. They are
# the same in every way, down to the initial random weights. Only their training photos differ.
#
# Here are two microscope slides, drawn by a program. Let us say that cells with a dark nucleus are ill. The ill slide
# is the healthy one with nuclei in invisible ink: **both have the same LR picture.**


# %%
def slide_of(ill, seed, side=120):
    """A drawn slide (side, side) in grey levels, and the centres of its cells. ill: with nuclei."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    slide, centres = np.full((side, side), 220.0), []
    for y, x in np.ndindex(side // 20, side // 20):
        centre = 20 * np.array([y, x]) + rng.uniform(8, 12, 2)
        r = np.hypot(rows - centre[0], columns - centre[1])  # (side, side): how far from the centre
        core = np.clip(2.5 - r, 0, 1)  # the nucleus, with a light ring around it: no darker on average
        ring = np.clip(4.7 - r, 0, 1) - core
        slide += -70 * np.clip(8 - r, 0, 1) + ill * 70 * (core.sum() / ring.sum() * ring - core)
        centres.append(centre)
    return slide, centres


def as_photo(grey):
    """(H, W) in grey levels -> uint8 (H, W, 3)."""
    return np.stack([np.clip(np.round(grey), 0, 255).astype(np.uint8)] * 3, axis=-1)


flat, centres = slide_of(False, seed=99, side=80)
nuclei = slide_of(True, seed=99, side=80)[0] - flat
healthy = as_photo(flat)
ill = another(healthy, nuclei, reduction(80))
cells_lr = imresize(healthy, 1 / 4)  # (20, 20, 3)

# %% tags=["fold"]
show_images(
    healthy,
    ill,
    cells_lr,
    titles=["healthy", "ill", "the LR picture of both"],
    alt="Sixteen round cells, without and with a dark nucleus, and the one LR picture that both have.",
)
assert np.array_equal(imresize(ill, 1 / 4), cells_lr)

# %% [markdown]
# ### Training on your own folder
#
# We make one folder with healthy slides and one with ill ones. Real folders are untidy, so we make ours untidy, too.

# %% tags=["check-output"]
for name in ("healthy", "ill"):
    (folder / name).mkdir(exist_ok=True)
    for i in range(8):
        save_image(folder / name / f"slide{i}.png", as_photo(slide_of(name == "ill", seed=i)[0]))
save_image(folder / "healthy/icon.png", healthy[:24, :24])
(folder / "healthy/broken.jpg").write_bytes(b"not a picture")
(folder / "healthy/copy.png").write_bytes((folder / "healthy/slide3.png").read_bytes())
(folder / "healthy/notes.txt").write_text("a list of patients")
report = load_photos(folder / "healthy", minimum=32, progress=False).report().replace(str(folder), "..")
for line in report.splitlines():
    print(textwrap.fill(line, 100, subsequent_indent="    "))

# %% [markdown] answers=["diagnoses", "memory", "darker"]
# Nothing is dropped silently. Files that are too small for a crop, broken or duplicated are named and left out.
#
# Now we train twice. The recipe is that of lesson 04, with a small network: one residual block, 16 maps.
#
# **Before you run it:** what will each of the two networks make of the *same* LR picture?

# %%
recipe = RECIPES["srresnet-mse"].change(
    blocks=1,
    channels=16,
    icnr=True,
    batch=8,
    crop=32,
    steps=settings.updates,
    rate=4e-3,
    schedule="one-cycle",
    ema=0.99,
)
trained = {}
for name in ("healthy", "ill"):
    options = {"run": folder / "runs" / name, "seed": 0, "device": "cpu", "progress": False, "log_every": 10}
    with Bar(f"training on {name} slides", settings.updates) as bar:
        report = train(recipe, folder / name, on_report=lambda row, bar=bar: bar(row["step"]), **options)
    trained[name] = report.network
opinions = {name: upscale(cells_lr, network) for name, network in trained.items()}  # (80, 80, 3) each


# %% tags=["fold"]
def nucleus(picture):
    """How much darker the middle of a cell is than the ring around it, in grey levels, mean over the cells."""
    rows, columns = np.mgrid[:80, :80]
    r = [np.hypot(rows - y, columns - x) for y, x in centres]
    return np.mean([picture[(d > 3) & (d < 4.7)].mean() - picture[d < 1.5].mean() for d in r])


for name, picture in opinions.items():
    print(f"trained on {name} slides: the nuclei are {nucleus(picture):.0f} levels darker than their ring")


show_images(
    cells_lr,
    imresize(cells_lr, 4),
    *opinions.values(),
    titles=["LR", "bicubic", "by the network that saw healthy slides", "by the network that saw ill slides"],
    alt="One LR picture, two enlargements: plain cells by the one network, cells with dark nuclei by the other.",
)
assert nucleus(healthy) < 1 < 20 < nucleus(ill)
assert nucleus(opinions["ill"]) > nucleus(opinions["healthy"]) + 4

# %% [markdown]
# One input, two diagnoses. Neither network looked at the patient: the nucleus is a memory of the training folder. And
# the network that is wrong looks just as sure as the other.
#
# This is the whole claim. The detail is the **average of the training photos that fit**, or with a GAN, **a typical one
# of them**. For your holiday photo that is fine. But which folder was the network in your phone trained on?
#
# You can do the same in a terminal, with your own photos: `srgan-lessons train srresnet-mse --photos my_photos/
# --folder runs/mine`. A few hundred photos of one kind are enough for a network that knows this kind, and nothing else.
#
# ### Not every folder
#
# A network that was trained on the test photos knows the answers. So training stops if a picture shows the same as an
# image of Set5, Set14 or BSD100, at any size and under any name. It compares *perceptual hashes*: 8 x 8 numbers that
# say where a picture is lighter or darker than its surroundings. We have no such image here, so we draw blocks that
# have the hash of one.

# %%
wanted = benchmark_hashes()["Set5 img_003"]  # (8, 8): what stands where in it, and no more
cells = np.zeros((8, 8))
for _ in range(200):  # change the drawing until it has this perceptual hash
    drawing = as_photo(128 + np.kron(cells, np.ones((16, 16))))  # (128, 128, 3)
    cells += 8 * (wanted - perceptual_hash(drawing))
try:
    load_photos({"drawing": drawing, "cat": cat}, progress=False)
    raise AssertionError("the picture was not recognised")
except UserError as error:
    print(textwrap.fill(str(error), 100))

# %% [markdown] tags=["slide"]
# ## The house number
#
# What can we honestly say? Turn the question round. Do not ask the LR picture for the number. Ask for *each* number: if
# it had been there, could the camera have seen this?
#
# ### {{exercise: possible}}
#
# Write `possible(lr, candidates, noise)`. `candidates` is a dict name -> HR picture, uint8 (4h, 4w, 3). Return a list
# of the names whose LR picture is within `noise` grey levels of `lr`, uint8 (h, w, 3), at every pixel and in every
# colour.

# %% tags=["stub"]
# {{stub: possible}}

# %% tags=["solution"]
# {{solution: possible}}

# %%
possible = check("possible", possible)

# %% [markdown] answers=[]
# **Question.** There are 100 numbers, and we even know the font, the place and the noise: 16 grey levels at most. How
# many numbers remain?

# %%
signs = {number: house_number(number) for number in NUMBERS}
left = possible(caught(secret), signs, noise=16)
print(f"{len(left)} numbers are possible: {', '.join(left)}. It was {secret}.")

# %% tags=["fold"]
assert secret in left  # the truth is never ruled out
assert 4 < len(left) < 40

# %% [markdown]
# Was your number among them? The list is the honest answer. The network's picture shows *one* reading, a blend, or
# none, and says nothing about the others. And outside this notebook, nobody knows the font, the angle or the light.
#
# **Play.** How large must the digits be, and how clean the camera's picture, before only one number is left?

# %%
many = {size: len(possible(caught(secret, size), {n: house_number(n, size) for n in NUMBERS}, 16)) for size in (8, 20)}
print("possible at font size 8:", many[8], "- at font size 20:", many[20])


# %% tags=["fold"]
def evidence(number, size, noise):
    lr = caught(number, size, noise)
    left = possible(lr, {n: house_number(n, size) for n in NUMBERS}, noise)
    show_images(
        lr,
        upscale(lr, BEST),
        house_number(number, size),
        titles=["LR", BEST, "the truth"],
        alt=f"The number {number}, font size {size}, noise {noise}: {len(left)} of 100 numbers are possible.",
    )
    said = f"{len(left)} of 100 numbers are possible: " + ", ".join(left[:20]) + (", ..." if len(left) > 20 else ".")
    put(f"<p>{said}</p>", alt=said)


play(evidence, number=[secret, "17", "38", "60"], size=[10, 8, 12, 14, 20], noise=[16, 0, 4, 8, 32])
assert many[8] > 12
assert many[20] == 1

# %% [markdown] tags=["slide"] answers=["more than twice"]
# At font size 20, one number is left: the LR picture *does* hold it. At size 8, there are dozens. The limit of the
# camera lies somewhere between the two, and no network can move it.
#
# ## Clean bicubic only
#
# Our networks have only seen LR pictures of one kind: reduced by bicubic, and clean. Your photos come from a sensor,
# with noise, and from a JPEG file, with blocks.
#
# **Question.** Does SRResNet still beat bicubic if the LR picture is noisy? How much noise is too much?


# %%
def as_jpeg(picture, quality):
    """The same picture after a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=quality)
    return np.asarray(Image.open(file))


clean = imresize(hr, 1 / 4)  # (48, 48, 3)
grain = np.random.default_rng(0).normal(size=clean.shape)
levels = (0, 5, 10, 20)
noisy = {level: np.clip(np.round(clean + level * grain), 0, 255).astype(np.uint8) for level in levels}
made = {name: [upscale(noisy[s], name) for s in levels] for name in (*NETWORKS, "bicubic")}  # (192, 192, 3) each
gain, amplified = {}, {}
for name, pictures in made.items():
    gain[name] = [psnr(sr, hr) - psnr(smooth, hr) for sr, smooth in zip(pictures, made["bicubic"], strict=True)]
    on, off = pictures[levels.index(10)].astype(int), pictures[0]
    amplified[name] = np.std(on - off) / np.std(noisy[10].astype(int) - clean)
out = ", ".join(f"{name} {levels_out:.2f}" for name, levels_out in amplified.items())
print("levels of noise that come out, for each level that goes in:", out)

# %% tags=["fold"]
curves(
    {name: (levels, values) for name, values in gain.items()},
    xlabel="noise in the LR picture, grey levels (standard deviation)",
    ylabel="PSNR above bicubic, dB",
    alt="Gain over bicubic against noise: ESPCN's and SRResNet's fall below zero, SRGAN's is far below from the start.",
)
for name in NETWORKS:
    assert gain[name][-1] < min(0, gain[name][0])
    assert amplified[name] > 1.03 * amplified["bicubic"]
assert amplified["srgan"] > 2
assert gain["srgan"][1] < -4
assert 0 <= gain["srresnet"][1] < 0.25 * gain["srresnet"][0]
assert -1.3 < gain["srresnet"][2] < -0.7
assert gain["srgan"][0] < 0 < gain["srresnet"][0]

# %%
jpeg = as_jpeg(imresize(cat, 1 / 4), 20)

# %% tags=["fold"]
show_crops(
    upscale(jpeg, BEST),
    upscale(jpeg, "bicubic"),
    upscale(lr, BEST),
    titles=[f"{BEST}, LR as JPEG", "bicubic, LR as JPEG", f"{BEST}, clean LR"],
    box=(72, 24, 80, 80),
    alt="A cat's eye from a JPEG file: the network draws the blocks and rings of the file sharper than bicubic does.",
)

# %% [markdown]
# The networks pass on more of the noise than bicubic does, because they have learned that fine detail in LR is real. At
# 5 grey levels, SRResNet has lost nearly all of its lead over bicubic; at 10 it is about 1 dB below. SRGAN suffers
# most: it makes the noise more than twice as strong, and at 5 grey levels it is already more than 4 dB below bicubic.
# It takes grain for fur. (On PSNR it is below bicubic on a clean LR picture, too: that is the price that lesson 08
# explains.) And in a JPEG file, all of them enlarge the damage.
#
# The cure is in the training: show the network LR pictures as the world makes them, with blur, noise and JPEG. BSRGAN
# and Real-ESRGAN (both 2021) did this. It makes the tool useful, but it makes the invention larger, not smaller.

# %% [markdown] tags=["slide"] answers=["upright", "refused"]
# ## Taking it along
#
# A network alone is not yet a tool. A tool has to handle the files that people have, photos of any size, and machines
# without torch.
#
# ### What happens to the file
#
# A phone held upright saves the photo lying on its *side*, with a note in its EXIF data: turn me. A logo may have a
# fourth channel, for transparency.
#
# **Question.** What should a tool do with the note? And what should a network that has learned three colours do with
# the fourth channel?

# %% tags=["check-output"]
exif = Image.Exif()
exif[0x0112] = 6  # orientation 6: turn a quarter to the right
Image.fromarray(hr[:48, :96]).save(folder / "phone.jpg", exif=exif)
alpha = np.linspace(0, 255, 40 * 60).reshape(40, 60).astype(np.uint8)
Image.fromarray(np.dstack([hr[:40, :60], alpha])).save(folder / "logo.png")

for name in ("phone.jpg", "logo.png"):
    upscale_file(folder / name, folder / f"{name}_x4.png", "espcn")
    before, after = Image.open(folder / name), read_picture(folder / f"{name}_x4.png")
    height, width = after.rgb.shape[:2]
    print(f"{name}: {before.width} x {before.height} -> {width} x {height},", end=" ")
    print("transparent" if after.alpha is not None else "opaque")

try:
    upscale_file(folder / "logo.png", folder / "logo.jpg", "espcn")
except UserError as error:
    print(textwrap.fill(str(error).replace(str(folder), ".."), 100))

# %% [markdown] answers=["grid", "seams"]
# The photo is upright again. Transparency is enlarged by bicubic, separately from the colours. A format that cannot
# hold transparency is refused: nothing is silently filled with black.
#
# ### Large photos: tiles
#
# A photo of 12 megapixels needs too much memory to go through the network in one piece, so it is cut into tiles. An
# output pixel depends on the LR pixels around it, for ESPCN 4 to each side: the **halo**. Each tile is read together
# with its halo.
#
# **Question.** What do you see if the halo is left out?

# %%
whole = upscale(clean, "espcn")  # one tile
tiled = upscale(clean, "espcn", tile=16)  # nine tiles of 16 x 16 LR pixels
careless = copy.deepcopy(load_network("espcn"))
careless.halo = 0
without = upscale(clean, careless, tile=16)
wrong = {name: np.abs(x.astype(int) - whole).max(axis=2) for name, x in (("halo", tiled), ("no halo", without))}

# %% tags=["fold"]
show_images(
    without,
    *[np.clip(8 * x, 0, 255).astype(np.uint8) for x in wrong.values()],
    titles=["tiles without halo", "error with halo, x 8", "error without, x 8"],
    alt="The cat in tiles. With a halo the error is black; without one a bright grid shows the tiles' edges.",
)
assert wrong["halo"].max() <= 1  # a rounding, at most
assert wrong["no halo"].max() > 10

# %% [markdown] answers=[]
# With the halo, nothing shows. In a terminal, you can enlarge a whole photo, or a folder of photos:
#
#     srgan-lessons upscale holiday.jpg -o holiday_x4.png
#     srgan-lessons upscale photos/ -o larger/ --weights srresnet
#
# The result has sixteen times as many pixels. That is too much for many programs, so cut out what you need first.
#
# ### Without torch: ONNX
#
# A browser or a phone has no torch. An **ONNX** file holds the layers and their weights, and many programs can run it.
#
# **Question.** What must you compare before you trust the file?

# %%
if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnx"):
    import onnxruntime

    export_onnx("espcn", folder / "espcn.onnx")
    session = onnxruntime.InferenceSession(folder / "espcn.onnx", providers=["CPUExecutionProvider"])
    x = to_tensor(lr[:40, :56])  # (1, 3, 40, 56), in [0, 1]: another size than it was exported with
    (there,) = session.run(None, {"lr": x.numpy()})  # (1, 3, 160, 224)
    here = load_network("espcn").requires_grad_(False)(x)  # (1, 3, 160, 224)
    kilobytes = (folder / "espcn.onnx").stat().st_size / 1000
    print(f"{kilobytes:.0f} kB; the largest difference is {abs(here.numpy() - there).max():.0e}")
else:
    print('ONNX needs two more packages: pip install "srgan-lessons[export]"')

# %% tags=["fold"]
if (folder / "espcn.onnx").exists():
    assert np.allclose(here.numpy(), there, atol=1e-4)
    assert abs(to_image(here).astype(int) - upscale(lr[:40, :56], "espcn")).max() <= 1

# %% [markdown] tags=["slide"]
# In a terminal: `srgan-lessons export espcn -o espcn.onnx`. The exported network takes floats in [0, 1] and does not
# clip its output; the program that calls it must cut large photos into tiles, as `upscale` does.
#
# ## What it is for, and what it must not be used for
#
# | use | may I? | why |
# |---|---|---|
# | a holiday photo, a poster, a film | yes | no decision depends on a leaf or a hair; say that it is enlarged |
# | game textures, video at low bandwidth | yes | being plausible is enough |
# | a scan that a person or a program will *read* | with the LR beside it | a digit can be invented |
# | measuring: satellite, microscope | only with proof for exactly this use | it counts what its training folder had |
# | diagnosis from an enlarged picture | **no** | you saw why: two folders, two diagnoses |
# | identification of a face, a number plate | **no** | it draws a person of its training set |
# | evidence in court | **no** | it is not what the camera saw |
#
# It has happened:
#
# - **A face, 2020.** PULSE (Menon et al., CVPR 2020) searches for a sharp face that reduces to the LR picture. It
#   turned a small picture of Barack Obama into a white man. The result was *consistent*. The authors answered that
#   their faces show people who do not exist, and that bias in the training set is the likely cause.
# - **Numbers, 2013.** David Kriesel found that one manufacturer's copiers changed digits in documents, such as 6 to 8.
#   No network was involved, just a compression that stored "similar" patches only once. Sharp, plausible, wrong.
# - **Medicine, 2018.** Cohen, Luck and Honari (MICCAI) let networks translate brain scans. The networks added or
#   removed tumours, depending on how many the training set had.
# - **Court, 2024.** State of Washington v. Puloka: a judge in King County did not admit a video that had been enlarged
#   by such software, because it shows what the model "thinks" should be shown.
#
# **Ask three questions** before you pass on an enlarged picture. Will anybody *decide* something because of a detail in
# it? Does the original come with it? Does it say that it was enlarged, and by what?

# %% [markdown] tags=["instructor"]
# **Discussion**, five minutes, in pairs. One learner defends and the other attacks three cases: a museum enlarges the
# only photo of a poet; a newspaper enlarges the hands in a photo of a riot; a phone camera sharpens the moon. The third
# is common practice today: ask who has read about it in the manual. **Common mistake:** "A better network will solve
# it." Point at the ceiling that holds for any network.

# %% [markdown] tags=["slide"]
# ## Where the field went after 2017
#
# There are three lines of work. **Higher PSNR**: deeper networks, attention, transformers. **Better looks**: from GANs
# to diffusion. **Real photos**: LR pictures as the world makes them. Which line does each row belong to? (Two rows
# belong to none: they do not enlarge anything.)
#
# | year | what | the step |
# |---|---|---|
# | 2017 | EDSR (Lim et al., CVPR workshops) | no BatchNorm, wider, scaled residuals: PSNR up |
# | 2018 | RCAN (Zhang et al., ECCV) | channel attention; several hundred layers |
# | 2018 | ESRGAN (Wang et al., ECCV workshops) | denser blocks, a relativistic discriminator, VGG before the ReLU |
# | 2018 | perception-distortion (Blau and Michaeli, CVPR) | proof: past a point, better looks cost PSNR (lesson 08) |
# | 2018 | LPIPS (Zhang et al., CVPR) | a perceptual distance, fitted to what people say |
# | 2020 | SRFlow (Lugmayr et al., ECCV) | not one HR picture but many, to sample from: honest about the freedom |
# | 2021 | BSRGAN (Zhang et al., ICCV), Real-ESRGAN (Wang et al., ICCV workshops) | random blur, noise and JPEG |
# | 2021 | SwinIR (Liang et al., ICCV workshops) | a transformer with shifted windows instead of convolutions |
# | 2021 | SR3 (Saharia et al., arXiv; TPAMI 2022) | diffusion: starts from noise and removes it step by step |
# | 2023 | HAT (Chen et al., CVPR) | transformers that use more of the picture |
#
# None of these networks escapes the trade-off of lesson 08, and none of them can see what is not in the photo.

# %% [markdown] tags=["slide"]
# ## Recap
#
# - 93.75 % of an HR picture's numbers are not in its LR picture; of a photo's energy, usually less than a tenth is
#   missing.
# - Two different photos can have the same LR file, byte for byte. No network can be right about both.
# - Consistency finds wrong pictures. It never proves a right one.
# - The detail comes from the training folder: one LR picture, two folders, two diagnoses.
# - An honest answer is a list of what is possible.
# - If a network has not seen noise and JPEG in training, it enlarges them.
#
# ### Three questions
#
# <details><summary>1. An enlargement has infinite consistency. What do you know about it?</summary>
#
# Only that it reduces to the LR picture. So does the cat with the writing on it. You know nothing about its detail.
# </details>
#
# <details><summary>2. A network is trained on all of a hospital's slides, healthy and ill. Is it safe now?</summary>
#
# No. With MSE it draws the average of both, a faint nucleus in each cell; with a GAN it draws one of the two. The LR
# picture still does not say which is true.
# </details>
#
# <details><summary>3. At 2x, what percentage of the numbers is not in the LR picture?</summary>
#
# 75 %: LR has one pixel in four. At 4x, fifteen in sixteen are missing, 93.75 %.
# </details>
#
# ### What this lesson leaves out
#
# This lesson leaves out training on real degradations; several frames of a video, which together *do* show more than
# one; and how to measure where a network is unsure.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 1.1.3, why MSE averages; Figure 3.
# - Menon et al. 2020, [arXiv 2003.03808](https://arxiv.org/abs/2003.03808): PULSE. Lugmayr et al. 2020,
#   [arXiv 2006.14200](https://arxiv.org/abs/2006.14200): SRFlow.
# - Cohen, Luck and Honari 2018, [arXiv 1805.08841](https://arxiv.org/abs/1805.08841). Kriesel 2013, "Xerox scanners/
#   photocopiers randomly alter numbers in scanned documents", dkriesel.com. State of Washington v. Puloka, King County
#   Superior Court, ruling of 29 March 2024, reported by NBC News on 2 April 2024.
# - Wang et al. 2021, [arXiv 2107.10833](https://arxiv.org/abs/2107.10833): Real-ESRGAN. Saharia et al. 2021,
#   [arXiv 2104.07636](https://arxiv.org/abs/2104.07636): SR3.
# - In this package: `upscaling/`, `folding.py`, `export.py`, `datasets/photos.py` and `datasets/leakage.py`.
#
# Here is what you have solved. You can go back to any exercise whenever you like. After this list comes the last page.

# %%
progress()

# %% tags=["fold"]
assert 100 * (1 - 1 / 2**2) == 75  # question 3
assert 100 * (1 - 1 / 4**2) == 93.75

# %% [markdown] tags=["slide"]
# ## What you have built
#
# | you can now | from lesson |
# |---|---|
# | reduce and enlarge a photo, and measure the result as researchers do | 01, 08 |
# | build the paper's generator and discriminator, layer by layer | 02, 03, 05 |
# | train both, stop, resume, and read the curves | 04, 07 |
# | say what a loss asks for, and choose another | 06 |
# | ask people, and count their answers | 09 |
# | enlarge your own photos, and say what is invented in them | 00, 10 |
#
# Try it tonight on one of your own photos: `srgan-lessons upscale holiday.jpg -o holiday_x4.png --weights srgan`.
# Lesson 11 is a laboratory: there you train an SRGAN of your own.
#
# And here is the course on one card. You know how each of these pictures is made.

# %%
box = slice(64, 192), slice(108, 236)  # (128, 128, 3), of the whole photo enlarged
wrong = np.abs(versions[BEST].astype(int) - portrait)  # (300, 448, 3)
card = {
    "01  the LR image: one pixel in sixteen": imresize(portrait, 1 / 4)[16:48, 27:59],
    "01  bicubic, by hand": versions["bicubic"][box],
    "02, 03  ESPCN, with your pixel shuffle": versions["espcn"][box],
    "04  SRResNet: closest to the truth": versions["srresnet"][box],
    "05 to 07  SRGAN: most like a photo": versions[BEST][box],
    "08  its error, 4 times as strong": np.clip(4 * wrong, 0, 255).astype(np.uint8)[box],
    "10  another photo with the same LR": no_cat[44:172, 8:136],
    "the truth": portrait[box],
}

# %% tags=["fold"]
show_images(
    *card.values(),
    titles=list(card),
    alt="A cat's eye eight times, from coarse blocks to SRGAN's fur; SRGAN's error; the cat with writing; the truth.",
)
