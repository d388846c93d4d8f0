# %% [markdown] tags=["slide"]
# # Training SRResNet
#
# **Claim.** A training run that is stopped and resumed ends with exactly the weights of one that was never stopped. So
# go home whenever you like.
#
# **Time.** 25 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lessons 01 to 03: LR crops, the residual generator, pixel shuffle. You know Python's functions and dicts.
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import copy
import csv
import inspect
import json
import signal
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from srgan_lessons import UserError
from srgan_lessons.classroom.figures import LossBoard, bars, curves, show_crops, show_images
from srgan_lessons.classroom.viewers import play
from srgan_lessons.classroom.waiting import waiting
from srgan_lessons.classroom.way import show_way
from srgan_lessons.datasets import CropSampler, pack
from srgan_lessons.evaluation import paper_table
from srgan_lessons.files import shipped
from srgan_lessons.images import sample_photos, save_image, to_image, to_tensor
from srgan_lessons.losses import MSELoss, mse_loss
from srgan_lessons.metrics import psnr
from srgan_lessons.models import ESPCN, Generator, count_parameters
from srgan_lessons.resize import MARGIN, downscale, imresize, upscale
from srgan_lessons.training import RECIPES, train
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.steps import pretrain_step, update_average
from srgan_lessons.weights import load_network, read_metadata

settings = lesson_settings(
    full={"overfit": 200, "updates": 600, "resume": 200, "run": 200, "timed_crops": 16, "timed": 3},
    fast={"overfit": 80, "updates": 120, "resume": 60, "run": 30, "timed_crops": 2, "timed": 1},
)

# %% [markdown] tags=["slide"]
# ## Why
#
# You have built the network. Here it is: SRResNet, 16 residual blocks, 1.5 million weights, all of them random.

# %% tags=["skip"]
torch.manual_seed(0)
hr = sample_photos()["astronaut"][:256, 96:352]  # (256, 256, 3)
lr = imresize(hr, 1 / 4)  # (64, 64, 3)
untrained = Generator().eval()
with torch.no_grad():
    sr = untrained(to_tensor(lr))  # (1, 3, 256, 256)

# %% tags=["fold"]
show_images(
    hr,
    imresize(lr, 4),
    sr,
    titles=["HR", "bicubic", "SRResNet, untrained"],
    alt="A face: sharp in HR, soft by bicubic, and a flat grey field by the untrained network.",
)
assert 1.5e6 < count_parameters(untrained) < 1.6e6
assert psnr(to_image(sr), hr) < psnr(imresize(lr, 4), hr) - 5

# %% [markdown] answers=["optimiser", "buffers"]
# The paper trained it for 1,000,000 updates. Somewhere along the way, somebody else needs the machine, Colab
# disconnects, or the power fails.
#
# **Before you read on:** what must be on the disk so that tomorrow's run goes on as if nothing had happened? Write down
# your list. Later we will leave things out, one at a time, and measure the damage.

# %% [markdown] tags=["instructor"]
# **Timing.** Crops take 3 minutes, one update 4, mean and sum 2, overfitting and rates 4, schedule and average 4,
# resuming 4, curves 3, and the real thing 1. The exercises take 35. Write the room's lists on the board now and keep
# them: nearly everyone has the weights, half have the step, few have the optimiser. On two slow cores all cells
# together take about a minute in fast mode and two in full mode.

# %% [markdown] tags=["slide"]
# ## Where crops come from
#
# An update does not see whole photos. It sees a **batch**: 16 crops in the paper, a few in this lesson, each with its
# LR version, made from a wider cut as in lesson 01. `CropSampler` cuts them, and flips and turns each at random. Three
# photos are kept out of training: we test on them.

# %%
UNSEEN = ("astronaut", "chelsea", "motorcycle")
photos = {name: photo for name, photo in sample_photos().items() if name not in UNSEEN}
sampler = CropSampler(photos, batch=4, crop=48)
lr, hr = sampler(11)  # (4, 3, 12, 12) and (4, 3, 48, 48), in [0, 1]

# %% tags=["fold"]
show_images(
    *hr,
    *lr,
    titles=[f"{kind} {i + 1}" for kind in ("HR", "LR") for i in range(4)],
    alt="Four HR crops of different photos, and below each of them its blocky LR version.",
)

# %% tags=["fold", "skip"]
with tempfile.TemporaryDirectory() as folder:
    for name, photo in photos.items():
        save_image(Path(folder, "photos", f"{name}.png"), photo)
    files = sum(path.stat().st_size for path in Path(folder, "photos").iterdir())  # bytes
    stored = pack([Path(folder, "photos")], Path(folder, "photos.store"), progress=False).images
    from_disk = CropSampler(stored, batch=4, crop=48)
    assert all(torch.equal(*pair) for pair in zip(from_disk(0), sampler(0), strict=True))  # the same bits
pixels, windows = stored.pixels.nbytes, 4 * 3 * (48 + 2 * MARGIN) ** 2  # bytes: 64 x 64 pixels for each crop
show_way(
    [
        ("disk", "files, compressed", f"{files / 1e6:.1f} MB"),
        ("disk", "photo store: all pixels, decoded once", f"{pixels / 1e6:.1f} MB"),
        ("memory", "pages that were looked at", "what is free"),
        ("memory", "windows: crops with a margin", f"{windows / 1e3:.0f} kB a batch"),
        ("GPU", "crops turned, LR made of them", f"{windows / 1e3:.0f} kB a batch"),
    ],
    alt="Five boxes with arrows: picture files on the disk, the photo store on the disk, pages in memory, windows in "
    "memory, crops on the GPU. From box to box less of the photos travels.",
)
assert windows == 49_152
assert 6.5e9 < 800 * 3 * 2040 * 1350 < 6.7e9  # DIV2K: most of its photos have 2040 x 1350 pixels or a little more

# %% [markdown] answers=["nothing else"]
# *Figure: the longest way that a photo can take to the GPU.* Our eleven photos are decoded once and stay in memory. A
# larger set, such as the 800 photos of DIV2K with 6.6 GB of pixels, is decoded once into a file, which is *mapped*: the
# system reads only the parts that are needed. A batch from the file has exactly the same pixels.
#
# **Question.** `sampler(11)` was batch 11. If you ask for batch 17, must the batches before it be drawn first?

