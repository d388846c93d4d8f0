"""VGG feature maps and ST-LPIPS, against torchvision and the package that carries the offline weights."""

import importlib
import importlib.util
import warnings
from functools import cache
from pathlib import Path

import pytest
import torch
import torchvision
from loading import TOOLS, load
from loopback import Answer, serve, sha256
from safetensors.torch import load_file
from torch import nn

from srgan_lessons import UserError, vgg
from srgan_lessons.images import sample_photos, to_tensor
from srgan_lessons.resize import downscale, upscale
from srgan_lessons.stlpips import STLPIPS, unit_length
from srgan_lessons.vgg import (
    VGG16,
    VGGFeatures,
    normalise,
    offline_features,
    offline_weights,
    paper_features,
    phi_index,
    random_features,
    vgg19_weights,
)

downloads = importlib.import_module("srgan_lessons.download")
ROOT = Path(__file__).resolve().parent.parent


def torchvision_features(name: str) -> nn.Sequential:
    with torch.device("meta"):  # the 120 million numbers of the dense layers are not needed
        features = getattr(torchvision.models, name)(weights=None).features
    features = features.to_empty(device="cpu")
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.uniform_(layer.bias, -0.1, 0.1)
    return features.eval()


def photos(size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Bicubic enlargements and photos, two each, (2, 3, size, size)."""
    pictures = sample_photos()
    hr = torch.cat([to_tensor(pictures[name][100 : 100 + size, 150 : 150 + size]) for name in ("astronaut", "chelsea")])
    return upscale(downscale(hr)), hr


# Layers and indices


def test_phi_is_where_the_paper_has_it():
    assert phi_index(2, 2) == 8
    assert phi_index(5, 4) == 35
    assert phi_index(1, 1) == 1
    assert phi_index(5, 3, convs=VGG16) == 29


@pytest.mark.parametrize(("name", "convs"), [("vgg19", vgg.VGG19), ("vgg16", vgg.VGG16)])
def test_layers_are_torchvision_s(name, convs):
    theirs = torchvision_features(name)
    ours = VGGFeatures(5, convs[-1], convs=convs)
    assert [type(layer) for layer in ours.layers] == [type(layer) for layer in theirs][:-1]
    for mine, other in zip(ours.layers, theirs, strict=False):
        if isinstance(mine, nn.Conv2d):
            assert mine.weight.shape == other.weight.shape
    # phi(i, j) is a ReLU, its convolution the j-th since the (i-1)-th pooling
    for i, count in enumerate(convs, start=1):
        for j in range(1, count + 1):
            index = phi_index(i, j, convs=convs)
            before = list(theirs)[: index + 1]
            assert isinstance(before[-1], nn.ReLU)
            pools = [k for k, layer in enumerate(before) if isinstance(layer, nn.MaxPool2d)]
            assert len(pools) == i - 1
            assert sum(isinstance(layer, nn.Conv2d) for layer in before[(pools or [-1])[-1] + 1 :]) == j


@pytest.mark.parametrize(("i", "j", "shape"), [(2, 2, (128, 16, 16)), (5, 4, (512, 2, 2))])
def test_maps_are_torchvision_s(i, j, shape):
    theirs = torchvision_features("vgg19")
    ours = VGGFeatures(i, j)
    ours.layers.load_state_dict({name: theirs.state_dict()[name] for name in ours.layers.state_dict()})
    images = photos(32)[1]
    x = torchvision.transforms.functional.normalize(images, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    expected = theirs[: phi_index(i, j) + 1](x)
    assert expected.shape == (2, *shape)
    assert torch.allclose(ours(images), expected, atol=1e-5)


@pytest.mark.parametrize(("i", "j"), [(0, 1), (6, 1), (2, 3), (5, 5), (3, 0)])
def test_a_map_that_vgg19_does_not_have(i, j):
    with pytest.raises(UserError, match=rf"there is no phi\({i}, {j}\)"):
        VGGFeatures(i, j)


def test_vgg16_has_no_phi_5_4():
    with pytest.raises(UserError, match="no phi"):
        offline_features(5, 4)


def test_normalisation_by_hand():
    grey = normalise(torch.full((1, 3, 1, 1), 0.5)).flatten().tolist()
    assert grey == pytest.approx([0.015 / 0.229, 0.044 / 0.224, 0.094 / 0.225], abs=1e-6)
    black = normalise(torch.zeros(1, 3, 1, 1)).flatten().tolist()
    assert black == pytest.approx([-2.117904, -2.035714, -1.804444], abs=1e-6)


def test_blur_pool_by_hand():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    # reflected: rows 2 1 0 1 2 3 2 1; blurred [1 2 1]/4 around every second place, from place 1
    line = [2, 1, 0, 1, 2, 3, 2, 1]
    means = torch.tensor([(line[k] + 2 * line[k + 1] + line[k + 2]) / 4 for k in (0, 2, 4)])
    assert means.tolist() == [1, 1, 2.5]
    assert torch.equal(vgg.BlurPool()(x)[0, 0], 4 * means[:, None] + means)


# A measuring instrument


@pytest.mark.parametrize("make", [lambda: random_features(2, 2), lambda: STLPIPS("alex")])
def test_frozen_and_always_in_evaluation_mode(make):
    network = make()
    assert not any(p.requires_grad for p in network.parameters())
    nn.ModuleList([network]).train()
    assert not any(module.training for module in network.modules())


def test_gradients_reach_the_image():
    images = photos(32)[0].requires_grad_()
    random_features(5, 4)(images).sum().backward()
    assert (images.grad != 0).float().mean() > 0.9


def test_random_features_are_seeded_and_know_nothing():
    images = photos(32)[1]
    first, again, other = random_features(2, 2), random_features(2, 2), random_features(2, 2, seed=1)
    torch.manual_seed(5)
    assert torch.equal(first(images), again(images))
    assert not torch.equal(first(images), other(images))
    assert [type(layer) for layer in random_features(5, 4).layers] == [
        type(layer) for layer in VGGFeatures(5, 4).layers
    ]


# The paper's VGG19: downloaded once


@pytest.fixture
def small_vgg(tmp_path, monkeypatch):
    """A VGG19 of the same layers with few channels, as torch.save writes it, and an empty data folder."""
    monkeypatch.setattr(vgg, "WIDTHS", (4, 4, 6, 6, 8))
    monkeypatch.setattr(downloads, "PAUSE", 0.0)
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path / "data"))
    reference = random_features(5, 4, seed=3)
    for layer in reference.layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.uniform_(layer.bias, -0.1, 0.1)
    state = {f"features.{name}": w for name, w in reference.layers.state_dict().items()}
    state["classifier.0.weight"] = torch.ones(1000)
    torch.save(state, tmp_path / "small.pth")
    return reference, (tmp_path / "small.pth").read_bytes()


def publish(site, monkeypatch, body: bytes, *, digest: str | None = None, answer: Answer | None = None) -> str:
    name = f"vgg19-{(digest or sha256(body))[:8]}.pth"
    url = site.put(f"/models/{name}", answer or Answer(body=body))
    monkeypatch.setattr(vgg, "_vgg19_url", lambda: url)
    return name


def test_the_address_is_torchvision_s():
    assert vgg._vgg19_url().endswith("/vgg19-dcbb9e9d.pth")


def test_vgg19_is_downloaded_once_and_only_its_features_are_kept(small_vgg, tmp_path, monkeypatch):
    reference, body = small_vgg
    images = photos(32)[1]
    with serve() as site:
        publish(site, monkeypatch, body)
        assert torch.equal(paper_features(5, 4)(images), reference(images))
        assert len(site.seen) == 1
    # the server is gone: the second start needs none
    assert torch.equal(paper_features(5, 4)(images), reference(images))
    assert torch.equal(paper_features(2, 2)(images), reference.layers[:9](normalise(images)))
    folder = tmp_path / "data" / "weights"
    assert [path.name for path in folder.iterdir()] == ["vgg19_features.safetensors"]  # the large file is gone
    kept = load_file(folder / "vgg19_features.safetensors")
    assert set(kept) == set(reference.layers.state_dict())


def test_a_copy_put_there_by_hand_needs_no_network(small_vgg, tmp_path, monkeypatch):
    reference, body = small_vgg
    with serve() as site:
        name = publish(site, monkeypatch, body)
        (tmp_path / "data" / "weights").mkdir(parents=True)
        (tmp_path / "data" / "weights" / name).write_bytes(body)
        assert torch.equal(paper_features(5, 4)(photos(32)[1]), reference(photos(32)[1]))
        assert site.seen == []


def test_a_copy_put_there_by_hand_is_verified(small_vgg, tmp_path, monkeypatch):
    _, body = small_vgg
    with serve() as site:
        name = publish(site, monkeypatch, body)
        (tmp_path / "data" / "weights").mkdir(parents=True)
        (tmp_path / "data" / "weights" / name).write_bytes(body[:-100])
        paper_features(5, 4)
        assert len(site.seen) == 1  # cut off: fetched again


def test_wrong_bytes_are_refused(small_vgg, tmp_path, monkeypatch):
    _, body = small_vgg
    with serve() as site:
        publish(site, monkeypatch, body, digest="0" * 8)
        with pytest.raises(UserError, match="wrong bytes") as caught:
            paper_features(5, 4)
    assert "srgan-lessons[offline]" in str(caught.value)
    assert not list((tmp_path / "data" / "weights").glob("*.pth"))
    assert not list((tmp_path / "data" / "weights").glob("*.safetensors"))


def test_without_a_network_both_ways_are_named(small_vgg, monkeypatch):
    with serve() as site:
        closed = site.url
    monkeypatch.setattr(vgg, "_vgg19_url", lambda: f"{closed}/vgg19-dcbb9e9d.pth")
    with pytest.raises(UserError, match="not on this machine and could not be downloaded") as caught:
        paper_features(2, 2)
    message = str(caught.value)
    assert "(1) connect to the internet and run this again, or copy vgg19-dcbb9e9d.pth to" in message
    assert '(2) pip install "srgan-lessons[offline]"' in message
    assert "recipe srgan-offline (content offline)" in message


class Trap:
    """What a pickle can do when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_that_runs_code_is_refused(small_vgg, tmp_path, monkeypatch):
    torch.save({"features.0.weight": Trap(tmp_path / "ran")}, tmp_path / "trap.pth")
    with serve() as site:
        publish(site, monkeypatch, (tmp_path / "trap.pth").read_bytes())
        with pytest.raises(UserError, match="more than weights"):
            paper_features(2, 2)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "data" / "weights" / "vgg19_features.safetensors").exists()


