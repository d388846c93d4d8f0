"""Exercise 1.2: the weights of one LR pixel."""

import math

import numpy as np

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.lesson01.cubic_kernel import cubic_kernel
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array, finite


def bicubic_weights(distance, factor):
    # SOLUTION
    weight = cubic_kernel(distance / factor)
    return weight / weight.sum()
    # STUB
    # weight = ...  # 1. the kernel, as wide as the LR pixels are
    # return ...  # 2. the same, with a sum of 1
    # END


def judge(candidate) -> None:
    for factor in (4, 2, 3, 2.5):  # for 2.5, the kernel's samples do not sum to the factor
        reach = math.ceil(2 * factor)
        distance = np.arange(-reach, reach) + 0.5 * (factor % 2 == 0)  # in HR pixels, from the LR pixel's centre
        wide, narrow, squeezed = (cubic_kernel(distance * by) for by in (1 / factor, 1, factor))
        positive, total = np.maximum(wide, 0), wide.sum()
        wider = (
            f"At a factor of {factor}, the kernel must reach {2 * factor:g} HR pixels to each side: divide the "
            "distances by the factor."
        )
        no_sum = (
            "The weights are NaN or infinite: something is divided by 0. If it is the sum of the weights, the kernel "
            f"is too narrow. {wider}"
        )
        result = finite(as_array, call(candidate, distance, factor), distance.shape, says=no_sum)
        few = "The kernel is not widened: it looks at 4 pixels and skips the rest, which causes aliasing."
        by_factor = (
            "The weights are divided by the factor. Their sum equals the factor only if the factor is a whole number: "
            "divide by the sum."
        )
        ratio = np.divide(factor, distance, out=np.full_like(distance, 9.0), where=distance != 0)
        turned, cut = cubic_kernel(ratio), cubic_kernel(distance // factor)
        triangle = np.maximum(0, 1 - np.abs(distance / factor))
        shifts = [cubic_kernel((distance + s) / factor) for s in (-0.5, 0.5)]
        shifts += [cubic_kernel(distance / factor + s) for s in (-0.5, 0.5)]
        must = "It is their plain sum that must become 1: divide by weight.sum()."
        slips = {
            f"The weights sum to {total:g}, not to 1: the picture would become {total:g} times as bright.": wide,
            f"{few} {wider}": narrow / narrow.sum(),
            f"{few} {wider} And make the sum of the weights 1.": narrow,
            "The weights went through a softmax. Divide the kernel's values by their sum, without exp.": np.exp(wide)
            / np.exp(wide).sum(),
            "The largest weight is 1. It is the sum of the weights that must be 1.": wide / wide.max(),
            f"The kernel has become narrower. {wider}": squeezed / (squeezed.sum() or 1),
            "distance and factor have changed places: divide the distance by the factor.": turned / (turned.sum() or 1),
            "// cuts off the fractions: divide the distances with /.": cut / (cut.sum() or 1),
            "The negative weights are lost. Keep them: they make edges sharp.": positive / positive.sum(),
            "This is the triangle of linear interpolation. Use your cubic_kernel.": triangle / triangle.sum(),
            f"The weights are shifted until they sum to 1. {must}": wide + (1 - total) / len(wide),
            f"The weights are divided by the sum of their absolute values. {must}": wide / np.abs(wide).sum(),
            f"The weights are divided by the root of the sum of their squares. {must}": wide / np.linalg.norm(wide),
            f"The weights are divided by their mean. {must}": wide / wide.mean(),
        }
        if factor != 4:
            four = cubic_kernel(distance / 4)
            slips["The distances are divided by 4, whatever the factor: divide them by `factor`."] = four / four.sum()
        if factor % 1:
            slips = {by_factor: wide / factor} | slips
        recognise(result, slips, within=1e-6)
        for weight in shifts:
            half = (
                "The distances are shifted by a half. They are counted "
                "from the LR pixel's centre: leave them as they are."
            )
            recognise(result, {half: weight / (weight.sum() or 1)}, within=1e-6)
        if abs(result.sum() - 1) > 1e-4:
            raise NotYet(f"The weights sum to {result.sum():.4f}, not to 1, at a factor of {factor}.")
        if np.abs(result - bicubic_weights(distance, factor)).max() > 1e-4:
            show_smallest(candidate, bicubic_weights, WINDOWS, advice=STEPS)
            raise NotYet(f"The weights sum to 1, but they do not have the kernel's shape. {STEPS}")


STEPS = "There are two steps: the kernel's value at distance / factor, and these values divided by their sum."

WINDOWS = ((np.array([-0.5, 0.5]), 2), (np.array([-2.0, -1, 0, 1]), 2), (np.array([-2.5, -1, 0.5, 4, 5.5]), 3))


EXERCISE = Exercise(
    name="bicubic_weights",
    lesson=1,
    place=2,
    title="the weights of one LR pixel",
    difficulty="easy",
    minutes=5,
    reference=bicubic_weights,
    judge=judge,
    hints=(
        "The kernel measures distances in pixels of the coarser grid. How wide is an HR pixel, measured in LR pixels?",
        "At a factor of 4, a distance of 4 HR pixels is 1 LR pixel: scale the distances, then call cubic_kernel.",
        "weight = cubic_kernel(distance / factor); then divide weight by weight.sum().",
    ),
    mistakes=(
        Mistake(
            "a kernel only as wide as for enlarging",
            says="The kernel is not widened",
            ask="How many HR pixels does one LR pixel stand for?",
        ),
        Mistake(
            "weights divided by the largest",
            says="The largest weight is 1",
            ask="How bright must a grey wall be afterwards?",
        ),
    ),
)
