# %% [markdown] tags=["slide"]
# # Training SRGAN
#
# **Claim.** The adversarial step is two updates and one `detach`. Each of the five ways it goes wrong can be shown,
# named and cured in seconds.
#
# **Time.** 32 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lesson 04 (one update, Adam), lesson 05 (the discriminator, losses on logits), lesson 06 (content loss).
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import copy
import csv
import inspect

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn

from srgan_lessons import losses
from srgan_lessons.classroom.drawings import drawing
from srgan_lessons.classroom.figures import STYLE, LossBoard, as_html, bars, curves, mpl, put, show_crops, show_images
from srgan_lessons.classroom.motion import pictures_film
from srgan_lessons.classroom.viewers import play
from srgan_lessons.classroom.waiting import waiting
from srgan_lessons.datasets import CropSampler
from srgan_lessons.files import shipped
from srgan_lessons.images import load_image, sample_photos, to_image, to_tensor
from srgan_lessons.losses import MSELoss, mse_loss
from srgan_lessons.metrics import psnr
from srgan_lessons.models import ESPCN, Discriminator, Generator, count_parameters
from srgan_lessons.resize import imresize
from srgan_lessons.training import RECIPES
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.steps import gan_step, update_average
from srgan_lessons.upscaling import upscale
from srgan_lessons.vgg import VGGFeatures
from srgan_lessons.weights import load_network, read_metadata

settings = lesson_settings(
    full={"updates": 200, "clinic": 60, "height": 512, "width": 600},
    fast={"updates": 75, "clinic": 30, "height": 336, "width": 456},
)

UNSEEN = ("astronaut", "chelsea", "coffee")  # never trained on
photos = {name: photo for name, photo in sample_photos().items() if name not in UNSEEN}
hr_unseen = {name: sample_photos()[name][100:228, 150:278] for name in UNSEEN}  # (128, 128, 3)
lr_unseen = {name: imresize(hr, 1 / 4) for name, hr in hr_unseen.items()}  # (32, 32, 3)
bicubic = {name: imresize(lr, 4) for name, lr in lr_unseen.items()}  # (128, 128, 3)

# %% [markdown] tags=["slide"] answers=["40", "0.4"]
# ## Why
#
# Here is a network that was trained with MSE. It beats bicubic on PSNR, and yet something is missing.
#
# We can measure what is missing: how far is each pixel from the mean of its 3 x 3 neighbourhood? The average of these
# distances is the picture's **fine contrast**.
#
# **Before you read on:** how much of HR's fine contrast does the network bring back? Half? Three quarters?


# %% tags=["fold"]
def contrast(pictures):
    """Fine contrast of enlarged photos as a share of HR's, mean of the three unseen ones."""
    return np.mean([fine_contrast(pictures[name]) / fine_contrast(hr_unseen[name]) for name in UNSEEN])


def gain(pictures):
    """PSNR minus bicubic's in dB, mean of the three unseen photos."""
    return np.mean([psnr(pictures[name], hr) - psnr(bicubic[name], hr) for name, hr in hr_unseen.items()])


@torch.no_grad()
def enlarged(network):
    return {name: to_image(network(to_tensor(lr))) for name, lr in lr_unseen.items()}


# %%
def fine_contrast(picture):
    grey = to_tensor(picture).mean(dim=1, keepdim=True)  # (1, 1, H, W)
    return (grey[..., 1:-1, 1:-1] - F.avg_pool2d(grey, 3, stride=1)).abs().mean().item()


by_mse = enlarged(load_network("espcn"))  # ESPCN of lesson 03, as shipped: 6,000 updates by MSE
shares = {"bicubic": contrast(bicubic), "by MSE": contrast(by_mse)}

# %% tags=["fold"]
show_images(
    hr_unseen["chelsea"],
    bicubic["chelsea"],
    by_mse["chelsea"],
    titles=["HR: 100%", f"bicubic: {shares['bicubic']:.0%}", f"MSE: {shares['by MSE']:.0%}, {gain(by_mse):+.1f} dB"],
    alt="A cat's eye and fur: sharp in HR, soft by bicubic, a little less soft by the network trained with MSE.",
)
assert read_metadata("espcn")["updates"] == "6000"
assert gain(by_mse) > 0.5
assert shares["bicubic"] < shares["by MSE"] < 0.4

# %% [markdown]
# Less than 40 %. Lesson 06 showed why: where many answers are possible, MSE takes their average, and an average is
# smooth. A discriminator (lesson 05) can see that. So let it complain, and let the generator listen.

# %% [markdown] tags=["instructor"]
# **Timing.** The loss takes 3 minutes, the two steps 5, gan_step 3, the run and its curves 6, the clinic 10 (two
# minutes for each patient), the bill 2, and the real thing and the recap 3. The exercises take 28. **Before class**,
# run the notebook once: on two slow cores, all cells together take about a minute in full mode. Let the room bet on the
# run: who wins, and how fast?

# %% [markdown] tags=["slide"] answers=["0.693", "1.386", "log(2)"]
# ## Two players, two losses
#
# The generator G wants two things: its SR should be close to HR, and it should be taken for a photo. The **perceptual
# loss** (paper, eq. 3) adds them up:
#
# $$\underbrace{\text{content}(SR, HR)}_{\text{resemble}} + 10^{-3} \cdot \underbrace{-\log D(SR)}_{\text{deceive}}$$
#
# The discriminator D wants one thing: to tell HR and SR apart (eq. 2): $\;-\log D(HR) - \log (1 - D(SR))$.
#
# D returns a logit $z$, and $D(x) = \mathrm{sigmoid}(z)$. Neither loss needs the sigmoid:
# $-\log D(x) = \mathrm{softplus}(-z)$, and $-\log (1 - D(x)) = \mathrm{softplus}(z)$, because
# $1 - \mathrm{sigmoid}(z) = \mathrm{sigmoid}(-z)$.
#
# **Question.** Suppose D has no idea: it says 0.5 to everything. What is G's adversarial loss then, and what is D's
# loss?

# %% tags=["check-output", "skip"]
for logit, meaning in ((0.0, "no idea"), (-4.6, "99 % sure that it is made"), (-300.0, "no doubt at all")):
    z = torch.tensor(logit)
    print(f"{meaning}: D(SR) {torch.sigmoid(z):.2f}, -log D(SR) {F.softplus(-z):.2f}, by sigmoid and log", end=" ")
    print(f"{-torch.log(torch.sigmoid(z)):.2f}")
zero = torch.tensor(0.0)  # the logit of 0.5
no_idea = {"G": F.softplus(-zero).item(), "D": F.softplus(-zero).item() + F.softplus(zero).item()}
print(f"no idea: adversarial loss {no_idea['G']:.3f}, D's loss {no_idea['D']:.3f}")

