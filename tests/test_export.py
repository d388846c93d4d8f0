"""The ONNX file computes in ONNX Runtime what the network computes in torch."""

import importlib.util
import json
import logging

import pytest
import torch

from srgan_lessons import UserError, export
from srgan_lessons.export import export_onnx
from srgan_lessons.models import ESPCN, Generator
from srgan_lessons.weights import save_network

onnx = pytest.importorskip("onnx", reason='the extra "export" is not installed')
onnxruntime = pytest.importorskip("onnxruntime", reason='the extra "export" is not installed')


@pytest.mark.parametrize("make", [ESPCN, lambda: Generator(blocks=2, channels=8)], ids=["espcn", "generator"])
def test_onnx_runtime_agrees_with_torch(tmp_path, make):
    torch.manual_seed(0)
    network = make()
    network(torch.rand(4, 3, 16, 16))  # BatchNorm's running statistics are no longer 0 and 1
    export_onnx(network, tmp_path / "a.onnx")
    assert network.training  # left as it was
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]  # weights inside, no second file
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    network.eval()
    for shape in ((1, 3, 24, 32), (2, 3, 17, 5), (1, 3, 1, 1)):
        lr = torch.rand(shape)
        (sr,) = session.run(["sr"], {"lr": lr.numpy()})
        with torch.inference_mode():
            assert torch.allclose(torch.from_numpy(sr), network(lr), rtol=0, atol=1e-4)


def test_messages_that_were_turned_off_stay_off(tmp_path):
    logging.disable(logging.INFO)
    try:
        export_onnx(ESPCN(), tmp_path / "a.onnx")
        assert logging.root.manager.disable == logging.INFO
    finally:
        logging.disable(logging.NOTSET)


def test_the_generator_is_written_folded(tmp_path):
    """BatchNorm is in the convolutions, and the last layer works on the grid before the last pixel shuffle."""
    network = Generator(blocks=2, channels=8)
    export_onnx(network, tmp_path / "a.onnx")
    nodes = [node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node]
    assert "BatchNormalization" not in nodes
    assert nodes.count("Conv") == 1 + 2 * 2 + 1 + 2 + 1
    assert nodes[-1] == "DepthToSpace"


def test_the_file_says_what_it_is(tmp_path):
    save_network(tmp_path / "w.safetensors", ESPCN())
    export_onnx(tmp_path / "w.safetensors", tmp_path / "a.onnx", opset=18)
    model = onnx.load(tmp_path / "a.onnx")
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(about["network"]) == {"kind": "espcn"}
    assert (about["scale"], about["halo"]) == ("4", "4")
    assert about["value_range"].startswith("0..1")
    assert [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")] == [18]


@pytest.mark.skipif(not export._has_dynamo(), reason="this torch has only the exporter by tracing")
def test_the_exporter_by_tracing_that_torch_2_4_has(tmp_path, monkeypatch):
    present = torch.onnx.export
    monkeypatch.setattr(torch.onnx, "export", lambda *args, **options: present(*args, dynamo=False, **options))
    monkeypatch.setattr(export, "_has_dynamo", lambda: False)
    network = ESPCN().eval()
    export_onnx(network, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    lr = torch.rand(2, 3, 9, 13)
    (sr,) = session.run(["sr"], {"lr": lr.numpy()})
    with torch.inference_mode():
        assert torch.allclose(torch.from_numpy(sr), network(lr), rtol=0, atol=1e-4)


def test_what_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"\.onnx"):
        export_onnx(ESPCN(), tmp_path / "a.pb")
    with pytest.raises(UserError, match="opset"):
        export_onnx(ESPCN(), tmp_path / "a.onnx", opset=99)
    with pytest.raises(UserError, match="no weights 'nothing'"):
        export_onnx("nothing", tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []
    installed = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else installed(name))
    with pytest.raises(UserError, match=r"srgan-lessons\[export\]"):
        export_onnx(ESPCN(), tmp_path / "a.onnx")
