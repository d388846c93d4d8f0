"""Lesson 06, Content loss: the best answer under MSE, VGG preprocessing, phi(i, j), the VGG loss."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from srgan_lessons.classroom.judges.features import (
    check_absent,
    check_cut,
    check_loss_gradient,
    check_untouched,
    loss_slips,
    pictures,
    same,
    small_vgg,
    wrong_axis,
)
from srgan_lessons.classroom.judging import Exercise, NotYet, as_array, as_number, as_tensor, call, recognise
from srgan_lessons.vgg import IMAGENET_MEAN, IMAGENET_STD, VGG16, VGG19

# --- the best answer under MSE ---------------------------------------------------------------------------------------


def mse_answer(answers, chances):
    weights = chances.view(-1, 1, 1, 1)  # (K, 1, 1, 1)
    return (weights * answers).sum(dim=0)  # (3, H, W)


def judge_mse_answer(candidate) -> None:
    axes = ("the answers", "the channels", "the height", "the width")
    for chances in ([0.1, 0.9], [0.3, 0.5, 0.2], [0.25, 0.15, 0.4, 0.2], [1.0]):  # two first: channels are three
        answers, weights = pictures(len(chances), 4, 5, seed=len(chances)), torch.tensor(chances)
        try:
            result = as_array(call(candidate, answers, weights))
        except RuntimeError as error:
            raise NotYet(
                f"The chances, of shape (K,), were put along {wrong_axis(error, axes)}. The answers are axis 0: "
                "view(-1, 1, 1, 1) puts the chances there."
            ) from error
        count = len(chances)
        if result.shape == (1, 3, 4, 5):
            raise NotYet("The result has the shape (1, 3, H, W). One image (3, H, W) is asked for: keepdim=False.")
        if result.shape == (count, 3, 4, 5):
            raise NotYet("It returns as many images as there are answers. A network must decide: sum them up to one.")
        if result.shape == (count, 4, 5) and count != 3:
            raise NotYet("The sum goes over axis 1, the channels. Sum over the answers: axis 0.")
        if result.size == 1:
            raise NotYet("It returns one number. An image (3, H, W) is asked for: sum over the answers alone, dim=0.")
        result = as_array(result, (3, 4, 5))
        right = mse_answer(answers, weights).numpy()
        if np.allclose(result, right, atol=1e-5):
            continue
        _name_answer(candidate, result, answers, weights)
        raise NotYet(
            f"With chances {chances} it is not the image of the smallest expected squared error. Each answer counts "
            "as much as its chance: the sum of chance times answer."
        )


def _name_answer(candidate: Callable, result: np.ndarray, answers: torch.Tensor, chances: torch.Tensor) -> None:
    for number, answer in enumerate(answers.numpy()):
        if np.allclose(result, answer, atol=1e-5):
            _name_choice(candidate, number)
    plain = mse_answer(answers, chances)
    squared = chances.square() / chances.square().sum()
    slips = {
        "All answers count the same. Weight each of them with its chance.": answers.mean(dim=0),
        "This is the sum of the answers; their chances are not used.": answers.sum(dim=0),
        "This is the median. It has the smallest expected absolute error; asked for is the squared error.": (
            answers.median(dim=0).values
        ),
        "The weighted answers are averaged: divided by their number once more. The chances sum to 1 already.": (
            plain / len(answers)
        ),
        "Only the first two answers are used. There may be more than two answers: sum over all of them.": mse_answer(
            answers[:2], chances[:2]
        ),
        "The chances are squared. The error is squared, its chance is not.": mse_answer(answers, squared),
        "The chances went through a softmax. They sum to 1 already: take them as they are.": mse_answer(
            answers, chances.softmax(dim=0)
        ),
        "The values are squared. The error is squared, the answer is the mean of the answers themselves.": (
            mse_answer(answers.square(), chances)
        ),
        "The values are squared, then the root is taken. Sum the answers themselves.": (
            mse_answer(answers.square(), chances).sqrt()
        ),
        "The chances are paired with the answers in the wrong order.": mse_answer(answers, chances.flip(0)),
    }
    recognise(result, slips, within=1e-5)


def _name_choice(candidate: Callable, number: int) -> None:
    """Raises NotYet that says how a candidate, which returns one of the answers, chooses it."""
    levels, chances = torch.tensor([1.0, 0.0, 0.5, 0.9]), torch.tensor([0.2, 0.4, 0.2, 0.2])
    answers = levels.view(4, 1, 1, 1).expand(4, 3, 4, 5)  # the likeliest is 0, and 0.5 the best of the four
    seen = {round(float(as_array(call(candidate, answers, chances)).mean()), 3) for _ in range(16)}
    if len(seen) > 1:
        raise NotYet("It draws one of the answers at random. Something between all of them has a smaller error.")
    if seen == {0.0}:
        raise NotYet(
            "This is the likeliest answer. It is right most often, but when it is wrong, it is wrong by a lot. The "
            "smallest expected squared error is elsewhere."
        )
    if seen == {0.5}:
        raise NotYet("This is the best of the given answers. An image between them has a smaller error.")
    raise NotYet(f"This is answer number {number}. Something between all of them has a smaller error.")


# --- preprocessing ---------------------------------------------------------------------------------------------------


def vgg_input(images):  # (N, 3, H, W), in [0, 1]
    mean = torch.tensor([0.485, 0.456, 0.406], device=images.device)
    std = torch.tensor([0.229, 0.224, 0.225], device=images.device)
    return (images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)  # (N, 3, H, W)


def judge_vgg_input(candidate) -> None:
    images = pictures(2, 4, 5)
    result = _normalised(candidate, images)
    if not same(result, vgg_input(images)):
        recognise(result.detach(), _input_slips(images), within=1e-4)
        raise NotYet(
            "These are not (image - mean) / std of each channel. Try one pixel: pure white, in red, must become "
            "(1 - 0.485) / 0.229 = 2.249."
        )
    outside = 1.5 * images - 0.25  # what a generator may put out
    if not same(_normalised(candidate, outside), vgg_input(outside)):
        raise NotYet(
            "Values below 0 or above 1 are cut off. A generator puts such values out, and needs their gradient: do not "
            "clamp."
        )
    square = pictures(3, 3, 3)  # here a mean of shape (3,) can be subtracted along any axis
    if not same(_normalised(candidate, square), vgg_input(square)):
        raise NotYet("The means go along the wrong axis: channels are axis 1. view(1, 3, 1, 1) puts them there.")
    given = images.clone()
    call(lambda: candidate(given))
    if not torch.equal(given, images):
        raise NotYet(
            "The numbers are right, but the images that were given are changed. Do not change images in place (-=, /=, "
            "x[:, k] = ...): other code still needs them."
        )
    result = call(candidate, pictures(1, 4, 4).requires_grad_())
    if not result.requires_grad:
        raise NotYet("The numbers are right, but no gradient comes through: is there a detach, a no_grad or numpy?")


def _normalised(candidate, images: torch.Tensor) -> torch.Tensor:
    try:
        result = call(candidate, images)
    except RuntimeError as error:
        axis = wrong_axis(error, ("the batch", "the channels", "the height", "the width"))
        raise NotYet(
            f"The means, three numbers, were put along {axis}. Channels are axis 1: view(1, 3, 1, 1) puts them there."
        ) from error
    return as_tensor(result, tuple(images.shape))


def _input_slips(images: torch.Tensor) -> dict[str, torch.Tensor]:
    mean, std = (torch.tensor(numbers).view(1, 3, 1, 1) for numbers in (IMAGENET_MEAN, IMAGENET_STD))
    own = images.mean(dim=(2, 3), keepdim=True), images.std(dim=(2, 3), keepdim=True)
    batch = images.mean(dim=(0, 2, 3), keepdim=True), images.std(dim=(0, 2, 3), keepdim=True)
    one = images.mean(), images.std()
    ours = "Use ImageNet's mean and std: the network was trained with these."
    return {
        "The images come out as they went in.": images,
        "The mean is subtracted, but nothing is divided by std.": images - mean,
        "It is divided by std, but the mean is not subtracted first.": images / std,
        "It is multiplied by std. Divide by it.": (images - mean) * std,
        "The mean is added. Subtract it.": (images + mean) / std,
        "mean and std have changed places.": (images - std) / mean,
        "Only the mean is divided: write brackets around images - mean.": images - mean / std,
        "This divides by the square of std, as if it were a variance to begin with. Divide by std.": (
            (images - mean) / std**2
        ),
        "This divides by the root of std. std is no variance: divide by it as it is.": (images - mean) / std.sqrt(),
        "The images are multiplied by 255. These means belong to images in [0, 1].": (255 * images - mean) / std,
        "The images are divided by 255. They are in [0, 1] already.": (images / 255 - mean) / std,
        "The images are taken to [-1, 1] first. These means belong to images in [0, 1].": (2 * images - 1 - mean) / std,
        "The images are taken from [-1, 1] to [0, 1] first. They are in [0, 1] already.": (
            ((images + 1) / 2 - mean) / std
        ),
        "This only takes the images to [-1, 1]. Use the mean and the std of each channel.": 2 * images - 1,
        "The channels are turned to B, G, R. This network takes R, G, B.": ((images - mean) / std).flip(1),
        "The images are turned to B, G, R, and the means are not. This network takes R, G, B.": (
            (images.flip(1) - mean) / std
        ),
        "The means and stds are in the order B, G, R. The images are R, G, B.": (images - mean.flip(1)) / std.flip(1),
        "All channels have the same mean and std. Each has its own: red 0.485 and 0.229, and so on.": (
            (images - mean.mean()) / std.mean()
        ),
        f"Each image is brought to its own mean 0 and std 1. {ours}": (images - own[0]) / own[1],
        f"The batch is brought to its own mean 0 and std 1. {ours}": (images - batch[0]) / batch[1],
        f"The images are brought to their own mean 0 and std 1, all together. {ours}": (images - one[0]) / one[1],
    }


# --- phi(i, j) -------------------------------------------------------------------------------------------------------


def phi(features, i, j):
    pool, conv = 1, 0  # the next pooling is number 1; no convolution so far
    for index, layer in enumerate(features):
        if isinstance(layer, nn.MaxPool2d):
            pool, conv = pool + 1, 0
        elif isinstance(layer, nn.Conv2d):
            conv = conv + 1
        elif isinstance(layer, nn.ReLU) and (pool, conv) == (i, j):
            return features[: index + 1]


def judge_phi(candidate) -> None:
    vgg19 = small_vgg(VGG19)
    for which, layers, places in (
        ("VGG19", vgg19, ((3, 4), (1, 2), (2, 2), (5, 4), (1, 1), (3, 1))),
        ("a VGG with 1, 3 and 2 convolutions before its poolings", small_vgg((1, 3, 2)), ((2, 3), (3, 1))),
        ("the offline VGG16, whose pooling is two layers", small_vgg(VGG16[:4], blur=True), ((3, 3), (2, 2))),
    ):
        cuts = [check_cut(candidate, layers, i, j, which) for i, j in places]
    for i, j in ((1, 3), (6, 1)):
        check_absent(candidate, vgg19, i, j, "VGG19")
    if not isinstance(cuts[-1], nn.Module):
        raise NotYet("It computes the right maps, but it is no nn.Module: it cannot be moved to a GPU or printed.")


# --- the content loss ------------------------------------------------------------------------------------------------


def content_loss(maps, sr, hr):
    of_sr = maps(sr) / 12.75
    of_hr = maps(hr).detach() / 12.75
    return F.mse_loss(of_sr, of_hr)


def judge_content_loss(candidate) -> None:
    maps, calls = small_vgg((2, 1), seed=1)[:5].eval(), []
    maps.register_forward_hook(lambda *_: calls.append(1))
    for n, height, width in ((2, 8, 12), (3, 6, 6)):
        sr = (1.6 * pictures(n, height, width, seed=n) - 0.3).requires_grad_()  # beyond [0, 1], as a generator's may be
        hr = pictures(n, height, width, seed=n + 10).requires_grad_()
        before = sr.detach().clone(), hr.detach().clone()
        calls.clear()
        loss = call(lambda sr=sr, hr=hr: candidate(maps, sr, hr))
        looks = len(calls)
        check_untouched(maps, sr, hr, before)
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
            raise NotYet(
                f"The loss is {value:.4g}; {expected.item():.4g} is right. The mean, over all numbers of the maps, of "
                "the squared difference of maps that were divided by 12.75."
            )
        loss = as_tensor(loss, what="the loss")
        gradient = torch.autograd.grad(expected, sr)[0]
        check_loss_gradient(loss, sr, hr, gradient)
        if looks > 2:
            raise NotYet(f"The number is right, but the network is called {looks} times. Once for each is enough.")


# --- declared --------------------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        name="mse_answer",
        lesson=6,
        title="the best answer under MSE",
        difficulty="easy",
        minutes=5,
        stub="""
            def mse_answer(answers, chances):
                weights = chances.view(...)  # 1. (K,) -> a shape that fits (K, 3, H, W)
                return ...  # 2. (3, H, W)
            """,
        reference=mse_answer,
        judge=judge_mse_answer,
        hints=(
            "With two answers of equal chance it is the picture in the middle. What is the middle if one of the two is "
            "nine times as likely?",
            "The mean of the answers, each weighted with its chance. The chances sum to 1, so nothing is divided.",
            "weights = chances.view(-1, 1, 1, 1), then (weights * answers).sum(dim=0).",
        ),
    ),
    Exercise(
        name="vgg_input",
        lesson=6,
        title="images as VGG expects them",
        difficulty="easy",
        minutes=6,
        stub="""
            def vgg_input(images):  # (N, 3, H, W), in [0, 1]
                mean = torch.tensor([0.485, 0.456, 0.406], device=images.device)
                std = torch.tensor([0.229, 0.224, 0.225], device=images.device)
                return ...  # (N, 3, H, W)
            """,
        reference=vgg_input,
        judge=judge_vgg_input,
        hints=(
            "From each channel its mean is taken away, and what is left is divided by its std.",
            "torch lines shapes up from the right: (3,) meets the width. The mean needs the shape (1, 3, 1, 1) to meet "
            "the channels.",
            "(images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)",
        ),
    ),
    Exercise(
        name="phi",
        lesson=6,
        title="phi(i, j), by counting",
        difficulty="medium",
        minutes=9,
        stub="""
            def phi(features, i, j):
                pool, conv = 1, 0  # the next pooling is number 1; no convolution so far
                for index, layer in enumerate(features):
                    if isinstance(layer, nn.MaxPool2d):
                        pool, conv = ...  # 1. a pooling: the next one's number, and the new count
                    elif isinstance(layer, nn.Conv2d):
                        conv = ...  # 2. one more
                    elif isinstance(layer, nn.ReLU) and ...:  # 3. is it the one?
                        return ...  # 4. all layers up to this one
            """,
        reference=phi,
        judge=judge_phi,
        hints=(
            "Put a finger on the printed list and count for phi(2, 2): the first pooling, then convolution 1, "
            "convolution 2, and its ReLU. When does your count of convolutions begin again?",
            "Behind a pooling the next one has a number higher by 1, and conv is 0 again. At a ReLU, compare both "
            "counts with i and j. features[: n] stops before layer n.",
            "pool, conv = pool + 1, 0 and conv = conv + 1; the condition is (pool, conv) == (i, j); return "
            "features[: index + 1].",
        ),
    ),
    Exercise(
        name="content_loss",
        lesson=6,
        title="the VGG loss",
        difficulty="medium",
        minutes=8,
        stub="""
            def content_loss(maps, sr, hr):
                of_sr = ...  # 1. the maps of SR, scaled
                of_hr = ...  # 2. the maps of HR, scaled: a fixed target
                return F.mse_loss(...)  # 3.
            """,
        reference=content_loss,
        judge=judge_content_loss,
        hints=(
            "Three steps: look at both images through the network, scale what it sees, compare. Which of the two "
            "images is to be changed by the gradient?",
            "maps(sr) and maps(hr) are the feature maps. Divide both by 12.75 before they are squared. detach() makes "
            "a tensor a constant.",
            "of_sr = maps(sr) / 12.75; of_hr = maps(hr).detach() / 12.75; return F.mse_loss(of_sr, of_hr).",
        ),
    ),
)
