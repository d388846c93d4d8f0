"""Answers to exercise mse_answer as students write them, and its reference against numbers from outside."""

import torch
import torch.nn.functional as F
from answers import Answers

from srgan_lessons.exercises.lesson06.mse_answer import mse_answer
from srgan_lessons.exercises.shared.pictures import pictures

answers = Answers(
    "mse_answer",
    sentences="""
Now let the answers have different probabilities :: plain mean
the image with the smallest expected squared error :: median; most likely
`answers` is (K, 3, H, W) :: sum over channels; two only
`chances` is (K,) and sums to 1 :: no view; mean of weighted
one image, (3, H, W) :: keepdim; sum over all
""",
)


@answers.right
def by_einsum(answers, chances):
    return torch.einsum("k,kchw->chw", chances, answers)


@answers.right
def by_loop(candidates, p):
    best = torch.zeros(candidates.shape[1:])
    for image, chance in zip(candidates, p.tolist(), strict=True):
        best += chance * image
    return best


@answers.right
def by_descent(answers, chances):
    """Nobody said that a formula is needed: Newton's method on the expected squared error."""
    x = torch.zeros_like(answers[0]).requires_grad_()
    expected = sum(chance * (x - y).square().sum() for chance, y in zip(chances, answers, strict=True))
    return x - torch.autograd.grad(expected, x)[0] / 2


@answers.wrong(says="All answers count the same")
def plain_mean(answers, chances):
    return answers.mean(dim=0)


@answers.wrong(says="the likeliest answer")
def likeliest(answers, chances):
    return answers[chances.argmax()]


@answers.wrong(says="clamped: values above 1 are cut off")
def clamped(answers, chances):
    return (answers * chances.view(-1, 1, 1, 1)).sum(dim=0).clamp(0, 1)


@answers.wrong(says="clamped: values below 0.2 and above 0.8 are cut off")
def clamped_on_both_sides(answers, chances):
    return (answers * chances.view(-1, 1, 1, 1)).sum(dim=0).clamp(0.2, 0.8)


@answers.wrong(says="`chances` is not used")
def plain_sum(answers, chances):
    return answers.sum(dim=0)


@answers.wrong(says="This is the median")
def the_median(answers, chances):
    return answers.median(dim=0).values


@answers.wrong(says="their sum is divided by their number")
def mean_of_weighted(answers, chances):
    return (chances.view(-1, 1, 1, 1) * answers).mean(dim=0)


@answers.wrong(says="The chances are squared")
def squared_chances(answers, chances):
    squares = chances**2 / (chances**2).sum()
    return (squares.view(-1, 1, 1, 1) * answers).sum(0)


@answers.wrong(says="softmax")
def softmax_of_chances(answers, chances):
    return (chances.softmax(0).view(-1, 1, 1, 1) * answers).sum(0)


@answers.wrong(says="A network must decide")
def weighted_only(answers, chances):
    return chances.view(-1, 1, 1, 1) * answers


@answers.wrong(says="keepdim=False")
def one_dimension_too_many(answers, chances):
    return (chances.view(-1, 1, 1, 1) * answers).sum(0, keepdim=True)


@answers.wrong(says="sum over the answers alone")
def everything_summed(answers, chances):
    return (chances.view(-1, 1, 1, 1) * answers).sum()


@answers.wrong(says="put along the last axis, the width. The answers are axis 0")
def without_view(answers, chances):
    return (chances * answers).sum(dim=0)


@answers.wrong(says="put along axis 1, the channels. The answers are axis 0")
def chances_along_channels(answers, chances):
    return (chances.view(1, -1, 1, 1) * answers).sum(0)


@answers.wrong(says="The sum goes over axis 1, the channels")
def sum_over_channels(answers, chances):
    return (chances.view(-1, 1, 1, 1) * answers).sum(1)


@answers.wrong(says="more than two answers")
def two_alone(a, c):
    return c[0] * a[0] + c[1] * a[1]


@answers.wrong(says="draws one of the answers at random")
def a_draw(answers, chances):
    return answers[torch.multinomial(chances, 1)[0]]


@answers.wrong(says="the best of the given answers")
def medoid(answers, chances):
    costs = [sum(c * F.mse_loss(x, y) for c, y in zip(chances, answers, strict=True)) for x in answers]
    return answers[int(torch.stack(costs).argmin())]


@answers.wrong(says="answer number 0")
def always_the_first(answers, chances):
    return answers[0]


@answers.wrong(says="then the root")
def root_of_squares(answers, chances):
    return (chances.view(-1, 1, 1, 1) * answers**2).sum(0).sqrt()


@answers.wrong(says="it is called with (answers, chances), but yours takes (chances, answers)")
def parameters_in_another_order(chances, answers):
    return (chances.view(-1, 1, 1, 1) * answers).sum(dim=0)


TestAnswers = answers.tests()


def test_mse_answer_has_the_smallest_expected_error():
    """Against a million draws: no other image of many has a smaller error."""
    answers_, chances = pictures(3, 2, 2), torch.tensor([0.6, 0.3, 0.1])

    def expected(image):
        return sum(c * (image - y).square().mean() for c, y in zip(chances, answers_, strict=True))

    best = expected(mse_answer(answers_, chances))
    others = [*answers_, answers_.mean(0), *(mse_answer(answers_, chances) + 0.01 * pictures(20, 2, 2, seed=1))]
    assert all(best < expected(other) for other in others)
