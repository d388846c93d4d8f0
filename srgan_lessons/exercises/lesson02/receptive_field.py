"""Exercise 2.1: the receptive field."""

import math
from collections.abc import Callable

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_number


def receptive_field(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        # SOLUTION
        field = field + (kernel - 1) * step
        step = step * stride
        # STUB
        # field = ...  # 1. wider by this layer's kernel
        # step = ...  # 2. how far apart the pixels are that the next layer sees
        # END
    return field


STACKS = {
    "one 3x3 convolution, [(3, 1)],": [(3, 1)],
    "two 3x3 convolutions, [(3, 1), (3, 1)],": [(3, 1), (3, 1)],
    "a 9x9 and a 1x1 convolution, [(9, 1), (1, 1)],": [(9, 1), (1, 1)],
    "the list [(5, 1), (3, 1), (3, 1)]": [(5, 1), (3, 1), (3, 1)],
    "stride 2 in the last layer, [(3, 1), (3, 2)],": [(3, 1), (3, 2)],
    "stride 2 in the first layer, [(3, 2), (5, 1)],": [(3, 2), (5, 1)],
    "two strides, [(3, 2), (3, 3), (3, 1)],": [(3, 2), (3, 3), (3, 1)],
    "a pixel shuffle, [(3, 1), (1, 1 / 2), (9, 1)],": [(3, 1), (1, 1 / 2), (9, 1)],
    "two pixel shuffles, [(3, 1), (1, 1 / 2), (3, 1), (1, 1 / 2), (9, 1)],": [
        (3, 1), (1, 1 / 2), (3, 1), (1, 1 / 2), (9, 1),
    ],
    "no layer at all, [],": [],
}  # fmt: skip


def judge(candidate) -> None:
    results = {name: as_number(_called(candidate, stack), f"the field of {name}") for name, stack in STACKS.items()}
    right = {name: receptive_field(stack) for name, stack in STACKS.items()}
    wrong = [name for name in STACKS if abs(results[name] - right[name]) > 1e-6]
    if not wrong:
        return
    slips = {message: [slip(stack) for stack in STACKS.values()] for message, slip in _field_slips().items()}
    recognise(list(results.values()), slips, within=1e-6)
    advice = (
        "Begin with 1 pixel; each layer adds (kernel - 1) steps, and a step is the product of the strides before it."
    )
    show_smallest(candidate, receptive_field, [(stack,) for stack in SMALL], advice=advice)
    first = wrong[0]
    raise NotYet(f"For {first} it gives {results[first]:g}, but one output pixel sees {right[first]:g}. {advice}")


def _called(candidate, stack: list) -> object:
    try:
        return call(candidate, stack)
    except Exception as error:
        if not stack and not isinstance(error, NotYet):
            error.args = (f"{error}, where layers is [], the empty list: its field is 1".removeprefix(", "),)
        raise


SMALL: tuple[list[tuple[float, float]], ...] = (
    [],
    [(3, 1)],
    [(3, 1), (3, 1)],
    [(3, 2), (5, 1)],
    [(3, 2), (3, 3), (3, 1)],
    [(5, 2), (1, 1 / 2), (3, 1)],
)


def _added(stack: list) -> float:
    size, step = 1, 1
    for kernel, stride in stack:
        size, step = size + (kernel - 1) * step, step + stride
    return size


def _multiplied(stack: list) -> float:
    field, step = 1, 1
    for kernel, stride in stack:
        field, step = field * kernel * step, step * stride
    return field


def _field_slips() -> dict[str, Callable[[list], float]]:
    """Each usual mistake as a function of a stack."""

    def walked(*, start=1, less=1, early=False, product=True, divided=False, whole=False):
        def field(stack):
            size, step = start, 1
            for kernel, stride in stack:
                ahead = step / stride if divided else step * stride if product else stride
                ahead = int(ahead) if whole else ahead
                size += (kernel - less) * (ahead if early else step)
                step = ahead
            return size

        return field

    kernel_only = "The centre of a 3x3 kernel lies on a pixel that is already seen: the layer adds kernel - 1."
    return {
        "The strides are ignored: after a stride of 2, a step is 2 input pixels wide.": (
            lambda stack: 1 + sum(kernel - 1 for kernel, _ in stack)
        ),
        f"Each layer adds its whole kernel. {kernel_only}": walked(less=0),
        f"Each layer adds its whole kernel, and the count begins with 0. {kernel_only} Begin with 1 pixel.": (
            walked(less=0, start=0)
        ),
        "Only the first layer is counted. Is the `return` inside the loop?": lambda stack: receptive_field(stack[:1]),
        "The strides are added. Multiply them: after 2 and 2, a step is 4 input pixels wide.": _added,
        "Each layer adds kernel + 1. It should add kernel - 1: the kernel's centre lies on a pixel that is already "
        "seen.": (walked(less=-1)),
        "This is the step, not the field. Return the field.": lambda stack: math.prod(s for _, s in stack),
        "Each layer adds half of its kernel. A kernel reaches to both sides: add kernel - 1 in all.": lambda stack: (
            1 + sum((k // 2) * math.prod(s for _, s in stack[:i]) for i, (k, _) in enumerate(stack))
        ),
        "Each layer takes its own stride as its step. The step is the product of the strides before "
        "it.": lambda stack: 1 + sum((k - 1) * s for k, s in stack),
        "Kernel and stride have changed places: a pair is (kernel, stride).": lambda stack: receptive_field(
            [(s, k) for k, s in stack]
        ),
        "The field is overwritten in each turn of the loop: add to it.": lambda stack: (
            1 + (stack[-1][0] - 1) * math.prod(s for _, s in stack[:-1]) if stack else 1
        ),
        "Every layer is treated like the first. Each has its own kernel and stride.": lambda stack: (
            1 + len(stack) * (stack[0][0] - 1) if stack else 1
        ),
        "The last layer is left out.": lambda stack: receptive_field(stack[:-1]),
        "The count begins with 0. Without any layer, a pixel sees itself: begin with 1.": walked(start=0),
        "The step grows too early: a layer's own stride counts for the layers after it.": walked(early=True),
        "The step is only the last stride. Multiply the strides: after 2 and 3, a step is 6 input pixels wide.": (
            walked(product=False)
        ),
        "The strides count from the output to the input, but a layer's stride counts for the layers after it. (The "
        "rule field = (field - 1) * stride + kernel must begin with the last layer.)": (
            lambda stack: receptive_field(stack[::-1])
        ),
        "Only one side is counted. A kernel of 3 reaches 1 pixel to the left and 1 to the right.": (
            lambda stack: (receptive_field(stack) + 1) / 2
        ),
        "This is the area in pixels. Return the width of the square.": lambda stack: receptive_field(stack) ** 2,
        "The kernels are multiplied. Add them up: two 3x3 convolutions see 5 pixels, not 9.": (
            lambda stack: math.prod(kernel for kernel, _ in stack)
        ),
        "The field is multiplied by the kernel. It grows by kernel - 1 steps: add them.": _multiplied,
        "The step is divided by the stride. Multiply it: after a stride of 2, the next layer takes steps of 2.": (
            walked(divided=True)
        ),
        "The step is made a whole number, so that after a pixel shuffle it is 0. Half an input pixel is a step, too.": (
            walked(whole=True)
        ),
        "A stride below 1 is lost: after a pixel shuffle by 2, a step is half an input pixel. Do not round it.": (
            lambda stack: receptive_field([(kernel, max(1, stride)) for kernel, stride in stack])
        ),
    }


EXERCISE = Exercise(
    name="receptive_field",
    lesson=2,
    place=1,
    title="the receptive field",
    difficulty="easy",
    minutes=7,
    reference=receptive_field,
    judge=judge,
    hints=(
        "Draw two 3x3 convolutions in one dimension. The second sees three pixels of the first: how many of the "
        "input? Then give the first one stride 2.",
        "A kernel of k spans k - 1 steps from its first pixel to its last. One step is 1 input pixel at first, and "
        "each stride multiplies it for all the layers that follow.",
        "First field = field + (kernel - 1) * step, and only then step = step * stride. A stride of 1/2 needs no "
        "special care, as long as nothing is rounded.",
    ),
    mistakes=(
        Mistake(
            "each layer adds its whole kernel",
            says="adds its whole kernel. The centre",
            ask="What does a 1x1 kernel add?",
        ),
        Mistake(
            "the stride is used before the kernel",
            says="The step grows too early",
            ask="After a stride of 2, which outputs lie farther apart?",
        ),
    ),
)