@pytest.mark.parametrize("damage", [b"", b"no weights at all", b"cut"])
def test_damaged_weights_are_explained(small_vgg, tmp_path, monkeypatch, damage):
    _, body = small_vgg
    with serve() as site:
        publish(site, monkeypatch, body)
        kept = vgg19_weights()
    kept.write_bytes(kept.read_bytes()[:-50] if damage == b"cut" else damage)
    with pytest.raises(UserError, match=r"vgg19_features\.safetensors is damaged.*Delete it"):
        paper_features(2, 2)
    offline = tmp_path / "data" / "weights" / "vgg_shift_tolerant.pth"
    offline.write_bytes(body[:-50] if damage == b"cut" else damage)
    for make in (lambda: offline_features(2, 2), lambda: STLPIPS("vgg")):
        with pytest.raises(UserError, match=r"vgg_shift_tolerant\.pth was not loaded: it is damaged"):
            make()


def test_weights_of_another_network_are_explained(small_vgg, monkeypatch):
    _, body = small_vgg
    with serve() as site:
        publish(site, monkeypatch, body)
        vgg19_weights()
    monkeypatch.setattr(vgg, "WIDTHS", (4, 4, 8, 8, 8))
    paper_features(2, 2)  # the first layers fit
    with pytest.raises(UserError, match=r"does not contain this network: .*10\.weight"):
        paper_features(5, 4)


