# %% [markdown] tags=["slide"]
# # Discriminator
#
# **Claim.** A discriminator learns whatever tells its two kinds of pictures apart, and nothing else. Its loss is
# computed from logits, because sigmoid and log break as soon as it is sure.
#
# **Time.** 33 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lesson 02 (convolution, BatchNorm), lesson 03 (ESPCN) and lesson 04 (the training loop). You know what a
# probability density is.
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import math
import textwrap

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import rc_context
from matplotlib.figure import Figure
from torch import nn

from srgan_lessons import UserError, losses
from srgan_lessons.classroom.drawings import drawing
from srgan_lessons.classroom.figures import LINES, STYLE, as_html, bars, curves, put, show_images
from srgan_lessons.classroom.motion import curves_film
from srgan_lessons.classroom.viewers import play
from srgan_lessons.classroom.waiting import waiting
from srgan_lessons.images import sample_photos, to_tensor
from srgan_lessons.models import Discriminator, count_parameters
from srgan_lessons.resize import downscale, upscale
from srgan_lessons.weights import load_network, shipped_weights

settings = lesson_settings(full={"updates": 200}, fast={"updates": 60})
espcn = load_network("espcn").requires_grad_(False)  # the generator of this lesson: small, and trained on MSE


def versions(photo):
    """The photo and its enlargements, (1, 3, H, W) each, in [0, 1]. Whole tiles of 32 x 32, at most 512 x 512."""
    height, width = (min(n, 512) // 32 * 32 for n in photo.shape[:2])
    hr = to_tensor(photo[:height, :width])  # (1, 3, H, W)
    lr = downscale(hr)  # (1, 3, H/4, W/4)
    return {"HR": hr, "bicubic": upscale(lr), "ESPCN": espcn(lr), "LR": lr}


UNSEEN = ("astronaut", "chelsea", "motorcycle")  # no discriminator is trained on them
pictures = {name: versions(photo) for name, photo in sample_photos().items()}

# %% [markdown] tags=["slide"] answers=["2 and 3", "soft", "sharp"]
# ## Why
#
# A network trained on MSE paints too softly. But who will tell the network so? PSNR cannot: it likes the soft picture.
# You can. So the paper puts a judge into the training.
#
# **Before you read on:** run the cell. Which of the four are photos? And how do you know?

# %% tags=["fold"]
eye, wheel = (slice(None), slice(None), slice(80, 144), slice(100, 164)), (..., slice(284, 348), slice(132, 196))
show_images(
    pictures["chelsea"]["ESPCN"][eye],
    pictures["motorcycle"]["HR"][wheel],
    pictures["chelsea"]["HR"][eye],
    pictures["motorcycle"]["bicubic"][wheel],
    titles=["1", "2", "3", "4"],
    alt="Four crops: 1 a soft eye of a cat, 2 a sharp wheel, 3 a sharp eye of a cat, 4 a soft wheel.",
)

# %% [markdown] tags=["instructor"]
# **Timing.** "Why" takes 2 minutes, the best judge 4, the one-dimensional GAN 5, logits 6, "How strong" 3, the network
# 5, what it tells apart 5, and play and recap 3. The exercises take 27. Ask the room about 1 to 4: "What exactly did
# you look at?" Write the words down (edges, whiskers, grain). Come back to them when two discriminators disagree about
# the same picture.

# %% [markdown] tags=["fragment"]
# Crops 2 and 3 are photos. You saw it in a moment: 1 and 4 are soft. A network that sees this, too, could tell the
# generator, pixel by pixel, what gives its pictures away. It is called the **discriminator**, D. This lesson builds it
# and asks what it sees. The answer may surprise you: it need not be what *you* see.

# %% [markdown] tags=["slide"] answers=["0.75", "75", "3/4"]
# ## The best judge there can be
#
# Let us start with something simpler than pictures: numbers. Half of them stand for the photos: they are called *real*,
# and come from a bell curve around 4, the density $p$. A generator makes the other half, around 0, with the density
# $q$. The judge is shown one number $x$, and says how probable it is that this number is real.
#
# **Question.** At $x$, the densities are $p = 0.3$ and $q = 0.1$. What is the best answer?
#
# ### {{exercise: optimal_discriminator}}
#
# Write `optimal_discriminator(p, q)`. `p` and `q` are tensors of the same shape: the densities of real and generated
# samples at some places. Return the probability that a sample found there is real. Where both densities are 0, there
# are no samples and nothing is known: return 0.5. Expected: 0.5 where p and q are equal, and your answer from above
# for p = 0.3 and q = 0.1.

# %% tags=["stub"]
# {{stub: optimal_discriminator}}

# %% tags=["solution"]
# {{solution: optimal_discriminator}}

# %%
optimal_discriminator = check("optimal_discriminator", optimal_discriminator)
REAL = (4.0, 0.6)  # mean and width of the real numbers
x = torch.linspace(-4, 7, 221)  # (221,): places to draw at


def density(mean, width):
    """A bell curve at all places x, (221,)."""
    return torch.exp(-(((x - mean) / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi))


p, q = density(*REAL), density(0.0, 1.5)
best = torch.as_tensor(optimal_discriminator(p, q))  # (221,)

# %% [markdown] tags=["subslide"]
# Can a network find this answer if all it gets is samples? Ours has two hidden layers and never sees $p$ or $q$. Its
# last layer gives a number of any size, the **logit**; the sigmoid turns it into a probability. The loss is
# cross-entropy, which you know from classification:
#
# $$-\log D(\text{real}) - \log(1 - D(\text{generated}))$$


# %%
def small_judge():
    return nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))


def sample(mean, width, count=256):
    return mean + width * torch.randn(count, 1)  # (256, 1)


torch.manual_seed(0)
judge = small_judge()
optimizer = torch.optim.Adam(judge.parameters(), lr=0.01)
for _ in range(300):
    on_real, on_fake = judge(sample(*REAL)), judge(sample(0.0, 1.5))  # (256, 1) both: logits
    loss = losses.discriminator_loss(on_real, on_fake)  # cross-entropy; its inside comes below
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

