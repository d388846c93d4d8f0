# %% [markdown] tags=["slide"]
# # Your own SRGAN
#
# **Claim.** A few seconds of measuring show how many updates fit into your time: you say in advance when the training
# will end, it ends on time, and you take a network home.
#
# **Time.** 28 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lesson 04 (training, checkpoints), lesson 07 (the two steps, the clinic), lesson 08 (distortion and
# perception).
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import csv
import tempfile
import textwrap
import zipfile
from pathlib import Path
from statistics import fmean, median

import numpy as np
import torch

from srgan_lessons import UserError
from srgan_lessons.classroom.drive import ask_for_drive
from srgan_lessons.classroom.figures import show_crops, show_images
from srgan_lessons.classroom.takehome import card, card_picture, take_home
from srgan_lessons.classroom.viewers import compare
from srgan_lessons.classroom.watching import Watch, draw_plan, draw_plane
from srgan_lessons.datasets import catalogue, load_photos, training_folders
from srgan_lessons.evaluation import STLPIPSDistance, evaluate, paper_table
from srgan_lessons.files import shipped
from srgan_lessons.images import load_image, sample_photos
from srgan_lessons.metrics import psnr
from srgan_lessons.resize import imresize
from srgan_lessons.training import RECIPES
from srgan_lessons.training.expectation import expect
from srgan_lessons.training.plan import (
    CHECKPOINT_MINUTES,
    COMPACT,
    PEAK_RATE,
    PEAK_RATE_GAN,
    Speed,
    fit_into,
    make_plan,
)
from srgan_lessons.training.planned import read_outcome, train_plan
from srgan_lessons.upscaling import upscale
from srgan_lessons.weights import load_network

# %% tags=["skip", "fold"]
small, tiny = {"batch": 4, "crop": 48}, {"batch": 1, "crop": 32}
settings = lesson_settings(
    full={"home": "runs", "minutes": 2, "recipe": "srgan-offline", "cut": False, "smaller": small, "measuring": 3.0},
    fast={
        "home": tempfile.mkdtemp(),
        "minutes": 0.4,
        "recipe": "srgan-mse",
        "cut": True,
        "smaller": tiny,
        "measuring": 0.3,
    },
)
UNSEEN = ("astronaut", "chelsea", "coffee")  # never trained on

# %% [markdown] tags=["slide"]
# ## Why
#
# In lesson 07, a network of three layers met a discriminator for a few hundred updates. Below is what the paper's
# network, with 16 blocks and 64 maps, makes of the same photo. It was trained in two stages, for an evening on two CPU
# cores and for minutes on a large GPU. This lesson has one purpose: **to make the last of these pictures with a network
# of your own.**

# %% tags=["skip"]
hr_unseen = {name: sample_photos()[name][100:228, 150:278] for name in UNSEEN}  # (128, 128, 3)
lr_unseen = {name: imresize(hr, 1 / 4) for name, hr in hr_unseen.items()}  # (32, 32, 3)
made = {"bicubic": {name: imresize(lr, 4) for name, lr in lr_unseen.items()}}  # (128, 128, 3)
for weights in ("srresnet", "srgan"):
    made[weights] = {name: upscale(lr, weights=weights) for name, lr in lr_unseen.items()}

# %% tags=["fold"]
show_crops(
    hr_unseen["chelsea"],
    *[pictures["chelsea"] for pictures in made.values()],
    titles=["HR", *made],
    box=(0, 0, 64, 64),
    alt="A cat's eye: sharp in HR, soft by bicubic, clearer and smooth by SRResNet, with a texture of fur by SRGAN.",
)

# %% [markdown] tags=["instructor"]
# **Timing.** The photos take 3 minutes, the plan 8, watching 6 (then let the training run on during the exercises), the
# result 7, and taking it home 4. The exercises take 24. **Before class**: decide how long people may train, and
# announce it. In Colab, 10 minutes on a GPU fit into the lesson; without a GPU, use `compact=True`, or let it run
# overnight with `--within`. Collect the bets before anyone starts the training. On two slow cores, the untouched lesson
# takes about four minutes in full mode.

