"""How the judges of lesson 06 read feature maps: small VGGs of their own, and where in one an answer ends."""

import re
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.classroom.judging import NotDone, NotYet, as_tensor, call
from srgan_lessons.vgg import VGG19, BlurPool, normalise


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


def wrong_axis(error: RuntimeError, axes: tuple[str, str, str, str]) -> str:
    """The axis along which numbers were put that do not fit: "axis 1, the channels". `axes`: their names, in order.

    Raises `error` again where it is about something else.
    """
    found = re.search(r"must match the size .* at non-singleton dimension ([0-3])$", str(error))
    if not found:
        raise error
    axis = int(found[1])
    return f"the last axis, {axes[3]}" if axis == 3 else f"axis {axis}, {axes[axis]}"


def counts(layers: nn.Sequential) -> Iterator[tuple[int, int, int]]:
    """(index, pool, conv) of each layer: the number of the next pooling, and the convolutions since the last one."""
    pool, conv = 1, 0
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.MaxPool2d):
            pool, conv = pool + 1, 0
        elif isinstance(layer, nn.Conv2d):
            conv += 1
        yield index, pool, conv


def relus(layers: nn.Sequential) -> dict[tuple[int, int], int]:
    """(i, j) -> the index of phi(i, j), for all that `layers` has, in order."""
    return {(pool, conv): index for index, pool, conv in counts(layers) if isinstance(layers[index], nn.ReLU)}


def place(layers: nn.Sequential, index: int) -> str:
    """A layer in words: "layer 7, convolution 2 before pooling 2"."""
    _, pool, conv = list(counts(layers))[index]
    if isinstance(layers[index], nn.Conv2d):
        return f"layer {index}, convolution {conv} before pooling {pool}"
    if isinstance(layers[index], nn.ReLU):
        return f"layer {index}, the ReLU of phi({pool}, {conv})"
    return f"layer {index}, pooling {pool - 1}"


# --- phi(i, j) -------------------------------------------------------------------------------------------------------


def call_phi(candidate: Callable, layers: nn.Sequential, i: int, j: int, which: str) -> object:
    """What the answer gives. Where it stops, its error also says what was asked for."""
    asked = f"phi({i}, {j}) of {which}"
    try:
        return call(candidate, layers, i, j)
    except LookupError as error:
        raise NotYet(
            f"For {asked}, it stopped with {type(error).__name__}: {error}. Another network has other numbers: walk "
            "along its layers and count."
        ) from error
    except (AttributeError, NameError, RuntimeError, TypeError, ValueError) as error:
        error.args = (f"{error} (asked for {asked})",)
        raise


def check_absent(candidate: Callable, layers: nn.Sequential, i: int, j: int, which: str) -> None:
    """Raises NotYet if an answer finds a phi(i, j) that `layers` do not have. None is right, and so is an error."""
    try:
        cut = call(candidate, layers, i, j)
    except Exception:
        return
    if not callable(cut):
        return
    index = _end(cut, layers, pictures(1, 32, 32))
    ends = f" that ends with {place(layers, index)}" if index is not None and index >= 0 else ""
    raise NotYet(
        f"There is no phi({i}, {j}) in {which}, yet it returns a network{ends}. pool == i and conv == j must hold "
        "exactly, both at once; where no ReLU has them, return None."
    )


def check_cut(candidate: Callable, layers: nn.Sequential, i: int, j: int, which: str) -> object:
    """The answer's phi(i, j). Raises NotYet unless it computes what the layers up to that ReLU compute."""
    cut, right, asked = call_phi(candidate, layers, i, j, which), relus(layers)[i, j], f"phi({i}, {j}) of {which}"
    if cut is ... or (isinstance(cut, tuple | list) and any(part is ... for part in cut)):
        raise NotDone
    blurs = any(isinstance(layer, BlurPool) for layer in layers)
    if cut is None and blurs:
        raise NotYet(
            f"For {asked}, it returns None. Each pooling is nn.MaxPool2d and BlurPool here. BlurPool is no second "
            "pooling: test for nn.MaxPool2d."
        )
    if cut is None:
        _name_rule(candidate, layers)
        pairs = ", ".join(map(str, relus(layers)))
        raise NotYet(
            f"For {asked}, it returns None: no ReLU met the condition. It is layer {right}. At the ReLUs, (pool, conv) "
            f"must be, in this order: {pairs}. Print yours and compare. Do both counts begin with 1, and does that of "
            "the convolutions begin again after each pooling?"
        )
    if isinstance(cut, int):
        near = "That is the right number, and" if cut == right else f"The layer is number {right}, yours is {cut};"
        raise NotYet(f"For {asked}, it returns a number. {near} the network up to this layer is asked for: a slice.")
    if isinstance(cut, list):
        raise NotYet("It returns a list of layers, which cannot be called. A slice of features is a network already.")
    if isinstance(cut, nn.ReLU | nn.Conv2d | nn.MaxPool2d | BlurPool):
        raise NotYet(
            f"For {asked}, it returns the single layer. All layers before it are needed, too: features[: ...]."
        )
    if not callable(cut):
        raise NotYet(f"For {asked}, it returns an object of type {type(cut).__name__}, not a network.")
    try:
        found = _end(cut, layers, pictures(2, 32, 32), right)
    except RuntimeError as error:
        if "channels" not in str(error):
            raise
        raise NotYet(
            f"For {asked}, it returns a network that does not take images: it has not the first layers. The slice "
            "begins with layer 0."
        ) from error
    if found == right:
        return cut
    if found is None:
        raise NotYet(f"For {asked}, it returns a network that computes something else than layers 0 to {right}.")
    if found < 0:
        raise NotYet(f"For {asked}, it returns a network without layers: the image comes back.")
    if blurs:
        raise NotYet(
            f"Your network ends with {place(layers, found)}. Asked for was {asked}; it must end with layer {right}. In "
            "networks whose pooling is one layer it was right: is a number computed, such as start + 2 * j? Here each "
            "pooling is nn.MaxPool2d and BlurPool. Walk along the layers and count."
        )
    _name_rule(candidate, layers)
    raise NotYet(f"{_slip(layers, found, right, i, j)} Asked for was {asked}; it must end with layer {right}.")