# %% tags=["check-output"]
lr17, hr17 = sampler(17)
elsewhere = CropSampler(photos, batch=4, crop=48)  # another object, as after a restart
print("batch 17 again:", torch.equal(sampler(17)[1], hr17))
print("batch 17 of a new sampler, asked first:", torch.equal(elsewhere(17)[1], hr17))
print("batch 17 of another seed:", torch.equal(CropSampler(photos, batch=4, crop=48, seed=1)(17)[1], hr17))

cut_first = downscale(hr17)  # (4, 3, 12, 12): false borders
levels = ((lr17 - cut_first).abs() * 255).round()
middle = levels[..., 2:-2, 2:-2]
print(f"LR made from the crop alone: off by up to {levels.max():.0f} levels, in the middle {middle.max():.0f}")

# %% [markdown] tags=["slide"] answers=["-24", "adds"]
# No. A batch depends on **the seed and the step number, and on nothing else**. Most data loaders are like a river: to
# know where they are, you must have watched everything that went by. This one is a book with page numbers. To continue,
# one number is enough.
#
# The last printed line repeats lesson 01: an LR image made from the crop alone has false borders.
#
# ## One update, with one weight
#
# Take a network with a single weight: $y = w x$. Its loss is $(w x - t)^2$, and we want $t = 6$ for $x = 2$.
#
# **Question.** The weight is 0. How does the loss change if the weight grows a little? Work it out before torch does.
# And what is line 1 for?

# %% tags=["check-output"]
x, target = 2.0, 6.0
w = torch.tensor(0.0, requires_grad=True)
for update in range(3):
    w.grad = None  # 1. drop the old gradient
    y = w * x  # 2. the network
    loss = (y - target) ** 2  # 3. the loss
    loss.backward()  # 4. the gradient: 2 (w x - t) x
    with torch.no_grad():
        w -= 0.1 * w.grad  # 5. against the gradient, at a learning rate of 0.1
    print(f"update {update}: loss {loss.item():.2f}, gradient {w.grad.item():.1f}, weight becomes {w.item():.2f}")

w = torch.tensor(0.0, requires_grad=True)
for time_of_call in ("once", "twice"):
    ((w * x - target) ** 2).backward()
    print(f"backward called {time_of_call}: gradient {w.grad.item():.1f}")

# %% [markdown]
# The gradient says which way is up, and we step down. After three updates, $w$ is nearly 3.
#
# And line 1? `backward()` **adds** to the gradient that is already there. Without line 1, each update follows the sum
# of all gradients since the beginning.
#
# A word about names before we start: `lr` means two things in this field. In this course the variable `lr` is the LR
# image, and the learning rate is `rate`. Torch's optimisers call the learning rate `lr`: `Adam(weights, lr=rate)` is
# the one place where the two meet.
#
# ### {{exercise: train_step}}
#
# Write `train_step(network, optimizer, lr, hr)`: one update of the network on one batch, `lr` (N, 3, h, w) and `hr` (N,
# 3, 4h, 4w). An optimiser holds the weights: `optimizer.zero_grad()` is line 1, `optimizer.step()` is line 5. The loss
# is `mse_loss(sr, hr)`, the mean squared error on the paper's range [-1, 1]; it converts both images by itself.
# Expected: return the loss of the batch before the weights moved, detached from its graph. Leave the network's mode
# (training or evaluation) as it is.

# %% tags=["stub"]
# {{stub: train_step}}

# %% tags=["solution"]
# {{solution: train_step}}

# %%
train_step = check("train_step", train_step)

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** zero_grad is missing, and nobody notices, because with Adam the loss still falls, only more
# slowly; step comes before backward; the loss is returned with its graph, and memory grows until the kernel dies in the
# evening. Ask: why does the order zero_grad - forward or forward - zero_grad not matter? (The forward pass touches no
# gradient.)

# %% [markdown] tags=["notes"]
# ### The package's step
#
# The function below, from `srgan_lessons/training/steps.py`, makes the updates of SRResNet and ESPCN. You see every
# line that runs, and you know most of them: `zero_grad`, forward, `backward`, `step`. Three things are new. `machine`
# provides what a GPU adds: half precision (`autocast`), a `scaler` that keeps small gradients from becoming 0, and
# `average_gradients`, which does nothing unless several GPUs train together. `total_variation` belongs to one of the
# paper's variants and is 0 here. And there is no `.item()`, because reading a number makes the program wait for the
# GPU.

# %% tags=["skip"]
print(inspect.getsource(pretrain_step))

torch.manual_seed(0)
yours = Generator(blocks=2, channels=16)
theirs = copy.deepcopy(yours)
descent = [torch.optim.SGD(network.parameters(), lr=0.1) for network in (yours, theirs)]
for step in range(3):
    train_step(yours, descent[0], *sampler(step))
    pretrain_step(theirs, descent[1], MSELoss(), *sampler(step), Machine("cpu"))
difference = max((a - b).abs().max().item() for a, b in zip(yours.parameters(), theirs.parameters(), strict=True))
print("after three updates, yours and the package's weights agree to six digits:", difference < 1e-6)

# %% tags=["fold"]
assert difference < 1e-6

# %% [markdown] tags=["slide"] answers=["1000", "jumps", "does not care"]
# ## Mean or sum?
#
# Some code bases take the *sum* of the squared errors instead of the mean. Its minimum is in the same place.
#
# **Question.** So does it matter?

# %% tags=["check-output"]
torch.manual_seed(0)
start = ESPCN()


def one_update(optimizer_class, rate, reduction):
    network = copy.deepcopy(start)
    optimizer = optimizer_class(network.parameters(), lr=rate)
    F.mse_loss(network(lr), hr, reduction=reduction).backward()
    gradient = torch.cat([p.grad.flatten() for p in network.parameters()])
    optimizer.step()
    with torch.no_grad():
        return gradient.norm().item(), F.mse_loss(network(lr), hr).item()