# The offline networks, against the package's own code


@cache
def theirs(network: str) -> nn.Module:
    package = importlib.import_module("stlpips_pytorch.stlpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = package.LPIPS(net=network, variant="shift_tolerant", verbose=False)
    return model.eval()


@torch.no_grad()
@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_st_lpips_is_the_package_s(network):
    sr, hr = photos()
    expected = theirs(network)(sr, hr, normalize=True).flatten()
    distance = STLPIPS(network)(sr, hr)
    assert distance.shape == (2,)
    assert expected.min() > 0.05
    assert torch.allclose(distance, expected, atol=1e-5)
    assert STLPIPS(network)(hr, hr).tolist() == [0, 0]


@torch.no_grad()
def test_offline_maps_are_the_package_s():
    model = theirs("vgg")
    images = photos()[1]
    maps = model.net(model.scaling_layer(2 * images - 1))
    for i, j in ((1, 2), (2, 2), (5, 3)):
        expected, found = maps[i - 1], offline_features(i, j)(images)
        assert found.shape == expected.shape
        assert expected.abs().max() > 0.1
        assert (found - expected).abs().max() < 1e-5 * max(1, expected.abs().max())


@torch.no_grad()
def test_several_maps_in_one_pass():
    images = photos()[1]
    places = [phi_index(i, 2, convs=VGG16, blur=True) for i in (1, 2)]
    fine, coarse = offline_features(2, 2).maps(images, places)
    assert torch.equal(fine, offline_features(1, 2)(images))
    assert torch.equal(coarse, offline_features(2, 2)(images))


def test_vectors_of_length_1():
    x = torch.tensor([[3.0, 0], [4, 0]]).view(1, 2, 1, 2).requires_grad_()  # (1, 2, 1, 2): (3, 4) and zeros
    found = unit_length(x)
    assert found.flatten().tolist() == pytest.approx([0.6, 0, 0.8, 0], abs=1e-6)
    (found - 1).square().sum().backward()
    assert x.grad.isfinite().all()
    half = torch.zeros(1, 2, 1, 1, dtype=torch.float16, requires_grad=True)
    (unit_length(half) - 1).square().sum().backward()
    assert not half.grad.isnan().any()


@torch.no_grad()
@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_the_constant_under_the_root_does_not_change_the_metric(monkeypatch, network):
    sr, hr = photos(96)
    distance = STLPIPS(network)
    found = distance(sr, hr)
    monkeypatch.setattr(
        "srgan_lessons.stlpips.unit_length", lambda x: x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
    )
    assert torch.allclose(found, distance(sr, hr), rtol=0, atol=1e-6)


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_flat_images_have_a_finite_gradient(network):
    sr = torch.zeros(1, 3, 48, 48, requires_grad=True)
    STLPIPS(network)(sr, torch.ones(1, 3, 48, 48)).sum().backward()
    assert sr.grad.isfinite().all()


def test_a_place_without_any_feature_stays_finite():
    """A vector of zeros has no direction; a NaN from it would end a training."""
    distance = STLPIPS("vgg")
    distance.layers[0].bias.fill_(-1e3)  # every ReLU of the first two layers is 0 everywhere
    distance.layers[2].bias.fill_(-1.0)
    sr, hr = (images.clone() for images in photos(48))
    sr.requires_grad_()
    found = distance(sr, hr)
    assert found.isfinite().all()
    found.sum().backward()
    assert sr.grad.isfinite().all()


@pytest.fixture
def cut_weights(tmp_path, monkeypatch):
    """A data folder whose VGG16 ends after phi(2, 2), as tools/gpu_data.py writes it."""
    state = load(TOOLS / "gpu_data.py").cut_vgg()
    (tmp_path / "weights").mkdir()
    torch.save(state, tmp_path / "weights" / "vgg_shift_tolerant.pth")
    whole = vgg.read_state(offline_weights("vgg"))
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path))
    return tmp_path / "weights" / "vgg_shift_tolerant.pth", state, whole


