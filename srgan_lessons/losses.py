"""Content, adversarial and perceptual loss (paper, section 2.2), each written once.

Images are in [0, 1]. Losses are computed in float32, even if the networks run in half precision.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srgan_lessons import UserError
from srgan_lessons.models import SCALE
from srgan_lessons.settings import ADVERSARIAL_WEIGHT, CONTENT
from srgan_lessons.stlpips import STLPIPS
from srgan_lessons.vgg import VGG16, VGGFeatures, offline_features, paper_features, phi_index, random_features

# The paper divides VGG19's features by 12.75, which brings the VGG loss to the size of the MSE loss (section 3.2). That
# number belongs to VGG19. The factors below do the same for the offline networks: with them, the loss of a bicubic
# image equals its MSE loss on average. The average is over the middle 200x200 pixels of every fourth photo of BSDS500
# train and test (for phi(1, 2), of 34 of these photos).
VGG19_SCALE = 1 / 12.75
OFFLINE_FACTOR = {"offline-vgg22": 3.37, "offline-vgg12": 5.38, "stlpips": 0.0386}

# The weights of the maps and of the pixels in the offline content loss. phi(2, 2) alone is blind to some faults of a
# whole image: a checkerboard of 6 grey levels costs .20 of what white noise of 6 levels costs, and a photo that is 6
# levels too bright costs .005 of it (five photos, grey noise). A generator trained on it alone loses its colours within
# 250 updates (Set5: 18.8 dB). With the pixels and phi(1, 2), which comes before the first pooling, the two faults cost
# .44 and .21, which is still less than noise.
OFFLINE_SHARE = {"offline-vgg22": 0.55, "offline-vgg12": 0.35, "mse": 0.35}

# The phase means make up for this. In a window of 48x48 pixels, each is a mean over 144 pixels, so errors without a
# fixed phase cancel out: 60 times the phase loss of bicubic images is .53 of their MSE loss (the middle 192x192 pixels
# of 100 photos of BSDS500). Patterns and tints keep their whole energy, and cost 29 times as much as noise. When there
# was one window for the whole crop, and a third of the weight, an SRGAN wove a pattern that followed the picture
# (docs/results.md).
PHASE_WEIGHT = 60.0
PHASE_WINDOW = 48  # pixels per side, a multiple of SCALE


def mse_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean squared error of the pixels, (N, 3, H, W) in [0, 1] -> a scalar. It is measured on [-1, 1], as in the paper.

    Only `sr` receives a gradient.
    """
    return F.mse_loss(2 * sr.float() - 1, 2 * hr.detach().float() - 1)


