"""Exercise 6.1: the best answer under MSE."""

from collections.abc import Callable

import numpy as np
import torch

from srgan_lessons.exercises.calling import call
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_array, finite
from srgan_lessons.exercises.shared.pictures import pictures, wrong_axis


def mse_answer(answers, chances):
    # SOLUTION
    weights = chances.view(-1, 1, 1, 1)  # (K, 1, 1, 1)
    return (weights * answers).sum(dim=0)  # (3, H, W)
    # STUB
    # weights = chances.view(...)  # 1. (K,) -> a shape that fits (K, 3, H, W)
    # return ...  # 2. (3, H, W)
    # END


def judge(candidate) -> None:
    axes = ("the answers", "the channels", "the height", "the width")
    # The first case has six answers, so that they cannot be mistaken for the channels, the height or the width.
    for chances in ([0.1, 0.3, 0.05, 0.2, 0.25, 0.1], [0.3, 0.5, 0.2], [0.1, 0.9], [0.25, 0.15, 0.4, 0.2], [1.0]):
        answers, weights = 1.6 * pictures(len(chances), 4, 5, seed=len(chances)) - 0.3, torch.tensor(chances)
        try:
            result = call(candidate, answers, weights)
        except RuntimeError as error:
            raise NotYet(
                f"`chances`, of shape (K,), was put along {wrong_axis(error, axes)}. The answers are axis 0: "
                "view(-1, 1, 1, 1) puts the chances there."
            ) from error
        if isinstance(result, list):
            raise NotYet("It returns a list. One image is expected, a tensor (3, H, W): leave out tolist().")
        result = finite(lambda value, _: as_array(value), result, None, says=NOT_FINITE)
        count = len(chances)
        if result.shape == (1, 3, 4, 5):
            raise NotYet("The result has the shape (1, 3, H, W). One image (3, H, W) is expected: use keepdim=False.")
        if result.shape == (count, 3, 4, 5):
            raise NotYet(
                "It returns as many images as there are answers. A network must decide: sum them into one image."
            )
        if result.shape == (count, 4, 5) and count != 3:
            raise NotYet("The sum goes over axis 1, the channels. Sum over the answers: axis 0.")
        if result.size == 1:
            raise NotYet("It returns one number. An image (3, H, W) is expected: sum over the answers alone, dim=0.")
        result = as_array(result, (3, 4, 5))
        right = mse_answer(answers, weights).numpy()
        if np.allclose(result, right, atol=1e-5):
            continue
        _name_answer(candidate, result, answers, weights)
        _name_weights(candidate, result, answers, weights)
        two, three = torch.tensor([[0.0, 1, 0.5], [1.0, 0, 0.25], [0.2, 0.4, 0.6]])[:2, :, None, None], torch.eye(3)
        cases = ((two, torch.tensor([0.75, 0.25])), (three[..., None, None] * 2, torch.tensor([0.2, 0.5, 0.3])))
        show_smallest(candidate, mse_answer, cases, advice="The result is the sum of probability times answer.")
        raise NotYet(
            f"With the probabilities {chances}, it is not the image with the smallest expected squared error. Each "
            "answer counts as much as its probability: the sum of probability times answer."
        )


NOT_FINITE = (
    "The result holds NaN or infinity. Is there a root, a logarithm or a power of the answers? They may be 0 or "
    "negative. The mean needs only products and a sum: probability times answer."
)