def test_the_cut_file_serves_phi_2_2_and_says_so_of_deeper_layers(cut_weights):
    path, state, whole = cut_weights
    assert offline_weights("vgg") == path
    assert path.stat().st_size < 1.1e6
    assert all(torch.equal(tensor, whole[name]) for name, tensor in state.items())
    assert len(state) == 8  # four convolutions, each with weights and biases
    images = photos()[1]
    expected = theirs("vgg").net(theirs("vgg").scaling_layer(2 * images - 1))
    with torch.no_grad():
        for i in (1, 2):
            assert torch.allclose(offline_features(i, 2)(images), expected[i - 1], rtol=1e-4, atol=1e-4)
    for make in (lambda: offline_features(3, 1), lambda: STLPIPS("vgg")):
        with pytest.raises(UserError, match=r"has no layer 12\.weight\. A file that was cut off after phi\(2, 2\)"):
            make()


@torch.no_grad()
@pytest.mark.parametrize(("network", "smallest"), [("alex", 21), ("vgg", 18)])
def test_the_smallest_images_that_can_be_measured(network, smallest):
    """The package's own network measures them, too; where a side has a pixel less, it has nothing left to pad."""
    distance = STLPIPS(network)
    sr, hr = photos()
    fits = (..., slice(smallest), slice(40))
    assert torch.allclose(distance(sr[fits], hr[fits]), theirs(network)(sr[fits], hr[fits], normalize=True).flatten())
    too_few = (..., slice(smallest - 1), slice(40))
    with pytest.raises(UserError, match=f"40x{smallest - 1} pixels are too few; each side needs {smallest}"):
        distance(sr[too_few], hr[too_few])
    with pytest.raises(RuntimeError, match=r"[Pp]adding"):
        theirs(network)(sr[too_few], hr[too_few], normalize=True)


def test_sizes_that_differ_and_networks_that_are_not_there():
    with pytest.raises(UserError, match="differ in size"):
        STLPIPS("alex")(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 60))
    with pytest.raises(UserError, match="unknown network 'squeeze'; known: alex, vgg"):
        STLPIPS("squeeze")


def test_without_the_package_both_ways_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path))
    here = offline_weights("vgg")
    monkeypatch.setattr(vgg.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        offline_features(2, 2)
    message = str(caught.value)
    assert 'pip install "srgan-lessons[offline]"' in message
    assert "use the paper's VGG19 instead" in message
    assert str(tmp_path / "weights") in message
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / here.name).symlink_to(here)  # a copy in the data folder also serves
    assert offline_weights("vgg") == tmp_path / "weights" / here.name
    offline_features(2, 2)