by_mean, by_sum = (one_update(torch.optim.SGD, 0.1, reduction) for reduction in ("mean", "sum"))
adam_mean, adam_sum = (one_update(torch.optim.Adam, 1e-3, reduction) for reduction in ("mean", "sum"))
print(
    f"numbers in the batch: {hr.numel():,}; gradient of the sum: {by_sum[0] / by_mean[0]:,.0f} times that of the mean"
)
print(f"loss after one step of plain gradient descent, by the mean: {by_mean[1]:.2f}")
print(f"loss after one update by Adam: mean {adam_mean[1]:.2f}, sum {adam_sum[1]:.2f}")

# %% tags=["fold", "check-output"]
print(f"loss after one step of plain gradient descent, by the sum: {'above' if by_sum[1] > 1000 else 'below'} 1000")
assert RECIPES["srgan-mse"].adversarial == 0.001  # the weight of lesson 07's second loss

# %% [markdown] tags=["slide"]
# The gradient of a sum grows with the batch and the crop. Plain gradient descent, at a learning rate that was right for
# the mean, jumps off the planet. Adam does not care: it divides each gradient by its own size. But the choice will
# matter in lesson 07, where a second loss is added with a weight of 0.001. A weight relative to *what*? So we always
# take the mean.
#
# ## Overfit one batch first
#
# Before you spend a night on a million updates, spend a minute on this test: show the network **one batch, again and
# again**. A network with more weights than the batch has pixels can learn it by heart. If it does not, something is
# broken, and more data will not fix it.
#
# ### {{exercise: overfit}}
#
# Write `overfit(network, sampler, steps, rate)`: `steps` updates by Adam at the learning rate `rate`, all of them on
# batch 0 of the sampler. Use your `train_step`. Expected: a list of the losses, one number for each update.

# %% tags=["stub"]
# {{stub: overfit}}

# %% tags=["solution"]
# {{solution: overfit}}

# %%
overfit = check("overfit", overfit)

# %% [markdown] tags=["subslide"] answers=["half of bicubic"]
# **Question.** How small must the loss become before you believe that all is well? "It falls" is not enough: it also
# falls for a network that only learns to paint grey. What would you compare it with?
#
# <details><summary>Answer</summary>
#
# Bicubic's loss on the same batch is a good yardstick: to beat it, the network must know more than a formula does.
# </details>
#
# The cell below trains at three learning rates.

# %%
small_crops = CropSampler(photos, batch=2, crop=32, seed=16)
lr, hr = small_crops(0)  # (2, 3, 8, 8) and (2, 3, 32, 32)
bicubic_loss = mse_loss(upscale(lr), hr).item()
networks, losses = {}, {}
RATES = {"too low: 0.00001": 1e-5, "right: 0.001": 1e-3, "too high: 0.03": 3e-2}
for name, rate in waiting(list(RATES.items()), "training at three rates"):
    torch.manual_seed(0)
    networks[name] = Generator(blocks=2, channels=32, icnr=True).to(memory_format=torch.channels_last)
    losses[name] = [float(loss) for loss in overfit(networks[name], small_crops, settings.overfit, rate)]
low, right, high = (np.mean(values[-5:]) for values in losses.values())
print(f"at the end: too low {low:.4f}, right {right:.4f}, too high {high:.4f}; bicubic {bicubic_loss:.4f}")

passed = networks["right: 0.001"].eval()
with torch.no_grad():
    sr = passed(lr)  # (2, 3, 32, 32)

# %% tags=["fold"]
curves(
    losses | {"bicubic": [bicubic_loss] * settings.overfit},
    xlabel="updates, all on the same batch",
    ylabel="loss",
    log=True,
    alt="Loss on one batch: too low a rate creeps, the right one falls below bicubic, too high a rate explodes.",
)
assert count_parameters(networks["right: 0.001"]) > hr.numel()
assert right < bicubic_loss / 2 < 2 * bicubic_loss < low < losses["too low: 0.00001"][0]
assert max(losses["too high: 0.03"]) > 10 * losses["too high: 0.03"][0]
assert high > 3 * right

# %% tags=["fold", "skip"]
show_images(
    *hr,
    *sr,
    titles=["HR 1", "HR 2", "learned 1", "learned 2"],
    alt="Two small HR crops, and the network's versions of them, which look almost the same.",
)

# %% [markdown] answers=["worse", "far"]
# Learn these three shapes by heart:
#
# - **Too low:** the line is smooth, but it creeps. It looks healthy, and will arrive next week.
# - **Right:** the loss falls steeply, then slowly, with a few spikes. At less than half of bicubic's loss, the test is
#   **passed**.
# - **Too high:** the loss jumps up in the first updates, then spends its time climbing back down.
#
# | when the test is **not** passed: what you see | where to look |
# |---|---|
# | it does not move at all | no `backward`, no `step`, something detached, a rate of 0 |
# | it explodes, or is NaN | the rate; without Adam, a sum instead of a mean |
# | it falls, but stays far above bicubic | the output cannot reach all values: a clamp, a sigmoid, a wrong range |
# | it falls below bicubic very slowly | the rate is too low; the network is too small for the batch |
#
# **Question.** This network knows two crops almost by heart. How good is it on photos it has never seen?

# %%
unseen_lr, unseen_hr = CropSampler({name: sample_photos()[name] for name in UNSEEN}, batch=16, crop=48)(0)


def unseen_loss(network):
    """The loss on 16 crops of photos that are kept out of training. The network's mode stays as it was."""
    mode = network.training
    with torch.no_grad():
        loss = mse_loss(network.eval()(unseen_lr), unseen_hr).item()
    network.train(mode)
    return loss


unseen_bicubic = mse_loss(upscale(unseen_lr), unseen_hr).item()
print(f"unseen photos: this network {unseen_loss(passed):.4f}, bicubic {unseen_bicubic:.4f}")

# %% tags=["fold"]
assert unseen_loss(passed) > 3 * unseen_bicubic