# %% [markdown]
# Remember the two numbers of a clueless D: **0.693 and 1.386**. Every run with a new D starts near them, and a D that
# returns to them has been beaten, or is broken.
#
# ### {{exercise: perceptual_loss}}
#
# Write `perceptual_loss(sr, hr, logits)`, the formula above, averaged over the batch. `sr` and `hr` are (N, 3, H, W) in
# [0, 1]; `logits`, (N, 1), is what D says about `sr`. The content loss is `mse_loss(sr, hr)`, as in lesson 04, and it
# changes the range to [-1, 1] by itself. Mind the order: its second argument is the fixed target and gets no gradient.
# Expected: a tensor with one number that passes gradients to `sr` and to `logits`. The number and the gradients must be
# finite, and not capped, even for logits of -300.

# %% tags=["stub"]
# {{stub: perceptual_loss}}

# %% tags=["solution"]
# {{solution: perceptual_loss}}

# %%
perceptual_loss = check("perceptual_loss", perceptual_loss)

sr, hr = torch.rand(2, 4, 3, 32, 32)  # (4, 3, 32, 32) each
logits = 3 * torch.randn(4, 1)
theirs = losses.perceptual_loss(mse_loss(sr, hr), losses.adversarial_loss(logits))  # the package's, in two parts

# %% tags=["fold"]
assert torch.allclose(perceptual_loss(sr, hr, logits), theirs, atol=1e-6)

# %% [markdown] tags=["slide"] answers=["do not move"]
# The content loss is MSE here, because it is quick. The paper's Table 1 calls this variant SRGAN-MSE. SRGAN itself uses
# the VGG loss of lesson 06 instead of MSE, and no other line changes.
#
# ## The generator's step
#
# It is `train_step` of lesson 04 with a different loss. The gradient starts at D's logit, runs backwards **through D**
# to the pixels of SR, and on into G.
#
# **Question.** On its way it passes all of D's weights. Do they get a gradient? Do they change?
#
# ### {{exercise: generator_step}}
#
# Write `generator_step(generator, discriminator, optimizer, lr, hr)`: one update of the generator. `optimizer` holds
# the generator's weights. Use your `perceptual_loss`; its order is (sr, hr). Expected: return `sr` as the generator
# made it, with its graph or detached, because the discriminator will judge the same images next. Both networks are in
# training mode and stay there.

# %% tags=["stub"]
# {{stub: generator_step}}

# %% tags=["solution"]
# {{solution: generator_step}}

# %%
generator_step = check("generator_step", generator_step)


def new_players(start="espcn", rate_g=5e-4, rate_d=5e-4):
    """G, the small network of lesson 03; D, the paper's for crops of 32x32 and an eighth of its width; their Adams."""
    torch.manual_seed(0)
    generator, discriminator = ESPCN(icnr=True), Discriminator(crop=32, channels=8)
    if start:
        generator.load_state_dict(load_network(start).state_dict())
    adam_g = torch.optim.Adam(generator.parameters(), lr=rate_g, fused=True)
    return generator, discriminator, adam_g, torch.optim.Adam(discriminator.parameters(), lr=rate_d, fused=True)


sampler = CropSampler(photos, batch=8, crop=32)
generator, discriminator, adam_g, adam_d = new_players()
weights_before = [p.detach().clone() for p in (*generator.parameters(), *discriminator.parameters())]
lr, hr = sampler(0)  # (8, 3, 8, 8) and (8, 3, 32, 32)
sr = generator_step(generator, discriminator, adam_g, lr, hr)  # (8, 3, 32, 32)
moved = [
    bool((p != before).any())
    for p, before in zip((*generator.parameters(), *discriminator.parameters()), weights_before, strict=True)
]
weights_of_g = len(list(generator.parameters()))
print("tensors of G that moved:", sum(moved[:weights_of_g]), "of", weights_of_g, "- of D:", sum(moved[weights_of_g:]))

# %% tags=["fold"]
assert all(moved[:weights_of_g])
assert not any(moved[weights_of_g:])

# %% [markdown] tags=["slide"] answers=["helps D", "help D"]
# They do get a gradient (unless D is frozen). They do not change, because G's optimiser does not hold them. But note:
# the gradients left in D are still there, and D's step has to drop them first. (In G's step, `zero_grad` may also
# come at the end, because nothing else leaves gradients in G. In D's step, it must come before the backward pass.)
#
# ## The discriminator's step
#
# D is shown the same SR, and the HR that belongs to it, in two separate calls: `discriminator(hr)` and
# `discriminator(sr)`. Its BatchNorms must not mix them: in one common batch, half of the statistics that normalise the
# photos would come from the forgeries. (The judges of lesson 05 did get one common batch, because they were used in
# evaluation mode later, where the same statistics normalise both kinds. The D of a GAN is never used in that mode.)
#
# **Question.** `sr` is still attached to the graph of G. D's loss is small when D can tell SR from a photo. If
# its gradient runs on into G, what does G learn from it?
#
# `sr.detach()` cuts the connection: it returns the same numbers, without the graph.
#
# ### {{exercise: discriminator_step}}
#
# Write `discriminator_step(discriminator, optimizer, sr, hr)`: one update of the discriminator. Expected: return the
# mean D(HR) and the mean D(SR) of this step, as plain numbers between 0 and 1. The generator must not get any gradient,
# the caller's `sr` must stay as it is, and even a D that is very sure must get a finite gradient.

# %% tags=["stub"]
# {{stub: discriminator_step}}

# %% tags=["solution"]
# {{solution: discriminator_step}}

# %%
discriminator_step = check("discriminator_step", discriminator_step)

d_hr, d_sr = discriminator_step(discriminator, adam_d, sr, hr)
print(f"an untrained D: D(HR) {d_hr:.2f}, D(SR) {d_sr:.2f}")
with torch.no_grad():
    alone, mixed = discriminator(hr), discriminator(torch.cat([hr, sr]))[: len(hr)]  # (8, 1) each

# %% tags=["fold"]
assert abs(d_hr - 0.5) < 0.2
assert abs(d_sr - 0.5) < 0.2
assert (alone - mixed).abs().max() > 1e-3  # in a common batch D's opinion of the same photos is another

# %% [markdown]
# Without `detach`, G would learn to help D tell SR from HR, which is the opposite of its task. The clinic below has
# such a patient.
#
# Here are both steps in one picture. Black arrows run forwards; the dashed orange arrows are gradients.

# %% tags=["fold"]
drawing("players")

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** There is a detach in the generator's step, "to be safe": then D's opinion is printed, but G
# never learns from it, and this is MSE training with a witness. There is no detach in the discriminator's step. HR and
# SR go through D in one concatenated batch. Or a sigmoid comes before a loss on logits. Ask: why is it enough to zero
# the gradients right before backward()? And why is `k = 1`, one step each? (Goodfellow et al. allow k steps of D; the
# SRGAN paper takes one; the clinic shows what three do.)