# %% [markdown] tags=["slide"]
# ## 1. A place for the run, and the photos
#
# Where will the run be kept? Some time after you leave, Colab deletes its machine and everything on it. Your Google
# Drive stays. The lesson uses it only if you say so: set `on_drive = True`, and Colab asks for your permission. On your
# own computer, leave it as it is.

# %%
on_drive = False  # in Colab: True
home = ask_for_drive("srgan") if on_drive else Path(settings.home)
print(f"the run is kept in {home.resolve()}")

# %% [markdown]
# Which photos will you train on? You have three choices. `"samples"` are the few that come with scikit-image: enough to
# see it work. `"BSDS500"` has 400 training photos; fetch them once, in a separate cell: `!srgan-lessons data get
# BSDS500`. Or use **your own**: give the path of a folder on this computer or on your Drive, such as `source =
# "/content/drive/MyDrive/photos"`.

# %%
source = "samples"  # or "BSDS500", or a folder of your own photos

if source == "samples":
    chosen = {name: photo for name, photo in sample_photos().items() if name not in UNSEEN}
    if settings.cut:
        chosen = {name: photo[100:196, 100:196] for name, photo in chosen.items()}  # their corners hold little
else:
    chosen = training_folders(source) if source in catalogue() else source
photos = load_photos(chosen, minimum=96, progress=False)
training, held_out = photos.split()
print(photos.report())
print(f"{len(training)} photos to train on, {len(held_out)} held out for measuring during training")

# %% tags=["fold"]
assert not set(UNSEEN) & set(photos.images)
assert 0 < len(held_out) <= 10, "give at least two photos: one is held out"

# %% [markdown] answers=["the third"]
# The cell names what it leaves out, with the reason. Nothing is dropped silently.
#
# **Question.** Somebody's folder contains a thumbnail, a photo that occurs twice, and a photo from Set5, on which the
# result will be measured. Which of the three stops the training?

# %% tags=["check-output"]
cup = sample_photos()["coffee"]
print(load_photos({"cup": cup, "copy of cup": cup, "thumbnail": cup[:40, :40]}, progress=False).report())

# %% [markdown] tags=["slide"]
# The first two are left out. The third would be an error: a picture that shows the same as an image of Set5, Set14 or
# BSD100 is recognised even if a few pixels were cut off or it was saved as JPEG. A test set is worthless once you have
# trained on it.
#
# ## 2. The time
#
# How long does training take? Recipes count updates, but you have minutes. So make some real updates, with real crops,
# and count how many fit into a second. On an H100, this has been measured already.

# %% tags=["check-output"]
for name in ("srresnet", "srgan"):
    with open(shipped(f"runs/{name}.csv"), newline="") as file:
        speeds = [float(row["updates_per_s"]) for row in csv.DictReader(file)]
    print(f"{name} on an H100: {median(speeds):.0f} updates per second")
speed = Speed(updates_per_s=97, start=5.0)
for minutes in (10, 30):
    stage = fit_into(RECIPES["srgan-offline"], 60 * minutes, speed, validation=6)
    print(f"{minutes} minutes of SRGAN at {speed.updates_per_s} updates per second: {stage.recipe.steps:,} updates")
    assert stage.recipe.steps == int((60 * minutes - 5 - 6) * 0.96 * 97)
print(f"the paper: {RECIPES['srgan-vgg54'].steps:,}")