# %% [markdown] tags=["slide"]
# It is far worse than bicubic. Overfitting one batch tests the *machinery*, not the network. It shows that gradients
# arrive. It says nothing about how good the network is.
#
# ## The learning rate over time
#
# The paper keeps it simple: SRResNet trains at a constant 0.0001 for one million updates; SRGAN trains at 0.0001 and,
# in its second half, at a tenth of that. With far fewer updates, we cannot be so patient. A **one-cycle** schedule
# starts low, while the first gradients point in all directions, rises to a high peak, and comes down gently to 0.
#
# With $S$ updates, numbered $s = 0 \dots S - 1$, the first tenth is the warm-up, $R = \lfloor S / 10 \rfloor$ updates
# long:
#
# $$\mathrm{rate}(s) = \begin{cases} \mathrm{peak} \cdot \dfrac{s + 1}{R} & s < R \\
# \mathrm{peak} \cdot \dfrac12 \left(1 + \cos \pi \dfrac{s - R}{S - R}\right) & \text{else} \end{cases}$$
#
# ### {{exercise: rate_at}}
#
# Write `rate_at(step, steps, peak)`: the learning rate of update number `step`, counted from 0, out of `steps`.
# Expected: a number; in the last update of the warm-up it is the peak.

# %% tags=["stub"]
# {{stub: rate_at}}

# %% tags=["solution"]
# {{solution: rate_at}}

# %%
rate_at = check("rate_at", rate_at)

steps = 1000
drop = RECIPES["srgan-mse"].change(steps=steps)
one_cycle = RECIPES["espcn"].change(steps=steps, rate=4e-4)

# %% tags=["fold"]
curves(
    {
        "one cycle, peak 0.0004": [rate_at(step, steps, 4e-4) for step in range(steps)],
        "the paper's SRResNet": [RECIPES["srresnet-mse"].rate_at(step) for step in range(steps)],
        "the paper's SRGAN": [drop.rate_at(step) for step in range(steps)],
    },
    xlabel="updates",
    ylabel="learning rate",
    alt="Three schedules: a hump that ends at zero, a constant line, and a line that drops to a tenth half-way.",
)
assert all(abs(rate_at(step, steps, 4e-4) - one_cycle.rate_at(step)) < 1e-9 for step in range(steps))  # the package's
assert [RECIPES["srresnet-mse"].rate_at(step) for step in (0, 999_999)] == [1e-4, 1e-4]
assert [drop.rate_at(step) for step in (0, 499, 500, 999)] == [1e-4, 1e-4, 1e-5, 1e-5]

# %% [markdown] tags=["slide"] answers=["good place"]
# The one-cycle schedule does what a cook does: high heat, then low. Note that the rate follows from *the step number
# alone*, just like the crops.
#
# ## The average of the weights
#
# At a high rate the weights do not settle. They dance around a good place, because each batch pulls them its own way.
#
# **Question.** If they dance *around* something, what is in the middle?
#
# An **exponential moving average** (EMA) follows the weights at a distance. After each update it takes over a small
# part of them: $\mathrm{average} \leftarrow d \cdot \mathrm{average} + (1 - d) \cdot \mathrm{weight}$, with $d$ near 1.


# %%
@torch.no_grad()
def follow(average, network, decay):
    for mine, weight in zip(average.parameters(), network.parameters(), strict=True):
        mine.copy_(decay * mine + (1 - decay) * weight)


def fit(pairs, updates, rate=3e-3, report=lambda row: None):
    """Trains an ESPCN, which is quick, on pairs(step). Returns its averaged network, and a row every 20 updates."""
    torch.manual_seed(0)
    network, rows, recent = ESPCN(icnr=True), [], []  # recent: the loss of each update
    average = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    for step in waiting(range(updates), "training"):
        recent.append(float(train_step(network, optimizer, *pairs(step))))
        follow(average, network, min(0.99, (1 + step) / (10 + step)))  # short at first: the start is to be forgotten
        if (step + 1) % 20 == 0:
            row = {"step": step + 1, "training": np.mean(recent[-20:])}
            rows.append(row | {"unseen": unseen_loss(network), "average": unseen_loss(average)})
            report(rows[-1])
    return average, rows


a, b = ESPCN(), ESPCN()
by_hand, packaged = copy.deepcopy(a), copy.deepcopy(a)
follow(by_hand, b, 0.9)
update_average(packaged, b, 0.9)  # the package's version

# %% tags=["fold"]
assert all(torch.allclose(p, q, atol=1e-7) for p, q in zip(by_hand.parameters(), packaged.parameters(), strict=True))

# %% tags=["fold"]
alt = "The weights' loss jumps up and down, their average's does not."
board = LossBoard(ylabel="loss on unseen photos", log=False, alt=alt)

# %%
with board:
    _, dance = fit(
        CropSampler(photos, batch=2, crop=48),
        settings.updates,
        rate=6e-3,
        report=lambda row: board.add(row["step"], weights=row["unseen"], average=row["average"]),
    )

