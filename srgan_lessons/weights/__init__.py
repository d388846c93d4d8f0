"""Trained networks as files: safetensors with a description of the network, and no code that could be run.

The metadata of a file contains "network", for example {"kind": "generator", "blocks": 16, "channels": 64} as JSON, and
what training adds: recipe, updates. The weights that come with the course are in this folder, each with a card.
"""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from srgan_lessons import UserError, files
from srgan_lessons.files import atomic, expand, explain_read_error, plural, shipped_weights
from srgan_lessons.images import take_pictures
from srgan_lessons.models import ESPCN, SCALE, About, Generator, count_parameters

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")
LARGEST = 1024  # blocks or channels; a file with more is broken, and building its network would fill the memory


def describe(network: nn.Module) -> dict[str, str | int]:
    """What is needed to build the network again: {"kind": "espcn"} or {"kind": "generator", "blocks", "channels"}.

    Raises TypeError for another kind of network.
    """
    if isinstance(network, ESPCN):
        return {"kind": "espcn"}
    if isinstance(network, Generator):
        return {"kind": "generator", "blocks": len(network.trunk) - 2, "channels": network.tail.in_channels}
    raise TypeError(f"only weights of ESPCN and Generator can be saved, not those of {type(network).__name__}")


def save_network(path: str | Path, network: nn.Module, **metadata: str) -> None:
    """Writes the weights of an ESPCN or a Generator to a .safetensors file, completely or not at all.

    metadata: texts to keep with them, for example recipe="srgan-vgg54", updates="200000". Raises UserError for another
    ending, a full disk or a folder that cannot be written to; TypeError for another network or metadata that is not
    text.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise UserError(f"{path}: the ending of a weights file is .safetensors, not {path.suffix or 'nothing'}.")
    if wrong := [name for name, text in metadata.items() if not isinstance(text, str) or name == "network"]:
        raise TypeError(f'metadata must be texts, none of them named "network": {", ".join(wrong)}')
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with atomic(path) as temporary:
        temporary.write_bytes(save(state, metadata={"network": json.dumps(describe(network)), **metadata}))


def load_network(weights: str | Path) -> ESPCN | Generator:
    """The network of a weights file, in float32 on the CPU, in evaluation mode: `srgan_lessons.load`.

    It maps (N, 3, h, w) in [0, 1] to (N, 3, 4h, 4w), and also accepts one picture in any form, see
    `images.check_image`; for whole photos use `upscaling.upscale`. Its attribute `about` describes it, see
    `models.About`.
    weights: a name of `shipped_weights()`, or the path of a .safetensors file that training wrote. Weights kept in half
    precision are widened. Raises UserError for an unknown name, a file that is not safetensors (a pickle is not opened:
    it could run code), and a file that is cut off, was written by another program, or does not fit the network that it
    describes.
    """
    path = find_weights(weights)
    metadata, state = _read(path)
    network = _build(metadata, path)
    state = _unwrapped(state, path)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if missing := sorted(expected.keys() - found.keys()):
        raise UserError(f"{path}: the weights {_some(missing)} of its {label(network)} are missing. {_AGAIN}")
    if strange := sorted(found.keys() - expected.keys()):
        raise UserError(f"{path}: its {label(network)} has no weights named {_some(strange)}. {_AGAIN}")
    if other := [name for name in sorted(expected) if expected[name] != found[name]]:
        name = other[0]
        raise UserError(
            f"{path}: {name} has the shape {found[name]}, but its {label(network)} needs {expected[name]}. {_AGAIN}"
        )
    floats = {name for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    if strange := [name for name in sorted(state) if name in floats and not state[name].is_floating_point()]:
        are = plural(len(strange), "is", "are")
        raise UserError(
            f"{path}: {_some(strange)} {are} stored as {state[strange[0]].dtype}, but weights are floating-point "
            "numbers. Quantised weights cannot be read: save them in float32 or float16."
        )
    if broken := [name for name in sorted(state) if not state[name].isfinite().all()]:
        contain = plural(len(broken), "contains", "contain")
        raise UserError(f"{path}: {_some(broken)} {contain} values that are not numbers (NaN or infinite). {_AGAIN}")
    # Copies into float32. `to_empty` would import sympy first, which takes a hundred times as long as the copies.
    types = {name: tensor.dtype for name, tensor in network.state_dict().items()}
    copies = {name: tensor.to(types[name], copy=True).contiguous() for name, tensor in state.items()}
    network.load_state_dict(copies, assign=True)
    network.about = _about(path, network, metadata)
    network.register_forward_pre_hook(take_pictures)
    return network.eval()


def _about(path: Path, network: ESPCN | Generator, metadata: dict[str, str]) -> About:
    card = path.with_suffix(".md") if path.parent == files.WEIGHTS else None
    return About(
        name=path.absolute().parent.name if path.stem == "weights" else path.stem,  # for a run, the name of its folder
        network=label(network),
        parameters=count_parameters(network),
        scale=SCALE,
        halo=network.halo,
        recipe=metadata.get("recipe"),
        card=card.read_text(encoding="utf-8") if card and card.is_file() else None,
    )


def read_metadata(weights: str | Path) -> dict[str, str]:
    """The texts kept with the weights: network (JSON), recipe, updates, ... Raises UserError as `load_network` does."""
    return _read(find_weights(weights), tensors=False)[0]


def find_weights(weights: str | Path) -> Path:
    """The weights file for a shipped name or a path. If there is none, raises UserError with the known names."""
    if not isinstance(weights, str | os.PathLike):
        raise UserError(f"weights are a name or the path of a file, not {type(weights).__name__}.")
    if weights in shipped_weights():
        return files.WEIGHTS / f"{weights}.safetensors"
    path = expand(weights)
    if path.is_file():
        return path
    names = ", ".join(shipped_weights()) or "none in this installation"
    if path.is_dir():
        if (path / "weights.safetensors").is_file():  # a run folder
            raise UserError(f"{path} is a folder. Its weights are {path / 'weights.safetensors'}.")
        raise UserError(f"{path} is a folder; name a .safetensors file in it.")
    raise UserError(
        f"there are no weights {str(weights)!r}: no such file, and the names that come with the course are: {names}. "
        "The path of a .safetensors file that training wrote also works."
    )


_AGAIN = "It was written by another program or version, or is damaged: copy it again, or train again."


def _read(path: Path, *, tensors: bool = True) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError as error:
        raise UserError(explain_read_error(path, error)) from None
    if not start:
        raise UserError(f"{path} is empty (0 bytes). Copy it again.")
    # A safetensors file begins with the length of its head, which may have a pickle's first byte; then comes the head.
    pickled = start.startswith((b"PK\x03\x04", b"\x80")) and start[8:] != b"{"
    if path.suffix.lower() in PICKLES or pickled:
        raise UserError(
            f"{path} looks like a pickle, which torch.save writes. A pickle can run any code when it is opened, so it "
            "was not opened. Training writes weights.safetensors into its run folder: use that file."
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()} if tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(
            f"{path} is cut off, damaged or not a safetensors file ({error}). Copy it again, or train again."
        ) from None
    return metadata, state


# What torch puts before each name when a network is wrapped.
_WRAPPERS = {"module.": "DataParallel and DistributedDataParallel", "_orig_mod.": "torch.compile"}


def _unwrapped(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The same weights under their own names if they were saved from a wrapped network.

    Raises UserError if only some of the names have the wrapper's prefix.
    """
    while prefix := next((prefix for prefix in _WRAPPERS if any(name.startswith(prefix) for name in state)), None):
        if plain := [name for name in sorted(state) if not name.startswith(prefix)]:
            raise UserError(
                f"{path}: some of its weights begin with {prefix}, which {_WRAPPERS[prefix]} puts before names, but "
                f"others do not ({_some(plain)}). Save the state of the network that was wrapped."
            )
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _build(metadata: dict[str, str], path: Path) -> ESPCN | Generator:
    """The described network, without memory for its weights (on torch's meta device)."""
    if "network" not in metadata:
        raise UserError(
            f"{path} does not say which network its weights are for (there is no metadata 'network'): another program "
            "wrote it. Weights of this course are written by its training, or by srgan_lessons.weights.save_network."
        )
    try:
        about = json.loads(metadata["network"])
        kind, sizes = about["kind"], {name: value for name, value in about.items() if name != "kind"}
        known: set[str] = {"espcn": set(), "generator": {"blocks", "channels"}}[kind]
        if set(sizes) != known or not all(type(n) is int and 1 <= n <= LARGEST for n in sizes.values()):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(
            f"{path} describes a network that is not known here: {metadata['network'][:200]}. The known ones are "
            '{"kind": "espcn"} and {"kind": "generator", "blocks": 16, "channels": 64}.'
        ) from None
    with torch.device("meta"):
        return ESPCN() if kind == "espcn" else Generator(**sizes)


def label(network: nn.Module) -> str:
    """A network and its size in words: "generator blocks=16 channels=64"."""
    about = describe(network)
    return " ".join([str(about["kind"]), *(f"{name}={n}" for name, n in about.items() if name != "kind")])


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