learned = torch.sigmoid(judge(x[:, None]))[:, 0].detach()  # (221,)
common = p + q > 0.02  # where samples fall at all
print(f"largest difference where samples fall: {(learned - best)[common].abs().max():.2f}")

# %% tags=["fold"]
curves(
    {
        "p, real": (x, p),
        "q, generated": (x, q),
        "D, learned from samples": (x, learned),
        "p / (p + q)": (x, best),
    },
    xlabel="x",
    ylabel="density, or probability",
    alt="Two bell curves; the learned D is near 0 under the generated one, near 1 under the real one, as p/(p+q) is.",
)
assert (learned - best)[common].abs().max() < 0.25
assert (learned - best)[common].abs().mean() < 0.04
assert torch.allclose(torch.sigmoid(p.log() - q.log())[common], best[common], atol=1e-4)

# %% [markdown] tags=["slide"] answers=["slope", "climbs"]
# It can. It was only told "real" or "generated", and it found the proportion: $D = p/(p+q)$ (Goodfellow et al. 2014).
# For $p = 0.3$ and $q = 0.1$, that is 0.75: of four samples that fall there, three are real. Only at the edges of the
# figure, where no samples fall, it cannot know. (At the right edge, $p/(p+q)$ falls again, because $q$ is wider than
# $p$: so far out, the few samples are generated ones.)
#
# And the logit? Put $p/(p+q)$ into the inverse of the sigmoid, and you get $\log p - \log q$. The logit says how much
# more likely *real* is, as a logarithm. It has no limit on either side.
#
# ## A GAN in one dimension
#
# So far, the generated numbers have stayed where they were. Now the generator may learn, too. Two networks that learn
# against each other are a **GAN**, a *generative adversarial network*. Our generator has two weights: it draws noise
# $z$ from the standard bell curve and returns $a + b z$. The two take turns: D gets one update with its loss, then the
# generator gets one with its own, which rewards it if $D$ is close to 1 for its samples. Both losses come from the
# package here; you will write them below.
#
# **Before you run it:** the real numbers have mean 4 and width 0.6; the generator's start with mean 0 and width 1.5. It
# never sees a real number. How can it find them?


# %%
def play_gan(updates=600, shuffled=False, seed=0):
    """Both learn in turns. Returns for each update a, b, and D at all places x; and D's losses."""
    torch.manual_seed(seed)
    judge, shape = small_judge(), nn.Parameter(torch.tensor([0.0, 1.5]))  # D; a and b
    optimizer_d = torch.optim.Adam(judge.parameters(), lr=0.01, betas=(0.5, 0.99))
    optimizer_g = torch.optim.Adam([shape], lr=0.01, betas=(0.5, 0.99))
    history, d_losses = [], []
    for _ in waiting(range(updates), "playing"):
        with torch.no_grad():
            history.append((*shape.tolist(), torch.sigmoid(judge(x[:, None]))[:, 0]))

        fake = shape[0] + shape[1] * torch.randn(256, 1)  # (256, 1)
        both = torch.cat([sample(*REAL), fake.detach()])  # (512, 1); detached: here only D learns
        if shuffled:
            both = both[torch.randperm(512)]  # which samples are called real is left to chance
        on_real, on_fake = judge(both).chunk(2)  # (256, 1) both
        loss = losses.discriminator_loss(on_real, on_fake)
        optimizer_d.zero_grad()
        loss.backward()
        optimizer_d.step()
        d_losses.append(loss.item())

        loss = losses.adversarial_loss(judge(fake))  # -log D, through D, back to a and b
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()
    return history, d_losses


history, d_losses = play_gan()
a, b, _ = history[-1]
print(f"real: mean {REAL[0]:.1f}, width {REAL[1]:.1f}; generated: mean {a:.1f}, width {abs(b):.1f}")


# %%
def lines_at(update):
    """The curves to draw after so many updates."""
    a, b, d = history[update]
    q = density(a, abs(b))  # (221,)
    return {"p, real": p, "q, generated": q, "D": d, "p / (p + q)": torch.as_tensor(optimal_discriminator(p, q))}


here = density(*REAL) > 0.05
last_d = torch.stack([d for *_, d in history[-100:]]).mean(dim=0)  # (221,)
print(f"D where real numbers are, last 100 updates: {last_d[here].mean():.2f}")
print(f"loss of D, last 100 updates: {np.mean(d_losses[-100:]):.2f}; log 4 = {math.log(4):.2f}")

# %% tags=["fold"]
FRAMES = (0, 100, 200, 300, 400, 599)


with rc_context(STYLE):
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    for axis, update in zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, FRAMES, strict=True):
        for (name, y), (colour, style, _) in zip(lines_at(update).items(), LINES, strict=False):
            axis.plot(x, y, color=colour, linestyle=style, label=name)
        axis.set_title(f"after {update} updates")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    figure.supxlabel("x", fontsize=13)
    figure.supylabel("density, or probability", fontsize=13)
    alt = (
        "Six frames: the generated bell curve widens, moves right, and lies on the real one; D goes to one half there."
    )
    put(as_html(figure, alt), alt=alt)

shots = [*range(0, 100, 5), *range(100, 300, 10), *range(300, 600, 25), 599]
curves_film(
    x[::2].tolist(),
    [{name: y[::2].tolist() for name, y in lines_at(update).items()} for update in shots],
    [f"after {update} updates" for update in shots],
    xlabel="x",
    top=1.0,
    alt="The game as a film: the generated bell curve widens, wanders to the real one and lies on it; D flattens.",
)
assert abs(a - REAL[0]) < 0.3
assert abs(abs(b) - REAL[1]) < 0.25
assert (last_d[here] - 0.5).abs().max() < 0.2
assert abs(np.mean(d_losses[-100:]) - math.log(4)) < 0.05
assert max(abs(width) for _, width, _ in history) > 2  # it widens before it narrows

