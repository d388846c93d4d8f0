"""Answers to exercise vgg_input as students write them, and its reference against numbers from outside."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from answers import Answers

from srgan_lessons.exercises.lesson06.vgg_input import vgg_input
from srgan_lessons.exercises.shared.pictures import pictures
from srgan_lessons.vgg import normalise

answers = Answers(
    "vgg_input",
    sentences="""
images (N, 3, H, W) in [0, 1] :: 255; wrong axis
do not clamp values outside [0, 1] :: clamped
Gradients must get through :: detached
`images` itself must not change :: in place
the normalised images, in the same shape :: no mean; no std; first image
""",
)


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)


STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


@answers.right
def by_torchvision(images):
    return torchvision.transforms.functional.normalize(images, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@answers.right
def by_moving_axes(images):
    last = images.permute(0, 2, 3, 1)
    return ((last - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])).permute(0, 3, 1, 2)


@answers.right
def by_batch_norm(x):
    return F.batch_norm(x, MEAN.flatten(), STD.flatten() ** 2, eps=0)


@answers.wrong(says="put along the last axis, the width. Channels are axis 1")
def no_view(images):
    return (images - MEAN.flatten()) / STD.flatten()


@answers.wrong(says="Only the mean is divided")
def no_brackets(images):
    return images - MEAN / STD


@answers.wrong(says="nothing is divided")
def mean_only(images):
    return images - MEAN


@answers.wrong(says="the mean is not subtracted")
def std_only(images):
    return images / STD


@answers.wrong(says="is multiplied by std")
def times_std(images):
    return (images - MEAN) * STD


@answers.wrong(says="have changed places")
def swapped(images):
    return (images - STD) / MEAN


@answers.wrong(says="square of std")
def variance(images):
    return (images - MEAN) / STD**2


@answers.wrong(says="multiplied by 255")
def levels(images):
    return (images * 255 - MEAN) / STD


@answers.wrong(says="divided by 255")
def smaller(images):
    return (images / 255 - MEAN) / STD


@answers.wrong(says="taken to [-1, 1] first")
def papers_range(images):
    return (images * 2 - 1 - MEAN) / STD


@answers.wrong(says="from [-1, 1] to [0, 1] first")
def from_papers_range(images):
    return ((images + 1) / 2 - MEAN) / STD


@answers.wrong(says="takes R, G, B")
def as_in_caffe(images):
    return ((images - MEAN) / STD)[:, [2, 1, 0]]


@answers.wrong(says="in the order B, G, R")
def means_of_opencv(images):
    return (images - MEAN.flip(1)) / STD.flip(1)


@answers.wrong(says="Use ImageNet's mean and std")
def own_statistics(images):
    return (images - images.mean((2, 3), keepdim=True)) / images.std((2, 3), keepdim=True)


@answers.wrong(says="do not clamp")
def clamped(images):
    return (images.clamp(0, 1) - MEAN) / STD


@answers.wrong(says="no gradient comes through")
def without_gradient(images):
    with torch.no_grad():
        return (images - MEAN) / STD


@answers.wrong(says="along axis 0, the batch. Channels are axis 1")
def along_the_batch(images):
    return (images - MEAN.view(3, 1, 1, 1)) / STD.view(3, 1, 1, 1)


@answers.wrong(says="along axis 2, the height. Channels are axis 1")
def along_the_height(images):
    return (images - MEAN.view(1, 1, 3, 1)) / STD.view(1, 1, 3, 1)


@answers.wrong(says="changes one of its arguments")
def in_place_by_channel(x):
    for k in range(3):
        x[:, k] = (x[:, k] - MEAN[0, k]) / STD[0, k]
    return x


@answers.wrong(says="changes one of its arguments")
def in_place(images):
    images -= MEAN
    images /= STD
    return images


@answers.wrong(says="changes one of its arguments")
def in_place_by_data(images):
    images.data.sub_(MEAN).div_(STD)
    return images


@answers.wrong(says="Is the `return` missing?")
def no_return(images):
    (images - MEAN) / STD


@answers.wrong(says="The sign is reversed: this is (mean - images) / std")
def mean_minus_images(images):
    return (MEAN - images) / STD


@answers.wrong(says="divided by std, and then the mean is added")
def divided_then_added(images):
    return images / STD + MEAN


@answers.wrong(says="The images are multiplied by std")
def multiplied_then_subtracted(images):
    return images * STD - MEAN


TestAnswers = answers.tests()


def test_vgg_input_is_torchvisions_and_the_packages():
    images = pictures(2, 7, 5)
    assert torch.allclose(vgg_input(images), by_torchvision(images), atol=1e-6)
    assert torch.allclose(vgg_input(images), normalise(images), atol=1e-6)
    assert vgg_input(torch.ones(1, 3, 1, 1))[0, 0].item() == pytest.approx(2.2489, abs=1e-4)  # the judge's own example
