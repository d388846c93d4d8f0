"""Answers to exercise content_loss as students write them, and its reference against numbers from outside."""

import pytest
import torch
import torch.nn.functional as F
from answers import Answers
from torch import nn

from srgan_lessons.exercises.lesson06.content_loss import content_loss
from srgan_lessons.exercises.shared.pictures import pictures
from srgan_lessons.losses import VGGLoss
from srgan_lessons.vgg import random_features

answers = Answers(
    "content_loss",
    sentences="""
`content_loss(maps, sr, hr)` -- its signature
the formula above with its 12.75 :: unscaled; no 12.75
takes images in [0, 1] and normalises them itself :: normalised twice; pixel
Do not clamp SR :: clamped
leave `maps`, `sr` and `hr` unchanged :: train mode; eval mode; unfreezes
HR is a fixed target :: hr learns
a tensor with one number :: item; sum
that passes a gradient to SR and none to HR :: sr no grad; hr learns
""",
)


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)


STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


@answers.right
def factor_outside(maps, sr, hr):
    with torch.no_grad():
        target = maps(hr)
    return ((maps(sr) - target) ** 2).mean() / 12.75**2


@answers.right
def in_one_batch(network, fake, real):
    a, b = (network(torch.cat([fake, real.detach()])) * (1 / 12.75)).chunk(2)
    return (a - b).pow(2).mean()


@answers.right
def detached_behind_the_batch(maps, sr, hr):
    """HR's gradient is there, and zero."""
    a, b = maps(torch.cat([sr, hr])).chunk(2)
    return F.mse_loss(a / 12.75, b.detach() / 12.75)


@answers.right
def in_a_vector(maps, sr, hr):
    """One number, in a tensor of shape (1,)."""
    return content_loss(maps, sr, hr).reshape(1)


@answers.wrong(says="SR is clamped to [0, 1]")
def sr_clamped(maps, sr, hr):
    return F.mse_loss(maps(sr.clamp(0, 1)) / 12.75, maps(hr).detach() / 12.75)


@answers.wrong(says="SR is clamped to [0, 1]")
def both_clamped(maps, sr, hr):
    return F.mse_loss(maps(sr.clamp(0, 1)) / 12.75, maps(hr.clamp(0, 1)).detach() / 12.75)


@answers.wrong(says="left in training mode")
def in_training_mode(maps, sr, hr):
    return content_loss(maps.train(), sr, hr)


@answers.wrong(says="changes one of its arguments: `hr`")
def no_gradient_to_hr(maps, sr, hr):
    hr.requires_grad_(False)
    return F.mse_loss(maps(sr) / 12.75, maps(hr) / 12.75)


@answers.wrong(says="changes one of its arguments: `hr`")
def hr_detached_in_place(maps, sr, hr):
    return F.mse_loss(maps(sr) / 12.75, maps(hr.detach_()) / 12.75)


@answers.wrong(says="`maps` normalises them again")
def normalised_twice(maps, sr, hr):
    return F.mse_loss(maps((sr - MEAN) / STD) / 12.75, maps((hr - MEAN) / STD).detach() / 12.75)


@answers.wrong(says="the maps of the difference")
def of_the_difference(maps, sr, hr):
    return (maps(sr - hr.detach()) / 12.75).square().mean()


@answers.wrong(says="the sum over each image, averaged over the batch")
def sum_of_an_image(maps, sr, hr):
    return (maps(sr) / 12.75 - maps(hr).detach() / 12.75).square().sum(dim=(1, 2, 3)).mean()


@answers.wrong(says="divided by 12.75 once")
def not_squared(maps, sr, hr):
    return F.mse_loss(maps(sr), maps(hr).detach()) / 12.75


@answers.wrong(says="The maps are not divided by 12.75")
def unscaled(maps, sr, hr):
    return F.mse_loss(maps(sr), maps(hr).detach())


@answers.wrong(says="Only the maps of SR")
def one_side(maps, sr, hr):
    return F.mse_loss(maps(sr) / 12.75, maps(hr).detach())


@answers.wrong(says="HR gets a gradient, too")
def no_detach(maps, sr, hr):
    return F.mse_loss(maps(sr) / 12.75, maps(hr) / 12.75)


@answers.wrong(says="SR gets no gradient")
def everything_in_no_grad(maps, sr, hr):
    with torch.no_grad():
        return F.mse_loss(maps(sr) / 12.75, maps(hr) / 12.75)


@answers.wrong(says="it is HR that gets the gradient")
def wrong_side_detached(maps, sr, hr):
    return F.mse_loss(maps(sr).detach() / 12.75, maps(hr) / 12.75)