# %% [markdown]
# *Figure: six frames of the game. The generated bell curve first widens, then moves to the right and narrows, until it
# lies on the real one. D, untrained and flat at first, gets steep, and in the end it is one half where samples fall.
# Below is the same as a film.*
#
# The generator climbs the slope of D. At each of its own samples it asks D: in which direction do I look more real? The
# answer is the slope there, and it is all that the generator ever learns about the world. Press **Play** and watch both
# sides of the game.
#
# In the end, nobody can tell them apart: D is 1/2, and its loss is $-\log \frac12 - \log \frac12 = \log 4 = 1.39$.
# **Remember this number.** In lesson 07 it means that D can only guess. A loss near 0 is no success: then the generator
# is lost.
#
# ### Was it D that showed the way?
#
# The counter-test is the same game with random labels: pure chance decides which samples D is told are real. Where does
# the generator end up?

# %%
lost, _ = play_gan(updates=300, shuffled=True)
print(f"labels by chance: mean {lost[-1][0]:.1f}; true labels, also after 300: mean {history[299][0]:.1f}")

# %% tags=["fold"]
assert abs(lost[-1][0] - REAL[0]) > 2
assert abs(history[299][0] - REAL[0]) < 2

# %% [markdown] tags=["slide"] answers=["17", "inf", "infinity"]
# With random labels, the generator stays lost: after 300 updates it is still more than 2 away from the real mean. So it
# was D that showed the way.
#
# ## Sigmoid, then log
#
# So far, the package has computed the losses. Now you will write them, and there is a trap. The formula contains the
# log of a sigmoid. Can you simply write it down like that?
#
# **Question.** A float32 has about seven digits. What is the first whole number whose sigmoid comes out as exactly 1?
# And what is $\log(1 - D)$ then?

# %% tags=["check-output"]
whole = torch.arange(0.0, 30.0)  # (30,)
first_one = {}
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    exactly_one = torch.sigmoid(whole.to(dtype)) == 1  # (30,)
    first_one[dtype] = int(whole[exactly_one][0])
    print(f"{dtype}: sigmoid is exactly 1 from {first_one[dtype]} on")

# %% tags=["fold"]
assert first_one == {torch.float32: 17, torch.float16: 9, torch.bfloat16: 7}

# %% [markdown]
# From a logit of 17 on, the sigmoid is exactly 1 in float32. In float16, the half precision of a T4 GPU, it is exactly
# 1 from 9 on. Then $1 - D$ is 0, and its log is minus infinity. On the other side it takes longer, because floats are
# finer near 0: there the sigmoid becomes 0 somewhere between -88 and -104.
#
# This hurts when D is **sure and wrong**, for example when a generated sample gets a logit of +20. That is exactly the
# moment when D has most to learn. Here are three ways to write the same loss, each with its gradient:


# %% tags=["check-output"]
def loss_and_gradient(loss, logit, dtype=torch.float32):
    """The loss of one generated sample, and its slope, at this logit."""
    logit = torch.tensor(float(logit), dtype=dtype, requires_grad=True)
    value = loss(logit)
    value.backward()
    return value.item(), logit.grad.item()


WAYS = {
    "sigmoid, log": lambda logit: -torch.log(1 - torch.sigmoid(logit)),
    "sigmoid, BCE": lambda logit: F.binary_cross_entropy(torch.sigmoid(logit), torch.zeros_like(logit)),
    "on the logit": lambda logit: F.softplus(logit),  # log(1 + exp(x)), and careful with large x
}
print("logit   ", *(f"{name:>20}" for name in WAYS))
for logit in (-5, 5, 10, 17, 30, 200):
    row = [loss_and_gradient(loss, logit) for loss in WAYS.values()]
    print(f"{logit:>5}   ", *(f"{value:>9.2f}, slope {slope:<4.2f}" for value, slope in row))

zero = float(torch.log(torch.sigmoid(torch.tensor(-104.5))))

# %% tags=["fold"]
assert math.isinf(zero)  # the other side: log 0
assert float(torch.sigmoid(torch.tensor(-88.0))) > 0

# %% [markdown]
# *Table: three ways to write one loss. Up to logit 10, all three agree. From 17 on, the first gives inf with slope nan,
# the second 100 with slope 0; the third goes on with slope 1.*
#
# - **sigmoid, log** ends in `inf`, and its slope is `nan`. After one such sample, all weights are `nan`.
# - **sigmoid, BCE** looks healthy, because torch limits the log to -100. But the slope is 0: where D is most wrong, it
#   learns nothing, and you get no warning.
# - **on the logit** is exact for every logit. With $\sigma$ for the sigmoid, $-\log \sigma(x) = \log(1 + e^{-x})$,
#   which is `softplus(-x)`. And because $1 - \sigma(x) = \sigma(-x)$, the other half is `softplus(x)`.
#
# Here is the same as a picture. A line is added for half precision; it stops where the slope becomes `nan`:

# %% tags=["skip"]
logits = np.arange(0, 24.5, 0.5)
slopes = {
    "on the logit": [loss_and_gradient(WAYS["on the logit"], logit)[1] for logit in logits],
    "sigmoid, BCE": [loss_and_gradient(WAYS["sigmoid, BCE"], logit)[1] for logit in logits],
    "sigmoid, log, float16": [loss_and_gradient(WAYS["sigmoid, log"], logit, torch.float16)[1] for logit in logits],
}

# %% tags=["fold"]
curves(
    {name: (logits, values) for name, values in slopes.items()},
    xlabel="logit of a generated sample",
    ylabel="slope of its loss",
    alt="The slope rises from 0.5 to 1 and stays; by sigmoid and BCE it falls to 0 at 17; in float16 it ends at 8.",
)
assert slopes["on the logit"][-1] > 0.999
assert slopes["sigmoid, BCE"][-1] == 0
assert math.isnan(slopes["sigmoid, log, float16"][-1])

# %% [markdown] tags=["subslide"]
# ### {{exercise: discriminator_loss}}
#
# Write `discriminator_loss(real_logits, fake_logits)`: the mean of $-\log D$ over the real samples plus the mean of
# $-\log(1 - D)$ over the generated ones. (In SRGAN, the real samples are HR crops, and the generated ones are SR; so
# the comments say D(HR) and D(SR).) Both come as logits, (N, 1). Expected: a loss and gradients that are exact even at
# logits of 200 and -200; `log 4` where all logits are 0.

# %% tags=["stub"]
# {{stub: discriminator_loss}}

# %% tags=["solution"]
# {{solution: discriminator_loss}}

# %%
discriminator_loss = check("discriminator_loss", discriminator_loss)

