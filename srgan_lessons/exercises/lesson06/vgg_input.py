"""Exercise 6.2: images as VGG expects them."""

import torch
import torch.nn.functional as F

from srgan_lessons.exercises.calling import call, call_as_it_is
from srgan_lessons.exercises.differing import show_smallest
from srgan_lessons.exercises.exercise import Exercise, Mistake, NotYet
from srgan_lessons.exercises.naming import recognise
from srgan_lessons.exercises.reading import as_tensor
from srgan_lessons.exercises.shared.features import same
from srgan_lessons.exercises.shared.pictures import pictures, wrong_axis
from srgan_lessons.vgg import IMAGENET_MEAN, IMAGENET_STD


def vgg_input(images):  # (N, 3, H, W), in [0, 1]
    mean = torch.tensor([0.485, 0.456, 0.406], device=images.device)
    std = torch.tensor([0.229, 0.224, 0.225], device=images.device)
    # SOLUTION
    return (images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)  # (N, 3, H, W)
    # STUB
    # return ...  # (N, 3, H, W)
    # END


def judge(candidate) -> None:
    images = pictures(2, 4, 5)
    result = _normalised(candidate, images)
    if not same(result.float(), vgg_input(images)):
        if result.dtype in (torch.float16, torch.bfloat16):
            raise NotYet(
                f"The result is {result.dtype}, which has only three digits. Keep the type that the images have."
            )
        recognise(result.detach(), _input_slips(images), within=1e-4)
        _name_channels(result.float(), vgg_input(images))
        _name_numbers(candidate, result, images)
        one = torch.tensor([1.0, 0.5, 0.25]).view(1, 3, 1, 1)
        show_smallest(candidate, vgg_input, [(one,)], within=1e-4, advice="(image - mean) / std, channel by channel.")
        raise NotYet(
            "This is not (image - mean) / std for each channel. Try one pixel: in a white one, red must become "
            "(1 - 0.485) / 0.229 = 2.249."
        )
    outside = 1.5 * images - 0.25  # as the output of a generator may be
    if not same(_normalised(candidate, outside).float(), vgg_input(outside)):
        raise NotYet(
            "Values below 0 or above 1 are cut off. A generator does make such values, and needs their gradient: do "
            "not clamp."
        )
    square = pictures(3, 3, 3)  # here a mean of shape (3,) can be subtracted along any axis
    if not same(_normalised(candidate, square).float(), vgg_input(square)):
        raise NotYet("The means were put along the wrong axis. Channels are axis 1: view(1, 3, 1, 1) puts them there.")
    one = pictures(1, 4, 4).requires_grad_()
    result = as_tensor(call_as_it_is(candidate, one), (1, 3, 4, 4))
    if not result.requires_grad or torch.autograd.grad(result.sum(), one, allow_unused=True)[0] is None:
        raise NotYet("The numbers are right, but no gradient comes through: is there a detach, a no_grad or numpy?")


def _name_channels(result: torch.Tensor, right: torch.Tensor) -> None:
    """Raises NotYet if one or two of the three channels are right."""
    names = ("red", "green", "blue")
    wrong = [c for c in range(3) if not same(result[:, c], right[:, c])]
    if 0 < len(wrong) < 3:
        rest = " and ".join(names[c] for c in range(3) if c not in wrong)
        numbers = ", ".join(f"{names[c]}: mean {IMAGENET_MEAN[c]}, std {IMAGENET_STD[c]}" for c in wrong)
        raise NotYet(f"Only {rest} {'is' if len(wrong) == 2 else 'are'} right. Compare your numbers: {numbers}.")