@answers.wrong(says="rebuilt with torch.tensor")
def wrapped(maps, sr, hr):
    return torch.tensor(content_loss(maps, sr, hr).item())


@answers.wrong(says=".item() cuts the gradient off")
def a_number(maps, sr, hr):
    return content_loss(maps, sr, hr).item()


@answers.wrong(says="mean absolute difference")
def absolute(maps, sr, hr):
    return F.l1_loss(maps(sr) / 12.75, maps(hr).detach() / 12.75)


@answers.wrong(says="yours is their sum")
def summed(maps, sr, hr):
    return F.mse_loss(maps(sr) / 12.75, maps(hr).detach() / 12.75, reduction="sum")


@answers.wrong(says="summed over the channels")
def summed_channels(maps, sr, hr):
    return (maps(sr) / 12.75 - maps(hr).detach() / 12.75).square().sum(dim=1).mean()


@answers.wrong(says="no root")
def with_a_root(maps, sr, hr):
    return content_loss(maps, sr, hr).sqrt()


@answers.wrong(says="without a root")
def a_norm(maps, sr, hr):
    return torch.linalg.vector_norm(maps(sr) / 12.75 - maps(hr).detach() / 12.75)


@answers.wrong(says="Divide the feature maps")
def images_scaled(maps, sr, hr):
    return F.mse_loss(maps(sr / 12.75), maps(hr.detach() / 12.75))


@answers.wrong(says="go into the network in [-1, 1]")
def papers_range_in(maps, sr, hr):
    return F.mse_loss(maps(2 * sr - 1) / 12.75, maps(2 * hr.detach() - 1) / 12.75)


@answers.wrong(says="not their feature maps")
def pixels_only(maps, sr, hr):
    return F.mse_loss(sr, hr.detach())


@answers.wrong(says="0.006 is what the paper rounds to")
def rounded(maps, sr, hr):
    return 0.006 * F.mse_loss(maps(sr), maps(hr).detach())


@answers.wrong(says="They should be divided by it")
def multiplied(maps, sr, hr):
    return F.mse_loss(12.75 * maps(sr), 12.75 * maps(hr).detach())


@answers.wrong(says="averaged first")
def mean_first(maps, sr, hr):
    return (maps(sr) / 12.75 - maps(hr).detach() / 12.75).mean() ** 2


@answers.wrong(says="`sr` requires a gradient afterwards, but did not before")
def sr_requires_a_gradient(maps, sr, hr):
    return content_loss(maps, sr.requires_grad_(), hr)


@answers.wrong(says="`sr` has a gradient in .grad afterwards")
def backward_called(maps, sr, hr):
    loss = content_loss(maps, sr, hr)
    loss.backward(retain_graph=True)
    return loss


@answers.wrong(says="`maps` comes frozen, and must stay frozen")
def maps_unfrozen(maps, sr, hr):
    return content_loss(maps.requires_grad_(), sr, hr)


@answers.wrong(says="it is called with (maps, sr, hr), but yours takes (sr, hr, maps)")
def network_last(sr, hr, maps):
    return content_loss(maps, sr, hr)


@answers.wrong(says="The maps of SR and HR are added")
def added(maps, sr, hr):
    return (maps(sr) / 12.75 + maps(hr).detach() / 12.75).square().mean()


@answers.wrong(says="The difference of the maps is not squared")
def not_squared_at_all(maps, sr, hr):
    return (maps(sr) / 12.75 - maps(hr).detach() / 12.75).mean()


@answers.wrong(says="HR minus SR, is not squared")
def hr_minus_sr(maps, sr, hr):
    return (maps(hr).detach() / 12.75 - maps(sr) / 12.75).mean()


@answers.wrong(says="Subtract first, then square")
def squared_first(maps, sr, hr):
    return ((maps(sr) / 12.75).square() - (maps(hr).detach() / 12.75).square()).mean()


@answers.right
def a_copy_that_requires_a_gradient(maps, sr, hr):
    return content_loss(maps, sr if sr.requires_grad else sr.detach().requires_grad_(), hr)


TestAnswers = answers.tests()


def test_content_loss_is_the_packages():
    sr, hr = pictures(2, 32, 32), pictures(2, 32, 32, seed=1)
    assert torch.allclose(content_loss(random_features(5, 4), sr, hr), VGGLoss("random")(sr, hr), rtol=1e-5)


def test_content_loss_by_hand():
    sr, hr = torch.full((1, 3, 2, 2), 0.75), torch.full((1, 3, 2, 2), 0.25)
    assert content_loss(nn.Identity(), sr, hr).item() == pytest.approx(0.25 / 162.5625)
