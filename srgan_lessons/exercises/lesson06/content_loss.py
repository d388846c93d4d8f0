"""Exercise 6.4: the VGG loss."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons.exercises.calling import call, call_as_it_is
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_number, as_tensor
from srgan_lessons.exercises.shared.features import same, small_vgg
from srgan_lessons.exercises.shared.pictures import pictures
from srgan_lessons.vgg import normalise


def content_loss(maps, sr, hr):
    # SOLUTION
    of_sr = maps(sr) / 12.75
    of_hr = maps(hr).detach() / 12.75
    return F.mse_loss(of_sr, of_hr)
    # STUB
    # of_sr = ...  # 1. the maps of SR, scaled
    # of_hr = ...  # 2. the maps of HR, scaled: a fixed target
    # return F.mse_loss(...)  # 3.
    # END


def judge(candidate) -> None:
    maps, calls = small_vgg((2, 1), seed=1)[:5].eval(), []
    maps.register_forward_hook(lambda *_: calls.append(1))
    for n, height, width in ((2, 8, 12), (3, 6, 6)):
        sr = (1.6 * pictures(n, height, width, seed=n) - 0.3).requires_grad_()  # beyond [0, 1], as an SR may be
        hr = pictures(n, height, width, seed=n + 10).requires_grad_()
        calls.clear()
        loss = call_as_it_is(candidate, maps, sr, hr)
        looks = len(calls)
        expected = content_loss(maps, sr, hr)
        if isinstance(loss, float | int) and abs(loss - expected.item()) < 1e-6:
            raise NotYet(
                "The number is right, but it is a plain number: .item() cuts the gradient off, and a generator could "
                "not learn from it. Return the tensor."
            )
        value = as_number(loss, "the loss")
        with torch.no_grad():
            slips = loss_slips(maps, sr, hr)
        if abs(value - expected.item()) > 1e-6 + 1e-4 * expected.item():
            recognise(value, slips, within=1e-6 + 1e-4 * abs(value))
            _name_divisor(candidate, maps, sr, hr, value)
            raise NotYet(
                f"The loss is {value:.4g}; {expected.item():.4g} is expected: divide both maps by 12.75, and take the "
                "mean of their squared differences, over all numbers of the maps and nothing else."
            )
        loss = as_tensor(loss, what="the loss")
        gradient = torch.autograd.grad(expected, sr)[0]
        check_loss_gradient(loss, sr, hr, gradient)
        if looks > 2:
            raise NotYet(
                f"The number is right, but the network is called {looks} times. Once for each image is enough."
            )
    _check_mode(candidate)


def loss_slips(maps: nn.Module, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
    """The content loss that each usual mistake gives."""
    a, b = maps(sr), maps(hr)  # (N, C, h, w)
    difference = a - b
    squared = difference.square()
    right = squared.mean() / 12.75**2
    once = (
        "The distance is divided by 12.75 once. Divide the maps: their difference is then squared, so the loss becomes "
        "smaller by 12.75 squared."
    )
    mean = "The loss should be the mean over all numbers of the maps; yours is "
    return {
        once: squared.mean() / 12.75,
        "The maps are not divided by 12.75. Divide both, before you compare.": (squared.mean()),
        "Only the maps of SR are divided by 12.75. Divide both.": F.mse_loss(a / 12.75, b),
        "Only the maps of HR are divided by 12.75. Divide both.": F.mse_loss(a, b / 12.75),
        "The maps are multiplied by 12.75. They should be divided by it.": squared.mean() * 12.75**2,
        "0.006 is what the paper rounds to. 1 / 12.75 squared is 0.00615: divide the maps by 12.75.": (
            squared.mean() * 0.006
        ),
        "3.37 is the factor of the offline network. Here the maps are divided by 12.75.": squared.mean() * 3.37,
        "Each of the maps is divided by its own largest number. Divide both by 12.75.": F.mse_loss(
            a / a.max(), b / b.max()
        ),
        "Only the first image of the batch is compared. Take the mean over all of them.": squared[0].mean() / 12.75**2,
        "Only the last image of the batch is compared. Take the mean over all of them.": squared[-1].mean() / 12.75**2,
        "The MSE of the pixels is added. The VGG loss compares feature maps alone.": right + F.mse_loss(sr, hr),
        "The images are divided by 12.75. Divide the feature maps: the network expects images in [0, 1].": F.mse_loss(
            maps(sr / 12.75), maps(hr / 12.75)
        ),
        "SR is clamped to [0, 1]. A generator's output may lie outside, and the gradient there is needed: do not "
        "clamp.": (F.mse_loss(maps(sr.clamp(0, 1)), b) / 12.75**2),
        "The images are normalised here, and `maps` normalises them again. Pass them on as they are.": (
            F.mse_loss(maps(normalise(sr)), maps(normalise(hr))) / 12.75**2
        ),
        "These are the maps of the difference of the images. Take the difference of maps(sr) and maps(hr).": (
            maps(sr - hr).square().mean() / 12.75**2
        ),
        "The images go into the network in [-1, 1]. It expects them in [0, 1], as they are given.": (
            F.mse_loss(maps(2 * sr - 1), maps(2 * hr - 1)) / 12.75**2
        ),
        "Here the pixels are compared, not their feature maps: call maps(sr) and maps(hr).": F.mse_loss(sr, hr),
        "Here the pixels are divided by 12.75 and compared. Compare feature maps: maps(sr) and maps(hr).": (
            F.mse_loss(sr, hr) / 12.75**2
        ),
        "The maps of SR and HR are added. Take their difference: it is 0 where SR looks like HR.": (
            (a + b).square().mean() / 12.75**2
        ),
        "The difference of the maps is not squared, so differences of opposite sign cancel. Equation 5 squares "
        "it.": difference.mean() / 12.75,
        "The difference of the maps, HR minus SR, is not squared, so differences of opposite sign cancel. Equation 5 "
        "squares it.": -difference.mean() / 12.75,
        "The maps are squared, and then subtracted. Subtract first, then square.": (
            (a.square() - b.square()).mean() / 12.75**2
        ),
        "This is the mean absolute difference. Equation 5 squares it.": difference.abs().mean() / 12.75,
        "This is the root of the loss. Equation 5 has no root.": right.sqrt(),
        "This is the length of the difference, the root of a sum. Take the mean of the squares, without a root.": (
            (squared.sum() / 12.75**2).sqrt()
        ),
        f"{mean}their sum. With a sum, the right learning rate would depend on the size of the crop.": squared.sum()
        / 12.75**2,
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
        "The squares are halved. Neither F.mse_loss nor equation 5 does that.": right / 2,
        "The loss has the wrong sign: training would drive SR away from HR.": -right,
    }


def _name_divisor(candidate, maps: nn.Module, sr: Tensor, hr: Tensor, value: float) -> None:
    """Raises NotYet if the maps are divided by a number other than 12.75, or if the loss is always 0."""
    if value == 0:
        raise NotYet("The loss is 0. Are the maps of one image compared with themselves? Take maps(sr) and maps(hr).")
    other = as_number(call(candidate, maps, hr.detach(), sr.detach() + 0.1), "the loss")
    with torch.no_grad():
        plain, again = F.mse_loss(maps(sr), maps(hr)), F.mse_loss(maps(hr), maps(sr + 0.1))
    if value > 0 and abs(other - value * again / plain) < 1e-4 * abs(other):
        raise NotYet(f"The maps are divided by {(plain / value).sqrt().item():.4g}. Divide them by 12.75.")


def check_loss_gradient(loss: Tensor, sr: Tensor, hr: Tensor, expected: Tensor) -> None:
    """Raises NotYet unless `loss` gives SR the gradient `expected`, and HR no gradient."""
    missing = (
        "The number is right, but SR gets no gradient: a generator could not learn from it. Is there a no_grad or a "
        "detach around SR or its maps, or was the loss rebuilt with torch.tensor or .item()?"
    )
    if not loss.requires_grad:
        raise NotYet(missing)
    of_sr, of_hr = torch.autograd.grad(loss, (sr, hr), allow_unused=True)
    if of_sr is None and of_hr is None:
        raise NotYet(missing)
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
    if not of_sr.any():
        raise NotYet(
            "The number is right, but the gradient of SR is 0 everywhere. Is SR rounded on the way (a step has "
            "no slope), or is the loss detached?"
        )
    if not same(of_sr, expected):
        raise NotYet(
            "The number is right, but the gradient of SR is not that of the mean squared difference. Is a part of it "
            "detached?"
        )


def _check_mode(candidate) -> None:
    """Raises NotYet if a network in training mode does not stay in it, or if an SR without a gradient gets one."""
    maps = small_vgg((2, 1), seed=1)[:5].train()
    call(candidate, maps, pictures(1, 8, 8, seed=3), pictures(1, 8, 8, seed=4))


EXERCISE = Exercise(
    name="content_loss",
    lesson=6,
    place=4,
    title="the VGG loss",
    difficulty="medium",
    minutes=8,
    reference=content_loss,
    judge=judge,
    hints=(
        "There are three steps: look at both images through the network, scale what it sees, compare. Which of the two "
        "images should the gradient change?",
        "maps(sr) and maps(hr) are the feature maps. Divide both by 12.75 before they are squared. detach() makes "
        "a tensor a constant.",
        "of_sr = maps(sr) / 12.75; of_hr = maps(hr).detach() / 12.75; return F.mse_loss(of_sr, of_hr).",
    ),
    mistakes=(
        Mistake(
            "no 12.75", says="The maps are not divided by 12.75", ask="How large are the maps compared with pixels?"
        ),
        Mistake("all under no_grad", says="SR gets no gradient", ask="Who should learn from this loss?"),
    ),
)