# %% [markdown]
# There is no magic in it: (seconds - start - validations) x 0.96 x speed. Above, the start takes 5 seconds and all
# validations together 6; 4 % of the time is kept in reserve. (Colab lends you a T4. According to the data sheets, it
# has a fifteenth of an H100's computing power: 65 TFLOP/s in half precision instead of 989. We have not measured how
# many updates per second that gives. Your next cell will.)
#
# **Choose one number:** `minutes` = 10, 30 or 60, or 480 for a night. `compact` chooses the network: 8 blocks and 32
# maps on a CPU, the paper's 16 and 64 on a GPU. The small network, and any SRGAN with fewer than 5,000 updates, gets
# only a quarter of the adversarial weight, because D finds its pictures easy to tell from photos. The recipe is
# `srgan-offline`: SRGAN with the content loss of lesson 06 that needs no download.
#
# **Choose a start.** Two minutes are too short for an SRResNet. So yours begins with weights that the course has
# trained: `srresnet-compact` (half an hour on one CPU core), or `srresnet` for the paper's network. D begins with
# random weights. With `start = None`, so does your generator, and the network is your own from its first update: take
# that if you have an hour, or a GPU.
#
# If you change nothing, the cell trains only briefly, with small crops, so that you can try the whole lesson. **For a
# real run, set `smaller = {}`**: crops of 96, as in the paper. Each choice gets its own run folder.

# %%
minutes = settings.minutes  # yours: 10, 30, 60, 480
compact = device.type == "cpu"  # on a GPU: the paper's network
start = "srresnet-compact" if compact else "srresnet"  # None: from scratch
smaller = settings.smaller  # for a real run: {}
kind = ("-rehearsal" if smaller else "") + ("" if start else "-from-scratch")
folder = home / f"{Path(source).name}-{minutes:g}-minutes{kind}"

plan = make_plan(
    settings.recipe,
    minutes,
    photos,
    compact=compact,
    init=start,
    folder=folder,  # if it already holds a plan, that plan is continued
    measuring=settings.measuring,
    **smaller,
)
print(plan)

# %% tags=["fold"]
assert [stage.recipe.name for stage in plan.stages] == ["srresnet-mse", settings.recipe]
assert plan.seconds < 60 * minutes  # measuring has taken its part
assert all(stage.besides < stage.seconds for stage in plan.stages)
assert abs(plan.stages[0].seconds / plan.seconds - 0.45) < 0.01 or (folder / plan.stages[0].recipe.name).exists()
assert (COMPACT["blocks"], COMPACT["channels"]) == (8, 32)
assert round(989 / 65) == 15

# %% [markdown] tags=["slide"]
# SRResNet gets 45 % of the time, SRGAN the rest. Why does SRResNet get any? You saw it in lesson 07's clinic: **no
# pretraining**. From `start`, it only gets used to your photos; from scratch, this is all the pretraining that SRGAN
# gets. If a batch does not fit into memory, the plan halves it, and says so. If your machine becomes faster or
# slower, the end stays where it is: when SRResNet has ended, the number of SRGAN's updates is computed again for the
# time that is left.

# %% tags=["fold"]
draw_plan(
    plan,
    alt="Above, the time of both stages as a bar: mostly updates, little for start, validations, saving and reserve. "
    "Below, the learning rate: up quickly, then down to zero along a cosine, once for each stage.",
)
for stage in plan.stages:
    assert stage.recipe.rate_at(stage.recipe.steps - 1) < 0.1 * stage.recipe.rate
assert (PEAK_RATE, PEAK_RATE_GAN) == (4e-4, 1.5e-4)

# %% [markdown] tags=["slide"] answers=[]
# The learning rate reaches 0 at the last update of each stage. A run that is stopped halfway is still taking large
# steps and has not settled. That is why the plan comes first.
#
# **The bet.** How many dB over bicubic will your SRGAN have on the held-out photos? Positive or negative? Write it down
# before you run the next cell. That cell also gives an estimate, if a recorded run resembles yours.

# %%
bet = 0.0  # dB over bicubic; yours

expected = expect(plan)
print(expected or "No recorded run resembles this plan, so there is no estimate. Yours may become the first.")

# %% tags=["fold"]
if expected:
    assert expected.gain[0] < expected.gain[1] < expected.gain[2]
    assert expected.stlpips[0] < expected.stlpips[1] < expected.stlpips[2]