# %% [markdown] tags=["slide"]
# ## The package's step

# %% [markdown] tags=["notes"]
# The function below trains all GANs of this course, and you see every line that runs: your two steps, one after the
# other. Three things are new. D is *frozen* while G learns, which saves gradients that nobody needs. `machine` provides
# what GPUs add, as in lesson 04; its `scaler` serves both optimisers and is updated once. And there is no `.item()`,
# because reading a number makes the program wait for the GPU. (`total_variation` is a regulariser that the paper uses
# in one variant of SRResNet. It is 0 here.)

# %%
print(inspect.getsource(gan_step))

mine, theirs = new_players()[:2], new_players()[:2]
sgd_mine, sgd_theirs = ([torch.optim.SGD(n.parameters(), lr=0.1) for n in pair] for pair in (mine, theirs))
for step in range(3):
    lr, hr = sampler(step)
    sr = generator_step(*mine, sgd_mine[0], lr, hr)
    discriminator_step(mine[1], sgd_mine[1], sr, hr)
    gan_step(*theirs, *sgd_theirs, MSELoss(), lr, hr, Machine("cpu"))
for name, a, b in zip(("G", "D"), mine, theirs, strict=True):
    difference = max((p - q).abs().max().item() for p, q in zip(a.parameters(), b.parameters(), strict=True))
    print(f"after three updates your {name} and the package's agree to 1e-6: {difference < 1e-6}")
    assert difference < 1e-6

# %% [markdown] tags=["slide"]
# ## A run, from pretrained weights
#
# G starts from weights trained with MSE, so its pictures are good, and soft. D knows nothing. Both take one step per
# update, with the same learning rate. The pictures come from G's moving average (lesson 04).


# %%
def train_gan(updates, *, start="espcn", pairs=sampler, weight=1e-3, rate_d=5e-4, d_steps=1, report=lambda *_: None):
    """A short GAN run. Returns the averaged generator, and a row of means every 10 updates; report(row, pictures)."""
    generator, discriminator, adam_g, adam_d = new_players(start, rate_d=rate_d)
    average, rows, recent = copy.deepcopy(generator).requires_grad_(False), [], []
    machine, content = Machine("cpu"), MSELoss()
    for step in waiting(range(updates), "training"):
        lr, hr = pairs(step)
        for _ in range(d_steps - 1):  # a D that is given more steps than G
            discriminator_step(discriminator, adam_d, generator(lr), hr)
        losses_now = gan_step(generator, discriminator, adam_g, adam_d, content, lr, hr, machine, adversarial=weight)
        update_average(average, generator, 0.9)
        recent.append({name: float(loss) for name, loss in losses_now.items()})
        if (step + 1) % 10 == 0:
            pictures = enlarged(average)
            rows.append({name: np.mean([row[name] for row in recent]) for name in recent[0]})
            rows[-1] |= {"step": step + 1, "gain": gain(pictures), "contrast": contrast(pictures)}
            report(rows[-1], pictures)
            recent = []
    return average, rows


# %% tags=["fold"]
# @title Preparation: what is recorded of a run
previews = []  # what the generator makes of the cat, every 10 updates
board = LossBoard(
    ylabel="what D says: the probability of a photo",
    log=False,
    alt="D(HR) and D(SR) begin together at one half and drift apart, D(HR) upwards, D(SR) downwards.",
)


def watch(row, pictures):
    board.add(row["step"], **{"D(HR)": row["d_hr"], "D(SR)": row["d_sr"]})
    previews.append(pictures["chelsea"])