def _end(cut: object, layers: nn.Sequential, x: Tensor, right: int = -1) -> int | None:
    """The layer of `layers` with which `cut` ends, `right` if that is one; -1 if it does nothing, None if unknown."""
    y, found = as_tensor(call(cut, x), what="what your network returns"), []
    maps = x
    for index, layer in enumerate(layers):
        if same(y, maps):
            found.append(index - 1)
        maps = layer(maps)
    if same(y, maps):
        found.append(len(layers) - 1)
    return right if right in found else next(iter(found), None)


def _name_rule(candidate: Callable, layers: nn.Sequential) -> None:
    """Raises NotYet if what an answer finds for several pairs (i, j) follows from one usual slip."""
    known = relus(layers)
    if (5, 4) not in known:
        return  # the pairs below are VGG19's
    unreset = {(pool, number): index for number, ((pool, _), index) in enumerate(known.items(), start=1)}
    rules: dict[str, Callable[[int, int], int | None]] = {
        "Your j is not used: it ends at the first ReLU before pooling i.": lambda i, j: known[i, 1],
        "Your i is not used: it ends at the first ReLU with conv == j, before whichever pooling.": lambda i, j: next(
            index for (_, conv), index in known.items() if conv == j
        ),
        "It ends where pool == i `or` conv == j. Both must hold: `and`.": lambda i, j: next(
            index for (pool, conv), index in known.items() if pool == i or conv == j
        ),
        "conv never gets past 1. `conv =+ 1` sets it to 1; one more is conv = conv + 1.": lambda i, j: (
            known[i, j] if j == 1 else None
        ),
        "It ends one convolution too late. Do both counts begin with 1 (the first convolution is number 1), and is "
        "conv compared with j itself?": lambda i, j: known.get((i, j + 1)),
        "The count of convolutions must begin again after each pooling: conv = 0.": lambda i, j: unreset.get((i, j)),
        "Nothing is found behind the first pooling. There, pool must be one more and conv 0: "
        "pool, conv = pool + 1, 0, in this order.": lambda i, j: known[i, j] if i == 1 else None,
    }
    asked, found = ((1, 2), (5, 4), (3, 1), (4, 3), (2, 2), (2, 3)), []
    for i, j in asked:
        try:
            cut = call(candidate, layers, i, j)
            found.append(cut if cut is None else _end(cut, layers, pictures(1, 32, 32)))
        except Exception:
            return
    for message, rule in rules.items():
        if found == [rule(i, j) for i, j in asked]:
            raise NotYet(message)


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
    pairs = {index: pair for pair, index in relus(layers).items()}
    if found in pairs:
        if list(pairs).index(found) == j - 1:
            return f"{ends} Your i is not used: you took the ReLU number {j} of the whole network."
        pool, conv = pairs[found]
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
        "SR is clamped to [0, 1]. A generator leaves that range, and learns from the gradient there: do not clamp.": (
            F.mse_loss(maps(sr.clamp(0, 1)), b) / 12.75**2
        ),
        "The images are normalised here, and `maps` does it once more. Give them as they are.": (
            F.mse_loss(maps(normalise(sr)), maps(normalise(hr))) / 12.75**2
        ),
        "This looks at the difference of the images. Look at each: the difference is that of maps(sr) and maps(hr).": (
            maps(sr - hr).square().mean() / 12.75**2
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
        f"{mean}the sum over each image, averaged over the batch. Take the mean over channels and places, too.": (
            squared.sum(dim=(1, 2, 3)).mean() / 12.75**2
        ),
        f"{mean}summed over the images of the batch.": squared.mean() * len(sr) / 12.75**2,
        "The differences are averaged first, and then squared: those of opposite sign cancel. Square first.": (
            difference.mean().square() / 12.75**2
        ),
        "The squares are halved. F.mse_loss, and equation 5, do not.": right / 2,
        "The loss has the wrong sign: training would drive SR away from HR.": -right,
    }


def check_untouched(maps: nn.Module, sr: Tensor, hr: Tensor, before: tuple[Tensor, Tensor]) -> None:
    """Raises NotYet where an answer has changed what it was given. `before`: sr and hr as they were."""
    for name, image, was in (("sr", sr, before[0]), ("hr", hr, before[1])):
        if not (image.requires_grad and torch.equal(image, was)):
            advice = "Detach its maps." if name == "hr" else "It must keep its values and its gradient."
            raise NotYet(f"You change the caller's {name}. {advice}")
    if maps.training or any(weight.requires_grad for weight in maps.parameters()):
        raise NotYet(
            "You change the caller's network: it comes frozen and in evaluation mode, and must stay so. Leave out "
            "train() and requires_grad_()."
        )


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
    if of_hr is not None and of_hr.any():
        raise NotYet(
            "The number is right, but HR gets a gradient, too. HR is a fixed target: take its maps under "
            "torch.no_grad(), or detach them. That also saves half of the memory."
        )
    if not same(of_sr, expected):
        raise NotYet("The number is right, but the gradient of SR is not that of the mean squared distance.")


def same(a: Tensor, b: Tensor) -> bool:
    """True for tensors of one shape that agree but for rounding."""
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-6)
