"""VGG feature maps: the paper's VGG19, and a VGG16 that comes with a package and needs no download.

phi(i, j) is the map after the ReLU of the j-th convolution before the i-th max-pooling (paper, section 2.2.1).
"""

import importlib.util
import pickle
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from srgan_lessons import UserError
from srgan_lessons.files import atomic, data_root

# Convolutions before each max-pooling (Simonyan and Zisserman 2015, Table 1, columns E and D), and their widths.
VGG19, VGG16 = (2, 2, 4, 4, 4), (2, 2, 3, 3, 3)
WIDTHS = (64, 128, 256, 512, 512)

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of R, G, B in [0, 1]
IMAGENET_STD = (0.229, 0.224, 0.225)


def normalise(images: Tensor) -> Tensor:
    """Images in [0, 1] -> what networks trained on ImageNet expect: mean 0 and standard deviation 1 on its photos."""
    channels = images.split(1, dim=1)  # 3 times (N, 1, H, W); unlike tensors, plain numbers need no copy to the GPU
    parts = [(c - mean) / std for c, mean, std in zip(channels, IMAGENET_MEAN, IMAGENET_STD, strict=True)]
    return torch.cat(parts, dim=1)  # (N, 3, H, W)


class BlurPool(nn.Module):
    """Halves height and width without aliasing: a [1, 2, 1] blur, then every second pixel (Zhang 2019).

    (N, C, H, W) -> (N, C, H/2 + 1, W/2 + 1). Pads with two reflected pixels, as when the offline networks were trained.
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("kernel", (line[:, None] * line).view(1, 1, 3, 3), persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        kernel = self.kernel.to(x).expand(x.shape[1], 1, 3, 3)  # (C, 1, 3, 3)
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=x.shape[1])


def phi_index(i: int, j: int, *, convs: tuple[int, ...] = VGG19, blur: bool = False) -> int:
    """The place of phi(i, j) in the list of layers: the ReLU after the j-th convolution before the i-th max-pooling.

    Layers are conv, ReLU, conv, ReLU, ..., pool; with `blur` a pool is two layers. phi(2, 2) is layer 8 of VGG19 and
    phi(5, 4) layer 35. Raises UserError if the network has no such layer.
    """
    if not (1 <= i <= len(convs) and 1 <= j <= convs[i - 1]):
        raise UserError(f"there is no phi({i}, {j}): this VGG has {convs} convolutions before its max-poolings")
    layers_before = sum(2 * count + (2 if blur else 1) for count in convs[: i - 1])
    return layers_before + 2 * j - 1


class VGGFeatures(nn.Module):
    """A VGG cut off after phi(i, j). Maps images (N, 3, H, W) in [0, 1] to that feature map (N, C, H/2^(i-1), ...).

    Its weights are frozen, but gradients pass through it to the images, so it can serve as a loss.
    """

    def __init__(self, i: int, j: int, *, convs: tuple[int, ...] = VGG19, blur: bool = False):
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for count, width in zip(convs, WIDTHS, strict=True):
            for _ in range(count):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            layers += [nn.MaxPool2d(2, stride=1), BlurPool()] if blur else [nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers[: phi_index(i, j, convs=convs, blur=blur) + 1])
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "VGGFeatures":
        """Stays in evaluation mode: it is a measuring instrument, not a pupil."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:  # (N, 3, H, W), in [0, 1]
        return self.layers(normalise(images))  # (N, C, H', W')

    def maps(self, images: Tensor, places: Sequence[int]) -> list[Tensor]:
        """The maps after the layers at these places (see `phi_index`), in ascending order, from one pass."""
        x, found = normalise(images), []
        for place, layer in enumerate(self.layers):
            x = layer(x)  # (N, C, H', W')
            if place in places:
                found.append(x)
        return found


def paper_features(i: int, j: int) -> VGGFeatures:
    """phi(i, j) of torchvision's VGG19, the paper's content network. Its weights are downloaded once, then kept.

    Raises UserError if they are not on the disk and cannot be downloaded, and says what else can be done.
    """
    network, path = VGGFeatures(i, j), vgg19_weights()
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}). Delete it; it will be downloaded again.") from None
    load_layers(network.layers, weights, path)
    return network


