"""A trained network as an ONNX file, for programs without torch: ONNX Runtime, browsers, phones."""

import importlib.util
import inspect
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from srgan_lessons import UserError
from srgan_lessons.files import atomic
from srgan_lessons.folding import Folded, foldable
from srgan_lessons.models import SCALE
from srgan_lessons.weights import describe, load_network

OPSET = 18  # the oldest opset that torch's current exporter writes without a conversion
_TRY = f"Try opset {OPSET}, or leave it out."


def export_onnx(weights: str | Path | nn.Module, path: str | Path, *, opset: int = OPSET) -> None:
    """Writes a network as one ONNX file with its weights inside, and checks the file with onnx's own checker.

    weights: a name or a path as for `weights.load_network`, or an ESPCN or Generator. The model's input "lr" is float32
    (N, 3, height, width) RGB in [0, 1]. Its output "sr" is (N, 3, 4 height, 4 width), about [0, 1] and not clipped.
    Batch, height and width may vary. The file's metadata contains the scale, the value range, and the halo that tiles
    need.

    Raises UserError if the package onnx is not installed, and for an ending other than .onnx, an opset that torch
    cannot write, unknown weights, a full disk or a folder that cannot be written to.
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise UserError(f"{path}: the ending of an ONNX file is .onnx, not {path.suffix or 'nothing'}.")
    dynamo = _has_dynamo()
    needed = ("onnx", "onnxscript") if dynamo else ("onnx",)
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise UserError(f'writing ONNX needs {" and ".join(missing)}: pip install "srgan-lessons[export]"')
    import onnx

    network = weights if isinstance(weights, nn.Module) else load_network(weights)
    about = describe(network)
    with atomic(path) as temporary:
        # Folded, because ONNX Runtime folds BatchNorm by itself, but not the last pixel shuffle.
        _export(Folded(network) if foldable(network) else network, temporary, opset, dynamo)
        model = onnx.load(temporary)
        written = next(entry.version for entry in model.opset_import if entry.domain == "")
        if written != opset:  # torch silently falls back to another opset
            raise UserError(f"torch {torch.__version__} writes this network in opset {written}, not {opset}. {_TRY}")
        onnx.helper.set_model_props(
            model,
            {
                "network": json.dumps(about),
                "scale": str(SCALE),
                "halo": str(network.halo),
                "value_range": "0..1, RGB; clip the output to it",
            },
        )
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, temporary)


def _has_dynamo() -> bool:
    """Whether this torch exports with torch.export by default (2.9 and later). Earlier versions trace the network."""
    dynamo = inspect.signature(torch.onnx.export).parameters.get("dynamo")
    return dynamo is not None and dynamo.default is True


def _export(network: nn.Module, path: Path, opset: int, dynamo: bool) -> None:
    device = next(network.parameters()).device
    example = torch.rand(2, 3, 24, 32, device=device)  # a size of 1 would be taken as fixed
    was_training = network.training
    logged_before = logging.root.manager.disable
    options: dict[str, Any] = {"verbose": False, "input_names": ["lr"], "output_names": ["sr"], "opset_version": opset}
    if dynamo:
        batch, height, width = (torch.export.Dim(name, min=1) for name in ("batch", "height", "width"))
        options |= {"dynamo": True, "dynamic_shapes": ({0: batch, 2: height, 3: width},), "external_data": False}
    else:
        options["dynamic_axes"] = {
            "lr": {0: "batch", 2: "height", 3: "width"},
            "sr": {0: "batch", 2: "height_x4", 3: "width_x4"},
        }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's exporters warn about their own internals, and log them
            logging.disable(logging.ERROR)
            torch.onnx.export(network.eval(), (example,), str(path), **options)
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"torch {torch.__version__} could not write ONNX with opset {opset} ({error}). {_TRY}"
        ) from error
    finally:
        logging.disable(logged_before)
        network.train(was_training)
