"""Exercise 3.2: ESPCN."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons import models
from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_tensor


class ESPCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 64, 5, padding=2)
        # SOLUTION
        self.second = nn.Conv2d(64, 32, 3, padding=1)
        self.third = nn.Conv2d(32, 48, 3, padding=1)
        # STUB
        # self.second = ...  # 1. 3x3, to 32 maps
        # self.third = ...  # 2. 3x3, to as many maps as a tile of 4 x 4 RGB pixels has numbers
        # END

    def forward(self, x):  # (N, 3, h, w)
        x = torch.tanh(self.first(x))  # (N, 64, h, w)
        # SOLUTION
        x = torch.tanh(self.second(x))  # (N, 32, h, w)
        return F.pixel_shuffle(self.third(x), 4)  # (N, 3, 4h, 4w)
        # STUB
        # x = ...  # 3. the second convolution, and its tanh
        # return ...  # 4. the third convolution, and pixel shuffle: (N, 3, 4h, 4w)
        # END


KERNELS = {(64, 3, 5, 5): "first", (32, 64, 3, 3): "second", (48, 32, 3, 3): "third"}


def judge(candidate) -> None:
    """Returns if the class is an ESPCN, however it is written; raises NotYet if it is not."""
    network = call(candidate)
    if not isinstance(network, nn.Module):
        raise NotYet(f"ESPCN() is of type {type(network).__name__}. Write a class that inherits from nn.Module.")
    if any(isinstance(p, nn.UninitializedParameter) for p in network.parameters()):
        raise NotYet(
            "A Lazy layer has no weights before it sees an image, so they cannot be counted or copied. Write its "
            "sizes, as in nn.Conv2d(64, 32, 3, padding=1)."
        )
    x = torch.rand(2, 3, 10, 11, generator=torch.Generator().manual_seed(0))  # (2, 3, 10, 11)
    try:
        first = as_tensor(call(network, x), what="the output")
    except RuntimeError as error:
        if "pixel_unshuffle" in str(error):
            raise NotYet(
                "pixel_unshuffle makes a picture smaller, with more channels. The way back is F.pixel_shuffle."
            ) from error
        _weights_of(network)  # naming the wrong layer explains more than torch's error does
        raise
    weights = _weights_of(network)
    if first.shape != (2, 3, 40, 44):
        raise NotYet(_espcn_shape(tuple(first.shape)))
    reference = _espcn_weights()
    with torch.no_grad():
        for weight in weights:
            weight.copy_(reference[tuple(weight.shape)])
    result = as_tensor(call(network, x), what="the output")
    if not torch.allclose(as_tensor(call(network, x)), result, rtol=0, atol=1e-4):
        raise NotYet("The same images give a different result each time. Is there a Dropout, or other random numbers?")
    right = _espcn(x, reference)
    if not torch.allclose(result, right, rtol=0, atol=1e-3):
        if result.shape == right.shape:
            recognise(result.detach(), _espcn_slips(x, reference), within=1e-3)
        raise NotYet(
            "With the same weights, the package's ESPCN computes a different picture. The order is: first convolution, "
            "tanh, second convolution, tanh, third convolution, pixel shuffle; and nothing else."
        )
    if result.requires_grad:
        result.square().mean().backward()
    if not all(weight.grad is not None and weight.grad.any() for weight in weights):
        raise NotYet("A convolution gets no gradient: is there a no_grad, a detach or a .data in forward?")


def _weights_of(network: nn.Module) -> list[nn.Parameter]:
    """The six parameters of an ESPCN, recognised by their shapes."""
    if any(isinstance(module, nn.ConvTranspose2d) for module in network.modules()):
        raise NotYet(
            "There is a transposed convolution. ESPCN's third convolution is an ordinary one, from 32 to 48 maps at LR "
            "size; the pixel shuffle enlarges."
        )
    parameters = list(network.parameters())
    kernels = {tuple(p.shape) for p in parameters if p.ndim == 4}
    if not kernels:
        raise NotYet(
            "The network has no weights: torch finds layers that are attributes of the module, or are in nn.Sequential "
            "or nn.ModuleList, but not those in a plain list or those made in forward."
        )
    if (12, 32, 3, 3) in kernels or (3, 32, 3, 3) in kernels:
        maps = 12 if (12, 32, 3, 3) in kernels else 3
        raise NotYet(
            f"The third convolution gives {maps} maps. It works at LR size, and the pixel shuffle enlarges after it: a "
            "tile of 4 x 4 pixels in R, G and B has 3 * 4 * 4 = 48 numbers."
        )
    if (48, 32, 5, 5) in kernels or (64, 3, 9, 9) in kernels or (64, 3, 3, 3) in kernels:
        raise NotYet("The kernels are 5x5 in the first convolution and 3x3 in the other two.")
    for kernel, name in KERNELS.items():
        if kernel not in kernels:
            others = ", ".join(f"{k[1]} to {k[0]} maps, {k[2]}x{k[3]}" for k in sorted(kernels - KERNELS.keys()))
            raise NotYet(
                f"The {name} convolution is missing: {kernel[1]} to {kernel[0]} maps, {kernel[2]}x{kernel[3]}. "
                + (f"Instead there is: {others}." if others else "Layers are made in __init__, not in forward.")
            )
    expected = {shape for kernel in KERNELS for shape in (kernel, kernel[:1])}
    found = [tuple(p.shape) for p in parameters]
    if len(found) == 3 and set(found) == KERNELS.keys():
        raise NotYet("The convolutions have no bias: 37,056 numbers instead of 37,200. Leave out bias=False.")
    if len(found) < 6 and set(found) < expected:
        raise NotYet(f"Not every convolution has a bias: the network learns {found}. Leave out bias=False.")
    if len(found) != 6 or set(found) != expected:
        count = sum(p.numel() for p in parameters)
        raise NotYet(
            f"It has {count:,} trained numbers; 37,200 are expected, in three convolutions. No other layer learns: "
            "there is no BatchNorm, no PReLU and no further convolution."
        )
    return parameters


def _espcn_shape(shape: tuple[int, ...]) -> str:
    reasons = {
        (2, 48, 10, 11): "The pixel shuffle is missing: these are the 48 maps.",
        (2, 12, 20, 22): "This is a shuffle by 2; a 4x enlargement shuffles by 4.",
    }
    reason = reasons.get(shape, "")
    padding = "padding is 2 for a 5x5 kernel and 1 for a 3x3 kernel."
    if not reason and len(shape) == 4 and shape[:2] == (2, 3):
        if shape[2] < 40 and (40 - shape[2]) % 8:  # each lost pair of LR pixels costs 8 HR pixels
            reason = "Is there a stride? The convolutions keep the LR size."
        elif shape[2] < 40 or shape[3] < 44:
            reason = f"Pixels are lost at the border: {padding}"
        elif shape[2] > 40:
            reason = f"There is too much padding: {padding}"
    elif len(shape) == 3:
        reason = "The batch axis is missing."
    return f"Two images (2, 3, 10, 11) give the shape {shape}; (2, 3, 40, 44) is expected. {reason}"


def _espcn_weights() -> dict[tuple[int, ...], Tensor]:
    """The weights that the judge gives every ESPCN, by shape: 3 times as large as usual, so that tanh is not linear."""
    torch.manual_seed(1)
    return {tuple(p.shape): 3 * p.detach() for p in models.ESPCN().parameters()}


def _espcn(
    x: Tensor, weights: dict[tuple[int, ...], Tensor], acts=(torch.tanh, torch.tanh), shuffle=None, border="constant"
) -> Tensor:
    """The output of ESPCN with these weights and, on request, other activations or another shuffle."""
    borders = [border] * 3 if isinstance(border, str) else border
    for kernel, act, mode in zip(KERNELS, (*acts, lambda y: y), borders, strict=True):
        x = F.pad(x, [kernel[2] // 2] * 4, mode=mode)
        x = act(F.conv2d(x, weights[kernel], weights[kernel[:1]]))
    return (shuffle or (lambda y: F.pixel_shuffle(y, 4)))(x)  # (N, 3, 4h, 4w)


def _espcn_slips(x: Tensor, weights: dict[tuple[int, ...], Tensor]) -> dict[str, Tensor]:
    """The result of each usual mistake with these weights."""

    def with_acts(*acts) -> Tensor:
        return _espcn(x, weights, acts)

    def plain(y: Tensor) -> Tensor:
        return y

    def transposed(y: Tensor) -> Tensor:
        tiles = y.reshape(len(y), 3, 4, 4, *y.shape[2:]).transpose(2, 3)  # (N, 3, 4, 4, h, w)
        return F.pixel_shuffle(tiles.reshape(y.shape), 4)

    def colours_last(y: Tensor) -> Tensor:
        tiles = y.reshape(len(y), 16, 3, *y.shape[2:]).transpose(1, 2)  # (N, 3, 16, h, w)
        return F.pixel_shuffle(tiles.reshape(y.shape), 4)

    def repeated(y: Tensor) -> Tensor:
        return y.reshape(len(y), 3, 4 * y.shape[2], 4 * y.shape[3])

    right, both = _espcn(x, weights), "ESPCN has two: after the first and after the second convolution."
    last = "The last convolution has none: its output is the picture, and"
    nearest, bicubic = (F.interpolate(x, scale_factor=4, mode=mode) for mode in ("nearest", "bicubic"))
    zeros = "The convolutions should be padded with zeros, as nn.Conv2d does by default; here"
    slips = {}
    for place, name in enumerate(KERNELS.values()):
        for mode in ("reflect", "replicate", "circular"):
            borders = ["constant"] * 3
            borders[place] = mode
            text = f"{zeros}, the {name} has padding_mode={mode!r}."
            slips[text] = _espcn(x, weights, border=borders)
    return slips | {
        "The second tanh comes before the second convolution. It must come after it.": with_acts(
            lambda y: y.tanh().tanh(), plain
        ),
        "The input is scaled to [-1, 1] first. ESPCN takes pictures in [0, 1] as they are.": _espcn(2 * x - 1, weights),
        "Two shuffles by 2 are not one by 4: they put the pixels of a tile in different places.": _espcn(
            x, weights, shuffle=lambda y: F.pixel_shuffle(F.pixel_shuffle(y, 2), 2)
        ),
        "The output is shifted and scaled, as if it were in [-1, 1]. ESPCN's pictures are in [0, 1]: leave it as it "
        "is.": (right + 1) / 2,
        f"{zeros} the picture is mirrored beyond its border.": _espcn(x, weights, border="reflect"),
        f"{zeros} the border pixels are repeated.": _espcn(x, weights, border="replicate"),
        f"The second tanh is taken twice. {both}": with_acts(torch.tanh, lambda y: y.tanh().tanh()),
        f"There is no tanh. {both} Without them, the three convolutions act like one.": with_acts(plain, plain),
        f"The tanh after the first convolution is missing. {both}": with_acts(plain, torch.tanh),
        f"The tanh after the second convolution is missing. {both}": with_acts(torch.tanh, plain),
        "The activation is ReLU; ESPCN's is tanh.": with_acts(torch.relu, torch.relu),
        "The activation is the sigmoid; ESPCN's is tanh.": with_acts(torch.sigmoid, torch.sigmoid),
        "The second activation is ReLU; it must be tanh, like the first.": with_acts(torch.tanh, torch.relu),
        f"There is a third tanh. {last} tanh would keep it between -1 and 1.": right.tanh(),
        f"There is a sigmoid at the end. {last} sigmoid flattens black and white.": right.sigmoid(),
        f"There is a ReLU at the end. {last} where it is cut off, no gradient comes back.": right.relu(),
        "The output is clamped to [0, 1]. Where it is cut off, no gradient comes back: clamp a picture when you show "
        "it, not here.": right.clamp(0, 1),
        "The enlarged input is added to the output. That is a good idea, but a different network.": right + nearest,
        "The enlarged input (bicubic) is added to the output. That is a good idea, but a different network.": right
        + bicubic,
        "The tile is transposed: channel 1 belongs to the right of channel 0, not below it.": _espcn(
            x, weights, shuffle=transposed
        ),
        "The colours are mixed up: channels 0 to 15 are R, the next 16 are G, and the last 16 are B.": _espcn(
            x, weights, shuffle=colours_last
        ),
        "The 48 maps are reshaped without a permute; that is not a pixel shuffle.": _espcn(
            x, weights, shuffle=repeated
        ),
    }


EXERCISE = Exercise(
    name="ESPCN",
    lesson=3,
    place=2,
    title="ESPCN",
    difficulty="easy",
    minutes=8,
    reference=ESPCN,
    judge=judge,
    hints=(
        "All three convolutions work at LR size and must keep it: what padding does a 3x3 kernel need?",
        "One LR pixel becomes 4 x 4 pixels of 3 colours. The third convolution must produce all these numbers.",
        "self.second = nn.Conv2d(64, 32, 3, padding=1), self.third = nn.Conv2d(32, 48, 3, padding=1); forward ends "
        "with F.pixel_shuffle(self.third(x), 4).",
    ),
    mistakes=(
        Mistake("the tile filled column by column", says="The tile is transposed", ask="Which r counts the rows?"),
        Mistake(
            "one layer too few",
            says="The second convolution is missing",
            ask="Which three convolutions does the exercise ask for?",
        ),
    ),
)