late = dance[len(dance) // 2 :]
jumps = {line: np.abs(np.diff([row[line] for row in late])).mean() for line in ("unseen", "average")}
level = {line: np.mean([row[line] for row in late]) for line in ("unseen", "average")}
print(f"second half, weights: loss {level['unseen']:.3f}, mean jump {jumps['unseen']:.4f}")
print(f"second half, average: loss {level['average']:.3f}, mean jump {jumps['average']:.4f}")

# %% tags=["fold"]
assert jumps["average"] < jumps["unseen"] / 2
assert level["average"] < level["unseen"]

# %% [markdown] tags=["slide"]
# The middle is a good place. The average jumps less than half as much, and its loss is lower. This course validates and
# publishes averaged weights. Add them to your list of what must be on the disk.
#
# ## What a checkpoint must hold
#
# Back to the first question. **What does the next update depend on?** On the weights, of course. On the crops and the
# rate: both follow from the step number. And what about Adam?

# %% tags=["check-output"]
torch.manual_seed(0)
network = Generator(blocks=2, channels=16, icnr=True)
optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
train_step(network, optimizer, *small_crops(0))
first_weight = next(network.parameters())
print("Adam remembers, for each weight tensor:", list(optimizer.state[first_weight]))
remembered = sum(moment.numel() for kept in optimizer.state.values() for moment in kept.values() if moment.ndim)
print(f"weights {count_parameters(network):,}, Adam's numbers {remembered:,}")
print(
    "BatchNorm's buffers:",
    len(list(network.buffers())),
    "tensors, for example",
    next(iter(dict(network.named_buffers()))),
)

# %% tags=["fold"]
bars(
    {
        "weights": count_parameters(network),
        "Adam: mean of each gradient": remembered // 2,
        "Adam: mean of its square": remembered // 2,
        "BatchNorm's statistics": sum(buffer.numel() for buffer in network.buffers()),
        "the position": 1,
    },
    xlabel="numbers that the next update depends on",
    digits=0,
    alt="Five bars: the weights, and Adam's two memories of the same size; BatchNorm's statistics are few, the step 1.",
)

# %% [markdown]
# Adam keeps a running mean of each weight's gradient and one of its square: **twice as many numbers as there are
# weights**. They set the size of its steps. And BatchNorm has running statistics. They are not parameters, but they
# decide what the network puts out when it is used.
#
# ### {{exercise: checkpoint}}
#
# Write `checkpoint(network, optimizer, step)`. `step` counts the updates made so far. Expected: a dict with the keys
# `"network"`, `"optimizer"` and `"step"`, which `torch.save` can write and `torch.load(..., weights_only=True)` can
# read: two state dicts and a number. It must not change when training goes on. (`copy` is imported.)

# %% tags=["stub"]
# {{stub: checkpoint}}

# %% tags=["solution"]
# {{solution: checkpoint}}

# %%
checkpoint = check("checkpoint", checkpoint)

# %% [markdown]
# ### {{exercise: restore}}
#
# Write `restore(state, network, optimizer)`, the way back. `network` and `optimizer` are new objects of the same kind;
# change them in place. Expected: return the number of the update that comes next.

# %% tags=["stub"]
# {{stub: restore}}

# %% tags=["solution"]
# {{solution: restore}}

# %%
restore = check("restore", restore)


def weights_of(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])  # (38,040,)


def same_bits(a, b):
    """Whether two networks agree in every bit, BatchNorm's statistics included."""
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


# %% [markdown] tags=["instructor"]
# **Common wrong answers.** The state dict is kept without a copy: that does no harm if it is written to disk at once,
# but if it is kept in memory as "the best so far", it silently becomes the latest. Or the parameters are kept instead
# of the state_dict: the buffers are lost, and the network is fine in training and poor in use. Ask: why is the seed not
# in the dict? (It is a setting, not a state: the same command has the same seed.)

# %% [markdown] tags=["slide"] answers=["equal"]
# ## Stopped and resumed
#
# Now for the claim. One run is never stopped. The other is stopped half-way: its checkpoint goes to the disk, the
# network is thrown away, and a new network with different random weights takes over.
#
# **Before you run it:** how close will the two be at the end? To 1 %? To six digits?

# %%
folder = Path(tempfile.mkdtemp())
half, total = settings.resume // 2, settings.resume


def new_run(seed):
    torch.manual_seed(seed)
    network = Generator(blocks=2, channels=16, icnr=True)
    return network, torch.optim.Adam(network.parameters(), lr=4e-3)


def go_on(network, optimizer, first, last):
    """Updates first to last - 1. Returns the losses, and the weights after each update."""
    losses, weights = [], []
    for step in waiting(range(first, last), "training"):
        optimizer.param_groups[0]["lr"] = float(rate_at(step, total, 4e-3))  # a plain number, which any file can hold
        losses.append(float(train_step(network, optimizer, *small_crops(step))))
        weights.append(weights_of(network))
    return losses, weights


never_stopped, optimizer = new_run(seed=0)
_, weights = go_on(never_stopped, optimizer, 0, half)
at_break = weights[-1]
torch.save(checkpoint(never_stopped, optimizer, half), folder / "half.pt")
true_losses, true_weights = go_on(never_stopped, optimizer, half, total)

resumed, optimizer = new_run(seed=1)
first = restore(torch.load(folder / "half.pt", weights_only=True), resumed, optimizer)
_, resumed_weights = go_on(resumed, optimizer, first, total)

# %% tags=["check-output"]
differing = (weights_of(resumed) != weights_of(never_stopped)).sum()
print(
    f"stopped after update {first} of {total}, resumed: {differing} of {weights_of(resumed).numel():,} weights differ"
)
print("identical in every bit, BatchNorm's statistics included:", same_bits(resumed, never_stopped))

# %% tags=["fold"]
assert same_bits(resumed, never_stopped)

# %% [markdown] answers=["saw-tooth", "0.9"]
# They are not just close. They are **equal**, in every bit of every weight: the network, faults included, is exactly
# what it would have been. So you may stop a run for the night, lend the machine to somebody, or lose the connection.
# Nothing is lost, and nobody who looks at the result can tell.
#
# ### The counter-test
#
# Perhaps training forgets where it came from, and always ends up in the same place.
#
# To find out, we leave things out, one at a time.
#
# **Question.** Which is worse: to lose the optimiser, or the position, which is the step number?

# %%
left_out = {"nothing": resumed_weights}
first_losses = {"nothing": true_losses[:10]}
for name, keeps_optimizer, begins in (
    ("the optimiser", False, half),
    ("the position", True, 0),
    ("both: weights alone", False, 0),
):
    state = torch.load(folder / "half.pt", weights_only=True)
    network, optimizer = new_run(seed=1)
    if keeps_optimizer:
        restore(state, network, optimizer)
    else:
        network.load_state_dict(state["network"])
    losses, left_out[name] = go_on(network, optimizer, begins, begins + total - half)
    first_losses[name] = losses[:10]


def apart(weights):
    """The mean distance to the weights of the run that was never stopped, after each update."""
    return [(mine - true).abs().mean().item() for mine, true in zip(weights, true_weights, strict=True)]