# %% [markdown] tags=["slide"]
# ## 3. Training, watched
#
# While the cell below runs, you see the content loss of both stages on the left, and on the right what D says about HR
# and SR. The shaded bands show where D(HR) and D(SR) are in a healthy run. Below is a held-out photo, enlarged by
# bicubic and by your network, and as HR.
#
# **The stop button stops the run and keeps it.** Run the same cell again, and it continues with the same plan. This
# works after a disconnect or a restarted kernel, too: run all the cells above once more (in Colab: Runtime, Run
# before), then this one. A checkpoint is written every two minutes. If you have had enough, `outcome =
# read_outcome(folder)` takes a stopped run as it is.
#
# While it runs, other cells have to wait. Read on, write down your answers to the exercises, and check them when the
# run has ended.

# %%
goes_on = (folder / "plan.json").exists()  # a continued run ignores the clock: it makes the updates that are missing
with Watch(plan, folder, photos) as watch:
    outcome = train_plan(plan, photos, folder, on_report=watch, progress=False)

planned, true = plan.seconds, outcome.seconds
print(f"planned: {planned:.0f} s; took: {true:.0f} s, {true / planned - 1:+.0%}")
for name, log in outcome.logs.items():
    print(f"{name}: {log[-1]['step']:,} updates")

# %% tags=["fold"]
assert CHECKPOINT_MINUTES == 2
late = outcome.seconds - 1.05 * plan.seconds  # also of a stopped run that `read_outcome` has read
assert goes_on or late < 8  # seconds: the last update, its validation and its checkpoint on a busy machine

# %% [markdown]
# Is anything lost? We call `train_plan` once more. A complete run has nothing left to do: the log stays the same, line
# by line, and reading the run from the disk gives the same log. And a plan for other settings is refused in the same
# folder.

# %% tags=["check-output", "skip"]
again = train_plan(plan, photos, folder, progress=False) if outcome.finished else outcome
print("the same log:", again.logs == outcome.logs == read_outcome(folder).logs)
try:
    make_plan(settings.recipe, 2 * minutes, photos, compact=compact, init=start, folder=folder, **smaller)
except UserError as error:
    print("refused:", "holds a plan for other settings" in str(error))

# %% tags=["fold"]
assert again.logs == outcome.logs

# %% [markdown] tags=["slide"]
# ## 4. Your log
#
# The log is a list of rows, one for every few updates, as in lesson 07. You will ask it three questions. The checks try
# your functions on logs of their own, and then on **your** run, whose result nobody knows yet. That result is saved
# with your progress, so that you can hand it in with `progress(export="anna.json")`.

# %% tags=["skip"]
log = outcome.log()  # of SRGAN
bicubic_held_out = fmean(psnr(imresize(imresize(hr, 1 / 4), 4), hr) for hr in outcome.validated(photos))
for row in log:
    row["gain"] = None if row["val_psnr"] is None else row["val_psnr"] - bicubic_held_out
print(f"{len(log)} rows; the last one:")
for name, value in log[-1].items():
    print(f"  {name:<13} {f'{value:.4g}' if isinstance(value, float) else value}")

# %% tags=["fold"]
assert log[-1]["step"] <= outcome.plan.stages[-1].recipe.steps
assert any(row["val_stlpips"] for row in log), "there is no validation yet: let the run go on for a while"
assert {"step", "content", "d_hr", "d_sr", "val_psnr", "val_stlpips", "gain"} <= set(log[-1])

# %% [markdown]
# ### {{exercise: outplayed}}
#
# D wins a row if D(HR) - D(SR) is above 0.5. Write `outplayed(log)`: find the first row **from which on** D no longer
# wins, neither there nor in any later row. Expected: that row's `"step"`, or None if D wins the last row.

# %% tags=["stub"]
# {{stub: outplayed}}

# %% tags=["solution"]
# {{solution: outplayed}}

# %%
outplayed = check("outplayed", outplayed, own=log)

since = outplayed(log)
if since == log[0]["step"]:
    print("your run: D never wins")