# %% [markdown] tags=["subslide"]
# ### {{exercise: adversarial_loss}}
#
# Now the generator's side. It wants its samples to be taken for real. Its loss is the mean of $-\log D(SR)$; the
# paper's equation 6 has the sum. Write it for logits. Expected: a large loss where D is sure that SR is generated, and
# a loss near 0 where D is deceived.

# %% tags=["stub"]
# {{stub: adversarial_loss}}

# %% tags=["solution"]
# {{solution: adversarial_loss}}

# %%
adversarial_loss = check("adversarial_loss", adversarial_loss)

on_real, on_fake = 50 * torch.randn(8, 1), 50 * torch.randn(8, 1)  # (8, 1) both: very sure, and often wrong

# %% tags=["fold"]
assert torch.allclose(discriminator_loss(on_real, on_fake), losses.discriminator_loss(on_real, on_fake))
assert torch.allclose(adversarial_loss(on_fake), losses.adversarial_loss(on_fake))  # the package's: the same numbers
assert abs(float(discriminator_loss(torch.zeros(8, 1), torch.zeros(8, 1))) - math.log(4)) < 1e-5

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** The result is half the loss: the mean over both batches together, as one call of BCE gives
# it. A small constant is added inside the log, which only moves the wall from infinity to 18. `BCEWithLogits` gets
# numbers that have already been through a sigmoid. Or the generator's loss is log(1 - D), which comes in the next
# section. **Ask:** a run ends with `nan` after 4,000 good updates. Where would you look first?

# %% [markdown] tags=["slide"] answers=["20,000", "20_000"]
# ## How strong may it be?
#
# The first paper on GANs began with a different loss for the generator: $\log(1 - D)$, which the generator makes small.
# The aim is the same: that D is close to 1. Why does the SRGAN paper use $-\log D$ instead?
#
# **Question.** D is sure that a sample is generated: its logit is -10. How steep is each loss there?

# %% tags=["check-output"]
TWO = {
    "-log D": lambda logit: F.softplus(-logit),
    "log(1 - D)": lambda logit: -F.softplus(logit),
}
print("logit  D         slope of -log D   slope of log(1 - D)")
for logit in (-10, -5, 0, 5, 10):
    steep = [abs(loss_and_gradient(loss, logit)[1]) for loss in TWO.values()]
    print(f"{logit:>5}  {1 / (1 + math.exp(-logit)):.5f}   {steep[0]:.5f}           {steep[1]:.5f}")
at_minus_ten = [abs(loss_and_gradient(loss, -10)[1]) for loss in TWO.values()]

# %% tags=["fold"]
assert at_minus_ten[0] / at_minus_ten[1] > 20_000

# %% [markdown]
# At -10, one loss has its full slope, the other 1/20,000 of it. A generator that is caught every time, as all
# generators are at first, would learn nothing from $\log(1 - D)$.
#
# So how strong may D be? Let us take the strongest possible D: the exact optimum. Real and generated numbers follow
# bell curves of width 1, a distance $d$ apart. How hard does each loss pull the generator towards the real numbers?


# %%
def pull(loss, distance):
    """How fast the loss falls as the generator moves towards the real numbers, for the best D there can be."""
    x = torch.linspace(-12, 12, 4801, dtype=torch.float64)  # (4801,): places; the generated numbers are around 0
    q = torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)  # (4801,)
    x.requires_grad_(True)
    logit = distance * x - distance**2 / 2  # log p - log q, with p around `distance`
    (slope,) = torch.autograd.grad(loss(logit).sum(), x)  # (4801,)
    return float(-(q * slope).sum() * 24 / 4800)


distances = np.arange(0.25, 8.01, 0.25)
pulls = {name: [pull(loss, d) for d in distances] for name, loss in TWO.items()}
print(f"at distance 8: -log D pulls {pulls['-log D'][-1] / pulls['log(1 - D)'][-1]:,.0f} times as hard")

# %% tags=["fold"]
curves(
    {name: (distances, values) for name, values in pulls.items()},
    xlabel="distance between real and generated numbers",
    ylabel="pull on the generator",
    log=True,
    alt="The pull of -log D rises with the distance; that of log(1-D) has its largest value near 1.5 and then dies.",
)
assert pulls["-log D"] == sorted(pulls["-log D"])  # the further away, the harder
assert pulls["log(1 - D)"][-1] < max(pulls["log(1 - D)"]) / 500
assert 1 < distances[np.argmax(pulls["log(1 - D)"])] < 2.5

# %% [markdown] tags=["slide"]
# With $-\log D$, the best judge is also the best teacher: the further off you are, the harder it pulls. With $\log(1 -
# D)$, the judge must not be too good. That is why old recipes hold D back, and why the paper does not need to: it makes
# one update of D for each of the generator's. (With pictures, things still go wrong. Lesson 07 shows what, and cures
# it.)
#
# ## The paper's network
#
# Now for pictures. The paper's D (section 2.1, Figure 4) takes a crop of 96 x 96:
#
# - eight 3x3 convolutions with 64, 64, 128, 128, 256, 256, 512, 512 maps; every second one has a stride of 2 (the paper
#   writes k3n64s2 for a 3x3 kernel, 64 maps and a stride of 2);
# - after each convolution comes BatchNorm (but not after the first), then a LeakyReLU with slope 0.2;
# - **no max pooling**: halving is done by convolutions that take steps of 2;
# - two dense layers with 1024 outputs and 1, and a LeakyReLU between them.

# %% tags=["fold"]
drawing("discriminator")

# %% [markdown] answers=["in four", "every pixel"]
# **Question.** Why is there no BatchNorm in the first layer? And why is there no max pooling, if the generator is to
# learn from D?

# %%
layer = nn.LeakyReLU(0.2)
values = torch.tensor([-2.0, -0.5, 0.5, 2.0], requires_grad=True)  # (4,)
for name, f in {"LeakyReLU": layer, "ReLU": torch.relu}.items():
    (slope,) = torch.autograd.grad(f(values).sum(), values)
    print(f"{name}: slopes {[round(s, 1) for s in slope.tolist()]}")