for name, weights in left_out.items():
    differing = (weights[-1] != true_weights[-1]).float().mean().item()
    print(f"left out: {name:20} {differing:4.0%} of the weights differ, on average by {apart(weights)[-1]:.4f}")
kept, new = ((left_out[name][0] - at_break).abs().median().item() for name in ("nothing", "the optimiser"))
rate = rate_at(half, total, 4e-3)
jump = np.mean(first_losses["the optimiser"]) / np.mean(first_losses["nothing"])
print(f"first step / learning rate: {kept / rate:.2f}; with a new optimiser {new / rate:.2f}")
print(f"loss of the ten updates after the break: with a new optimiser {jump:.2f} times the right one")

# %% tags=["fold"]
since = range(1, total - half + 1)
curves(
    {f"left out: {name}": (since, apart(weights)) for name, weights in left_out.items()},
    xlabel="updates since the break",
    ylabel="mean distance of the weights",
    alt="Distance to the run never stopped: zero where nothing is left out, and growing at once in the three others.",
)
for name, weights in left_out.items():
    differing = (weights[-1] != true_weights[-1]).float().mean().item()
    assert differing == 0 if name == "nothing" else differing > 0.9
assert kept < 0.7 * rate < 0.9 * rate < new
assert jump > 1.1

# %% [markdown] tags=["slide"]
# More than nine in ten weights differ. Without the optimiser's memory, the loss jumps up after the break, on the very
# same crops. Why? Adam divides the mean of past gradients by their size. A new Adam knows a single gradient, and that
# gradient divided by its own size is 1 or -1: the first step moves nearly every weight by the full rate. If a published
# curve has a saw-tooth at each restart, somebody may have forgotten the optimiser. (A saw-tooth at each epoch has other
# causes: the same photos come round again.)
#
# Without the position, nothing looks wrong at all. The run sees old crops again, at the wrong learning rate, and never
# again gives the result of an unbroken run. So the lost optimiser does its harm at once, and it shows; the lost
# position does harm with every update, and no curve of the loss shows it.
#
# Compare this with your list from the beginning. What was missing?
#
# ## train() and its folder
#
# The package does all this for you, including the averaged weights and the log.
#
# A **recipe** holds every number of a run. Here is a small version of the paper's.
#
# Half-way through we press stop: the cell sends itself the signal that Ctrl-C and Jupyter's square button send. `train`
# completes one more update, saves, and then stops the cell with a KeyboardInterrupt, so that the cells below do not go
# on with half a network. Here we catch it, and make the same call again.

# %%
recipe = RECIPES["srresnet-mse"].change(
    blocks=2, channels=16, icnr=True, batch=4, crop=32, steps=settings.run, rate=1e-3, schedule="one-cycle", ema=0.99
)
options = {"device": "cpu", "progress": False, "log_every": 5, "validate_every": settings.run}
whole = train(recipe, photos, run=folder / "whole", **options)

with LossBoard(log=False, alt="The training loss of the run that is stopped half-way, and then resumed.") as board:

    def press_stop(row):
        board.add(row["step"], before=row["content"])
        if row["step"] == settings.run // 2:
            signal.raise_signal(signal.SIGINT)

    try:
        train(recipe, photos, run=folder / "parts", on_report=press_stop, **options)
    except KeyboardInterrupt as stop:  # in a notebook: the cells below must not go on with half a network
        print(stop)
    stopped = load_network(folder / "parts" / "weights.safetensors")
    parts = train(
        recipe,
        photos,
        run=folder / "parts",
        on_report=lambda row: board.add(row["step"], after=row["content"]),
        **options,
    )
print(f"the same call again: update {parts.step}; finished: {parts.finished}")

print("averaged weights identical:", same_bits(whole.network, parts.network))
print("losses in the log identical:", [row["content"] for row in whole.log] == [row["content"] for row in parts.log])
print("control: weights at the break identical to the last:", same_bits(whole.network, stopped))

# %% tags=["fold"]
assert same_bits(whole.network, parts.network)
assert not same_bits(whole.network, stopped)
assert parts.finished

# %% [markdown] tags=["notes"]
# The last line is the control: the weights did change after the break. The disk holds everything the next call needs,
# and each file is either whole or not there, even if the power fails while it is being written.

# %% tags=["skip"]
for path in sorted(path for path in (folder / "parts").rglob("*") if path.is_file() and path.name != "lock"):
    print(f"{path.relative_to(folder / 'parts')}  {path.stat().st_size / 1024:.0f} KiB")
try:
    train(recipe.change(rate=2e-3), photos, run=folder / "parts", **options)
except UserError as error:
    refused = str(error)
    print("\nWith another learning rate in the same folder:")
    print(textwrap.fill(refused.replace(str(folder), "..."), 100))

# %% tags=["fold"]
assert "rate 0.001 then, 0.002 now" in refused

# %% [markdown] tags=["slide"] answers=["overfitting", "gap between"]
# `train` refuses: half of one run and half of another do not make a run. In a terminal, the same command is
# `srgan-lessons train srresnet-mse --photos FOLDER`. Press Ctrl-C when you like, and give the same command again.
#
# In Colab the disk disappears with the machine, so put the run on your Drive. That takes two cells:
# `from google.colab import drive; drive.mount("/content/drive")`, and
# `train(RECIPES["srresnet-mse"], photos, run="/content/drive/MyDrive/srresnet")`. After a disconnect you get a new
# machine: run the first cell of this lesson, the imports and the photos again, and then these two cells. The second of
# them continues where the run was stopped.
#
# ## Reading curves
#
# A single curve says little. Two curves side by side make a diagnosis.
#
# **Question.** We train once on *one* photo, a brick wall, and once on eleven. In which case is the training loss
# lower? And the loss on unseen photos?

# %% tags=["skip"]
good, normal = fit(sampler, settings.updates)
brick = sample_photos()["brick"][:96, :96]
_, one_photo = fit(CropSampler({"brick": brick}, batch=4, crop=48), settings.updates)
at = [row["step"] for row in normal]
gap = {name: rows[-1]["unseen"] / rows[-1]["training"] for name, rows in (("one", one_photo), ("eleven", normal))}
print(f"unseen loss / training loss: one photo {gap['one']:.1f}, eleven photos {gap['eleven']:.1f}")