def _name_answer(candidate: Callable, result: np.ndarray, answers: torch.Tensor, chances: torch.Tensor) -> None:
    for number, answer in enumerate(answers.numpy()):
        if np.allclose(result, answer, atol=1e-5):
            _name_choice(candidate, number)
    plain = mse_answer(answers, chances)
    squared = chances.square() / chances.square().sum()
    slips = {
        "All answers count the same. Weight each of them by its probability, from `chances`.": answers.mean(dim=0),
        "This is the sum of the answers; `chances` is not used.": answers.sum(dim=0),
        "This is the median. It has the smallest expected absolute error; the task is about the squared error.": (
            answers.median(dim=0).values
        ),
        "The weighted answers are averaged: their sum is divided by their number. The chances already sum to 1.": (
            plain / len(answers)
        ),
        "Only the first two answers are used. There may be more than two answers: sum over all of them.": mse_answer(
            answers[:2], chances[:2]
        ),
        "The chances are squared. The error is squared, but its probability is not.": mse_answer(answers, squared),
        "The chances went through a softmax. They already sum to 1: take them as they are.": mse_answer(
            answers, chances.softmax(dim=0)
        ),
        "The values are squared. Only the error is squared: the best answer is the mean of the answers themselves.": (
            mse_answer(answers.square(), chances)
        ),
        "The values are squared, then the root is taken. Sum the answers themselves.": (
            mse_answer(answers.square(), chances).sqrt()
        ),
        "The chances of being wrong, 1 - chance, are the weights. Weight each answer by its chance of being right.": (
            mse_answer(answers, 1 - chances)
        ),
        "The chances of being wrong, 1 - chance, are the weights. Weight each answer by its own chance.": mse_answer(
            answers, (1 - chances) / (1 - chances).sum().clamp(min=1e-6)
        ),
        "The chances are paired with the answers in the wrong order.": mse_answer(answers, chances.flip(0)),
        "The chances are squared, so that they do not sum to 1. The error is squared, but its probability is "
        "not.": mse_answer(answers, chances.square()),
        "The result is rounded to grey levels. Return it as it is.": plain.mul(255).round().div(255),
        "The chances are sorted first, so they no longer belong to their answers. Keep their order.": mse_answer(
            answers, chances.sort().values
        ),
        "The chances are sorted, the largest first, so they no longer belong to their answers. Keep their order.": (
            mse_answer(answers, chances.sort(descending=True).values)
        ),
    }
    recognise(result, slips, within=1e-5)
    least, most = float(result.min()), float(result.max())
    if least < most and np.allclose(result, plain.clamp(least, most).numpy(), atol=1e-5):
        below = [f"below {least:.3g}"] if plain.min() < least - 1e-5 else []
        above = [f"above {most:.3g}"] if plain.max() > most + 1e-5 else []
        raise NotYet(
            f"The result is clamped: values {' and '.join(below + above)} are cut off. The mean is the best answer, "
            "wherever it lies."
        )


def _name_weights(candidate: Callable, result: np.ndarray, answers: torch.Tensor, chances: torch.Tensor) -> None:
    """Raises NotYet, which says how much each answer counts, if the result is a sum of weighted answers."""
    count = len(chances)
    alone = torch.eye(count, answers[0].numel()).view(count, *answers.shape[1:])  # each answer has one pixel of its own
    used = as_array(call(candidate, alone, chances), answers.shape[1:]).ravel()[:count]
    if np.allclose(result, np.tensordot(used, answers.numpy(), axes=1), atol=1e-4):
        ours, theirs = (", ".join(f"{number:.3g}" for number in numbers) for numbers in (used, chances.tolist()))
        raise NotYet(
            f"With the probabilities {theirs}, your answers count {ours}. Each should count as much as its probability."
        )


def _name_choice(candidate: Callable, number: int) -> None:
    """Raises NotYet, which says how a candidate that returns one of the answers chooses it."""
    levels, chances = torch.tensor([1.0, 0.0, 0.5, 0.9]), torch.tensor([0.2, 0.4, 0.2, 0.2])
    answers = levels.view(4, 1, 1, 1).expand(4, 3, 4, 5)  # the likeliest is 0, the best of the four is 0.5
    seen = {round(float(as_array(call(candidate, answers, chances)).mean()), 3) for _ in range(16)}
    if len(seen) > 1:
        raise NotYet("It draws one of the answers at random. An image between all of them has a smaller error.")
    if seen == {0.0}:
        raise NotYet(
            "This is the likeliest answer. It is right most often, but when it is wrong, it is very wrong. An image "
            "between the answers has a smaller expected squared error."
        )
    if seen == {0.5}:
        raise NotYet("This is the best of the given answers. An image between them has a smaller error.")
    raise NotYet(f"This is answer number {number}, counted from 0. An image between all of them has a smaller error.")


EXERCISE = Exercise(
    name="mse_answer",
    lesson=6,
    place=1,
    title="the best answer under MSE",
    difficulty="easy",
    minutes=5,
    reference=mse_answer,
    judge=judge,
    hints=(
        "With two equally likely answers, the best picture is halfway between them. Where is it if one of the two is "
        "nine times as likely as the other?",
        "It is the mean of the answers, each weighted by its probability. The probabilities sum to 1, so you need not "
        "divide.",
        "weights = chances.view(-1, 1, 1, 1), then (weights * answers).sum(dim=0).",
    ),
    mistakes=(
        Mistake("the likeliest answer", says="the likeliest answer", ask="How wrong is it when it is wrong?"),
        Mistake("the median", says="This is the median", ask="Which error does the median make small?"),
    ),
)
