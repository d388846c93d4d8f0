# %% [markdown] tags=["slide"]
# # Residual generator
#
# **Claim.** Sixteen residual blocks train where sixteen plain ones stall, if both start with torch's default weights.
#
# **Time.** 29 minutes of teaching, {{exercise_minutes}} minutes of exercises.
#
# **Before.** Lesson 01. You know what a convolution and a gradient are, and how a class inherits from `nn.Module`.
#
# {{colab_badge}}

# %% tags=["skip", "fold"]
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from srgan_lessons import models
from srgan_lessons.classroom.drawings import drawing
from srgan_lessons.classroom.figures import bars, curves, feature_grid, show_images
from srgan_lessons.classroom.viewers import play
from srgan_lessons.classroom.waiting import waiting
from srgan_lessons.datasets import CropSampler
from srgan_lessons.images import sample_photos, to_tensor
from srgan_lessons.models import Generator, count_parameters
from srgan_lessons.resize import imresize

settings = lesson_settings(full={"updates": 120, "seeds": 2}, fast={"updates": 32, "seeds": 1})
photos = sample_photos()
lr_photos = {name: imresize(photos[name], 1 / 4) for name in ("astronaut", "chelsea", "coffee", "rocket")}

# %% [markdown] tags=["slide"] answers=["cat", "eye"]
# ## Why
#
# A network has to invent the missing pixels at one place of an LR image. How far around that place must it look?
#
# **Before you read on:** run both cells. They show the same place three times, with more of its surroundings each time.
# In which of the three pictures do you first see what it is?

# %% tags=["skip"]
lr = lr_photos["chelsea"]  # (75, 112, 3)
y, x = 27, 44
windows = [lr[y - n // 2 : y + n // 2 + 1, x - n // 2 : x + n // 2 + 1] for n in (5, 9, 51)]

# %% tags=["fold"]
show_images(
    *windows,
    titles=[f"{window.shape[0]} x {window.shape[1]} pixels" for window in windows],
    alt="One place of an LR image: 5 x 5 pixels are dark squares, 9 x 9 a dark spot; in 51 x 51 a cat looks at you.",
)

# %% [markdown]
# Once you know that this is an eye, you know where its edge must be sharp. A network that sees 5 pixels cannot know. So
# we want one that sees far. That is what depth is for, and this lesson is about depth: why it is hard, and what makes
# it easy.

# %% [markdown] tags=["instructor"]
# **Timing.** The receptive field takes 4 minutes, the plain stack 4, BatchNorm 3, the block 4, the four networks 6, the
# trunk 2, the range and the parameters 2, and the generator and the recap 4. The exercises take 31. Ask the room first:
# who has stacked layers until a network stopped learning? What did you change? "The learning rate" is the usual answer.
# Come back to it when the four networks are compared.

# %% [markdown] tags=["slide"] answers=["5"]
# ## How far a network sees
#
# After one 3x3 convolution, an output pixel sees 3 x 3 input pixels. This is its **receptive field**.
#
# **Question.** After two of them, one after the other: how wide is the field, 3, 5, 6 or 9?
#
# We can measure it. A pixel that is seen gets a gradient; a pixel that is not seen gets none.


# %% tags=["check-output"]
def seen(network, size):
    """The width of the field in pixels, measured: how many columns of the input get a gradient."""
    x = torch.ones(1, 1, size, size, requires_grad=True)  # (1, 1, size, size)
    network(x)[..., size // 2, size // 2].sum().backward()  # from one pixel in the middle
    return int(x.grad.abs().sum(dim=(0, 1, 2)).count_nonzero())


for count in (1, 2, 3, 8):
    stack = nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=1) for _ in range(count)])
    print(f"3x3 convolutions: {count}, width of the field: {seen(stack, 33)} pixels")

# %% [markdown]
# 3, 5, 7: each further layer adds 2, one pixel on each side. A kernel of size $k$ adds $k - 1$.
#
# And if a layer has a stride of 2? Then two neighbours in its output lie *two* input pixels apart, and all later layers
# take steps of two input pixels. A layer that makes the image twice as large does the opposite: it halves the step.
# Lesson 03 builds such a layer, the pixel shuffle; nothing else about it matters here.
#
# ### {{exercise: receptive_field}}
#
# `layers` is a list of pairs (kernel, stride), from the input to the output. Return the width of one output pixel's
# field, in input pixels. A pixel shuffle by 2 is written (1, 1/2). Expected: `[(3, 1), (3, 1)]` gives 5, `[(3, 2), (5,
# 1)]` gives 11, and the empty list gives 1.