# %% tags=["fold"]
curves(
    {
        "one photo: training": (at, [row["training"] for row in one_photo]),
        "one photo: unseen": (at, [row["unseen"] for row in one_photo]),
        "eleven photos: training": (at, [row["training"] for row in normal]),
        "eleven photos: unseen": (at, [row["unseen"] for row in normal]),
    },
    xlabel="updates",
    ylabel="loss",
    log=True,
    alt="One photo: training loss falls far, unseen loss stays high. Eleven photos: both fall together.",
)
assert len(photos) == 11
assert one_photo[-1]["training"] < normal[-1]["training"]
assert gap["one"] > 4 > 2 > gap["eleven"]

# %% [markdown] tags=["subslide"] answers=["falls", "shadow", "brightness"]
# One photo wins on training loss and loses everywhere else. *The gap between the two lines is the overfitting.* This is
# why `train` holds out one photo in twenty (at most ten) and never shows it to the network. The benchmark sets are not
# used for this: if you make choices by the test set, you no longer have a test.
#
# ### A broken pair
#
# This is the most common bug in the field: HR is flipped at random, and somebody forgets to flip LR as well.
#
# **Question.** There is no error and no warning. What will the training loss look like? And the picture?


# %%
def mirrored(pairs):
    def bug(step):
        lr, hr = pairs(step)
        return lr, hr.flip(-1)  # HR is flipped, LR is not

    return bug


bad, broken = fit(mirrored(sampler), settings.updates)
mean_bicubic = np.mean([mse_loss(upscale(lr), hr).item() for lr, hr in map(sampler, range(20))])

cat = sample_photos()["chelsea"][60:204, 96:288]  # (144, 192, 3), not seen in training
cat_lr = to_tensor(imresize(cat, 1 / 4))  # (1, 3, 36, 48)
with torch.no_grad():
    results = [to_image(network(cat_lr)) for network in (good, bad)]  # (144, 192, 3) each

