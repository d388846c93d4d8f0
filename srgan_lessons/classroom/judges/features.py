"""How the judges of lesson 06 read feature maps: small VGGs of their own, and where in one an answer ends."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.classroom.judging import NotDone, NotYet, as_tensor, call
from srgan_lessons.vgg import VGG19, BlurPool


def small_vgg(convs: tuple[int, ...] = VGG19, *, channels: int = 4, blur: bool = False, seed: int = 0) -> nn.Sequential:
    """Layers in a VGG's order, with few channels and random weights, frozen. Convolutions before each pooling: convs.

    With `blur` a pooling is two layers, nn.MaxPool2d and BlurPool, as in the offline VGG16.
    """
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    inputs = 3
    for count in convs:
        for _ in range(count):
            conv = nn.Conv2d(inputs, channels, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=generator)
            nn.init.normal_(conv.bias, std=0.3, generator=generator)
            layers += [conv, nn.ReLU()]
            inputs = channels
        layers += [nn.MaxPool2d(2, stride=1), BlurPool()] if blur else [nn.MaxPool2d(2)]
    return nn.Sequential(*layers).requires_grad_(False)


def pictures(n: int, height: int, width: int, *, seed: int = 0) -> Tensor:
    """Images (n, 3, height, width) of random numbers in [0, 1]."""
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(seed))


def place(layers: nn.Sequential, index: int) -> str:
    """A layer in words: "layer 7, the convolution 2 before pooling 2"."""
    pool, conv = 1, 0
    for layer in layers[:index]:
        if isinstance(layer, nn.MaxPool2d):
            pool, conv = pool + 1, 0
        elif isinstance(layer, nn.Conv2d):
            conv += 1
    layer = layers[index]
    if isinstance(layer, nn.Conv2d):
        return f"layer {index}, convolution {conv + 1} before pooling {pool}"
    if isinstance(layer, nn.ReLU):
        return f"layer {index}, the ReLU of phi({pool}, {conv})"
    return f"layer {index}, pooling {pool if isinstance(layer, nn.MaxPool2d) else pool - 1}"


# --- phi(i, j) -------------------------------------------------------------------------------------------------------


def check_cut(cut: object, layers: nn.Sequential, right: int, i: int, j: int, which: str) -> None:
    """Raises NotYet unless `cut` computes what the layers 0 to `right` compute."""
    asked = f"phi({i}, {j}) of {which}"
    if cut is ... or (isinstance(cut, tuple | list) and any(part is ... for part in cut)):
        raise NotDone
    if cut is None:
        raise NotYet(
            f"For {asked} it returns None: no ReLU met the condition. It is layer {right}. Do both counts begin with 1 "
            "(the first convolution is number 1), and does that of the convolutions begin again after each pooling?"
        )
    if isinstance(cut, int):
        near = "That is the right number, and" if cut == right else f"The layer is number {right}, yours is {cut};"
        raise NotYet(f"For {asked} it returns a number. {near} the network up to this layer is asked for: a slice.")
    if isinstance(cut, list):
        raise NotYet("It returns a list of layers, which cannot be called. A slice of features is a network already.")
    if isinstance(cut, nn.ReLU | nn.Conv2d | nn.MaxPool2d):
        raise NotYet(f"For {asked} it returns the single layer. All layers before it are needed, too: features[: ...].")
    if not callable(cut):
        raise NotYet(f"For {asked} it returns an object of type {type(cut).__name__}, not a network.")
    x = pictures(2, 32, 32)
    maps = [x]
    for layer in layers:
        maps.append(layer(maps[-1]))
    try:
        y = as_tensor(call(cut, x), what="what your network returns")
    except RuntimeError as error:
        if "channels" not in str(error):
            raise
        raise NotYet(
            f"For {asked} it returns a network that does not take images: it has not the first layers. The slice "
            "begins with layer 0."
        ) from error
    found = [index for index in range(len(layers)) if same(y, maps[index + 1])]
    if right in found:
        return
    if same(y, maps[0]):
        raise NotYet(f"For {asked} it returns a network without layers: the image comes back.")
    if found:
        raise NotYet(f"{_slip(layers, found[0], right, i, j)} Asked for was {asked}; it must end with layer {right}.")
    raise NotYet(f"For {asked} it returns a network that computes something else than layers 0 to {right} in a row.")


def _slip(layers: nn.Sequential, found: int, right: int, i: int, j: int) -> str:
    """In words, what went wrong where an answer ends with layer `found`."""
    ends = f"Your network ends with {place(layers, found)}."
    if found == right - 1:
        return (
            f"{ends} That is before the ReLU. The paper takes the map after the activation. "
            "(A slice features[: n] stops before layer n.)"
        )
    if found == right + 1:
        return f"{ends} That is one layer too far: after the ReLU, phi is complete. (features[: n] has n layers.)"
    counted = [index for index, layer in enumerate(layers) if isinstance(layer, nn.ReLU)]
    if j <= len(counted) and found == counted[j - 1]:
        return f"{ends} Your i is not used: you took the ReLU number {j} of the whole network."
    if found in counted:
        pool, conv = map(int, place(layers, found).rsplit("phi(", 1)[1].rstrip(")").split(", "))
        if (pool, conv) == (j, i):
            return f"{ends} i and j are swapped: i counts the poolings, j the convolutions since the last one."
        if pool == i + 1 and conv == j:
            return f"{ends} That is one pooling too far: phi(1, j) stands before the first pooling. Both count from 1."
        if pool == i - 1 and conv == j:
            return f"{ends} That is one pooling too early: phi(1, j) stands before the first pooling."
        if pool == i:
            return f"{ends} The pooling is right, the convolution is not. Both i and j count from 1."
    if isinstance(layers[found], nn.MaxPool2d | BlurPool):
        return f"{ends} phi ends with a ReLU: it is the map before the pooling."
    return f"{ends} That is another place."


# --- content loss ----------------------------------------------------------------------------------------------------


def loss_slips(maps: nn.Module, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
    """What each usual mistake gives as the content loss."""
    a, b = maps(sr), maps(hr)  # (N, C, h, w)
    difference = a - b
    squared = difference.square()
    right = squared.mean() / 12.75**2
    once = (
        "The distance is divided by 12.75 once. The maps are divided, and then squared: the loss becomes 12.75 squared "
        "times smaller."
    )
    mean = "The loss is the mean over all numbers of the maps; yours is "
    return {
        once: squared.mean() / 12.75,
        "The maps are not divided by 12.75. Divide both, before you compare.": (squared.mean()),
        "Only the maps of SR are divided by 12.75. Both must be.": F.mse_loss(a / 12.75, b),
        "Only the maps of HR are divided by 12.75. Both must be.": F.mse_loss(a, b / 12.75),
        "The maps are multiplied by 12.75. They are divided by it.": squared.mean() * 12.75**2,
        "0.006 is what the paper rounds to. 1 / 12.75 squared is 0.00615: divide the maps by 12.75.": (
            squared.mean() * 0.006
        ),
        "The images are divided by 12.75. Divide the feature maps: the network expects images in [0, 1].": F.mse_loss(
            maps(sr / 12.75), maps(hr / 12.75)
        ),
        "The images go into the network in [-1, 1]. It expects them in [0, 1], as they are given.": (
            F.mse_loss(maps(2 * sr - 1), maps(2 * hr - 1)) / 12.75**2
        ),
        "These are the pixels compared, not their feature maps: call maps(sr) and maps(hr).": F.mse_loss(sr, hr),
        "Divided by 12.75 are the pixels here. Compare feature maps: maps(sr) and maps(hr).": (
            F.mse_loss(sr, hr) / 12.75**2
        ),
        "This is the mean absolute difference. Equation 5 squares it.": difference.abs().mean() / 12.75,
        "This is the root of the loss. Equation 5 has no root.": right.sqrt(),
        "This is the length of the difference, a root of a sum. Take the mean of the squares, without a root.": (
            (squared.sum() / 12.75**2).sqrt()
        ),
        f"{mean}their sum. With it the learning rate would depend on the size of the crop.": squared.sum() / 12.75**2,
        f"{mean}summed over the channels. Take the mean over them, too, as F.mse_loss does.": (
            squared.sum(dim=1).mean() / 12.75**2
        ),
        f"{mean}summed over the images of the batch.": squared.mean() * len(sr) / 12.75**2,
        "The differences are averaged first, and then squared: those of opposite sign cancel. Square first.": (
            difference.mean().square() / 12.75**2
        ),
        "The squares are halved. F.mse_loss, and equation 5, do not.": right / 2,
        "The loss has the wrong sign: training would drive SR away from HR.": -right,
    }


def check_loss_gradient(loss: Tensor, sr: Tensor, hr: Tensor, expected: Tensor) -> None:
    """Raises NotYet unless `loss` gives SR the gradient `expected` and HR none."""
    missing = (
        "The number is right, but SR gets no gradient: a generator could not learn from it. Is there a no_grad or a "
        "detach around the maps of SR, or was the loss made anew with torch.tensor or .item()?"
    )
    if not loss.requires_grad:
        raise NotYet(missing)
    of_sr, of_hr = torch.autograd.grad(loss, (sr, hr), allow_unused=True)
    if of_sr is None:
        raise NotYet(
            "The number is right, but it is HR that gets the gradient, and SR gets none. Swap the two: HR is the "
            "target and is detached."
        )
    if of_hr is not None:
        raise NotYet(
            "The number is right, but HR gets a gradient, too. HR is a fixed target: take its maps under "
            "torch.no_grad(), or detach them. That also saves half of the memory."
        )
    if not same(of_sr, expected):
        raise NotYet("The number is right, but the gradient of SR is not that of the mean squared distance.")


def same(a: Tensor, b: Tensor) -> bool:
    """True for tensors of one shape that agree but for rounding."""
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-6)