# %% tags=["stub"]
# {{stub: receptive_field}}

# %% tags=["solution"]
# {{solution: receptive_field}}

# %%
receptive_field = check("receptive_field", receptive_field)

# %% tags=["fold"]
assert [receptive_field(stack) for stack in ([(3, 1), (3, 1)], [(3, 2), (5, 1)], [])] == [5, 11, 1]

# %% tags=["subslide", "check-output"]
espcn = [(5, 1), (3, 1), (3, 1)]  # the small network of lesson 03, before its pixel shuffle
sixteen = [(3, 1), (3, 1)] * 16  # sixteen blocks of two convolutions
print("ESPCN:", receptive_field(espcn), "LR pixels")
print("sixteen blocks:", receptive_field(sixteen), "LR pixels")
numbers = {"one 65x65 layer": 64 * 64 * 65**2, "32 layers of 3x3": 32 * 64 * 64 * 3**2}
for name, count in numbers.items():
    print(f"numbers to learn with 64 maps, {name}: {count:,}")

# %% tags=["fold"]
assert 32 * 64 * 64 * 9 < 1.2e6 < 17e6 < 64 * 64 * 65**2

# %% [markdown]
# Sixteen blocks see 65 pixels, with small kernels. A single 65x65 kernel would see just as far. With 64 maps, as the
# channels between two layers are called, it would have 17 million numbers to learn. The 32 small layers together have
# 1.2 million, and there is room for a non-linearity after each. So we build deep networks.

# %% [markdown] tags=["slide"] answers=["nothing", "halves", "halved"]
# ## A plain stack
#
# So let us stack 16 blocks, each with two convolutions and a PReLU, a ReLU whose slope below zero is learned. The
# layers keep the weights that torch gives them: nothing is trained yet.
#
# **Question.** Two different photos go in. After 32 layers, how different is what comes out?


# %%
def plain_block(x, weight1, slope, weight2):
    x = F.conv2d(x, weight1, padding=1)  # (N, C, h, w)
    x = F.prelu(x, slope)  # (N, C, h, w)
    return F.conv2d(x, weight2, padding=1)  # (N, C, h, w)


def new_weights(channels):
    """What torch gives a new block: two weights (C, C, 3, 3) and a slope (1,)."""
    convs = [nn.Conv2d(channels, channels, 3) for _ in range(2)]
    return convs[0].weight.detach(), torch.tensor([0.25]), convs[1].weight.detach()


torch.manual_seed(0)
channels = 16
head = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.PReLU())  # makes feature maps of an image
weights = [new_weights(channels) for _ in range(16)]
with torch.no_grad():
    first = head(torch.cat([to_tensor(lr_photos[name][:64, :64]) for name in ("chelsea", "rocket")]))  # (2, 16, 64, 64)

# %% tags=["check-output"]
plain = first  # (2, 16, 64, 64): two photos
for number, block in enumerate(weights, start=1):
    plain = plain_block(plain, *block)
    if number in (1, 4, 16):
        difference = (plain[0] - plain[1]).abs().mean()
        print(f"blocks: {number}, mean difference of the photos: {difference:.0e}")
before = (first[0] - first[1]).abs().mean()
print(f"before the first: {before:.1f}")

# %% tags=["fold"]
assert 0.4 < (difference / before) ** (1 / 32) < 0.6  # what one layer leaves of it

# %% [markdown]
# After 16 blocks the cat and the rocket are gone. Torch draws the weights so small that each layer roughly halves what
# it is given, and with it the difference between the two photos. Halved 32 times, nothing is left.
#
# The way back is no better. A gradient starts at the last layer and is multiplied by the same weights on its way. What
# reaches the first layer? We build four trunks of 16 blocks each, from one class with two switches, and measure.


# %%
class Block(nn.Module):
    """Two convolutions, with or without BatchNorm. skip: 1 for a connection around them, 0 for none."""

    def __init__(self, channels, *, skip, norm):
        super().__init__()
        after = nn.BatchNorm2d if norm else nn.Identity
        self.skip = skip
        self.conv1, self.norm1 = nn.Conv2d(channels, channels, 3, padding=1), after(channels)
        self.act = nn.PReLU()
        self.conv2, self.norm2 = nn.Conv2d(channels, channels, 3, padding=1), after(channels)

    def forward(self, x):  # (N, C, h, w)
        return self.skip * x + self.norm2(self.conv2(self.act(self.norm1(self.conv1(x)))))


