"""Every command, given what it cannot use: it ends with a sentence that names the thing, and leaves no traceback."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

from srgan_lessons.cli import main
from srgan_lessons.images import sample_photos, save_image
from srgan_lessons.models import ESPCN
from srgan_lessons.weights import save_network

PHOTO = np.ascontiguousarray(sample_photos()["astronaut"][40:100, 180:260])  # 60 x 80
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")

# exit status, command line, words of the answer. 1: this picture or file failed, another could have succeeded.
CASES = [
    (2, "upscale no.png -o o.png --weights bicubic", "no.png is not there"),
    (1, "upscale text.png -o o.png --weights bicubic", "It may be a text file with a wrong ending"),
    (1, "upscale empty.png -o o.png --weights bicubic", "empty.png is empty (0 bytes)"),
    (1, "upscale cut.png -o o.png --weights bicubic", "cut.png is damaged or cut off"),
    (1, "upscale two.tif -o o.png --weights bicubic", "two.tif has 2 frames"),
    (2, "upscale nothing -o o --weights bicubic", "the folder nothing holds no pictures"),
    (2, "upscale texts -o o --weights bicubic", "the folder texts holds no pictures"),
    (2, "upscale a.png -o o.xyz --weights bicubic", "Choose another ending, or for a folder write o.xyz"),
    (2, "upscale a.png -o file/o.png --weights bicubic", "file is a file, but a folder is needed there"),
    (2, "upscale a.png -o a.png --weights bicubic", "it would be lost"),
    (2, "upscale a.png -o a.png --weights bicubic --overwrite", "it would be lost"),
    (2, "upscale a.png HR -o o.png --weights bicubic", "o.png is one file, and there are 3 pictures"),
    (2, "upscale *.gif -o o --weights bicubic", "*.gif is not there"),
    (2, ["upscale", "", "-o", "o", "--weights", "bicubic"], "one of the arguments is empty"),
    (2, ["upscale", "a.png", "-o", "", "--weights", "bicubic"], "one of the arguments is empty"),
    (2, "upscale a.png -o o.png --weights none.safetensors", "no weights 'none.safetensors'"),
    (2, "upscale a.png -o o.png --weights sgran", "come with the course are: espcn, srgan, srresnet"),
    (2, "upscale a.png -o o.png --weights cut.safetensors", "cut.safetensors is cut off"),
    (2, "upscale a.png -o o.png --weights empty.safetensors", "empty.safetensors is empty"),
    (2, "upscale a.png -o o.png --weights other.safetensors", "does not say which network its weights are for"),
    (2, "upscale a.png -o o.png --weights pickle.safetensors", "A pickle can run any code"),
    (2, "upscale a.png -o o.png --weights nan.safetensors", "values that are not numbers"),
    (2, "upscale a.png -o o.png --weights a.png", "not a safetensors file"),
    (2, "upscale a.png -o o.png --weights nothing", "nothing is a folder; name a .safetensors file in it"),
    pytest.param(2, "upscale a.png -o o.png --weights espcn --device cuda", "torch finds no GPU", marks=NO_GPU),
    (2, "upscale a.png -o o.png --weights espcn --device gpu", "unknown device 'gpu'. Use cpu; for an NVIDIA GPU"),
    (
        2,
        "upscale a.png -o o.png --weights espcn --device vulkan",
        "device vulkan: this version of torch cannot use it here",
    ),
    (2, "evaluate bicubic --sets Set6", "Set6 is not here"),
    (2, "evaluate bicubic", "srgan-lessons data get Set5"),
    (2, "evaluate lanczos --sets Mine", "lanczos"),
    (2, "evaluate cut.safetensors --sets Mine", "cut.safetensors is cut off"),
    (2, "evaluate nothing --sets Mine", "nothing"),
    (2, "evaluate espcn --sets Mine --device gpu", "unknown device 'gpu'"),
    (2, "data get DIV3K", "no data set named DIV3K"),
    (2, "data verify photos.store", "it is not a photo store"),
    (2, "data pack none -o p.store", "none does not exist"),
    (2, "data pack nothing -o p.store", "no usable picture in nothing"),
    (2, "data pack HR -o nothing", "choose the name of a new file that ends in .store"),
    (2, "data pack HR -o file/p.store", "file is a file, but a folder is needed there"),
    (2, "data pack HR -o p.png", "choose the name of a new file that ends in .store"),
    (2, "data pack HR -o p.store --threads 0", "--threads is 0; it must be at least 1"),
    (2, "train espnc", "unknown recipe 'espnc'"),
    (2, "train srgan-mse", "srgan-mse needs photos"),
    (2, "train espcn --photos none", "none does not exist"),
    (2, "train espcn --photos nothing", "no usable picture in nothing"),
    (2, "train espcn --photos small", "30 x 30 pixels; each side needs at least 96"),
    (2, "train espcn --photos photos.store", "it is not a photo store"),
    (2, "train espcn --photos a.png", "a.png is a file, not a folder"),
    (2, "train espcn --steps 0", "steps is 0; it must be a whole number of at least 1"),
    (2, "train espcn --batch 0", "batch is 0"),
    (2, "train espcn --crop 95", "crop is 95; it must be a positive multiple of 16"),
    (2, "train espcn --crop 100000", "each side needs at least 100000"),
    (2, "train espcn --blocks 4", "ESPCN has one size; leave out blocks"),
    (2, "train espcn --rate -1", "rate is -1.0; it must be a positive number"),
    (2, "train espcn --rate nan", "rate is nan"),
    (2, "train espcn --schedule cosin", "(choose from 'constant', 'drop', 'one-cycle')"),
    (2, "train espcn --ema 2", "ema is 2.0; it must be in [0, 1)"),
    (2, "train espcn --seed -1", "seed is -1; it must be from 0"),
    (2, "train espcn --adversarial -1", "adversarial is -1.0; it must not be negative"),
    (2, "train espcn --init none.safetensors", "no weights 'none.safetensors'"),
    (2, "train espcn --init srgan", "and espcn trains espcn"),
    (2, "train srgan-mse --photos samples --content vgg99", "invalid choice: 'vgg99' (choose from 'mse'"),
    (2, "train srgan-mse --photos samples --channels 0", "channels is 0"),
    (2, "train espcn --device gpu", "unknown device 'gpu'"),
    (2, "train espcn --minutes 0", "it must be a positive number of minutes"),
    (2, "train espcn --checkpoint-minutes -1", "checkpoint_minutes is -1.0"),
    (2, "train espcn --keep 0", "keep is 0; it must be at least 1"),
    (2, "train espcn --log-every 0", "log_every is 0"),
    (2, "train espcn --threads 0", "--threads is 0"),
    (2, "train espcn --folder file", "file is a file, but a folder is needed there"),
    (2, "train espcn --resume", "there is no run in runs"),
    (2, "train espcn --compact", "--compact works only with --within"),
    (2, "train srgan-offline --photos samples --within 0", "minutes is 0.0"),
    (2, "study new --images none --out s", "none does not exist: no such folder of pictures"),
    (2, "study new --images nothing --out s --methods bicubic hr", "nothing contains no pictures"),
    (2, "study new --images HR --methods bicubi hr --out s", "no weights 'bicubi'"),
    (2, "study new --images HR --methods bicubic bicubic --out s", "'bicubic' appears twice"),
    (2, "study new --images HR --methods bicubic hr --crop 0 --out s", "crop is 0"),
    (2, "study new --images HR --paper --out s", "missing: Set5, Set14, BSD100"),
    (2, "study serve nothing", "nothing is not a study"),
    (2, "study rate torn --no-browser", "manifest.json is damaged"),
    (2, "study merge votes.jsonl --study nothing -o v.csv", "nothing is not a study"),
    (2, "study report torn", "manifest.json is damaged"),
    (2, "study power --raters 0", "at least 2 raters"),
    (2, "study power --differences nan", "differences of 0 or more"),
    (2, "study power --seed -1", "a seed from 0"),
    (2, "study power --differences 9", "goes beyond the scale of 1 to 5"),
    (2, "class new --groups 0 --photos samples --updates 1 1", "at least one group"),
    (2, "class new --groups a a --photos samples --updates 1 1", "each needs its own name"),
    (2, "class new --groups 1 --photos samples --updates 1 1 --cells mse:x", "'mse:x' is not a cell"),
    (2, "class train none.json --group a --photos samples", "none.json is not a readable plan of a class"),
    (2, "class check bad.zip --plan learner.json", "learner.json is not a readable plan of a class"),
    (1, "progress none.json", "none.json cannot be read"),
    (1, "progress learner.json", "or it is damaged"),
    (2, "progress nothing", "no .json file in this folder"),
    (2, "export none.safetensors -o o.onnx", "no weights 'none.safetensors'"),
    (2, "export espcn -o o.bin", "the ending of an ONNX file is .onnx, not .bin"),
    (2, "export cut.safetensors -o o.onnx", "cut.safetensors is cut off"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder of what is wrong."""
    folder = tmp_path_factory.mktemp("bad")
    save_image(folder / "a.png", PHOTO)
    whole = (folder / "a.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("no picture")
    Image.fromarray(PHOTO).save(folder / "two.tif", save_all=True, append_images=[Image.fromarray(PHOTO)])
    (folder / "file").write_text("a file")
    (folder / "nothing").mkdir()
    (folder / "texts").mkdir()
    (folder / "texts" / "a.txt").write_text("text")
    save_image(folder / "small" / "a.png", PHOTO[:30, :30])
    for name in ("HR", "data/Mine/HR"):
        save_image(folder / name / "a.png", PHOTO)
        save_image(folder / name / "b.png", PHOTO[::-1])
    save_network(folder / "good.safetensors", ESPCN())
    good = (folder / "good.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(good[: len(good) // 2])
    (folder / "empty.safetensors").write_bytes(b"")
    save_file({"x": np.zeros(3, np.float32)}, folder / "other.safetensors")
    torch.save(ESPCN().state_dict(), folder / "pickle.safetensors")
    with safe_open(folder / "good.safetensors", "np") as file:
        tensors = {name: np.full_like(file.get_tensor(name), np.nan) for name in file.keys()}  # noqa: SIM118 - no dict
        save_file(tensors, folder / "nan.safetensors", metadata=file.metadata())
    (folder / "photos.store").write_bytes(b"x" * 100)
    (folder / "torn").mkdir()
    (folder / "torn" / "manifest.json").write_text("{")
    (folder / "votes.jsonl").write_text('{"half":')
    (folder / "learner.json").write_text("{")
    (folder / "bad.zip").write_bytes(b"PK")
    return folder


def files(folder: Path) -> dict[Path, int]:
    """When each file was changed. Locks stay behind: to remove one would take it from somebody who waits for it."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("lock")]
    return {path: path.stat().st_mtime_ns for path in found}


@pytest.mark.parametrize(("status", "argv", "words"), CASES)
def test_a_clear_answer(made, monkeypatch, capsys, status, argv, words):
    monkeypatch.chdir(made)
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(made / "data"))
    before = files(made)
    try:
        ended = main(argv.split() if isinstance(argv, str) else argv)
    except SystemExit as left:  # argparse has refused it
        ended = left.code
    assert ended == status
    said = capsys.readouterr().err
    assert words in said
    assert "srgan-lessons: " in said or "srgan-lessons train: error: " in said
    assert "Traceback" not in said
    assert "Errno" not in said
    assert len(said.rsplit("srgan-lessons", 1)[1]) < 1200, "nobody reads so much"
    assert files(made) == before, "something was written or lost"