torch.manual_seed(0)
by_heart = overfit(Generator(blocks=2, channels=32, icnr=True), mirrored(small_crops), settings.overfit // 2, 1e-3)
print(f"one mirrored batch, overfitted: loss {by_heart[-1]:.4f}, bicubic {bicubic_loss:.4f}")

# %% tags=["fold"]
curves(
    {
        "right pairs": (at, [row["training"] for row in normal]),
        "HR mirrored, LR not": (at, [row["training"] for row in broken]),
        "bicubic, right pairs": (at, [mean_bicubic] * len(at)),
    },
    xlabel="updates",
    ylabel="training loss",
    alt="With right pairs the loss falls towards bicubic's; with mirrored HR it falls at first, then stays high.",
)
assert broken[-1]["training"] > 2 * normal[-1]["training"]
show_images(
    cat,
    *results,
    titles=["HR", "from right pairs", "from mirrored pairs"],
    alt="A cat's eye. From right pairs it is a soft version of HR; from mirrored pairs only a blurred shadow is left.",
)
assert psnr(results[1], cat) < psnr(results[0], cat) - 3
assert by_heart[-1] < bicubic_loss

# %% [markdown] tags=["slide"]
# The loss *falls* here, too. It falls until the network has learned everything that a mirrored photo can tell about a
# photo: the brightness, and little else. With this curve alone you might have waited for a week. Bicubic's line exposes
# the bug: **a network that stays far above bicubic is not slow, it is wrong.**
#
# And the printed line shows what overfitting one batch does *not* find: a single mirrored batch can be learned by heart
# just as well as a correct one. So overfit first, and then look at the pairs, too.
#
# ## The real thing
#
# What would the paper's training cost on this machine? We time a few updates of the full network, 16 blocks with 64
# feature maps, and multiply.

# %%
paper = RECIPES["srresnet-mse"]
machine = Machine(str(device))
network = machine.prepare(paper.make_generator()).train()
optimizer = torch.optim.Adam(network.parameters(), lr=paper.rate)
big_crops = CropSampler(photos, batch=settings.timed_crops, crop=paper.crop, device=device)
for step in waiting(range(1 + settings.timed), "timing"):
    if step == 1:  # the first update warms up
        started = time.perf_counter()
    loss = pretrain_step(network, optimizer, MSELoss(), *big_crops(step), machine)["content"].item()  # waits for a GPU
seconds = (time.perf_counter() - started) / settings.timed * paper.batch / settings.timed_crops
print(f"{machine.name()}: about {seconds:.2f} s for each update of {paper.batch} crops")
print(f"{paper.steps:,} updates: {seconds * paper.steps / 86400:.1f} days")

# %% tags=["fold"]
assert (paper.steps, paper.batch, paper.crop, paper.rate) == (1_000_000, 16, 96, 1e-4)

# %% [markdown]
# Read the number of days again. Nobody gets through that without a break, except on a very large machine. Now you know
# why the claim of this lesson matters.
#
# Does it have to be a million? We stopped earlier, with the same functions and a one-cycle schedule. On Set5, with the
# community protocol:
#
# | | updates, and crops in each (96 x 96 pixels unless stated) | time | PSNR |
# |---|---|---|---|
# | two CPU cores, in an evening | 7,000 of 4, then 15,500 of 8 | 2 h 55 min, then 43 min in half precision | 31.07 dB |
# | from there, one NVIDIA H100 | 25,748 of 8, 192 x 192 pixels | two and a quarter minutes | **31.56 dB** |
# | the paper | 1,000,000 of 16 | not said | 32.05 dB |
#
# Most of the way takes an evening; the last half decibel takes the million updates. (The paper computes luma a little
# differently: see lesson 08.) The weights of the second row come with the course, and so does the log of their run.
# Here they are, on the photo from the beginning, which no run has seen.

# %%
srresnet = load_network("srresnet")
with open(shipped("runs/srresnet.csv"), newline="") as file:
    run = list(csv.DictReader(file))
updates = np.diff([0, *[int(row["step"]) for row in run]])
seconds = sum(updates / [float(row["updates_per_s"]) for row in run])
held_out = [row for row in run if row["val_psnr"]]
print(f"{updates.sum():,} updates in {seconds:.0f} s on an H100")
for row in (held_out[0], held_out[-1]):
    print(f"held-out photos, after {int(row['step']):,} updates: {float(row['val_psnr']):.2f} dB")
with open(shipped("results/srresnet.json"), encoding="utf-8") as file:
    set5 = next(m for m in json.load(file)["means"] if (m["set"], m["protocol"]) == ("Set5", "community"))
by_paper = next(row.psnr for row in paper_table(2) if (row.set, row.method) == ("Set5", "SRResNet"))

hr = sample_photos()["astronaut"][:256, 96:352]  # (256, 256, 3), the photo of the beginning
lr = imresize(hr, 1 / 4)  # (64, 64, 3)
with torch.no_grad():
    sr = to_image(srresnet(to_tensor(lr)))  # (256, 256, 3)
bicubic = imresize(lr, 4)
gain = psnr(sr, hr) - psnr(bicubic, hr)
print(f"gain over bicubic: {gain:+.2f} dB")

# %% tags=["fold"]
assert updates.sum() == int(read_metadata("srresnet")["updates"]) == 25_748
assert 130 < seconds < 140
assert round(set5["psnr"], 2) == 31.56
assert by_paper == 32.05
assert 0.45 < by_paper - set5["psnr"] < 0.55
show_crops(
    hr,
    lr,
    bicubic,
    sr,
    titles=["HR", "LR", f"bicubic {psnr(bicubic, hr):.1f} dB", f"SRResNet {psnr(sr, hr):.1f} dB"],
    box=(64, 80, 96, 96),
    alt="A face as HR, as blocky LR, soft by bicubic, and as the trained network enlarges it.",
)
assert gain > 1.5

# %% [markdown] tags=["notes"]
# ## Play
#
# Break it yourself. Choose a fault for the pairs and a learning rate, and train for 60 updates on one batch. Which
# faults can you see in the curve, and which only in the picture? In 60 updates, not even the right pairs get below
# bicubic, so compare each curve with theirs.

# %% tags=["skip"]
pair_faults = {
    "right": lambda lr, hr: (lr, hr),
    "HR mirrored": lambda lr, hr: (lr, hr.flip(-1)),
    "HR of another crop": lambda lr, hr: (lr, hr.roll(1, dims=0)),
    "HR with R and B swapped": lambda lr, hr: (lr, hr.flip(1)),
    "LR in 0 to 255": lambda lr, hr: (255 * lr, hr),
}


# %% tags=["fold", "skip"]
def experiment(pairs, rate):
    torch.manual_seed(0)
    lr, hr = pair_faults[pairs](*sampler(0))
    network = ESPCN(icnr=True)
    losses = [float(loss) for loss in overfit(network, lambda step: (lr, hr), 60, rate)]
    with torch.no_grad():
        sr = network(lr)
    level = mse_loss(upscale(sampler(0)[0]), sampler(0)[1]).item()
    alt = f"The loss of 60 updates at a rate of {rate}, with pairs: {pairs}."
    curves({"loss": losses, "bicubic": [level] * 60}, xlabel="updates", ylabel="loss", log=True, alt=alt)
    show_images(
        *sampler(0)[1],
        *sr,
        titles=[f"{kind} {i + 1}" for kind in ("HR", "learned") for i in range(4)],
        alt=f"Four crops, and below what the network has learned with pairs: {pairs}.",
    )


play(experiment, pairs=list(pair_faults), rate=[3e-3, 3e-4, 3e-2, 3e-1])

# %% [markdown] tags=["slide"]
# ## Recap
#
# - An update: drop the old gradients, forward, loss, backward, step. The loss is a mean.
# - Overfit one batch first, and compare with bicubic. Then look at the pairs as well.
# - The learning rate matters most: if it is too low, the loss creeps; if it is too high, it explodes. One cycle goes
#   up, then down to 0.
# - Averaged weights are calmer and better than the last ones.
# - A run resumed with its weights, buffers, optimiser and step ends equal in every bit.
# - One curve is no diagnosis. Compare training with unseen photos, and the network with bicubic.
#
# ### Three questions
#
# <details><summary>1. A loss curve has a saw-tooth every hour, on the hour. What do you suspect?</summary>
#
# The job is probably stopped and resumed every hour, without the optimiser's state: Adam starts with no memory, and its
# first steps are too long. But if an epoch lasts an hour, look at the data first.
# </details>
#
# <details><summary>2. Two runs with the same seed differ although nothing was stopped. Where do you look?</summary>
#
# Look at anything that does not follow from the seed: a data loader with several workers, the order of files in a
# folder. The number of threads, the GPU or a version may differ, too: sums in a different order are rounded
# differently.
# </details>
#
# <details><summary>3. Training loss is below bicubic's, unseen loss is not. Do you need more updates?</summary>
#
# No, you need more photos. The network is learning its photos by heart, and more updates make that worse.
# </details>
#
# ### What this lesson leaves out
#
# "Equal in every bit" holds on the same machine with the same number of threads and the same versions. On a GPU, some
# routines add in an order that changes from run to run; there you need `torch.use_deterministic_algorithms(True)`,
# which costs time. Half precision, several GPUs and CUDA graphs are in the package but not in this lesson; for several
# GPUs, see `docs/several_gpus.md`.
#
# It also leaves out what is wrong with MSE itself: it gives a high PSNR and a soft picture. Lesson 06 shows why, and
# what to do about it.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 3.2, training details.
# - Kingma and Ba 2015, [arXiv 1412.6980](https://arxiv.org/abs/1412.6980): Adam, algorithm 1.
# - Karpathy 2019, *A Recipe for Training Neural Networks*: overfit one batch, and much more.
# - In this package: `srgan_lessons/training/steps.py` and `srgan_lessons/datasets/crops.py`, 100 to 140 lines each.
#
# Next: lesson 05, the opponent. Here is what you have solved so far.

# %%
progress()