# %% tags=["fold"]
# @title The network around the blocks, and the four kinds: with and without skips, with and without BatchNorm
class Network(nn.Module):
    """A small generator: the package's head and enlargement around a trunk of our own."""

    def __init__(self, *, skip, norm, blocks=16, channels=16):
        super().__init__()
        around = Generator(blocks=0, channels=channels)
        self.head, self.enlarge = around.head, nn.Sequential(around.upsample, around.tail)
        self.skip = skip
        self.blocks = nn.Sequential(*[Block(channels, skip=skip, norm=norm) for _ in range(blocks)])
        after = nn.BatchNorm2d if norm else nn.Identity
        self.end = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), after(channels))

    def forward(self, x):  # (N, 3, h, w), in [0, 1]
        first = self.head(x)  # (N, C, h, w)
        x = self.skip * first + self.end(self.blocks(first))  # (N, C, h, w)
        return (self.enlarge(x) + 1) / 2  # (N, 3, 4h, 4w): a black box that lesson 03 opens


KINDS = {
    "plain": {"skip": 0, "norm": False},
    "plain + BatchNorm": {"skip": 0, "norm": True},
    "residual": {"skip": 1, "norm": False},
    "residual + BatchNorm": {"skip": 1, "norm": True},
}

# %% [markdown] tags=["slide"] answers=["eight", "1e-8"]
# ## Gradients that reach the first layer
#
# All four start from the same seed, so they have the same weights. We take one batch and one backward pass.
#
# **Before you look:** in the plain trunk, how many times smaller is the gradient in the first block than in the last?

# %%
sampler = CropSampler(photos, batch=8, crop=32, seed=0, device=device)
batches = [sampler(step) for step in range(settings.updates)]  # LR (8, 3, 8, 8) and HR (8, 3, 32, 32) each


def gradients(kind, batch, seed=0):
    """The gradient of each block's first convolution in an untrained network: 16 tensors (C C 9,)."""
    torch.manual_seed(seed)
    network = Network(**KINDS[kind]).to(device)
    lr, hr = batch
    F.mse_loss(network(lr), hr).backward()
    return [block.conv1.weight.grad.flatten() for block in network.blocks]


sizes = {kind: [float(g.norm()) for g in gradients(kind, batches[0])] for kind in KINDS}

# %% tags=["fold"]
curves(
    {kind: (range(1, 17), size) for kind, size in sizes.items()},
    xlabel="block, from the input to the output",
    ylabel="size of the gradient",
    log=True,
    alt="Sizes of gradients in 16 blocks: three kinds stay within a factor of 100; plain falls below 1e-10 at block 1.",
)
assert sizes["plain"][0] / sizes["plain"][-1] < 1e-8
assert all(max(size) / min(size) < 100 for kind, size in sizes.items() if kind != "plain")
assert sizes["plain + BatchNorm"][0] > sizes["residual + BatchNorm"][0] / 2

# %% [markdown]
# It is smaller by more than eight powers of ten. The first blocks of the plain trunk learn nothing at all.
#
# The other three curves are nearly level. So there are two cures: BatchNorm, and the skip connection, *skip* for short.
# We build both by hand. (Larger weights at the start would be a third cure, but a fragile one: in our trials, such a
# plain trunk learned slowly or not at all.)

# %% [markdown] tags=["instructor"]
# **What to say.** Someone may ask for the larger weights of He et al. (2015). With them, the gradients are level. But
# of two plain trunks that we started this way, one learned slowly and the other not at all.

# %% [markdown] tags=["slide"]
# ## BatchNorm, by hand
#
# The idea of Ioffe and Szegedy (2015): bring each channel to mean 0 and variance 1, over all images and places of the
# batch. Then let it learn a scale, gamma, and a shift, beta.


# %%
def batch_norm(x, gamma, beta):
    mean = x.mean(dim=(0, 2, 3), keepdim=True)  # (1, C, 1, 1)
    variance = x.var(dim=(0, 2, 3), keepdim=True, correction=0)  # (1, C, 1, 1)
    x = (x - mean) / torch.sqrt(variance + 1e-5)  # (N, C, h, w)
    return gamma.view(1, -1, 1, 1) * x + beta.view(1, -1, 1, 1)


gamma, beta = torch.rand(channels), torch.rand(channels)  # (C,) each
theirs = F.batch_norm(first, None, None, gamma, beta, training=True)

# %% tags=["fold"]
assert torch.allclose(batch_norm(first, gamma, beta), theirs, atol=1e-5)