def _name_numbers(candidate, result: torch.Tensor, images: torch.Tensor) -> None:
    """Raises NotYet with the answer's mean and std, if it is (image - mean) / std with other numbers."""
    black, white = (_normalised(candidate, torch.full((2, 3, 4, 5), level))[:1, :, :1, :1] for level in (0.0, 1.0))
    slope = white - black  # (1, 3, 1, 1)
    if slope.all() and same(result.float(), (images * slope + black).float()):
        mean, std = ((-black / slope).flatten().tolist(), (1 / slope).flatten().tolist())
        yours, right = (
            " and ".join(f"{name} {', '.join(f'{n:.3g}' for n in numbers)}" for name, numbers in pair)
            for pair in ((("mean", mean), ("std", std)), (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)))
        )
        raise NotYet(f"Yours is (image - mean) / std with {yours}; {right} are expected.")


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
        "The images are rounded to half precision (float16) on the way. Keep the type that they have.": (
            (images.half().float() - mean) / std
        ),
        "The images are rounded to 256 levels first. Take them as they are: a step has no slope.": (
            ((images * 255).round() / 255 - mean) / std
        ),
        "This is F.normalize, which gives the channels of each pixel the length 1. Here ImageNet's mean is subtracted, "
        "and the rest divided by its std.": F.normalize(images),
        "Each image's own mean is subtracted, too. Subtract ImageNet's mean alone.": (images - own[0] - mean) / std,
        "The images come out as they went in.": images,
        "The mean is subtracted, but nothing is divided by std.": images - mean,
        "This is what Caffe's VGG takes: images up to 255, minus the mean, not divided by std. torchvision's VGG takes "
        "images in [0, 1], minus the mean, divided by std.": 255 * (images - mean),
        "The images are divided by std, but the mean is not subtracted first.": images / std,
        "The difference is multiplied by std. Divide it by std.": (images - mean) * std,
        "The mean is added. Subtract it.": (images + mean) / std,
        "The sign is reversed: this is (mean - images) / std. Subtract the mean from the images.": (mean - images)
        / std,
        "The images are divided by std, and then the mean is added. Subtract it, and do that first: (images - mean) / "
        "std.": images / std + mean,
        "The images are multiplied by std. Subtract the mean, then divide by std: (images - mean) / std.": (
            images * std - mean
        ),
        "mean and std have changed places.": (images - std) / mean,
        "Only the mean is divided: write brackets around images - mean.": images - mean / std,
        "The images are divided by std first, and then the mean is subtracted. Subtract first: (images - mean) / "
        "std.": (images / std - mean),
        "This is the way back: multiplied by std, plus the mean. Here the mean is subtracted, and the rest divided by "
        "std.": (images * std + mean),
        "This divides by the square of std. Divide by std itself.": ((images - mean) / std**2),
        "This divides by the root of std. std is not a variance: divide by it as it is.": (images - mean) / std.sqrt(),
        "The images are multiplied by 255. These means belong to images in [0, 1].": (255 * images - mean) / std,
        "The images are divided by 255. They are already in [0, 1].": (images / 255 - mean) / std,
        "The images are taken to [-1, 1] first. These means belong to images in [0, 1].": (2 * images - 1 - mean) / std,
        "The images are taken from [-1, 1] to [0, 1] first. They are already in [0, 1].": (
            ((images + 1) / 2 - mean) / std
        ),
        "This only takes the images to [-1, 1]. Use the mean and the std of each channel.": 2 * images - 1,
        "The channels are reordered to B, G, R. This network takes R, G, B.": ((images - mean) / std).flip(1),
        "The images are reordered to B, G, R, but the means are not. This network takes R, G, B.": (
            (images.flip(1) - mean) / std
        ),
        "The means and stds are in the order B, G, R. The images are R, G, B.": (images - mean.flip(1)) / std.flip(1),
        "All channels have the same mean and std. Each has its own: red 0.485 and 0.229, and so on.": (
            (images - mean.mean()) / std.mean()
        ),
        f"Each image is normalised with its own mean and std. {ours}": (images - own[0]) / own[1],
        f"The batch is normalised with its own mean and std. {ours}": (images - batch[0]) / batch[1],
        f"The images are normalised with one mean and one std of all their numbers. {ours}": (images - one[0]) / one[1],
    }


EXERCISE = Exercise(
    name="vgg_input",
    lesson=6,
    place=2,
    title="images as VGG expects them",
    difficulty="easy",
    minutes=6,
    reference=vgg_input,
    judge=judge,
    hints=(
        "From each channel, subtract its mean, and divide what is left by its std.",
        "torch compares shapes from the right, so (3,) meets the width. To meet the channels, the mean needs the shape "
        "(1, 3, 1, 1).",
        "(images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)",
    ),
    mistakes=(
        Mistake(
            "no brackets around images - mean",
            says="Only the mean is divided",
            ask="Which is computed first, the minus or the division?",
        ),
        Mistake(
            "images taken to [-1, 1] first",
            says="taken to [-1, 1] first",
            ask="In which range were the means measured?",
        ),
    ),
)