def offline_features(i: int, j: int) -> VGGFeatures:
    """phi(i, j) of the anti-aliased VGG16 that comes with the package stlpips-pytorch. No connection is needed.

    It was trained for the perceptual metric ST-LPIPS (Ghildyal and Liu 2022), so it is not the plain ImageNet network.
    Its phi(2, 2) serves as a content loss, but its phi(5, 3) does not replace the paper's phi(5, 4).
    """
    network, path = VGGFeatures(i, j, convs=VGG16, blur=True), offline_weights("vgg")
    load_layers(network.layers, trunk_weights(read_state(path)), path)
    return network


def random_features(i: int, j: int, *, seed: int = 0) -> VGGFeatures:
    """phi(i, j) of an untrained VGG19, for tests and benchmarks, and as a negative control. Used only on request."""
    network = VGGFeatures(i, j)
    generator = torch.Generator().manual_seed(seed)
    for layer in network.layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def load_layers(layers: nn.Sequential, weights: dict[str, Tensor], path: Path) -> None:
    """Loads the weights of all these layers. Weights of layers after the cut are ignored.

    path: where the weights come from. Raises UserError if a layer is missing there, or has another size.
    """
    for name, ours in layers.state_dict().items():
        if name not in weights:
            raise UserError(
                f"{path} does not contain this network: it has no layer {name}. A file that was cut off after "
                "phi(2, 2) works only for the content losses offline and offline-vgg22. Replace it with the whole "
                "file, or delete it, so that the network is looked for elsewhere."
            )
        if weights[name].shape != ours.shape:
            raise UserError(f"{path} does not contain this network: layer {name} has another size. Delete the file.")
    layers.load_state_dict({name: weights[name] for name in layers.state_dict()})


def vgg19_weights() -> Path:
    """The convolutions of torchvision's VGG19 (IMAGENET1K_V1) as safetensors, 80 MB; downloaded at the first call.

    The published file is 548 MB in size, and is verified by the hash in its name. Only the convolutions are kept.
    """
    kept = data_root() / "weights" / "vgg19_features.safetensors"
    if kept.exists():
        return kept
    from srgan_lessons.download import download

    url = _vgg19_url()
    whole = kept.with_name(url.rsplit("/", 1)[1])  # vgg19-dcbb9e9d.pth: the name has the hash's first digits
    try:
        download(url, whole, sha256=whole.stem.rsplit("-", 1)[1])  # an existing copy is verified too
    except UserError as error:
        raise UserError(
            f"the paper's VGG19 is not on this machine and could not be downloaded: {error}\n"
            "There are two ways to get a content loss: (1) connect to the internet and run this again, or copy "
            f"{whole.name} to {whole.parent}; "
            '(2) pip install "srgan-lessons[offline]", which brings a VGG16 with it, and use the recipe srgan-offline '
            "(content offline)."
        ) from error
    state = read_state(whole)
    features = {name.removeprefix("features."): w for name, w in state.items() if name.startswith("features.")}
    with atomic(kept) as temporary:
        save_file(features, temporary)
    whole.unlink(missing_ok=True)
    return kept


def _vgg19_url() -> str:
    from torchvision.models import VGG19_Weights  # takes a long time to import

    return VGG19_Weights.IMAGENET1K_V1.url


def offline_weights(network: str) -> Path:
    """The weight file of the offline "vgg" or "alex" network: in the data folder's weights/, or in stlpips-pytorch.

    Raises UserError if it is in neither, and says how to get it.
    """
    name = f"{network}_shift_tolerant.pth"
    if (data_root() / "weights" / name).exists():
        return data_root() / "weights" / name
    package = importlib.util.find_spec("stlpips_pytorch")
    if package and package.submodule_search_locations:
        path = Path(package.submodule_search_locations[0]) / "weights" / "vST0.0" / name
        if path.exists():
            return path
    raise UserError(
        f"the offline {network} network ({name}) is not on this machine. There are two ways to get one: "
        '(1) pip install "srgan-lessons[offline]" installs it; (2) if you are online, use the paper\'s VGG19 instead '
        f"(content vgg22 or vgg54), which is downloaded. A copy in {data_root() / 'weights'} also works."
    )


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors that torch.save wrote, by name. Raises UserError for a damaged file, and for one with code in it."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{path} was not loaded: it is damaged, or has more than weights in it ({reason}). Delete it, and get it "
            "again."
        ) from None


def trunk_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The convolutions of an offline network, named by their place in the list of layers: "0.weight", "0.bias", ...

    state: the contents of its file, with names such as "net.slice2.5.weight" (slice, place) and "lin0.model.1.weight".
    """
    trunk = [name for name in state if name.startswith("net.slice") and not name.endswith(".filt")]
    return {name.split(".", 2)[2]: state[name] for name in trunk}