# %% [markdown] answers=["1 + F'(x)"]
# Now nothing can shrink: after every layer, the variance is brought back to 1. And a bias before BatchNorm is useless,
# because the mean is subtracted anyway. The package leaves it out.
#
# ## The residual block, by hand
#
# He et al. (2015) had the other idea. A block should not compute its output, but only *what to add* to its input.
# Whatever needs no change does not have to pass through the weights.
#
# $$y = x + F(x)$$
#
# In the paper's block (Figure 4), $F$ consists of a convolution, BatchNorm, PReLU, a second convolution, and BatchNorm
# again.
#
# **Question.** The gradient comes back through this sum. What is the derivative of $y$ with respect to $x$?
#
# <details><summary>Answer</summary>
#
# $1 + F'(x)$. The 1 is the skip: however small $F'$ may be, the gradient gets through.
# </details>

# %% tags=["fold"]
drawing("residual_block")


# %%
def residual_block(x, weight1, gamma1, beta1, slope, weight2, gamma2, beta2):
    added = F.conv2d(x, weight1, padding=1)  # (N, C, h, w)
    added = batch_norm(added, gamma1, beta1)  # (N, C, h, w)
    added = F.prelu(added, slope)  # (N, C, h, w)
    added = F.conv2d(added, weight2, padding=1)  # (N, C, h, w)
    added = batch_norm(added, gamma2, beta2)  # (N, C, h, w)
    return x + added  # (N, C, h, w)


package_block = models.ResidualBlock(channels)
by_hand = residual_block(first, *package_block.parameters())
print(package_block)

# %% tags=["fold"]
assert torch.allclose(by_hand, package_block(first), atol=1e-5)  # the same tensor

# %% [markdown] tags=["subslide"]
# ### {{exercise: ResidualBlock}}
#
# Now write it as a class, `ResidualBlock(channels)`, that keeps its own weights. You may use torch's layers. Expected:
# a module that maps (N, channels, h, w) to the same shape and computes what `residual_block` computes.

# %% tags=["stub"]
# {{stub: ResidualBlock}}

# %% tags=["solution"]
# {{solution: ResidualBlock}}

# %%
ResidualBlock = check("ResidualBlock", ResidualBlock)

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** The sum comes before the second BatchNorm. There is an activation after the sum, as in
# ResNet. Or x is overwritten on the way, so that the body is added to itself. Ask: why is there no activation after the
# sum? (What is added may be negative, and with 16 ReLUs in its way the skip would no longer be free.)

# %% [markdown] tags=["subslide"]
# ### {{exercise: zero_init_residual}}
#
# A block adds something. A block that adds *nothing* is the identity: what goes in comes out. Goyal et al. (2017) start
# their training with such blocks. All blocks are asleep at first, and each wakes up when it has something to say.
#
# Write `zero_init_residual(block)`. It changes one of the package's blocks in place; the block's layers are
# `block.body[0]` to `block.body[4]`, as printed above. The block may have been trained before. Expected: `block(x)` is
# exactly `x`, and the block can still learn.

# %% tags=["stub"]
# {{stub: zero_init_residual}}

# %% tags=["solution"]
# {{solution: zero_init_residual}}

# %%
zero_init_residual = check("zero_init_residual", zero_init_residual)

sleeping = nn.Sequential(*[models.ResidualBlock(channels) for _ in range(16)])
for block in sleeping:
    zero_init_residual(block)

# %% tags=["fold"]
assert torch.equal(sleeping(first), first)  # 32 layers, and both photos are as they were

# %% [markdown] tags=["slide"]
# ## Four networks, one budget
#
# Now for the claim. There are four networks: with or without skips, and with or without BatchNorm. They get the same
# crops in the same order, the same initial weights, the same number of updates and the same learning rate. Only the two
# switches differ.
#
# We need a baseline for "it learns nothing": the best answer without looking at the picture, which is one grey for the
# whole batch. A loss of 1.0 in the figure is the loss of that grey.


