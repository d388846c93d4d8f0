"""Exercise 6.3: phi(i, j), by counting."""

from collections.abc import Callable

from torch import Tensor, nn

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotDone, NotYet
from srgan_lessons.exercises.reading import as_tensor
from srgan_lessons.exercises.shared.features import place, relus, same, small_vgg
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
    cuts = [check_cut(candidate, vgg19, i, j, "VGG19") for i, j in ((3, 4), (1, 2), (2, 2), (5, 4), (1, 1), (3, 1))]
    *others, last = other_networks()
    for which, layers, places, hint in others:
        cuts = [check_cut(candidate, layers, i, j, which, hint) for i, j in places]
    for i, j in ((2, 2), (5, 4)):
        which, hint = f"a VGG19 that ends with phi({i}, {j})", "In a whole VGG19 it was right. Here no pooling follows."
        check_cut(candidate, vgg19[: relus(vgg19)[i, j] + 1], i, j, which, hint)
    for i, j in ((1, 3), (6, 1)):
        check_absent(candidate, vgg19, i, j, "VGG19")
    which, layers, places, hint = last
    for i, j in places:
        check_cut(candidate, layers, i, j, which, hint)
    if not isinstance(cuts[-1], nn.Module):
        raise NotYet("It computes the right maps, but it is not an nn.Module: it cannot be moved to a GPU or printed.")


def other_networks() -> tuple[tuple[str, nn.Sequential, tuple[tuple[int, int], ...], str], ...]:
    """Other networks: their names, what is asked of them, and what to say if they fail but VGG19 was right."""
    return (
        (
            "a VGG with 1, 3 and 2 convolutions before its poolings",
            small_vgg((1, 3, 2)),
            ((2, 3), (3, 1)),
            "In VGG19, it was right. Are VGG19's numbers written into the answer, those of its layers or of its "
            "convolutions? Another VGG has other numbers: walk along its layers and count.",
        ),
        (
            "the offline VGG16, whose pooling is two layers",
            small_vgg(VGG16[:4], blur=True),
            ((3, 3), (2, 2)),
            "In networks whose pooling is one layer, it was right: is a number computed, such as start + 2 * j? Here "
            "each pooling is nn.MaxPool2d and BlurPool. BlurPool is not a second pooling: test for nn.MaxPool2d.",
        ),
        (
            "a VGG with a BatchNorm after each convolution",
            small_vgg((2, 2, 1), norm=True),
            ((2, 2), (3, 1)),
            "In VGG19, it was right. Here a BatchNorm stands between a convolution and its ReLU: test for nn.ReLU, and "
            "do not rely on what usually follows.",
        ),
    )


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
    except NotYet:
        raise
    except Exception as error:
        raise NotYet(
            f"There is no phi({i}, {j}) in {which}, and it stops with {type(error).__name__}: {error}. It should "
            "return None."
        ) from error
    if cut is None:
        return
    if not callable(cut):
        raise NotYet(f"There is no phi({i}, {j}) in {which}: it should return None, but {cut!r:.40} comes back.")
    index = _end(cut, layers, pictures(1, 32, 32))
    ends = f" that ends with {place(layers, index)}" if index is not None and index >= 0 else ""
    raise NotYet(
        f"There is no phi({i}, {j}) in {which}, yet it returns a network{ends}. pool == i and conv == j must hold "
        "exactly, both at once; where no ReLU has both, return None."
    )