else:
    print("your run: D wins to the end" if since is None else f"your run: from update {since:,} on, D no longer wins")
lead = {row["step"]: row["d_hr"] - row["d_sr"] for row in log}

# %% tags=["fold"]
assert since is None or all(lead[step] <= 0.5 for step in lead if step >= since)
assert (since is None) == (lead[log[-1]["step"]] > 0.5)

# %% [markdown]
# Is it good or bad if D stops winning? Let us see what the recorded run on the H100 says.

# %% tags=["check-output"]
with open(shipped("runs/srgan.csv"), newline="") as file:
    recorded = [{name: float(text) if text else None for name, text in row.items()} for row in csv.DictReader(file)]
leads = [row["d_hr"] - row["d_sr"] for row in recorded[len(recorded) // 2 :]]
between = fmean(0.4 < lead < 0.65 for lead in leads)
print(f"second half: D leads by {fmean(leads):.2f} on average, and by 0.4 to 0.65 in {between:.0%} of the rows")

# %% tags=["fold"]
assert 0.4 < fmean(leads) < 0.65
assert between > 0.5

# %% [markdown]
# Neither: in this healthy run, the lead stays around the limit of 0.5, so D wins some rows and not others. It leads
# clearly, but is not sure. Two things would be worse: a lead that never comes, because D is too weak or has had too few
# updates, and a lead close to 1.
#
# ### {{exercise: illness}}
#
# Play doctor: diagnose training logs. Three of the clinic's five illnesses can occur here; a missing detach and a wrong
# kernel are mistakes in code, and the package is tested for those. Write `illness(log)` by these rules, **in this
# order**:
#
# 1. the first `"gain"` that was measured is below -3: `"no pretraining"`
# 2. in the second half of the rows, the mean of `"d_hr"` is above 0.9 and that of `"d_sr"` below 0.1:
#    `"discriminator too strong"`
# 3. the lowest gain is below -3: `"adversarial weight too high"`
# 4. otherwise `"healthy"`
#
# `"gain"` is None in rows without a validation.

# %% tags=["stub"]
# {{stub: illness}}

# %% tags=["solution"]
# {{solution: illness}}

# %%
illness = check("illness", illness, own=log)

with open(shipped("results/sick_runs.csv"), newline="") as file:
    sick = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
for number in (3, 4, 5, 6):  # of the six logs of lesson 07
    print(f"run {number} of lesson 07: {illness([row for row in sick if row['run'] == number])}")
print("your run:", illness(log))

# %% tags=["fold"]
assert illness([row for row in sick if row["run"] == 5]) == "healthy"

# %% [markdown]
# With `start = None` and few minutes, the diagnosis is often "no pretraining": SRResNet was still below bicubic when D
# joined. That is not your mistake; so little time buys no more. What would you change: the minutes, the network, or the
# start? And if D was too strong, `make_plan(..., adversarial=1e-4)` gives the adversarial loss less weight than the
# plan did. The plan's own choice is a quarter of the recipe's 1.25e-3: in a recorded hour on a CPU, it made the paper's
# network 2 dB better on Set5.
#
# ### {{exercise: choose}}
#
# Two checkpoints are kept: the last, and the best by ST-LPIPS on the held-out photos. Would you choose as the loop
# does? Write `choose(log)` with **your own criterion**. Expected: the `"step"` of a row that was validated (in other
# rows, `"val_psnr"` and `"val_stlpips"` are None) and that no other row beats in both numbers. Then defend your choice
# to your neighbour, in one sentence.

# %% tags=["stub"]
# {{stub: choose}}

# %% tags=["solution"]
# {{solution: choose}}

# %%
choose = check("choose", choose, own=log)

rows = {row["step"]: row for row in log if row["val_stlpips"] is not None}
step = choose(log)
best = min(rows, key=lambda step: rows[step]["val_stlpips"])
for name, number in (("yours", step), ("the loop's", best), ("the last", max(rows))):
    print(f"{name}: update {number:,}, {rows[number]['gain']:+.2f} dB, ST-LPIPS {rows[number]['val_stlpips']:.3f}")
if len(rows) == 1:
    print("Your run was short and was validated only once, so there was nothing to choose.")

# %% tags=["fold"]
show_images(
    load_image(outcome.preview(step)),
    titles=[f"update {step:,}: bicubic, your network, HR"],
    alt=f"Held-out photos by bicubic, by the network after update {step}, and HR: the choice, to be looked at.",
)
assert step in rows

# %% [markdown] tags=["slide"]
# ## 5. The result
#
# We take three photos that no network here has seen. Your SRGAN has the weights that the loop chose: those with the
# lowest ST-LPIPS on the held-out photos. It stands beside bicubic, your own SRResNet, the shipped SRGAN and HR. There
# is also a negative control: the same network without any training. If you left the settings unchanged, yours trained
# only briefly: it beats bicubic by both numbers, and its texture has just begun to grow. (From scratch, two minutes
# give an ugly picture, far below bicubic, and SRGAN may be worse than SRResNet by both numbers, because D has hardly
# begun to learn. On ST-LPIPS, both still beat the control.)

# %%
recipe = outcome.plan.stages[-1].recipe
torch.manual_seed(0)
networks = {
    "untrained": recipe.make_generator().eval(),
    "your SRResNet": load_network(folder / "srresnet-mse" / "weights.safetensors"),
    "your SRGAN": load_network(outcome.best),
}
for name, network in networks.items():
    made[name] = {photo: upscale(lr, weights=network) for photo, lr in lr_unseen.items()}
distance = STLPIPSDistance(torch.device("cpu"))
plane = {}
for name, pictures in made.items():
    decibels = fmean(psnr(picture, hr_unseen[photo]) for photo, picture in pictures.items())
    plane[name] = (decibels, fmean(distance(picture, hr_unseen[photo]) for photo, picture in pictures.items()))
    print(f"{name:<14} {plane[name][0]:6.2f} dB   ST-LPIPS {plane[name][1]:.3f}")
gain = plane["your SRGAN"][0] - plane["bicubic"][0]
print(f"your bet: {bet:+.1f} dB over bicubic; held out {rows[best]['gain']:+.1f} dB, unseen {gain:+.1f} dB")

# %% tags=["fold"]
for name in ("your SRResNet", "your SRGAN"):
    if outcome.log(0)[-1]["step"] >= 150:  # a machine that is busy makes fewer, and those say nothing
        assert plane[name][1] < plane["untrained"][1]
    if outcome.log(0)[-1]["step"] >= 500:  # PSNR comes later: at first the colours are wrong, and only they count
        assert plane[name][0] > plane["untrained"][0]
assert plane["srgan"][1] < plane["srresnet"][1] < plane["bicubic"][1]
assert start is None or plane["your SRGAN"][1] < plane["bicubic"][1]

# %% tags=["fold"]
show_crops(
    hr_unseen["chelsea"],
    *[made[name]["chelsea"] for name in ("bicubic", "your SRResNet", "your SRGAN", "srgan")],
    titles=["HR", "bicubic", "your SRResNet", "your SRGAN", "shipped SRGAN"],
    box=(0, 0, 64, 64),
    alt="A cat's eye: HR, bicubic, your own two networks, and the shipped SRGAN.",
)

# %% [markdown]
# Now a large picture with a slider: bicubic on the left, yours on the right. Look at edges first, then at surfaces.

# %% tags=["fold"]
cup_lr = imresize(cup, 1 / 4)  # cup: (400, 600, 3), never trained on
compare(
    imresize(cup_lr, 4),
    upscale(cup_lr, weights=networks["your SRGAN"]),
    titles=("bicubic", "your SRGAN"),
    alt="A cup of coffee, enlarged four times, by bicubic and by your network.",
)

# %% [markdown] tags=["slide"] answers=["left", "lower"]
# ### Where you stand
#
# **Question.** In the figure, PSNR rises to the right, and ST-LPIPS falls (which is better) towards the bottom. In
# which direction did your SRGAN move from your SRResNet? And the shipped pair?

# %%
updates = {stage.recipe.name: outcome.logs[stage.recipe.name][-1]["step"] for stage in outcome.plan.stages}
for name, paper in zip(updates, ("srresnet-mse", "srgan-vgg54"), strict=True):
    print(f"{name}: you {updates[name]:,} updates, the paper {RECIPES[paper].steps:,}")
print(f"your SRResNet began with {start or 'random weights'}")
for method in ("SRResNet", "SRGAN"):
    row = next(row for row in paper_table(2) if (row.set, row.method.lower()) == ("Set5", method.lower()))
    print(f"the paper's {method} on Set5: {row.psnr:.2f} dB, mean opinion {row.mos:.2f}")

# %% tags=["fold"]
draw_plane(
    {name: place for name, place in plane.items() if name != "untrained"},
    xlabel="PSNR on three unseen photos, dB",
    ylabel="ST-LPIPS, lower is better",
    alt="Methods in the plane of PSNR and ST-LPIPS: SRResNet farthest right, SRGAN left of it and lower; your two "
    "networks where their updates have brought them.",
)
for before, after in (("your SRResNet", "your SRGAN"), ("srresnet", "srgan")):
    (x, y), (to_x, to_y) = plane[before], plane[after]
    print(f"from {before} to {after}: {to_x - x:+.2f} dB, ST-LPIPS {to_y - y:+.3f}")

# %% [markdown] tags=["slide"]
# The shipped pair moved to the left and down: SRGAN gave up PSNR and won ST-LPIPS. After a short run, yours has usually
# moved the same way, but not as far. From scratch, it may have moved in another direction: as long as D cannot tell SR
# from HR, G learns nothing useful from it.
#
# The paper gives no ST-LPIPS, so its networks have no place in this plane. But it gives PSNR on Set5 and Set14, and
# there you can compare yours, by both protocols of lesson 08.

# %% tags=["skip"]
try:
    table = evaluate(
        outcome.best, ["Set5", "Set14"], "both", stlpips=True, limit=1 if smaller else None, progress=False
    )
    print(table)
except UserError as error:
    table = None
    print(f"{textwrap.fill(str(error), 100)}\nOnce you have the sets, this cell prints their table.")

# %% [markdown] tags=["notes"]
# **What would more time have given?** Here is an estimate for three times and for ten times the minutes, if there is
# a recorded run that resembles the plan:

# %% tags=["skip"]
longer = {
    factor: expect(make_longer)
    for factor in (1, 3, 10)
    if (make_longer := outcome.plan.times(factor)) and expect(make_longer)
}
for factor, estimate in longer.items():
    middle, share = estimate.gain[1], estimate.stlpips[1]
    print(f"{factor} times the time: {middle:+.1f} dB over bicubic, ST-LPIPS {share:.0%} of bicubic's")
print("" if longer else "No recorded run resembles this one. Train 10 times as long, and tell us what you get.")

# %% [markdown] tags=["slide"]
# ## 6. Take it home
#
# You get one file. It holds the weights, and a card with the data, updates, machine and results: without a card,
# weights are worth little. If the package onnx is installed, it also holds the network as ONNX, for programs without
# torch. The last line says where the file is; in Colab, click the folder symbol on the left and choose Download.

# %%
figures = {
    name: f"{decibels:.2f} dB, ST-LPIPS {perceptual:.3f}, three unseen photos"
    for name, (decibels, perceptual) in plane.items()
    if name in ("bicubic", "your SRResNet", "your SRGAN")
}
text = card(outcome, photos, figures)
picture = card_picture(
    {name: made[name]["chelsea"] for name in ("bicubic", "your SRResNet", "your SRGAN")} | {"HR": hr_unseen["chelsea"]},
    [" + ".join(f"{count:,}" for count in updates.values()) + f" updates, {plan.machine}", figures["your SRGAN"]],
)
names = take_home(outcome, folder / "my_srgan.zip", text, picture)
print(text)
print(folder / "my_srgan.zip", names)

# %% tags=["fold"]
assert zipfile.is_zipfile(folder / "my_srgan.zip")
assert {"weights.safetensors", "card.md", "card.png"} <= set(names)
with zipfile.ZipFile(folder / "my_srgan.zip") as file:
    file.extract("card.png", folder / "elsewhere")
show_images(
    load_image(folder / "elsewhere" / "card.png"),
    titles=["card.png: to show around"],
    alt="Your card: a cat's eye by bicubic, by your two networks and as HR, with the updates and the results.",
)

# %% [markdown] tags=["notes"]
# If you unpack the file elsewhere, you get the network that you trained:

# %% tags=["check-output", "skip"]
with zipfile.ZipFile(folder / "my_srgan.zip") as file:
    file.extract("weights.safetensors", folder / "elsewhere")
taken = load_network(folder / "elsewhere" / "weights.safetensors")
same = np.array_equal(upscale(lr_unseen["coffee"], weights=taken), made["your SRGAN"]["coffee"])
print("the same pixels:", same)

# %% tags=["fold"]
assert same

# %% [markdown] tags=["slide"]
# Then enter your network in your class's study, where people judge (lesson 09). Take `weights.safetensors` out of each
# zip, and name it after its learner:
#
#     srgan-lessons study new --images photos/ --methods bicubic srgan anna=anna.safetensors hr --out study
#
# Or your class can make **its own Table 1**: each group trains with a different combination of content loss,
# adversarial weight and pretraining, all with the same plan (`docs/class_table.md`). Your teacher gives you a file and
# a group number. In a terminal, or in a cell with `!` in front:
#
#     srgan-lessons class train class.json --group 3 --photos BSDS500
#
# At home, without a notebook, one command runs both stages; after an interruption, the same command continues:
#
#     srgan-lessons train srgan-offline --photos MY_PHOTOS --within 30
#     srgan-lessons train srgan-offline --photos MY_PHOTOS --within 480 --compact
#     srgan-lessons train srgan-offline --photos MY_PHOTOS --within 10 --compact --init srresnet-compact
#
# ## Recap
#
# - Measure, then plan: updates = (seconds - everything else that takes time) x speed, with a learning rate that
#   ends at 0.
# - SRResNet comes first, and SRGAN starts from its weights. A plan is kept with its run, and can be continued.
# - Held-out photos choose a checkpoint; unseen photos judge it; a card says how it was made.
#
# ### Three questions
#
# <details><summary>1. You stop a 60-minute plan after 30 minutes. Is the result the same as that of a 30-minute
# plan?</summary>
#
# No. The learning rate was still high, and SRGAN has hardly begun. The averaged weights make up for some of it, but a
# 30-minute plan is still better.
# </details>
#
# <details><summary>2. Your SRGAN has less PSNR than your SRResNet. Has it failed?</summary>
#
# That alone does not mean failure. As in lesson 08: from some point on, better looks cost PSNR. It has failed if
# neither ST-LPIPS nor your eyes see a gain.
# </details>
#
# <details><summary>3. Two learners trained the same plan with different seeds. Their results differ by 0.2 dB. Whose is
# better?</summary>
#
# One run each cannot tell you. You would need several seeds for both, and an interval.
# </details>
#
# ### What this lesson leaves out
#
# This lesson leaves out several GPUs (`torchrun`), other content losses (`srgan-vgg54`, with VGG19's weights), and the
# search for better rates: the plan's peaks of 4e-4 and 1.5e-4 were found by trying.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 3.2, training details.
# - Smith and Topin 2017, [arXiv 1708.07120](https://arxiv.org/abs/1708.07120): one cycle of the learning rate.
# - In this package: `srgan_lessons/training/plan.py` and `planned.py`.
#
# That was the course. Here is what you have solved.

# %%
progress()