# %%
def train(network, rate, updates):
    """The loss in each update, as a share of the loss of the best single grey. Lesson 04 opens this box."""
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)  # takes the steps; lesson 04 says how
    shares = []
    for lr, hr in waiting(batches[:updates], "training"):
        loss = F.mse_loss(network(lr), hr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        shares.append(loss.item() / hr.var(correction=0).item())
    return shares


def new_network(kind, seed, **options):
    torch.manual_seed(seed)
    return Network(**KINDS[kind], **options).to(device)


numbers = {kind: count_parameters(new_network(kind, 0)) for kind in KINDS}
pair = [new_network(kind, 0).parameters() for kind in ("plain", "residual")]

# %% tags=["fold"]
assert numbers["plain"] == numbers["residual"]
assert numbers["plain + BatchNorm"] == numbers["residual + BatchNorm"] == numbers["plain"] + 2 * 33 * channels
assert all(torch.equal(a, b) for a, b in zip(*pair, strict=True))

# %%
RATE = 1e-3
runs = {kind: [train(new_network(kind, s), RATE, settings.updates) for s in range(settings.seeds)] for kind in KINDS}
smooth = {kind: np.convolve(np.mean(losses, axis=0), np.ones(10) / 10, "valid") for kind, losses in runs.items()}
final = {kind: float(np.mean([loss[-settings.updates // 3 :] for loss in losses])) for kind, losses in runs.items()}
for kind, loss in final.items():
    print(f"{kind}: loss {loss:.2f} in the last third of {settings.updates} updates")

# %% tags=["fold"]
curves(
    {kind: (range(10, settings.updates + 1), loss) for kind, loss in smooth.items()},
    xlabel="updates",
    ylabel="loss (1 = one grey), mean of 10",
    alt="Losses of four networks: plain stays at 1, plain with BatchNorm falls halfway, both residual ones fall lower.",
)
assert final["plain"] > 0.95, "the plain trunk learned something"
assert final["residual + BatchNorm"] < 0.65
assert final["residual + BatchNorm"] < final["plain + BatchNorm"] - 0.05
assert final["residual"] < 0.85
assert settings.updates < 120 or final["residual"] < final["residual + BatchNorm"]

# %% [markdown] tags=["subslide"] answers=["shattered", "noise"]
# This is the claim. The plain trunk **stalls**: after all the updates it is no better than one grey. The same layers,
# starting from the same weights, train at once if each block has a skip. The negative control is built in: the plain
# network *is* the residual one, with its skips multiplied by 0.
#
# And BatchNorm alone? The plain trunk with BatchNorm does learn, but it falls behind its residual twin. Its gradients
# were no smaller, so what does it lack?
#
# ### Do the batches agree?
#
# **Question.** Two batches show different crops, and both ask the first blocks to change. Do they ask for the same
# change? We measure the cosine of the angle between the two gradients: 1 means the same direction, 0 means that they
# have nothing in common.


# %%
def agreement(kind, seed):
    """The mean cosine between the gradients of six batches, in the first four blocks of an untrained network."""
    rows = torch.stack([torch.cat(gradients(kind, batch, seed)[:4]) for batch in batches[:6]])  # (6, numbers)
    rows = rows.double()  # (6, numbers)
    rows = rows / rows.norm(dim=1, keepdim=True)  # (6, numbers), of length 1
    return float((rows @ rows.T).triu(1).sum() / 15)  # 15 pairs


agree = {kind: np.mean([agreement(kind, s) for s in range(2)]) for kind in KINDS if "BatchNorm" in kind}

# %% tags=["fold"]
bars(
    agree,
    xlabel="cosine between the gradients of two batches, mean of 2 seeds",
    alt="Two bars: the gradients of plain with BatchNorm hardly agree, those of residual with BatchNorm clearly do.",
)
assert agree["plain + BatchNorm"] < 0.25
assert agree["residual + BatchNorm"] > 0.35

# %% [markdown]
# Here is the difference. With 32 plain layers, what one batch asks for says next to nothing about what the next one
# will ask for. Balduzzi et al. (2017) called this *shattered gradients*. The size is right, but the direction is noise.
# With skips, the batches agree.
#
# ### Then what is BatchNorm for?
#
# In the loss curves above, the residual network *without* BatchNorm learns, too. In the full run of 120 updates, it
# even ends lowest. So is BatchNorm of any use? Let us multiply the learning rate by eight.

# %%
big = {}
for kind in ("residual", "residual + BatchNorm"):
    big[kind] = float(np.mean(train(new_network(kind, 0), 8 * RATE, 40)[-10:]))
    print(f"{kind} at eight times the rate: loss {big[kind]:.2g}")

# %% tags=["fold"]
assert big["residual + BatchNorm"] < 0.9
assert not big["residual"] < 100  # it explodes; also true for NaN

# %% [markdown]
# Without BatchNorm, training explodes. With it, the network still learns. That is what BatchNorm does here: it forgives
# large steps. A deep network does not need it: later ones such as EDSR (Lim et al. 2017) drop it. EDSR's large network
# multiplies what each block adds by 0.1, to keep the training stable.
#
# ### What our runs do not show
#
# They do not show that depth is *better*. For a counter-test, we train a network with no blocks at all between head and
# enlargement.

# %%
shallow = [
    train(new_network("residual + BatchNorm", s, blocks=0), RATE, settings.updates) for s in range(settings.seeds)
]
without = float(np.mean([loss[-settings.updates // 3 :] for loss in shallow]))
print(f"no blocks: {without:.2f}, sixteen residual blocks: {final['residual + BatchNorm']:.2f}")

# %% tags=["fold"]
assert without < final["residual + BatchNorm"] + 0.05

# %% [markdown]
# The shallow network keeps up. It has less to learn, and that helps in a short race. Our claim was that sixteen blocks
# *can be trained*. It takes many thousands of updates to show that they are worth it: see lesson 04, and Table 2 of the
# paper.

# %% [markdown] tags=["instructor"]
# **What to say.** Be precise here. We measured the loss on a CPU, over the last third of 60 updates. With three seeds,
# plain has 1.07, plain with BatchNorm 0.60 to 0.69, residual with BatchNorm 0.39 to 0.41, and residual without it 0.42
# to 0.51. At twice the rate, with nine seeds, the last three have 0.60 to 0.70, 0.39 to 0.47 and 0.35 to 0.74. So plain
# with BatchNorm *is slower*, but it does not stall: after 100 updates it is at 0.48 to 0.60 and still falling. After
# 200 updates (two seeds), plain is at 1.05, plain with BatchNorm at 0.48, residual with BatchNorm at 0.23 and without
# it at 0.16, and the network without blocks at 0.23. Which residual network is ahead depends on seed, rate and
# patience. **Ask:** would a plain trunk train if only the long skip were kept? (Yes, and in such a short race it does
# better than all the others: with two seeds, at twice the rate, it reaches 0.27 and 0.29. The gradient goes around the
# trunk, so dead blocks do not matter. A network can train without using its depth.)

# %% [markdown] tags=["slide"] answers=["nearly as it is"]
# ## Head, trunk, and one more skip
#
# The paper's generator, up to the enlargement:
#
# 1. **Head**: a 9x9 convolution with 64 maps, and a PReLU.
# 2. **Trunk**: 16 residual blocks, one more convolution, one more BatchNorm.
# 3. The **long skip**: the head's maps are added to the trunk's output.
#
# **Question.** If each block has its own skip, why is there one more around all of them?
#
# <details><summary>Answer</summary>
#
# The head's maps hold the image nearly as it is. With the long skip, the trunk does not have to carry it: the trunk
# computes only what is missing. It is the idea of the residual block again, one size larger.
# </details>

# %% tags=["fold"]
drawing("generator")

# %% [markdown]
# ### {{exercise: Trunk}}
#
# Write the class `Trunk(channels, blocks)`: as many of your residual blocks as `blocks` says, then a 3x3 convolution
# and a BatchNorm, and the long skip. Expected: a module that maps the head's maps (N, channels, h, w) to the same
# shape.

# %% tags=["stub"]
# {{stub: Trunk}}

# %% tags=["solution"]
# {{solution: Trunk}}

# %%
Trunk = check("Trunk", Trunk)

# %% [markdown] tags=["instructor"]
# **Common wrong answers.** `[ResidualBlock(channels)] * blocks` is one block, used sixteen times, with one set of
# weights. The blocks are in a plain Python list, which torch does not search for parameters. Or the long skip goes
# around the blocks only.

# %% [markdown] tags=["notes"]
# ### The same tensor as the package's
#
# One thing is still open: the range of the numbers. The paper's HR images, and therefore its outputs, are in [-1, 1]
# (section 3.2). In this course, images are in [0, 1] wherever they enter or leave a network. So the last line of the
# generator shifts and scales. There is no tanh at the end: the paper's text has none.

# %%
torch.manual_seed(0)
generator = Generator()  # 16 blocks, 64 maps
*blocks, conv, norm = generator.trunk
x = to_tensor(lr_photos["rocket"][:32, :32])  # (1, 3, 32, 32), in [0, 1]
with torch.no_grad():
    first = generator.head(x)  # (1, 64, 32, 32)
    maps = first
    for block in blocks:
        maps = residual_block(maps, *block.parameters())  # (1, 64, 32, 32)
    maps = batch_norm(F.conv2d(maps, conv.weight, padding=1), norm.weight, norm.bias)  # (1, 64, 32, 32)
    maps = first + maps  # (1, 64, 32, 32): the long skip
    larger = generator.tail(generator.upsample(maps))  # (1, 3, 128, 128), in [-1, 1] once it is trained
    sr = (larger + 1) / 2  # (1, 3, 128, 128), in [0, 1]
    assert torch.allclose(sr, generator(x), atol=1e-3)  # by hand and by the package
    assert Trunk(64, 16)(first).shape == maps.shape  # and yours fits in

# %% [markdown] tags=["slide"] answers=["three quarters", "76"]
# ## 1,547,350
#
# **Question.** The generator has 1,547,350 parameters. (The paper does not count them. We count one slope for each
# PReLU, and no bias before a BatchNorm.) Where do you think most of them are: in the head, in the blocks, or in the
# enlargement?

# %% tags=["check-output"]
conv3 = 64 * 64 * 3 * 3  # no bias: a BatchNorm follows
norm, prelu = 64 + 64, 1  # gamma and beta of each map; one slope a layer
parts = {
    "head": 3 * 64 * 9 * 9 + 64 + prelu,
    "16 residual blocks": 16 * (2 * (conv3 + norm) + prelu),
    "after the blocks": conv3 + norm,
    "enlargement, twice": 2 * (64 * 256 * 3 * 3 + 256 + prelu),
    "tail": 64 * 3 * 9 * 9 + 3,
}
for name, count in parts.items():
    print(f"{name}: {count:,}")
print(f"together: {sum(parts.values()):,}; the package's generator: {count_parameters(generator):,}")

# %% tags=["fold"]
bars(
    {name: 100 * count / sum(parts.values()) for name, count in parts.items()},
    xlabel="share of the 1,547,350 parameters, %",
    digits=1,
    alt="Five bars: three quarters of the parameters are in the residual blocks, a fifth in the enlargement.",
)
assert sum(parts.values()) == count_parameters(generator) == 1_547_350
assert 0.76 < parts["16 residual blocks"] / 1_547_350 < 0.77
assert parts["enlargement, twice"] / 1_547_350 > 0.19

# %% [markdown]
# Three quarters are in the blocks. If your own version has a few more, look for a bias before a BatchNorm (64 each), or
# for a PReLU with a slope for each map (63 more each).

# %% [markdown] tags=["slide"]
# ## How far the whole network sees
#
# Your function computes the field from a list of layers. Does the network agree?

# %% tags=["check-output"]
layers = [(9, 1), *[(3, 1)] * 33, (3, 1), (1, 1 / 2), (3, 1), (1, 1 / 2), (9, 1)]
small = Generator(channels=2).double().eval()  # the same layers, fewer maps: the field is the same
x = torch.rand(1, 3, 99, 99, dtype=torch.float64, requires_grad=True)  # (1, 3, 99, 99)
small(x)[0, 0, 200, 200].backward()
print("by your function:", round(receptive_field(layers)), "LR pixels")
print("measured:", int(x.grad.abs().sum(dim=(0, 1, 2)).count_nonzero()), "LR pixels")

# %% [markdown]
# The field is 80 LR pixels wide, or 320 pixels of the enlarged image. But to *see* is not to *use*. How far away does
# most of the gradient come from, in an untrained network? (A quarter of the maps is enough for this test.)

# %%
narrow = Generator(channels=16)
for module in narrow.modules():
    if isinstance(module, nn.BatchNorm2d):
        module.momentum = 1.0  # one look at the photo fills the running statistics
x = to_tensor(lr_photos["astronaut"][:96, :96])  # (1, 3, 96, 96)
narrow(x)
narrow.eval()
x.requires_grad_(True)
narrow(x)[0, :, 192:196, 192:196].sum().backward()  # from the pixels of one LR place
power = x.grad.detach().square().sum(dim=(0, 1))  # (96, 96)
share = {}
for width in (1, 5, 9, 13, 17, 25, 33, 65, 81):
    near = slice(48 - width // 2, 48 + width // 2 + 1)
    share[width] = float(power[near, near].sum() / power.sum())

# %% tags=["fold"]
curves(
    {"share": (list(share), list(share.values()))},
    xlabel="width of the window around the place, in LR pixels",
    ylabel="share of the squared gradient",
    alt="The share of the squared gradient within a window: it rises steeply and is near 1 long before 80 pixels.",
)
assert share[17] > 0.9
assert share[33] > 0.999

# %% [markdown]
# More than nine tenths of it comes from a window only 17 pixels wide, 8 to each side (the effect was described by Luo
# et al. 2016). Less than a thousandth of it comes from beyond a width of 33. 80 is what the network *may* use; what it
# learns to use depends on the photos.

# %% [markdown] tags=["slide"]
# ## Look inside
#
# Here are feature maps of the generator for a photo. In each map, black is its smallest number and white its largest.

# %% tags=["skip"]
x = to_tensor(lr_photos["chelsea"][:60, 16:96])  # (1, 3, 60, 80)
with torch.no_grad():
    first = generator.head(x)  # (1, 64, 60, 80)
    eighth = generator.trunk[:8](first)  # (1, 64, 60, 80)
    last = first + generator.trunk[8:](eighth)  # (1, 64, 60, 80)

# %% tags=["fold"]
feature_grid(
    torch.cat([maps[0, :4] for maps in (first, eighth, last)]),
    columns=4,
    titles=[f"{place}, map {i}" for place in ("head", "block 8", "trunk") for i in range(4)],
    alt="Four feature maps each after the head, after block 8 and after the trunk: the cat can be seen in all of them.",
)

# %% [markdown] tags=["notes"]
# Nothing is trained here, and yet the cat is everywhere: the skips carry it through. And without them?
#
# ## Play
#
# Send a photo through 0 to 16 untrained blocks. After how many plain ones is it lost? What does BatchNorm keep of it?
# What do the residual blocks keep?

# %% tags=["skip"]
stacks = {}
for kind in ("plain", "plain + BatchNorm", "residual + BatchNorm"):
    torch.manual_seed(0)
    stacks[kind] = Network(**KINDS[kind])


# %% tags=["fold", "skip"]
def through(trunk, blocks, photo):
    network = stacks[trunk]
    with torch.no_grad():
        maps = network.blocks[:blocks](network.head(to_tensor(lr_photos[photo])))  # (1, 16, h, w)
    feature_grid(maps[0, :8], columns=4, alt=f"{photo}: eight feature maps after {blocks} of the blocks, {trunk}.")


play(through, trunk=list(stacks), blocks=[1, 0, 2, 4, 8, 16], photo=["chelsea", "astronaut", "coffee", "rocket"])

# %% [markdown] tags=["slide"]
# ## Recap
#
# - Depth widens the receptive field: each 3x3 convolution adds 2 pixels; the generator's field is 80 LR pixels.
# - A plain stack of 32 layers loses its input on the way forward, and its gradient on the way back.
# - BatchNorm repairs the size of the gradients. The skip also keeps their direction: batches agree on what to change.
# - The block computes what to *add*. If its last gamma and beta are 0, it is the identity.
# - Head, trunk with long skip, enlargement, tail: 1,547,350 parameters, [-1, 1] inside, [0, 1] outside.
#
# ### Three questions
#
# <details><summary>1. A plain trunk with BatchNorm has gradients of a healthy size. Why does it fall behind?</summary>
#
# The direction is close to noise: what one batch asks of the first layers says little about what the next one asks.
# </details>
#
# <details><summary>2. Your generator has 1,549,462 parameters, 2,112 too many. What is the likely reason?</summary>
#
# 2,112 is 33 times 64: each of the 33 convolutions before a BatchNorm has a bias. It does neither harm nor good.
# </details>
#
# <details><summary>3. zero_init_residual has put all 16 blocks to sleep. Which network do you train at first?</summary>
#
# A network without blocks: head, last convolution with the long skip, enlargement, tail. The blocks join in as their
# gammas move away from 0.
# </details>
#
# ### What this lesson leaves out
#
# This lesson leaves out how the enlargement works (lesson 03), and how to train for real (lesson 04). It also leaves
# out whether depth pays: our race was too short to tell. At test time BatchNorm uses statistics gathered in training,
# which fit no photo exactly; that is one more reason why later networks drop it.
#
# ### Where to read on
#
# - Ledig et al. 2017, [arXiv 1609.04802](https://arxiv.org/abs/1609.04802): section 2.1 and Figure 4, the generator;
#   section 3.2, value ranges and training.
# - He et al. 2015, [arXiv 1512.03385](https://arxiv.org/abs/1512.03385): residual learning; section 4.1 on plain
#   networks with BatchNorm.
# - Balduzzi et al. 2017, [arXiv 1702.08591](https://arxiv.org/abs/1702.08591): shattered gradients. Goyal et al. 2017,
#   [arXiv 1706.02677](https://arxiv.org/abs/1706.02677), section 5.1: gamma starts at 0. Luo et al. 2016, [arXiv
#   1701.04128](https://arxiv.org/abs/1701.04128): the effective receptive field.
# - In this package: `srgan_lessons/models.py`, `ResidualBlock` and `Generator`.
#
# Next: lesson 03 opens the black box at the end of the network. Here is what you have solved so far.

# %%
progress()

# %% tags=["fold"]
assert 1_547_350 + 33 * 64 == 1_549_462  # question 2