def check_cut(candidate: Callable, layers: nn.Sequential, i: int, j: int, which: str, hint: str = "") -> object:
    """The answer's phi(i, j). Raises NotYet unless it computes what the layers up to that ReLU compute.

    hint: what the message ends with, if this network is not VGG19.
    """
    cut, right, asked = call_phi(candidate, layers, i, j, which), relus(layers)[i, j], f"phi({i}, {j}) of {which}"
    if cut is ... or (isinstance(cut, tuple | list) and any(part is ... for part in cut)):
        raise NotDone
    if cut is None and hint:
        raise NotYet(f"For {asked}, it returns None. {hint}")
    if cut is None:
        _name_rule(candidate, layers)
        pairs = ", ".join(map(str, relus(layers)))
        raise NotYet(
            f"For {asked}, it returns None: no ReLU met the condition. The right one is layer {right}. At the ReLUs, "
            f"(pool, conv) must be, in this order: {pairs}. Print yours and compare. Do both counts begin with 1, and "
            "does conv start again at 0 after each pooling?"
        )
    if isinstance(cut, int):
        near = "That is the right number, but" if cut == right else f"The layer is number {right}, and yours is {cut};"
        raise NotYet(f"For {asked}, it returns a number. {near} the network up to this layer is needed: a slice.")
    if isinstance(cut, list):
        raise NotYet("It returns a list of layers, which cannot be called. A slice of features is already a network.")
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
            f"For {asked}, it returns a network that does not take images, because the first layers are missing. The "
            "slice must begin with layer 0."
        ) from error
    if found == right:
        return cut
    if found is None:
        raise NotYet(
            f"For {asked}, it returns a network that computes something other than layers 0 to {right}. Do these "
            "layers come in their order, and with their own weights?"
        )
    if found < 0:
        raise NotYet(f"For {asked}, it returns a network without layers, which gives the image back.")
    if hint:
        raise NotYet(
            f"Your network ends with {place(layers, found)}. The task asks for {asked}; it must end with layer "
            f"{right}. {hint}"
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
    """Raises NotYet if one usual slip explains all results for several pairs (i, j)."""
    known = relus(layers)
    if (5, 4) not in known:
        return  # the pairs below are those of VGG19
    unreset = {(pool, number): index for number, ((pool, _), index) in enumerate(known.items(), start=1)}
    rules: dict[str, Callable[[int, int], int | None]] = {
        "Your j is not used: your network ends at the first ReLU before pooling i.": lambda i, j: known[i, 1],
        "Your i is not used: your network ends at the first ReLU with conv == j, whatever the pooling.": lambda i, j: (
            next(index for (_, conv), index in known.items() if conv == j)
        ),
        "Your network ends where pool == i `or` conv == j. Both must hold: `and`.": lambda i, j: next(
            index for (pool, conv), index in known.items() if pool == i or conv == j
        ),
        "conv never gets past 1. `conv =+ 1` sets it to 1; to count one more, write conv = conv + 1.": lambda i, j: (
            known[i, j] if j == 1 else None
        ),
        "Your network ends one convolution too late. Do both counts begin with 1 (the first convolution is number 1), "
        "and is conv compared with j itself?": lambda i, j: known.get((i, j + 1)),
        "After a pooling, your network ends one convolution too early. At a pooling, conv must be 0, not 1: the "
        "next convolution adds 1, and so is number 1.": lambda i, j: known[i, j] if i == 1 else known.get((i, j - 1)),
        "The count of convolutions must begin again after each pooling: conv = 0.": lambda i, j: unreset.get((i, j)),
        "Nothing is found after the first pooling. Do you recognise a pooling by its type, nn.MaxPool2d? (The number "
        "of channels need not change.) Then pool must grow by 1 and conv become 0: pool, conv = pool + 1, 0, in this "
        "order.": (lambda i, j: known[i, j] if i == 1 else None),
    }
    asked, found = ((1, 2), (5, 4), (3, 1), (4, 3), (2, 2), (2, 3)), []
    for i, j in asked:
        try:
            cut = call(candidate, layers, i, j)
            found.append(cut if cut is None else _end(cut, layers, pictures(1, 32, 32)))
        except Exception:
            return
    if found == [None] * len(asked) and call(candidate, layers, 1, 1) is not None:
        raise NotYet(
            "It finds phi(1, 1), and returns None for all others. Does the loop end at the first ReLU, with a `return "
            "None` or an `else` inside it? The None belongs after the loop."
        )
    if found == [None] * len(asked):
        pairs = ", ".join(map(str, known))
        raise NotYet(
            "It returns None for every i and j. Is there a `return None` inside the loop? Then it ends at the first "
            "layer. Otherwise, no ReLU meets the condition. At the ReLUs, (pool, conv) must be, in this order: "
            f"{pairs}. Print yours and compare. Do both counts begin with 1?"
        )
    for message, rule in rules.items():
        if found == [rule(i, j) for i, j in asked]:
            raise NotYet(message)


def _slip(layers: nn.Sequential, found: int, right: int, i: int, j: int) -> str:
    """What went wrong if an answer ends with layer `found`."""
    ends = f"Your network ends with {place(layers, found)}."
    if found == right - 1:
        return (
            f"{ends} That is before the ReLU. The paper takes the map after the activation. "
            "(A slice features[: n] stops before layer n.)"
        )
    if found == right + 1:
        return f"{ends} That is one layer too far: after the ReLU, phi is complete. (features[: n] has n layers.)"
    pairs = {index: pair for pair, index in relus(layers).items()}
    if found + 1 in pairs:
        ends += f" phi ends with a ReLU, here layer {found + 1}. And that ReLU is not the right one."
        found += 1
    if found in pairs:
        if list(pairs).index(found) == j - 1:
            return f"{ends} Your i is not used: you took ReLU number {j} of the whole network."
        pool, conv = pairs[found]
        if (pool, conv) == (j, i):
            return f"{ends} i and j are swapped: i counts the poolings, j the convolutions since the last one."
        if pool == i + 1 and conv == j:
            return f"{ends} That is one pooling too far: phi(1, j) comes before the first pooling. Both count from 1."
        if pool == i - 1 and conv == j:
            return f"{ends} That is one pooling too early: phi(1, j) comes before the first pooling."
        if pool == i:
            return f"{ends} The pooling is right, but the convolution is not: it should be number {j}, counting from 1."
    if isinstance(layers[found], nn.MaxPool2d | BlurPool):
        return f"{ends} phi ends with a ReLU: it is the map before the pooling."
    return f"{ends} That is a different layer."


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
        "At a pooling, the number of the next one is higher by 1, and conv is 0 again. At a ReLU, compare both "
        "counts with i and j. features[: n] stops before layer n.",
        "pool, conv = pool + 1, 0 at a pooling, and conv = conv + 1 at a convolution; the condition is (pool, conv) == "
        "(i, j); return features[: index + 1].",
    ),
    mistakes=(
        Mistake("the single layer", says="single layer", ask="What does layer 8 take as its input?"),
        Mistake(
            "the layer before the ReLU",
            says="before the ReLU",
            ask="Before or after the activation: what does the paper say?",
        ),
    ),
)