patch = torch.rand(1, 1, 8, 8, requires_grad=True)  # (1, 1, 8, 8)
(by_pooling,) = torch.autograd.grad(F.max_pool2d(patch, 2).sum(), patch)
(by_stride,) = torch.autograd.grad(F.conv2d(patch, torch.ones(1, 1, 3, 3), stride=2, padding=1).sum(), patch)
told = [int((gradient != 0).sum()) for gradient in (by_pooling, by_stride)]
print(f"pixels that get a gradient, of 64: max pooling {told[0]}, stride 2 {told[1]}")

# %% tags=["fold"]
assert told == [16, 64]

# %% [markdown]
# The generator learns through D, from D's gradient at the pixels. Max pooling passes a gradient to one pixel in four; a
# ReLU passes none where its input is negative. D is built so that every pixel learns something. That the first layer
# has no BatchNorm is a rule of DCGAN (Radford et al. 2016), whose training was unstable with it. One reason may be that
# the first layer sees the pixels themselves: a batch may give itself away by how bright or pale it is, and BatchNorm,
# which normalises over the batch, would remove that clue.
#
# ### {{exercise: conv_block}}
#
# Write `conv_block(inputs, outputs, stride)`, which returns one block of D, as a module or as a list of layers: a
# convolution padded with zeros, BatchNorm, LeakyReLU. Expected: with stride 1, (N, inputs, h, w) becomes (N, outputs,
# h, w); with stride 2, h and w are halved, rounded up.

# %% tags=["stub"]
# {{stub: conv_block}}

# %% tags=["solution"]
# {{solution: conv_block}}

# %%
conv_block = check("conv_block", conv_block)

# %% tags=["check-output"]
blocks = [(64, 64, 2), (64, 128, 1), (128, 128, 2), (128, 256, 1), (256, 256, 2), (256, 512, 1), (512, 512, 2)]
network = Discriminator()  # the package's
x96 = torch.rand(2, 3, 96, 96)  # (2, 3, 96, 96), in [0, 1]
maps, sizes = 2 * x96 - 1, {}  # the paper feeds it [-1, 1]
for module in network.features:
    maps = module(maps)
    if isinstance(module, nn.Conv2d):
        name = f"k3n{module.out_channels}s{module.stride[0]}"
        sizes[name] = module.weight.numel()
        print(f"{name:>8}: {tuple(maps.shape[1:])!s:>14}, {sizes[name]:>9,} weights")
for module in network.head:
    maps = module(maps)
    if isinstance(module, nn.Linear):
        print(f"   dense: {tuple(maps.shape[1:])!s:>14}, {module.weight.numel():>10,} weights")
print(f"together, with biases and BatchNorm: {count_parameters(network):,}")
share = network.head[1].weight.numel() / count_parameters(network)
print(f"in the first dense layer: {share:.0%}")

# %% tags=["fold"]
assert sum(inputs * outputs * 9 for inputs, outputs, _ in blocks) + 3 * 64 * 9 == sum(sizes.values())

# %% [markdown] tags=["notes"]
# D has 23.6 million weights, fifteen times as many as the generator, and four in five of them are in a single layer. D
# is only used for training; nobody ships it.
#
# ### By hand
#
# Let us build all of it once from tensors, with the package's weights:


# %%
def by_hand(x, network):
    convs = [module for module in network.features if isinstance(module, nn.Conv2d)]
    norms = [module for module in network.features if isinstance(module, nn.BatchNorm2d)]
    x = 2 * x - 1  # (N, 3, 96, 96), in [-1, 1]
    for number, (conv, norm) in enumerate(zip(convs, [None, *norms], strict=True)):
        x = F.conv2d(x, conv.weight, conv.bias, stride=1 + number % 2, padding=1)
        if norm is not None:
            x = F.batch_norm(x, None, None, norm.weight, norm.bias, training=True)
        x = torch.where(x > 0, x, 0.2 * x)  # LeakyReLU
    x = x.flatten(1)  # (N, 18432)
    dense1, dense2 = network.head[1], network.head[3]
    x = x @ dense1.weight.T + dense1.bias  # (N, 1024)
    x = torch.where(x > 0, x, 0.2 * x)
    return x @ dense2.weight.T + dense2.bias  # (N, 1), logits


with torch.no_grad():
    assert torch.allclose(by_hand(x96, network), network(x96), atol=1e-4)  # the same tensor

# %% tags=["fold"]
assert 512 * 6 * 6 == 18432
assert 23.5e6 < count_parameters(network) < 23.6e6
assert 15 < count_parameters(network) / 1_547_350 < 15.5

# %% [markdown] tags=["slide"] answers=["6 x 6"]
# ## Why 96?
#
# **Question.** Where do the dense layer's 18,432 inputs come from? And what if the crop is 128 pixels wide?

# %% tags=["check-output"]
try:
    network(torch.rand(1, 3, 128, 128))
except UserError as error:
    print(textwrap.fill(str(error), 100))
for crop in (32, 96, 128, 192):
    side = crop // 2 // 2 // 2 // 2
    print(f"crop {crop:>3}: maps of {side:>2} x {side:>2}, first dense layer {512 * side**2 * 1024:>11,} weights")

# %% [markdown]
# Convolutions take any size. A dense layer has one weight for each number that it gets, so it fits only one size. The
# crop is halved four times: 96, 48, 24, 12, 6. A crop twice as wide needs a layer four times as large.
#
# ### {{exercise: Head}}
#
# Write the class `Head(crop, channels)`: from the last maps, (N, 8 x channels, side, side), to logits, (N, 1).
# `crop` is the width of the crop, always a multiple of 16; `side` is that of the last maps. `channels` is the number of
# maps of the first layer: 64 in the paper. Flatten the maps. Then come a dense layer to 16 x channels numbers, a
# LeakyReLU with slope 0.2, and a dense layer to one. Expected: `Head(96, 64)` has 18,876,417 trained numbers, and there
# is no sigmoid at the end.

# %% tags=["stub"]
# {{stub: Head}}

# %% tags=["solution"]
# {{solution: Head}}

# %%
Head = check("Head", Head)

