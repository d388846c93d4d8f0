"""Exercise 6.3: phi(i, j), by counting."""

from collections.abc import Callable, Iterator

from torch import Tensor, nn

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet
from srgan_lessons.exercises.reading import as_tensor
from srgan_lessons.exercises.shared.features import same, small_vgg
from srgan_lessons.exercises.shared.pictures import pictures
from srgan_lessons.vgg import VGG16, VGG19, BlurPool


def phi(features, i, j):
    pool, conv = 1, 0  # the next pooling is number 1; no convolution so far
    for index, layer in enumerate(features):
        if isinstance(layer, nn.MaxPool2d):
            # SOLUTION
            pool, conv = pool + 1, 0
            # STUB
            # pool, conv = ...  # 1. a pooling: the next one's number, and the new count
            # END
        # SOLUTION
        elif isinstance(layer, nn.Conv2d):
            conv = conv + 1
        elif isinstance(layer, nn.ReLU) and (pool, conv) == (i, j):
            return features[: index + 1]
        # STUB
        # elif isinstance(layer, nn.Conv2d):
        #     conv = ...  # 2. one more
        # elif isinstance(layer, nn.ReLU) and ...:  # 3. is it the one?
        #     return ...  # 4. all layers up to this one
        # END


def judge(candidate) -> None:
    vgg19 = small_vgg(VGG19)
    for which, layers, places in (
        ("VGG19", vgg19, ((3, 4), (1, 2), (2, 2), (5, 4), (1, 1), (3, 1))),
        ("a VGG with 1, 3 and 2 convolutions before its poolings", small_vgg((1, 3, 2)), ((2, 3), (3, 1))),
        ("the offline VGG16, whose pooling is two layers", small_vgg(VGG16[:4], blur=True), ((3, 3), (2, 2))),
    ):
        cuts = [check_cut(candidate, layers, i, j, which) for i, j in places]
    for i, j in ((2, 2), (5, 4)):
        check_cut(candidate, vgg19[: relus(vgg19)[i, j] + 1], i, j, f"a VGG19 that ends with phi({i}, {j})")
    for i, j in ((1, 3), (6, 1)):
        check_absent(candidate, vgg19, i, j, "VGG19")
    if not isinstance(cuts[-1], nn.Module):
        raise NotYet("It computes the right maps, but it is no nn.Module: it cannot be moved to a GPU or printed.")


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
    """The index of each phi(i, j) that `layers` has, in order: (i, j) -> index."""
    return {(pool, conv): index for index, pool, conv in counts(layers) if isinstance(layers[index], nn.ReLU)}


def place(layers: nn.Sequential, index: int) -> str:
    """A layer in words: "layer 7, convolution 2 before pooling 2"."""
    _, pool, conv = list(counts(layers))[index]
    if isinstance(layers[index], nn.Conv2d):
        return f"layer {index}, convolution {conv} before pooling {pool}"
    if isinstance(layers[index], nn.ReLU):
        return f"layer {index}, the ReLU of phi({pool}, {conv})"
    return f"layer {index}, pooling {pool - 1}"


def call_phi(candidate: Callable, layers: nn.Sequential, i: int, j: int, which: str) -> object:
    """The result of the answer. If it stops with an error, the error also says what was asked for."""
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
    """Raises NotYet if an answer finds a phi(i, j) that `layers` does not have. It should return None."""
    try:
        cut = call(candidate, layers, i, j)
    except Exception as error:
        raise NotYet(
            f"There is no phi({i}, {j}) in {which}, and it stops with {type(error).__name__}: {error}. None is "
            f"asked for."
        ) from error
    if cut is None:
        return
    if not callable(cut):
        raise NotYet(f"There is no phi({i}, {j}) in {which}: None is asked for, and {cut!r:.40} comes back.")
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
            f"Your network ends with {place(layers, found)}. The task asks for {asked}; it must end with layer "
            f"{right}. In "
            "networks whose pooling is one layer it was right: is a number computed, such as start + 2 * j? Here each "
            "pooling is nn.MaxPool2d and BlurPool. Walk along the layers and count."
        )
    _name_rule(candidate, layers)
    raise NotYet(f"{_slip(layers, found, right, i, j)} The task asks for {asked}; it must end with layer {right}.")


def _end(cut: object, layers: nn.Sequential, x: Tensor, right: int = -1) -> int | None:
    """The index of the layer with which `cut` ends: -1 if it changes nothing, None if unknown.

    If several layers are possible, and `right` is among them, it is `right`.
    """
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
    """Raises NotYet if one usual slip explains what an answer finds for several pairs (i, j)."""
    known = relus(layers)
    if (5, 4) not in known:
        return  # the pairs below are those of VGG19
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
    """A sentence that says what went wrong if an answer ends with layer `found`."""
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


EXERCISE = Exercise(
    name="phi",
    lesson=6,
    place=3,
    title="phi(i, j), by counting",
    difficulty="medium",
    minutes=9,
    reference=phi,
    judge=judge,
    hints=(
        "Put a finger on the printed list and count for phi(2, 2): the first pooling, then convolution 1, "
        "convolution 2, and its ReLU. When does your count of convolutions begin again?",
        "Behind a pooling the next one has a number higher by 1, and conv is 0 again. At a ReLU, compare both "
        "counts with i and j. features[: n] stops before layer n.",
        "pool, conv = pool + 1, 0 and conv = conv + 1; the condition is (pool, conv) == (i, j); return "
        "features[: index + 1].",
    ),
    mistakes=(
        Mistake("the single layer", says="single layer", ask="What does layer 8 take as its input?"),
        Mistake(
            "the layer before the ReLU",
            says="before the ReLU",
            ask="After or before the activation: what does the paper say?",
        ),
    ),
)