def phase_loss(sr: Tensor, hr: Tensor) -> Tensor:
    """Mean of the squared phase means of SR - HR: two batches (N, 3, H, W) in [0, 1] -> a scalar.

    This loss is ours, not the paper's. Two pixel shuffles by 2 make 16 kinds of pixels, by row and column modulo 4. No
    kind should be brighter than another. A phase mean is the mean of SR - HR over the pixels of one kind, in one
    channel of a window with sides of PHASE_WINDOW pixels. The 16 means are equal if the image is tinted, and differ if
    a pattern is woven into it. They are measured on [-1, 1]. Pixels that do not fill a window are left out; an image
    smaller than a window is one window, cut to a multiple of 4. Only `sr` receives a gradient. Raises UserError if a
    side is under 4 pixels.
    """
    height, width = (min(PHASE_WINDOW, side // SCALE * SCALE) for side in sr.shape[-2:])  # of a window
    if not (height and width):
        raise UserError(f"the phase loss needs {SCALE} pixels a side; this image has {sr.shape[-1]}x{sr.shape[-2]}")
    rows, columns = sr.shape[-2] // height, sr.shape[-1] // width  # of windows
    error = 2 * (sr.float() - hr.detach().float())[..., : rows * height, : columns * width]  # (N, 3, H, W)
    tiles = error.unflatten(3, (columns, width // SCALE, SCALE)).unflatten(2, (rows, height // SCALE, SCALE))
    return tiles.mean(dim=(3, 6)).square().mean()  # of (N, 3, rows, 4, columns, 4) means


class VGGLoss(nn.Module):
    """Mean squared distance between VGG feature maps (paper, eq. 5): two batches (N, 3, H, W) in [0, 1] -> a scalar.

    features: "vgg22" or "vgg54", the paper's VGG19; "offline-vgg22", the VGG16 of stlpips-pytorch; "random", phi(5, 4)
    of an untrained VGG19. Only `sr` receives a gradient. Raises UserError for other names and missing weights.

    Equation 5 divides by the width and height of the maps, not by their number. We take the mean over the maps, too. If
    the paper means the sum over them, its loss is 512 times ours for phi(5, 4), and 128 times ours for phi(2, 2). The
    adversarial loss, with its weight of 1e-3, would then count that much more here than there.
    """

    def __init__(self, features: str = "vgg54"):
        super().__init__()
        if features not in _FEATURES:
            raise UserError(f"VGGLoss: unknown features {features!r}; known: {', '.join(_FEATURES)}")
        make, (i, j), self.factor = _FEATURES[features]
        self.features: VGGFeatures = make(i, j)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        with torch.no_grad():
            target = self.features(hr)  # (N, 512, 6, 6) for vgg54 and crops of 96x96
        return self.factor * F.mse_loss(self.features(sr).float(), target.float())


_FEATURES = {
    "vgg22": (paper_features, (2, 2), VGG19_SCALE**2),
    "vgg54": (paper_features, (5, 4), VGG19_SCALE**2),
    "offline-vgg22": (offline_features, (2, 2), OFFLINE_FACTOR["offline-vgg22"]),
    "random": (random_features, (5, 4), VGG19_SCALE**2),
}


class STLPIPSLoss(nn.Module):
    """ST-LPIPS (VGG) as a content loss: two batches (N, 3, H, W) in [0, 1] -> a scalar. Only `sr` gets a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.distance = STLPIPS("vgg")

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return OFFLINE_FACTOR["stlpips"] * self.distance(sr, hr.detach()).float().mean()


class OfflineLoss(nn.Module):
    """The content loss of srgan-offline: .55 phi(2, 2) + .35 phi(1, 2) + .35 `mse_loss` + 60 `phase_loss`.

    Two batches (N, 3, H, W) in [0, 1] -> a scalar. The maps come from the offline VGG16, each scaled by its
    OFFLINE_FACTOR. The MSE keeps the colours, as the L1 term of ESRGAN does (Wang et al. 2018, eq. 3). Only `sr`
    receives a gradient. Raises UserError if weights are missing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = offline_features(2, 2)
        self.places = tuple(phi_index(i, 2, convs=VGG16, blur=True) for i in (1, 2))

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        with torch.no_grad():
            targets = self.features.maps(hr, self.places)  # (N, 64, H, W) and (N, 128, H/2 + 1, W/2 + 1)
        maps = self.features.maps(sr, self.places)
        loss = OFFLINE_SHARE["mse"] * mse_loss(sr, hr) + PHASE_WEIGHT * phase_loss(sr, hr)
        for name, found, target in zip(("offline-vgg12", "offline-vgg22"), maps, targets, strict=True):
            loss = loss + OFFLINE_SHARE[name] * OFFLINE_FACTOR[name] * F.mse_loss(found.float(), target.float())
        return loss


class MSELoss(nn.Module):
    """`mse_loss` as a module, so that every content loss is a module."""

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return mse_loss(sr, hr)


def content_loss(name: str) -> nn.Module:
    """The content loss of that name, one of CONTENT. Raises UserError for other names, and if weights are missing."""
    if name not in CONTENT:
        raise UserError(f"unknown content loss {name!r}; known: {', '.join(CONTENT)}")
    own = {"mse": MSELoss, "offline": OfflineLoss, "stlpips": STLPIPSLoss}
    return own[name]() if name in own else VGGLoss(name)


def adversarial_loss(fake_logits: Tensor) -> Tensor:
    """The generator's loss: mean of -log D(G(LR)), from the logits (N, 1) of generated images.

    The paper's eq. 6 has the sum. The loss is computed as softplus(-x), which equals -log sigmoid(x) and is exact for
    every x. With sigmoid and log, a very negative x would give -log 0.
    """
    return F.softplus(-fake_logits.float()).mean()


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The discriminator's loss, a cross-entropy: mean of -log D(HR) - log(1 - D(SR)), from logits (N, 1) (eq. 2)."""
    return F.softplus(-real_logits.float()).mean() + F.softplus(fake_logits.float()).mean()


def perceptual_loss(content: Tensor, adversarial: Tensor, weight: float = ADVERSARIAL_WEIGHT) -> Tensor:
    """Content loss plus 1e-3 times the adversarial loss (paper, eq. 3)."""
    return content + weight * adversarial


def total_variation(images: Tensor) -> Tensor:
    """The gradient's length, summed over the image and averaged over the batch: (N, 3, H, W) in [0, 1] -> a scalar.

    The paper names the regulariser and its weight, 2e-8, but not its normalisation (section 3.4; Aly and Dubois 2005).
    A weight as small as this one fits a sum, so we use a sum. It is measured on [-1, 1].
    """
    x = 2 * images.float() - 1
    down = x[..., 1:, :-1] - x[..., :-1, :-1]  # (N, 3, H-1, W-1)
    right = x[..., :-1, 1:] - x[..., :-1, :-1]  # (N, 3, H-1, W-1)
    length = torch.sqrt(down**2 + right**2 + 1e-12)  # the constant keeps the gradient finite in flat areas
    return length.sum() / len(images)