torch.manual_seed(0)
first = [nn.Conv2d(3, 64, 3, padding=1), nn.LeakyReLU(0.2)]
parts = [conv_block(*sizes) for sizes in blocks]
mine = nn.Sequential(*first, *[part if isinstance(part, nn.Module) else nn.Sequential(*part) for part in parts])
mine.append(Head(96, 64))
with torch.no_grad():
    assert mine(2 * x96 - 1).shape == network(x96).shape == (2, 1)

# %% tags=["fold"]
assert count_parameters(Head(96, 64)) == count_parameters(network.head) == 18_876_417

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** 6 * 6 is written as a number. The side is `crop // 8`. There is a sigmoid at the end,
# because the paper's figure has one (the loss takes care of it). Or the activation is missing, so that the two dense
# layers act as one. **Ask:** what if the dense layers were replaced by a mean over all places? (Any crop would do.
# Later GANs did this, with a verdict for each patch: Isola et al. 2017.)

# %% [markdown] tags=["slide"] answers=["frame", "zeros", "noise"]
# ## What can it tell apart?
#
# Now let two of them learn. They are small: crops of 32 x 32, 8 maps in the first layer.
#
# - **Judge A** learns to tell HR from bicubic.
# - **Judge B** learns to tell HR from ESPCN's enlargements of LR crops of 8 x 8, which is what a generator makes in
#   training. (ESPCN is the small network of lesson 03. Its pictures are sharper than bicubic's.)
#
# **Before you run it:** which judge will be right more often on photos that neither has seen? And what will each of
# them say about the *other's* pictures?


