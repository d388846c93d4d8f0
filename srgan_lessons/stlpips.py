"""ST-LPIPS: a learned perceptual distance that ignores shifts by a pixel (Ghildyal and Liu, ECCV 2022).

Its weights come with the package stlpips-pytorch, so it needs no download. Equal pictures have the distance 0; the
lower the distance, the more alike two pictures look. It does not replace people: it prefers nearest neighbour to
bicubic, and raters do not.
"""

from torch import Tensor, nn

from srgan_lessons import UserError
from srgan_lessons.vgg import (
    VGG16,
    BlurPool,
    VGGFeatures,
    load_layers,
    normalise,
    offline_weights,
    phi_index,
    read_state,
    trunk_weights,
)


def _alexnet() -> nn.Sequential:
    """AlexNet with stride 1 and blurred pooling, the network that ST-LPIPS was trained with (its paper, section 4)."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, padding=2),
        BlurPool(),
        nn.ReLU(),  # 2
        nn.MaxPool2d(3, stride=1),
        BlurPool(),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),  # 6
        nn.MaxPool2d(3, stride=1),
        BlurPool(),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),  # 10
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),  # 12
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),  # 14
    )


def unit_length(x: Tensor) -> Tensor:
    """(N, C, h, w) -> the same shape, with a vector of length 1 at each place. Zeros have no direction and stay zeros.

    The constant is under the root: outside it, the gradient at zeros would be 0 times infinity. Lengths in photos are
    above .01, which is a thousand times the root of the constant.
    """
    x = x.float()  # in half precision the constant would be 0
    return x / (x.square().sum(dim=1, keepdim=True) + 1e-10).sqrt()


class STLPIPS(nn.Module):
    """Distance between two batches (N, 3, H, W) in [0, 1], as (N,). network: "alex" to judge, "vgg" to train against.

    It is the squared difference between feature maps of unit length, weighted by channel, averaged over places, and
    summed over five depths (Zhang et al. 2018, eq. 1). Raises UserError if the weights are not installed, sizes differ,
    or a side is under 21 pixels (alex) or 18 (vgg).
    """

    depths: tuple[int, ...]

    def __init__(self, network: str = "alex"):
        super().__init__()
        if network not in ("alex", "vgg"):
            raise UserError(f"STLPIPS: unknown network {network!r}; known: alex, vgg")
        path = offline_weights(network)
        state = read_state(path)
        if network == "alex":
            self.layers, self.depths, self.smallest = _alexnet(), (2, 6, 10, 12, 14), 21
        else:
            self.layers = VGGFeatures(5, 3, convs=VGG16, blur=True).layers
            self.depths = tuple(phi_index(i, n, convs=VGG16, blur=True) for i, n in enumerate(VGG16, start=1))
            self.smallest = 18  # pixels; with fewer, nothing is left for the last blurs to pad
        load_layers(self.layers, trunk_weights(state), path)
        for k in range(5):
            self.register_buffer(f"weight{k}", state[f"lin{k}.model.1.weight"])  # (1, C, 1, 1), not negative
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "STLPIPS":
        """Stays in evaluation mode."""
        return super().train(False)

    def features(self, images: Tensor) -> list[Tensor]:
        """Five maps (N, C, h, w), with a vector of length 1 at each place."""
        x, maps = normalise(images), []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in self.depths:
                maps.append(unit_length(x))
        return maps

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:  # (N, 3, H, W) each, in [0, 1]
        if sr.shape != hr.shape:
            raise UserError(f"STLPIPS: the images differ in size: {tuple(sr.shape)} and {tuple(hr.shape)}")
        if min(sr.shape[-2:]) < self.smallest:
            raise UserError(
                f"STLPIPS: {sr.shape[-1]}x{sr.shape[-2]} pixels are too few; each side needs {self.smallest}"
            )
        total = sr.new_zeros(sr.shape[0])
        for k, (a, b) in enumerate(zip(self.features(sr), self.features(hr), strict=True)):
            total = total + ((a - b) ** 2 * getattr(self, f"weight{k}")).sum(dim=1).mean(dim=(1, 2))  # (N,)
        return total