def second_half(rows):
    return {name: np.mean([row[name] for row in rows[len(rows) // 2 :]]) for name in rows[0]}


# %% [markdown] tags=["subslide"] answers=["one half", "apart", "ahead"]
# **Before you run it:** draw two curves, D(HR) and D(SR). Where do they start? Who leads in the second half of the run,
# and by how much?

# %%
with board:
    by_gan, healthy = train_gan(settings.updates, report=watch)
late = second_half(healthy)
lead = late["d_hr"] - late["d_sr"]
print(f"second half of the run, means: D(HR) {late['d_hr']:.2f}, D(SR) {late['d_sr']:.2f}, difference {lead:.2f}")

# %% tags=["fold"]
assert abs(healthy[0]["d_hr"] - 0.5) < 0.15
assert abs(healthy[0]["d_sr"] - 0.5) < 0.15
assert 0.05 < lead < 0.5

# %% [markdown] answers=["run away", "runs away"]
# They start at one half and drift apart: D(HR) rises and D(SR) falls. So D leads, because finding a fault is easier
# than making none. But its lead, the printed difference, is small: a D that was sure would lead by nearly 1. Is that
# all? A curve means nothing without a second one to compare. So we run the **control**: the same start, the same crops,
# the same D, but the weight of the adversarial loss is 0. G does not listen.
#
# **Question.** What happens to D(SR) if the generator does not listen?

# %% tags=["skip"]
deaf, control = train_gan(settings.updates, weight=0)
steps = [row["step"] for row in healthy]
late_control = second_half(control)
for name, row in (("G listens", late), ("G does not", late_control)):
    print(f"{name}, second half: D(HR) {row['d_hr']:.2f}, D(SR) {row['d_sr']:.2f}, D's loss {row['discriminator']:.2f}")

# %% tags=["fold"]
curves(
    {
        "adversarial loss of G": (steps, [row["adversarial"] for row in healthy]),
        "adversarial loss, G does not listen": (steps, [row["adversarial"] for row in control]),
        "loss of D": (steps, [row["discriminator"] for row in healthy]),
        "loss of D, G does not listen": (steps, [row["discriminator"] for row in control]),
    },
    xlabel="updates",
    ylabel="loss",
    alt="If G listens, D's loss falls a little, G's rises, and neither runs away. If it does not, both run away.",
)
assert abs(healthy[0]["adversarial"] - no_idea["G"]) < 0.25
assert abs(healthy[0]["discriminator"] - no_idea["D"]) < 0.25
assert late["adversarial"] > healthy[0]["adversarial"]
assert late_control["d_sr"] < late["d_sr"] - 0.05
assert late["discriminator"] < healthy[0]["discriminator"]
assert late_control["discriminator"] < late["discriminator"] - 0.1
assert late_control["adversarial"] > late["adversarial"] + 0.2

# %% [markdown]
# Note what a good run looks like. **D's loss falls a little, G's rises, and neither runs away.** G's adversarial loss
# rises while G learns, because D learns, too. A low loss of D is no success: D is then so sure that the game is over.
# In a healthy run, D is ahead most of the time, but never sure. If G does not listen, D(SR) sinks: G goes on making the
# faults that D has already learned to see.

# %% [markdown] tags=["notes"]
# Did it help? Let us look. First comes the film of your own run: press Play and watch the fur around the eye. Below it
# is the last picture, beside that of the control.

# %% tags=["fold", "skip"]
# @title Something to move
pictures_film(
    previews,
    [
        f"update {row['step']}: {row['gain']:+.2f} dB over bicubic, {row['contrast']:.0%} of HR's fine contrast"
        for row in healthy
    ],
    beside={"HR": hr_unseen["chelsea"], "before, by MSE": by_mse["chelsea"]},
    alt="A cat's eye while the GAN trains: at first soft, as MSE left it, then with a fine grain that grows stronger.",
)

# %% tags=["skip"]
pictures = {"by MSE": by_mse, "G does not listen": enlarged(deaf), "by MSE and D": enlarged(by_gan)}
for name, photos_enlarged in pictures.items():
    print(
        f"{name}: fine contrast {contrast(photos_enlarged):.0%} of HR's, {gain(photos_enlarged):+.2f} dB over bicubic"
    )
paper = {"SRResNet": 32.05, "SRGAN": 29.40}  # Set5, PSNR in dB (paper, Table 2)

# %% tags=["fold"]
show_crops(
    hr_unseen["chelsea"],
    *[p["chelsea"] for p in pictures.values()],
    titles=["HR", *pictures],
    box=(0, 0, 64, 64),
    alt="A cat's eye: soft by MSE, soft where G does not listen; with D the fur has a fine grain, sharper than before.",
)
assert contrast(pictures["by MSE and D"]) > 1.1 * contrast(pictures["G does not listen"])
assert contrast(pictures["by MSE and D"]) > 1.1 * contrast(by_mse)
assert -1.5 < gain(pictures["by MSE and D"]) < gain(pictures["G does not listen"]) + 0.1
assert round(paper["SRResNet"] - paper["SRGAN"], 2) == 2.65
assert 2 * load_network("espcn").halo + 1 == 9  # LR pixels that an output pixel sees, in each direction

# %% [markdown] tags=["slide"]
# With D, the picture gains fine contrast and pays for it in PSNR. That is SRGAN in one line: in the paper's Table 2,
# SRGAN loses 2.65 dB to SRResNet on Set5, and wins the vote of the people who were asked.
#
# But look closely: it is a *grain*, the same weave everywhere. Three layers that see 9 x 9 LR pixels have no other way
# to imitate fur. Fine contrast cannot tell grain from hair, and in so few updates D could not learn to do so. But you
# can. So use numbers, and your eyes.
#
# ## The clinic
#
# Five patients come in. Each is the run above with **one mistake** in it. (The second brings its own code. In the
# third, two settings are changed, and both make D stronger.) For each we show what you see, why, and the cure. We
# compare them with the healthy run, after the same number of updates. For four of the five, the healthy run is also the
# cure: undo the mistake, and that is what you get. The second is cured on the spot.

# %% tags=["fold", "skip"]
# @title Preparation: how a patient is recorded and shown
well = next(row for row in healthy if row["step"] == settings.clinic)
clinic = {"healthy": well}  # name -> its last row


def admit(name, network, rows):
    """Records a patient, and shows it beside the healthy run: its numbers, and the unseen photos enlarged."""
    clinic[name] = rows[-1]
    for who, first, row in (("healthy", healthy[0], well), (name, rows[0], rows[-1])):
        print(
            f"{who}: {first['gain']:+.2f} dB over bicubic after {first['step']} updates, {row['gain']:+.2f} after "
            f"{row['step']}; fine contrast {row['contrast']:.0%}, D(HR) {row['d_hr']:.2f}, D(SR) {row['d_sr']:.2f}"
        )
    order = ("chelsea", "astronaut", "coffee")
    pictures = enlarged(network)
    show_images(
        previews[settings.clinic // 10 - 1],
        *[pictures[photo] for photo in order],
        titles=["healthy\nchelsea", *[f"this run\n{photo}" for photo in order]],
        alt=f"The cat by the healthy run, and three unseen photos as the generator of this run enlarges them: {name}.",
    )


def train_clumsily(updates, detach):
    """Like train_gan, but with the code that the second patient brings, clumsy_step."""
    generator, discriminator, adam_g, adam_d = new_players()
    average, rows = copy.deepcopy(generator).requires_grad_(False), []
    for step in waiting(range(updates), "training"):
        row = clumsy_step(generator, discriminator, adam_g, adam_d, *sampler(step), detach)
        update_average(average, generator, 0.9)
        if (step + 1) % 10 == 0:
            pictures = enlarged(average)
            rows.append(row | {"step": step + 1, "gain": gain(pictures), "contrast": contrast(pictures)})
    return average, rows


# %% [markdown] tags=["slide"] answers=["wins", "glance"]
# ### 1. No pretraining
#
# *"The pretraining takes a week. We start the GAN at once."*
#
# **Question.** The content loss is still there and pulls G towards HR. What does D do in the meantime?

# %%
untrained, rows = train_gan(settings.clinic, start=None)
admit("no pretraining", untrained, rows)

# %% tags=["fold"]
assert rows[-1]["gain"] < -3
assert RECIPES["srresnet-mse"].steps == 1_000_000
assert rows[-1]["d_sr"] < 0.25 < 0.35 < well["d_sr"]

# %% [markdown] tags=["slide"]
# D wins before G has learned to enlarge. It sees at a glance that this is no photo. It needs no fine detail for that,
# so it teaches none. If you cannot draw a face yet, an art critic is no help.
#
# **Cure:** train with MSE first, for 1,000,000 updates in the paper, and 6,000 for the weights that all other runs here
# start from. Then D meets a generator whose faults are *fine*, and works on those.
#
# ### 2. No detach
#
# *"It said `Trying to backward through the graph a second time`, and that I should write `retain_graph=True`. Now it
# runs."*
#
# Here is that code. D's step comes first, and all gradients are dropped at the top, as in many tutorials. One word
# makes the difference.


# %%
def clumsy_step(generator, discriminator, adam_g, adam_d, lr, hr, detach):
    adam_g.zero_grad()
    adam_d.zero_grad()
    sr = generator(lr)  # (N, 3, 32, 32)
    real, fake = discriminator(hr), discriminator(sr.detach() if detach else sr)  # (N, 1) each
    judgement = losses.discriminator_loss(real, fake)
    judgement.backward(retain_graph=True)  # without detach: D's gradient runs on into G, and stays there
    adam_d.step()
    loss = perceptual_loss(sr, hr, discriminator(sr))
    loss.backward()  # adds to it
    adam_g.step()
    values = {"d_hr": torch.sigmoid(real).mean(), "d_sr": torch.sigmoid(fake).mean(), "discriminator": judgement}
    return {name: value.item() for name, value in values.items()}


leaking, rows = train_clumsily(settings.clinic, detach=False)
admit("no detach", leaking, rows)
_, cured = train_clumsily(settings.clinic // 2, detach=True)
print(f"cured by one word: {cured[-1]['gain']:+.2f} dB, D(SR) {cured[-1]['d_sr']:.2f}, at update {cured[-1]['step']}")

# %% tags=["fold"]
assert rows[0]["gain"] < -0.5 < 0 < healthy[0]["gain"]
assert min(row["gain"] for row in rows) < -1.5
assert rows[-1]["d_sr"] < 0.2 < cured[-1]["d_sr"]
assert cured[-1]["gain"] > 0

# %% [markdown] answers=["opposite", "thousand"]
# The PSNR plunges in the first 10 updates, while D is still learning. After that, D's numbers look like a triumph. It
# is a fraud: **G helps D**. How much does it help? We compute the two gradients that D sends to G's weights in the
# first update.
#
# **Question.** One gradient deceives D, the other helps D. What is the angle between them? And which is longer?

# %% tags=["check-output"]
generator, discriminator, *_ = new_players()
lr, hr = sampler(0)
sr = generator(lr)
parts = {
    "deceive": 1e-3 * losses.adversarial_loss(discriminator(sr)),
    "leak": losses.discriminator_loss(discriminator(hr), discriminator(sr)),
}
gradient = {}
for name, loss in parts.items():
    found = torch.autograd.grad(loss, list(generator.parameters()), retain_graph=True)
    gradient[name] = torch.cat([g.flatten() for g in found])  # (37200,)
cosine = F.cosine_similarity(gradient["leak"], gradient["deceive"], dim=0).item()
ratio = (gradient["leak"].norm() / gradient["deceive"].norm()).item()
print(f"cosine of the leak and the gradient that deceives: {cosine:.1f}")

# %% tags=["fold", "check-output"]
print(f"the leak is {round(ratio, -3):,.0f} times as long, to the nearest thousand")
assert len(gradient["leak"]) == 37_200
assert cosine < -0.95
assert 600 < ratio < 1400

# %% [markdown] tags=["slide"]
# In the first update, the leak points in exactly the opposite direction, and it is about a thousand times as long: it
# has no factor of 1e-3, and D has no idea yet. Later the ratio is $1000 \, D / (1 - D)$, with D for D(SR): it shrinks
# as D becomes sure, but by then the photo is ruined.
#
# **Cure:** `sr.detach()`. The error that torch raised was right: do not silence it. The package's order is doubly safe:
# G's step comes first, and each step drops its gradients right before its own backward pass.
#
# ### 3. A discriminator that is too strong
#
# *"D(HR) = 1 and D(SR) = 0 after a minute. Is my D too good?"* We give it three steps for each of G's, at three times
# the learning rate.

# %%
crushed, rows = train_gan(settings.clinic, rate_d=1.5e-3, d_steps=3)
admit("discriminator too strong", crushed, rows)
print(f"adversarial loss {rows[-1]['adversarial']:.2f}, healthy {well['adversarial']:.2f}")

# %% tags=["fold"]
assert rows[-1]["d_sr"] < 0.2 < 0.35 < well["d_sr"]
assert rows[-1]["discriminator"] < well["discriminator"] - 0.4
assert rows[-1]["adversarial"] > 2 * well["adversarial"]
assert rows[-1]["contrast"] > 1.1 * well["contrast"]
assert rows[0]["gain"] > 0
assert rows[-1]["gain"] < well["gain"] - 0.15

# %% [markdown]
# Compare the first numbers with those of the leak: here the PSNR starts well and falls later.
#
# What does a D that knows everything teach? Think of a teacher who writes 0 under every essay. In the first GAN paper,
# G *minimises* $\log(1 - D(SR))$. With respect to the logit, the gradient of that loss is $-D(SR)$: where D is sure,
# nothing comes back. The same paper therefore recommends another loss in practice, and SRGAN uses it: $-\log D(SR)$.
# Its gradient is $D(SR) - 1$, which stays.

# %% tags=["check-output", "skip"]
for d_sr in (0.5, 0.1, 0.001):
    z = torch.logit(torch.tensor(d_sr)).requires_grad_()  # D's logit
    (vanishing,) = torch.autograd.grad(torch.log(1 - torch.sigmoid(z)), z)
    (staying,) = torch.autograd.grad(F.softplus(-z), z)
    print(f"D(SR) {d_sr}: gradient of log(1 - D(SR)) {vanishing:.3f}, of -log D(SR) {staying:.3f}")

# %% [markdown] tags=["slide"] answers=["pattern", "ruin"]
# So our G was not left without a gradient. It got a harsh one: $D(SR) - 1$ is close to -1, the adversarial loss is more
# than twice that of the healthy run, and G answers with a coarse grain.
#
# **Cure:** one step of D for each step of G (the paper's k = 1) and equal learning rates, as in the healthy run. If D
# still runs away, try a smaller D, a lower rate for D, or a label of 0.9 instead of 1 for HR. Waiting does not help.
#
# ### 4. An adversarial weight that is too high
#
# *"More GAN, more detail."* This run has a weight of 0.1 instead of 0.001.
#
# **Question.** D(SR) will look fine: G now does everything to please D. Will the photo look fine, too?

# %%
smitten, rows = train_gan(settings.clinic, weight=0.1)
admit("adversarial weight too high", smitten, rows)
print(f"content loss {rows[-1]['content']:.4f}, healthy {well['content']:.4f}")

# %% tags=["fold"]
assert rows[-1]["gain"] < well["gain"] - 1
assert rows[-1]["contrast"] > 1.3 * well["contrast"]
assert rows[-1]["content"] > 1.2 * well["content"]
assert rows[-1]["d_sr"] > clinic["discriminator too strong"]["d_sr"] + 0.05

# %% [markdown] tags=["slide"]
# Nothing in the adversarial loss says that SR must be *this* cat. Any photo would do. For a while, any pattern that D
# has not seen yet would do, too. D's curves are no help: D is not sure, as in a healthy run. **Watch the content loss
# and the PSNR**: they show it at once.
#
# **Cure:** use 1e-3, with a content loss that is a *mean*. Remember lesson 04: summing the content loss upsets this
# balance, too.
#
# ### 5. The wrong LR kernel
#
# *"All curves are perfect. On the benchmark it is worse than bicubic."* This patient made its LR crops with
# `F.interpolate(hr, scale_factor=1/4, mode="bicubic")`, the most obvious line to write. It has no antialiasing (lesson
# 01).


# %%
def other_kernel(step):
    _, hr = sampler(step)
    return F.interpolate(hr, scale_factor=1 / 4, mode="bicubic").clamp(0, 1), hr  # (8, 3, 8, 8) and (8, 3, 32, 32)


misled, rows = train_gan(settings.clinic, pairs=other_kernel)
admit("LR kernel mismatch", misled, rows)
in_training, right = rows[-1]["content"], well["content"]
print(f"content loss in training {in_training:.4f}, healthy {right:.4f}")

# %% tags=["fold"]
assert rows[-1]["gain"] < 0 < well["gain"]
assert rows[-1]["gain"] < well["gain"] - 0.5
assert abs(rows[-1]["d_sr"] - well["d_sr"]) < 0.2
assert in_training < 2.5 * right

# %% [markdown]
# Nothing in the training curves gives it away: D's curves are healthy, and a somewhat higher content loss means nothing
# without the healthy run beside it. The network has learned to undo *its own* kernel. On everyone else's LR images it
# ends up **worse than bicubic**, although it started from weights that beat bicubic.
#
# **Cure:** take `srgan_lessons.resize.imresize` for whole photos and `CropSampler` for crops: both use MATLAB's kernel
# from lesson 01. And validate on LR images that others made.

# %% tags=["fold"]
bars(
    {name: row["gain"] for name, row in clinic.items()},
    xlabel=f"PSNR over bicubic on unseen photos, dB, after {settings.clinic} updates",
    alt="The healthy run has the longest bar to the right of zero; the other five fall behind it, some by many dB.",
)
assert len(clinic) == 6
assert well["gain"] > 0
assert all(row["gain"] < well["gain"] for name, row in clinic.items() if name != "healthy")

# %% [markdown] tags=["slide"]
# ## Your turn: six logs
#
# Below are the logs of six other runs, with a different seed, lower learning rates and 200 updates. One is healthy, and
# each of the five illnesses appears once. You get no pictures, only the kind of numbers that `train` writes into its
# `log.csv`: the columns `content`, `d_hr` and `d_sr`, and the PSNR (`val_psnr` there) minus bicubic's on the same
# photos.
#
# The upper row shows D(HR), solid, and D(SR), dashed. The lower row shows PSNR minus bicubic's in dB, on unseen photos
# whose LR images were made correctly; beyond 1 dB the axis is logarithmic. The printed list has the content loss.

# %% tags=["skip"]
with open(shipped("results/sick_runs.csv"), newline="") as file:
    logs = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
print("      after 10 updates                   |  after 200 updates")
print("run   D(HR)  D(SR)       PSNR   content  |  D(HR)  D(SR)       PSNR   content")
for number in range(1, 7):
    first, last = (next(row for row in logs if (row["run"], row["step"]) == (number, step)) for step in (10, 200))
    texts = [f"{r['d_hr']:5.2f}  {r['d_sr']:5.2f}  {r['gain']:+6.2f} dB     {r['content']:.3f}" for r in (first, last)]
    print(f"{number}     ", "  |  ".join(texts), sep="")

# %% tags=["fold"]
with mpl.rc_context(STYLE):
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots(2, 6, sharex=True, sharey="row")
    for number, (above, below) in enumerate(axes.T, start=1):
        log = [row for row in logs if row["run"] == number]
        at = [row["step"] for row in log]
        above.plot(at, [row["d_hr"] for row in log], color="#000000", label="D(HR)")
        above.plot(at, [row["d_sr"] for row in log], color="#d55e00", linestyle="--", label="D(SR)")
        below.plot(at, [row["gain"] for row in log], color="#0072b2")
        below.axhline(0, color="#7a7a7a", linewidth=1.2)
        above.set_title(f"run {number}")
        below.set_xticks([0, 100, 200])
    axes[0, 0].set(ylabel="what D says", ylim=(-0.05, 1.05))
    axes[1, 0].set(ylabel="dB over bicubic", ylim=(-20, 2))
    axes[1, 0].set_yscale("symlog", linthresh=1)
    axes[1, 0].set_yticks([-10, -3, -1, 0, 1], ["-10", "-3", "-1", "0", "1"])
    figure.supxlabel("updates", fontsize=13)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
alt = "Six runs: above what D says of HR and SR, below the PSNR over bicubic. The numbers are printed above."
put(as_html(figure, alt=alt), alt=alt)

# %% [markdown]
# ### {{exercise: diagnoses}}
#
# Complete the dict `diagnoses`: run number -> one of `"healthy"`, `"no pretraining"`, `"no detach"`,
# `"discriminator too strong"`, `"adversarial weight too high"`, `"LR kernel mismatch"`. Judge whole curves: a healthy
# run may fall below bicubic in the end. Expected: each name once.

# %% tags=["stub"]
# {{stub: diagnoses}}

# %% tags=["solution"]
# {{solution: diagnoses}}

# %%
diagnoses = check("diagnoses", diagnoses)

# %% [markdown] tags=["slide"] answers=["thirteen"]
# ## The bill
#
# Your run above had 200 updates at most, each with 8 crops of 32 x 32. The paper's SRGAN takes 200,000 updates with 16
# crops of 96 x 96, two large networks and VGG19.
#
# **Before you read on:** how long does that take on two CPU cores? Write down your bet, in hours, days or weeks.
#
# First, we count the operations of one update. A convolution multiplies and adds. Its backward pass costs twice as much
# as its forward pass: once for the gradient of its inputs, once for that of its weights.
#
# **Question.** In one update of SRGAN-VGG54, how many forward passes does each network make, and what do its backward
# passes cost?
#
# <details><summary>Answer</summary>
#
# | network | in the update | in units of one forward pass |
# |---|---|---|
# | G | forward, backward | 1 + 2 = **3** |
# | VGG19, frozen | SR and HR forward, backward to the pixels of SR | 2 + 1 = **3** |
# | D, frozen in G's step | forward, backward to the pixels | 1 + 1 = 2 |
# | D in its own step | HR and SR, forward and backward | 2 (1 + 2) = 6, together **8** |
#
# </details>


# %% tags=["fold", "skip"]
# @title Preparation: counts the operations of a forward pass, and the memory that an update needs
def forward_cost(network, x):
    """Multiplications and additions of one forward pass, in TFLOP."""
    total = []

    def count(layer, inputs, output):
        total.append(2 * layer.weight.numel() * output.numel() / len(layer.weight))  # weights per place, times places

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    network(x)
    for hook in hooks:
        hook.remove()
    return sum(total) / 1e12


with torch.device("meta"):  # shapes without numbers: nothing is computed
    networks = {"G": Generator(), "D": Discriminator(), "VGG": VGGFeatures(5, 4)}
    lr, hr = torch.rand(16, 3, 24, 24), torch.rand(16, 3, 96, 96)
forward = {name: forward_cost(network, lr if name == "G" else hr) for name, network in networks.items()}
held = 16 * (count_parameters(networks["G"]) + count_parameters(networks["D"])) / 1e9  # 4 numbers of 4 bytes a weight
kept = {}  # the memory that the backward pass of G's step needs again, each piece once
with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.setdefault(x.untyped_storage()._cdata, x), lambda x: x):
    sr = networks["G"](lr)  # (16, 3, 96, 96)
    loss = F.mse_loss(networks["VGG"](sr), networks["VGG"](hr)) + F.softplus(-networks["D"](sr)).mean()
feature_maps = sum(x.untyped_storage().nbytes() for x in kept.values()) / 1e9

# %% tags=["check-output"]
paper = RECIPES["srgan-vgg54"]
cost = {name: passes * forward[name] for name, passes in {"G": 3, "D": 8, "VGG": 3}.items()}  # TFLOP
update = sum(cost.values())
print("TFLOP per update of 16 crops:", ", ".join(f"{name} {tera:.2f}" for name, tera in cost.items()))
print(f"together {update:.2f}; {paper.steps:,} updates: {update * paper.steps / 1000:.0f} PFLOP")
print(f"memory in fp32: weights, gradients and Adam's moments {held:.1f} GB, feature maps {feature_maps:.1f} GB")

# %% tags=["fold"]
assert (paper.steps, paper.batch, paper.crop) == (200_000, 16, 96)
assert held + feature_maps < 2

# %% [markdown]
# D looks small in the paper's drawing, but it is the second largest item on the bill. Memory is no obstacle: by this
# calculation it takes less than 2 GB, and a T4 has 16.
#
# And the time? A data sheet promises a number of operations per second that no training reaches. So the calculation
# gives a *lower bound*, and only a measurement gives hours. The list below has the machines on which this recipe has
# been measured so far.

# %% tags=["skip"]
PEAKS = {"Tesla T4, fp32": 8.1, "Tesla T4, fp16": 65, "H100 SXM, bf16": 989}  # TFLOP/s, from Nvidia's data sheets
print(f"{paper.name}, {paper.steps:,} updates. Calculated, at the data sheet's peak, at least:")
for name, peak in PEAKS.items():
    print(f"  {name}: {update * paper.steps / peak / 3600:.2f} hours")
print("Measured:")
with open(shipped("results/training_cost.csv"), newline="") as file:
    for row in csv.DictReader(file):
        if row["recipe"] == paper.name and row["seconds"]:
            print(f"  {row['machine']}: {float(row['seconds']) * paper.steps / 3600:,.1f} hours")

# %% tags=["fold"]
assert 4 < update * paper.steps / PEAKS["Tesla T4, fp32"] / 3600 < 5.5
assert round(5.53 * paper.steps / 86400) == 13  # days, of the two cores in the list

# %% [markdown] tags=["slide"]
# Two CPU cores need thirteen days. Was your bet close? `train` writes checkpoints, resumes, and names a batch size that
# fits if memory runs out (lesson 04). This is the command:
#
# `srgan-lessons train srgan-vgg54 --photos FOLDER --init runs/srresnet-mse/weights.safetensors`
#
# ## The real thing
#
# The `srgan` that comes with the course was made with a different recipe, `srgan-offline`, which needs no download. It
# started from SRResNet's weights and used `gan_step` as you have seen it, in two runs with 36,818 updates of 16 crops
# in total. One H100 took less than six minutes for them.
#
# The content loss of this recipe has three parts: two maps of lesson 06's VGG16, which was trained for another task;
# the MSE, which keeps the colours; and the *phase means*, a term of this course's own. The phase means work against the
# weave that you have seen above: a generator's pixel shuffles make 16 kinds of pixels, and the term is large if one
# kind is brighter than another. The numbers of this recipe cannot be compared with the paper's.
#
# Here the whole photo is enlarged, and we look at a part of it. The picture called *yours* is by your own generator,
# trained above.

# %% tags=["skip"]
whole = {name: sample_photos()[name][: settings.height, : settings.width] for name in UNSEEN}
whole = {name: hr[: hr.shape[0] // 4 * 4, : hr.shape[1] // 4 * 4] for name, hr in whole.items()}  # whole 4 x 4 tiles
made = {"bicubic": "bicubic", "ESPCN": "espcn", "SRResNet": "srresnet", "SRGAN": "srgan", "yours": by_gan}
for name, network in made.items():
    made[name] = {photo: upscale(imresize(hr, 1 / 4), network) for photo, hr in whole.items()}  # (H, W, 3) each
share, above = {}, {}  # fine contrast, and PSNR over bicubic, mean of the three whole photos
for name, pictures in made.items():
    share[name] = np.mean([fine_contrast(pictures[p]) / fine_contrast(hr) for p, hr in whole.items()])
    above[name] = np.mean([psnr(pictures[p], hr) - psnr(made["bicubic"][p], hr) for p, hr in whole.items()])
    gained = round(above[name], 2) + 0  # adding 0 turns -0.0 into 0.0
    print(f"{name}: fine contrast {share[name]:.0%} of HR's, {gained:+.2f} dB over bicubic")

# %% tags=["fold"]
show_crops(
    whole["chelsea"],
    *[made[name]["chelsea"] for name in ("SRResNet", "SRGAN", "yours")],
    titles=["HR", "SRResNet", "SRGAN", "yours"],
    box=(52, 92, 136, 136),
    alt="A cat's eye: clean and smooth by SRResNet, with believable fur by SRGAN, with a weave by yours.",
)
versions = ("bicubic", "SRResNet", "SRGAN")
show_crops(
    whole["coffee"],
    *[made[name]["coffee"] for name in versions],
    titles=["HR", *versions],
    box=(176, 300, 152, 152),
    alt="A spoon beside a cup: blurred by bicubic, smooth by SRResNet, with crisp reflections by SRGAN.",
)
assert share["SRResNet"] < 0.5 < 0.8 < share["SRGAN"] < 1.1
assert 1.7 < above["SRResNet"] - above["SRGAN"] < 2.6
assert share["yours"] > 1.1 * share["ESPCN"]

# %% [markdown] tags=["notes"]
# How does an SRResNet become an SRGAN? No pictures were kept while the H100 was training. For the film below, two CPU
# cores repeated the beginning: the same recipe, from the same SRResNet, with 800 updates of 8 crops. Its last picture
# is by the shipped `srgan`. Press Play and watch the fur, then the iris.

# %% tags=["fold", "skip"]
beginning = shipped("runs/srgan_first_updates")
with open(beginning / "log.csv", newline="") as file:
    log = list(csv.DictReader(file))
part = np.s_[52:188, 92:228]
frames = [load_image(beginning / f"{int(row['step']):04}.webp") for row in log]  # (136, 136, 3) each
frames.append(made["SRGAN"]["chelsea"][part])
hr_part = whole["chelsea"][part]
captions = [f"update {row['step']}: {float(row['psnr']):.1f} dB" for row in log]
captions.append(f"the shipped SRGAN: {psnr(made['SRGAN']['chelsea'], whole['chelsea']):.1f} dB")
pictures_film(
    frames,
    [
        f"{caption}; in this part {fine_contrast(frame) / fine_contrast(hr_part):.0%} of HR's fine contrast"
        for caption, frame in zip(captions, frames, strict=True)
    ],
    beside={"HR": hr_part, "SRResNet": made["SRResNet"]["chelsea"][part]},
    alt="A cat's eye while SRGAN trains: first smooth, then with coarse strokes and a weave, at last with fine fur.",
)

# %% [markdown] tags=["slide"] answers=["face", "teeth", "lettering"]
# This is what the adversary is for. On the three whole photos, SRResNet has less than half of HR's fine contrast, SRGAN
# more than four fifths, and what it adds is fur on the cat and light on the spoon. It pays about 2 dB for this, much as
# the paper's SRGAN does.
#
# ### Where it fails
#
# **Question.** Fur, wood and metal forgive a stroke in the wrong place. What does not forgive it?

# %% tags=["fold"]
updates, seconds = 0, 0.0
for log in ("runs/srgan.csv", "runs/srgan_last.csv"):
    with open(shipped(log), newline="") as file:
        run = list(csv.DictReader(file))
    between = np.diff([0, *[int(row["step"]) for row in run]])
    updates += between.sum()
    seconds += sum(between / [float(row["updates_per_s"]) for row in run])
show_crops(
    whole["astronaut"],
    *[made[name]["astronaut"] for name in versions],
    titles=["HR", *versions],
    box=(64, 168, 112, 112),
    alt="A smiling woman: soft by bicubic, clean by SRResNet; SRGAN crumples her teeth and draws two uneven eyes.",
)
assert updates == int(read_metadata("srgan")["updates"]) == 36_818
assert 320 < seconds < 350

# %% [markdown] tags=["slide"]
# A small face does not. In the LR image, the woman's teeth are a pixel or two high, and SRGAN turns them into a
# grimace. The hair next to them is fine. The loss does not know that one matters to us more than the other, and a
# discriminator that sees crops of 96 x 96 learns texture, not faces. Lettering fails in the same way, and so do fine
# regular stripes, which leave no trace in the LR image. For these, use SRResNet, or leave the photo alone.
#
# ## Play
#
# Be the doctor. Change the weight of the adversarial loss, D's learning rate and D's steps; each choice trains for 30
# updates. Can you find settings that give more fine contrast than the healthy run at that point (in brackets) and still
# look like a photo?


# %% tags=["fold"]
def experiment(weight, rate_of_d, steps_of_d):
    network, rows = train_gan(30, weight=weight, rate_d=rate_of_d, d_steps=steps_of_d)
    what = f"weight {weight}, D's rate {rate_of_d}, D's steps {steps_of_d}"
    row, usual = rows[-1], next(row for row in healthy if row["step"] == 30)
    show_images(
        *enlarged(network).values(),
        titles=UNSEEN,
        alt=f"Three unseen photos after 30 updates: {what}.",
    )
    said = (
        f"Fine contrast {row['contrast']:.0%} (healthy: {usual['contrast']:.0%}), {row['gain']:+.1f} dB over bicubic "
        f"({usual['gain']:+.1f}), D(HR) {row['d_hr']:.2f}, D(SR) {row['d_sr']:.2f}."
    )
    put(f"<p>{said}</p>", alt=said)


play(experiment, weight=[1e-3, 0, 3e-3, 1e-2, 1e-1], rate_of_d=[5e-4, 5e-5, 1.5e-3, 5e-3], steps_of_d=[1, 2, 3])

# %% [markdown] tags=["slide"]
# ## Recap
#
# - G's step uses content loss + 1e-3 times -log D(SR). The gradient passes through D, and D does not change.
# - D's step uses the same SR, **detached**, and HR, in two calls. Both losses are softplus on logits.
# - A clueless D gives 0.693 and 1.386. In a healthy run D is ahead but never sure: its loss falls a little, G's rises.
# - SRGAN starts from MSE weights. It pays with PSNR and buys fine contrast: check whether that is detail or grain.
#
# | what you see | illness | cure |
# |---|---|---|
# | PSNR far below bicubic from the first row | no pretraining | MSE first |
# | PSNR plunges in the first updates, then D(SR) = 0 for good | no detach | `sr.detach()` |
# | D(HR) goes to 1, D(SR) to 0, PSNR falls later and less | discriminator too strong | one step each, D slower |
# | D is not sure, but PSNR and content loss get much worse | adversarial weight too high | 1e-3, and means |
# | D and content loss look fine, benchmark soon below bicubic | LR kernel mismatch | `imresize`; test on others' LR |
#
# ### Three questions
#
# <details><summary>1. D's loss has been 1.386 for a thousand updates. Has G won?</summary>
#
# Perhaps. More often D is broken: it is frozen, its optimiser never takes a step, or its rate is so high that it says
# the same to everything. Let it learn HR against noise: a working D tells them apart within seconds.
# </details>
#
# <details><summary>2. You detach SR in both steps. What do the curves look like?</summary>
#
# They look like the control's: D gets better and better, D(SR) falls, the adversarial loss is computed, and G never
# hears about it. It is MSE training with a witness.
# </details>
#
# <details><summary>3. Why does the generator's step not ask for D(HR)?</summary>
#
# HR does not depend on G. The loss on HR gives no gradient to G, so a pass through D would be wasted. (Relativistic
# GANs, as in ESRGAN, do ask for it.)
# </details>
#
# ### What this lesson leaves out
#
# The generator here has three layers, and the runs have a few hundred updates instead of the paper's 200,000: the
# illnesses are the same, the healthy picture is not. The content loss is MSE. Cures of 2017 and 2018, such as gradient
# penalties, spectral normalisation and relativistic losses, make D tamer; lesson 10 says what came after the paper.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): sections 2.1, 2.2.2 and 3.2.
# - Goodfellow et al. 2014, [arXiv 1406.2661](https://arxiv.org/abs/1406.2661): section 3, why -log D.
# - Arjovsky and Bottou 2017, [arXiv 1701.04862](https://arxiv.org/abs/1701.04862): what a perfect D does to G.
# - In this package: `srgan_lessons/training/steps.py`, and `docs/troubleshooting.md`.
#
# Next: lesson 08, how to measure what this has achieved. Here is what you have solved so far.

# %%
progress()