# %%
def cut(kind, places):
    """Crops (N, 3, 32, 32) of that version of the photos."""
    if kind == "ESPCN of crops":  # the generator sees 8 x 8 pixels
        lr = torch.cat([pictures[name]["LR"][..., y // 4 : y // 4 + 8, x // 4 : x // 4 + 8] for name, y, x in places])
        return espcn(lr)
    return torch.cat([pictures[name][kind][..., y : y + 32, x : x + 32] for name, y, x in places])


def draw_places(rng, count=16):
    names = [str(name) for name in rng.permutation([name for name in pictures if name not in UNSEEN])]
    ends = [np.array(pictures[name]["HR"].shape[2:]) - 32 for name in names]
    return [(names[i % 11], *(int(4 * rng.integers(end // 4 + 1)) for end in ends[i % 11])) for i in range(count)]


def learn(kind, seed=0):
    """A discriminator, trained to tell HR from that kind."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = Discriminator(crop=32, channels=8)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.5, 0.99))
    for _ in waiting(range(settings.updates), f"learning to tell HR from {kind}"):
        places = draw_places(rng)
        others = draw_places(rng) if kind == "HR" else places  # HR against HR: other places
        both = torch.cat([cut("HR", places), cut(kind, others)])  # (32, 3, 32, 32); lesson 07 says why not there
        on_real, on_fake = network(both).chunk(2)  # (16, 1) both
        loss = discriminator_loss(on_real, on_fake)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval().requires_grad_(False)


# %%
torch.set_num_threads(1)  # such small networks gain nothing from more threads
judges = {"A": learn("bicubic"), "B": learn("ESPCN of crops"), "control": learn("HR")}

tiles = []  # the unseen photos, in whole tiles
for name in UNSEEN:
    height, width = pictures[name]["HR"].shape[2:]
    tiles += [(name, y, x) for y in range(0, height, 32) for x in range(0, width, 32)]
unseen = {kind: cut(kind, tiles) for kind in ("HR", "bicubic", "ESPCN", "ESPCN of crops")}  # (N, 3, 32, 32) each


def photos_among(judge, crops):
    """What share of the crops this judge takes for photos, in per cent."""
    return 100 * float((judges[judge](crops) > 0).float().mean())


def right(judge, real, fake):
    """Right answers in per cent, if half of the crops are real."""
    return (photos_among(judge, real) + 100 - photos_among(judge, fake)) / 2


scores = {
    "A: HR or bicubic?": right("A", unseen["HR"], unseen["bicubic"]),
    "B: HR or ESPCN?": right("B", unseen["HR"], unseen["ESPCN of crops"]),
    "control: HR or HR?": right("control", unseen["HR"][::2], unseen["HR"][1::2]),
}

# %% tags=["fold"]
bars(
    scores,
    xlabel="right answers on unseen photos, %",
    digits=0,
    alt="Bars: A and B are right far more often than not, the control half of the time.",
)
assert scores["A: HR or bicubic?"] > 65
assert scores["B: HR or ESPCN?"] > 75
assert 35 < scores["control: HR or HR?"] < 65

# %% [markdown] tags=["subslide"]
# Both learn it in seconds. The control, a judge trained to tell photos from photos, is right half the time: where there
# is nothing to find, it finds nothing.
#
# But B does at least as well as A, although ESPCN's pictures are sharper than bicubic's, so they should be harder to
# tell from photos. What has B found? Let us ask both about pictures they were *not* trained on. "ESPCN" below is the
# whole photo, enlarged and then cut into tiles.

# %%
torch.manual_seed(0)
grain = 0.05 * torch.randn_like(unseen["HR"])  # (N, 3, 32, 32): 13 grey levels of noise
asked = unseen | {"bicubic + grain": (unseen["bicubic"] + grain).clamp(0, 1)}
taken = {judge: {kind: photos_among(judge, crops) for kind, crops in asked.items()} for judge in "AB"}

# %% tags=["fold"]
for judge, shares in taken.items():
    bars(
        shares,
        xlabel=f"taken for photos by judge {judge}, %",
        digits=0,
        alt=f"Judge {judge}: " + ", ".join(f"{kind} {share:.0f} %" for kind, share in shares.items()) + ".",
    )
assert taken["A"]["bicubic"] < 45
assert taken["A"]["bicubic + grain"] > taken["A"]["bicubic"] + 30
assert taken["B"]["ESPCN of crops"] < 35
assert taken["B"]["ESPCN"] > taken["B"]["ESPCN of crops"] + 25
assert taken["B"]["bicubic"] > taken["B"]["ESPCN of crops"] + 25

# %% [markdown] answers=["frame"]
# *Figure: A rejects bicubic, but takes it for a photo once it has grain. B rejects ESPCN of crops far more often than
# anything else.*
#
# - A wants fine, strong detail in a picture. **Noise will do.** A picture that is as soft as before passes once it is
#   covered with grain.
# - B does not care about sharpness. It takes many of the bicubic crops for photos, soft as they are, and many of
#   ESPCN's, too, if the *whole photo* was enlarged. So it is not ESPCN's style that B recognises. It is something that
#   only enlarged crops have.
#
# **Question.** What is it?

# %% [markdown] tags=["slide"]
# ## Where does it look?
#
# We begin with A. Take a bicubic crop and *heal* it: put the true pixels into one patch of 4 x 4. How much does the
# logit rise? If that patch gave the picture away, the logit rises a lot. We do this for all 64 patches. In the grey
# maps of this section, white is the largest value, and black is 0 or less.


# %%
def healing(judge, fake, real):
    """How much the logit rises if one patch of 4 x 4 is replaced by the truth: (N, 8, 8)."""
    rise = torch.zeros(len(fake), 8, 8)  # (N, 8, 8)
    for row in range(8):
        for column in range(8):
            patch = (..., slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4))
            healed = fake.clone()  # (N, 3, 32, 32)
            healed[patch] = real[patch]
            rise[:, row, column] = (judges[judge](healed) - judges[judge](fake))[:, 0]
    return rise


def as_picture(values):
    """(h, w) as a grey picture (1, 3, 32, 32): white where it is largest, black where it is 0 or less."""
    values = (values / values.max()).clamp(0, 1)
    return F.interpolate(values.expand(1, 3, *values.shape), size=(32, 32))


some = [tiles.index(("chelsea", 96, 128)), tiles.index(("motorcycle", 288, 128)), *range(0, len(tiles), 24)]
hr, soft = unseen["HR"][some], unseen["bicubic"][some]  # (N, 3, 32, 32) both
rise = healing("A", soft, hr)  # (N, 8, 8)
lost = F.avg_pool2d((hr - soft).abs().mean(dim=1), 4)  # (N, 8, 8): what bicubic lost in each patch
follows = float(np.corrcoef(rise.flatten(), lost.flatten())[0, 1])
print(f"correlation of both maps, over all crops: {follows:.2f}")

# %% tags=["fold"]
show_images(
    *[
        picture
        for i in (0, 1)
        for picture in (hr[i : i + 1], soft[i : i + 1], as_picture(lost[i]), as_picture(rise[i]))
    ],
    titles=["HR", "bicubic", "what bicubic lost", "what heals it, for A"] * 2,
    alt="A cat's eye and a wheel, twice as maps: the patches that heal a crop for A are those where bicubic lost most.",
)
assert follows > 0.3

# %% [markdown]
# A looks where bicubic lost something: at edges and texture. This is what we hoped for.
#
# Now for B. Whether ESPCN enlarges the crop or the whole photo, it uses the same weights on the same LR pixels. What is
# different? First we subtract one from the other. Then we take a tile of the enlarged photo, put the pixels of the
# enlarged crop into a ring along its border, and ask B. We make the ring wider and ask again, up to the whole tile.

# %%
whole, crop = unseen["ESPCN"], unseen["ESPCN of crops"]  # (N, 3, 32, 32) both
difference = (whole - crop).abs().mean(dim=(0, 1))  # (32, 32): mean over all crops
place = slice(some[0], some[0] + 1)
middle = difference[8:-8, 8:-8].mean()
frame = torch.cat([difference[0], difference[-1], difference[:, 0], difference[:, -1]]).mean()
print(f"difference at the outermost pixel {255 * frame:.1f} grey levels, in the middle {255 * middle:.1f}")

widths, shares = (0, 1, 2, 4, 6, 8, 12, 16), []
for width in widths:
    framed = crop.clone()  # (N, 3, 32, 32)
    inner = (..., slice(width, 32 - width), slice(width, 32 - width))
    framed[inner] = whole[inner]
    shares.append(photos_among("B", framed))

# %% tags=["fold"]
show_images(
    whole[place],
    crop[place],
    as_picture((whole - crop)[place][0].abs().mean(dim=0)),
    as_picture(difference),
    titles=["whole photo, then cut", "ESPCN of the crop", "their difference", "difference, mean of all"],
    alt="Two crops that look the same to the eye; their difference, drawn bright, is a frame along the border.",
)
assert frame > 3 * middle
curves(
    {"taken for photos by B": (widths, shares)},
    xlabel="width of the crop's frame, in pixels",
    ylabel="taken for photos, %",
    alt="The share that B takes for photos falls steadily as the frame of the crop gets wider.",
)
assert shares[widths.index(8)] < shares[0] - 20
assert shares[-1] < shares[0] - 25

# %% [markdown] tags=["instructor"]
# **What to say.** B is no accident: if two sets of pictures differ in an invisible way, D will find it. The cure here
# is to let the generator see more than D: enlarge larger LR crops, cut the frame off, then judge. Neither the paper nor
# the package does this: their LR crops of 24 are three times as wide as ours, so the frame counts for less. **One batch
# or two?** Here HR and generated crops go through D in one batch. The package's `gan_step` sends them in two; the paper
# does not say what it does. Then BatchNorm has a mean and a variance for each *kind*, and D may judge the batch instead
# of the crop. We measured this with a D of 16 maps against bicubic. After 200 updates, it had a training loss of 0.001,
# and in evaluation mode it was right about only 48 % of unseen photos. In a GAN, D is never used in evaluation mode, so
# it still does its work. **Healing or gradient?** The usual picture shows the size of the gradient at the pixels. Here
# it hardly follows what was lost: in four runs, its correlations were -0.14 to 0.17, while those of healing were 0.5 to
# 0.7. The gradient says what a *tiny* change does; healing makes the change that matters.

# %% [markdown] tags=["slide"]
# B goes by the **frame**. Each convolution of ESPCN pads its crop with zeros, so along the border it does not know what
# comes next and gets it wrong. The frame is wide: together, the three convolutions carry the zeros four LR pixels
# inwards, which are 16 pixels of the crop, but with less and less effect. What you would call the picture hardly
# counts: B has found what all generated crops have in common, and has little reason to look for more. It would teach
# its generator to repair a frame that no whole photo has.
#
# So: **a discriminator learns whatever tells its two kinds apart, and nothing else.** Frames, a colour tint, JPEG
# blocks, a checkerboard (lesson 03): whatever is easiest comes first. It judges *differences in your data*, not beauty.
# Once the generator has removed one difference, D looks for the next: that is the game of lesson 07.
#
# ## And the logits?
#
# Back to the numbers. The sigmoid is exactly 1 from a logit of 17 on, and in half precision from 9 on. Does a logit
# ever get that far?

# %%
on_hr = judges["A"](unseen["HR"])[:, 0]  # (N,)
on_fake = judges["B"](unseen["ESPCN of crops"])[:, 0]  # (N,)
beyond = 100 * float((on_hr > first_one[torch.float16] - 0.5).float().mean())
factor = math.exp(-float(on_fake.median()))
print(
    f"A, after {settings.updates} updates: logits of unseen photos up to {on_hr.max():.0f}; {beyond:.0f} % beyond 8.5"
)
print(f"B: half of the generated crops are below {on_fake.median():.1f}")
print(f"there, -log D is {factor:.0f} times as steep as log(1 - D), or more")
one = on_fake.median().clone().requires_grad_(True)
steep = [abs(float(torch.autograd.grad(loss(one), one)[0])) for loss in TWO.values()]

# %% tags=["fold"]
assert on_hr.max() > 8.5
assert 200 < count_parameters(network) / count_parameters(Discriminator(crop=32, channels=8)) < 250
assert factor > 4
assert abs(steep[0] / steep[1] / factor - 1) < 0.01  # the ratio of both slopes is exp(-logit), exactly

# %% [markdown] tags=["notes"]
# It does, within seconds of training, with a network two hundred times smaller than the paper's. This is why every loss
# in this course takes logits and computes in float32. Probabilities are for people: `D.probability(x)`.
#
# ## Play
#
# A cat, cut into tiles, stands before both judges. The right-hand picture shows how probable each judge finds it that a
# tile is a photo: white is 1, black is 0. The list of versions has every network whose weights come with your copy of
# the course. Is A a judge of beauty? See what it says about a picture with half the contrast.

# %% tags=["skip"]
cat = {kind: pictures["chelsea"][kind] for kind in ("HR", "bicubic")}  # (1, 3, 288, 448) each
cat |= {name: load_network(name).requires_grad_(False)(pictures["chelsea"]["LR"]) for name in shipped_weights()}
cat["bicubic + grain"] = cat["bicubic"] + 0.05 * torch.randn_like(cat["bicubic"])
cat["HR, half contrast"] = 0.25 + 0.5 * cat["HR"]
cat["HR, mirrored"] = cat["HR"].flip(3)


# %% tags=["fold", "skip"]
def judged(judge, version):
    picture = cat[version].clamp(0, 1)  # (1, 3, 288, 448)
    crops = picture.unfold(2, 32, 32).unfold(3, 32, 32)[0].permute(1, 2, 0, 3, 4)  # (9, 14, 3, 32, 32)
    verdicts = judges[judge].probability(crops.flatten(0, 1)).view(1, 1, 9, 14)
    verdict_map = F.interpolate(verdicts.expand(1, 3, 9, 14), scale_factor=32)  # (1, 3, 288, 448)
    share = 100 * float((verdicts > 0.5).float().mean())
    title = f"judge {judge}: {share:.0f} % photos"
    show_images(picture, verdict_map, titles=[version, title], alt=f"A cat, {version}; {title}, tile by tile.")


play(judged, judge=["A", "B"], version=list(cat))

# %% [markdown] tags=["slide"]
# ## Recap
#
# - The best discriminator is $p/(p+q)$; its logit is $\log p - \log q$. A network can find it from samples alone.
# - At the end of the game, D is 1/2 and its loss is $\log 4 = 1.39$.
# - Sigmoid and log break at 17, in float16 at 9: with inf, with nan, or silently. `softplus` on logits is exact.
# - $-\log D$ pulls hardest where D is surest. $\log(1 - D)$ falls silent there.
# - The paper's D has eight convolutions, four of them with stride 2, no pooling, LeakyReLU 0.2, and a dense layer that
#   fits only one crop size.
# - It learns whatever tells its two kinds apart: sharpness, but also grain, or the frame of a crop.
#
# ### Three questions
#
# <details><summary>1. In your training run, the loss of D stays at 1.39 from the first update to the last. Is the
# generator perfect?</summary>
#
# Perhaps. More likely, D does not learn at all: its labels are mixed up, its gradient is cut, or real and generated are
# the same pictures by mistake. Look at the generator's pictures: they tell you which.
# </details>
#
# <details><summary>2. Why can D not be shown whole photos of any size, although it is made of convolutions?</summary>
#
# Its first dense layer has one weight for each number in the last maps: 512 x 6 x 6. A crop of a different size gives a
# different count.
# </details>
#
# <details><summary>3. Your D is right in 99 % of all cases after 100 updates, and the generator gets no better. What do
# you look at first?</summary>
#
# Look at what D sees. Heal patches, or show it HR crops that went through the generator's pipeline. If it has found the
# frame, the rounding to 8 bits or the JPEG blocks of one kind, its advice is worthless.
# </details>
#
# ### What this lesson leaves out
#
# Lesson 07 shows how both learn together, and how that goes wrong. Wasserstein and least-squares losses, spectral
# normalisation, the patch discriminator of pix2pix, and the relativistic D of ESRGAN all came after the paper's first
# version, of September 2016.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 2.1 and Figure 4, the network;
#   equations 2 and 6, the losses.
# - Goodfellow et al. 2014, [arXiv 1406.2661](https://arxiv.org/abs/1406.2661): section 3, the trick with $-\log D$;
#   section 4.1, the optimum and $\log 4$.
# - Radford et al. 2016, [arXiv 1511.06434](https://arxiv.org/abs/1511.06434): DCGAN, the source of strides, LeakyReLU
#   and BatchNorm in D.
# - In this package: `Discriminator` in `srgan_lessons/models.py`, both losses in `srgan_lessons/losses.py`.
#
# Next: lesson 06, the other half of the generator's loss. Here is what you have solved so far.

# %%
progress()
