"""Makes the page of the site that enlarges visitors' own photos in the browser.

    python tools/build_try.py           writes build/site/try, with the networks that are shipped today
    python tools/build_try.py OUT       writes OUT/try

The page itself is copied from site/try. This script makes its pictures, from scikit-image's photos and the shipped
weights. It exports the networks with `export_onnx`, with weights in half precision if that changes no pixel by more
than one level. It also writes two lists: files.json says what the page may download, and files.js says what its service
worker keeps. onnxruntime-web comes from site/node_modules, which `npm ci` fills with the versions and hashes of
site/package-lock.json.
"""

import argparse
import gzip
import hashlib
import inspect
import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from srgan_lessons import UserError
from srgan_lessons.export import export_onnx
from srgan_lessons.images import sample_photos
from srgan_lessons.resize import imresize
from srgan_lessons.upscaling import upscale
from srgan_lessons.weights import shipped_weights

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "srgan_lessons"
SOURCE = ROOT / "site" / "try"
RUNTIME = ROOT / "site" / "node_modules" / "onnxruntime-web"
KEPT = ROOT / "build" / "try"  # networks and pictures of earlier builds, because torch needs seconds for each
NETWORKS = ("espcn", "srresnet", "srgan")
# What of the package plays no part in networks and pictures: a change there lets them be used again.
UNUSED = ("class_table", "classroom", "cli", "exercises", "rating", "training")
ENGINES = {"wasm": "ort-wasm-simd-threaded", "webgpu": "ort-wasm-simd-threaded.asyncify"}  # of onnxruntime-web/dist


class SiteError(UserError):
    """Says why the page cannot be made, and what to do."""


# --- what earlier builds have made ------------------------------------------------------------------------------------


def kept(name: str, made_of: bytes, make: Callable[[Path], None]) -> Path:
    """The file that `make` writes, or one that an earlier build wrote with the same package and from the same bytes."""
    digest = hashlib.sha256(made_of)
    digest.update(f"{torch.__version__} {onnx.__version__} {inspect.getsource(sys.modules[__name__])}".encode())
    for module in sorted(PACKAGE.rglob("*.py")):
        if not module.relative_to(PACKAGE).as_posix().startswith(UNUSED):
            digest.update(module.read_bytes())
    path = Path(name)
    file = KEPT / f"{path.stem}-{digest.hexdigest()[:12]}{path.suffix}"
    if not file.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT) as folder:
            make(Path(folder) / name)
            (Path(folder) / name).replace(file)
    return file


# --- networks --------------------------------------------------------------------------------------------------------


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with weights stored in 16 bits, which are turned into 32 bits on loading: half the download."""
    half = onnx.ModelProto()
    half.CopyFrom(model)
    for weight in half.graph.initializer:
        if weight.data_type == TensorProto.FLOAT and np.prod(weight.dims) > 64:
            name, values = weight.name, numpy_helper.to_array(weight).astype(np.float16)
            weight.CopyFrom(numpy_helper.from_array(values, f"{name}_half"))
            half.graph.node.insert(0, helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    onnx.checker.check_model(half, full_check=True)
    return half


def enlarged(model: onnx.ModelProto, photo: np.ndarray) -> np.ndarray:
    """What ONNX Runtime computes from a photo, uint8 (H, W, 3): int (1, 3, 4H, 4W), levels 0..255."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    lr = photo.transpose(2, 0, 1)[None].astype(np.float32) / 255
    return np.floor(session.run(None, {"lr": lr})[0].clip(0, 1) * 255 + 0.5).astype(int)


def export(name: str) -> tuple[bytes, int]:
    """A shipped network as gzipped ONNX, and its halo. Later builds with the same weights and code reuse it."""

    def make(path: Path) -> None:
        print("exporting", name, flush=True)
        full = path.with_stem("full")
        export_onnx(name, full)
        model = onnx.load(full)
        half = halved(model)
        off = max(
            np.abs(enlarged(model, photo) - enlarged(half, photo)).max()
            for photo in (imresize(picture, 1 / 8) for picture in list(sample_photos().values())[:3])
        )
        print(f"  half precision changes a pixel by {off} at most: it is {'used' if off <= 1 else 'not used'}")
        onnx.save(half if off <= 1 else model, path)

    network = kept(f"{name}.onnx", weights(name), make)
    about = {entry.key: entry.value for entry in onnx.load(network).metadata_props}
    if about["scale"] != "4":
        raise SiteError(f"{name} enlarges {about['scale']} times; the page is written for 4.")
    return gzip.compress(network.read_bytes(), mtime=0), int(about["halo"])


def weights(name: str) -> bytes:
    return (PACKAGE / "weights" / f"{name}.safetensors").read_bytes()


def packed(engine: Path) -> bytes:
    """A runtime, gzipped."""
    content = engine.read_bytes()
    file = kept(f"{engine.stem}.gz", content, lambda path: path.write_bytes(gzip.compress(content, mtime=0)))
    return file.read_bytes()


def put(content: bytes, folder: Path, name: str) -> dict:
    """Writes a large file under a name that changes with its content. Returns its entry in files.json."""
    digest = hashlib.sha256(content).hexdigest()
    target = folder / f"{name}-{digest[:10]}.bin"  # not .gz: servers may unpack such files, or declare them packed
    target.write_bytes(content)
    return {"file": f"{folder.name}/{target.name}", "bytes": len(content), "sha256": digest}


# --- pictures --------------------------------------------------------------------------------------------------------


def paint(path: Path) -> None:
    """Makes the pictures of the cat with three methods, and the three pictures that show how it works. Zips them."""

    def save(picture: np.ndarray, name: str) -> None:
        with archive.open(f"{name}.webp", "w") as file:
            Image.fromarray(picture).save(file, "webp", quality=86, method=6)

    cat = sample_photos()["chelsea"]  # (300, 451, 3)
    small = imresize(cat, 1 / 2)[1:149, 2:224]  # (148, 222, 3)
    truth = cat[52:180, 108:300]  # (128, 192, 3), an eye
    lr = imresize(truth, 1 / 4)  # (32, 48, 3)
    shown = {name: upscale(lr, name) for name in ("nearest", "bicubic", "srresnet", "srgan")}
    pairs = ((truth, shown["nearest"]), (shown["bicubic"], shown["srresnet"]), (shown["srgan"], truth))
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("bicubic", "srresnet", "srgan"):
            save(upscale(small, name), name)
        for number, (left, right) in enumerate(pairs, start=1):
            picture = np.hstack([left[:, :96], right[:, 96:]]).repeat(3, axis=0).repeat(3, axis=1)  # (384, 576, 3)
            picture[:, 287:290] = 255
            save(picture, f"how{number}")


# --- the page --------------------------------------------------------------------------------------------------------


def build(out: Path) -> Path:
    """Writes out/try from scratch. Raises SiteError if onnxruntime-web or shipped weights are missing."""
    if not RUNTIME.is_dir():
        raise SiteError(f"onnxruntime-web is not in {RUNTIME.parent}. Run: npm ci --prefix site")
    if missing := set(NETWORKS) - set(shipped_weights()):
        raise SiteError(f"the page offers these weights, but they are not shipped: {', '.join(sorted(missing))}")
    page = out / "try"
    shutil.rmtree(page, ignore_errors=True)
    shutil.copytree(SOURCE, page, ignore=shutil.ignore_patterns("tsconfig.json"))
    for name in ("ort", "networks", "pictures"):
        (page / name).mkdir()
    shutil.move(page / "icon.svg", page / "pictures" / "icon.svg")
    for kind, name in ENGINES.items():
        shutil.copy(RUNTIME / "dist" / f"ort.{kind}.min.mjs", page / "ort")
        shutil.copy(RUNTIME / "dist" / f"{name}.mjs", page / "ort")
    for name in ("LICENSE", "ThirdPartyNotices.txt"):  # from the Python package; the npm package has neither
        shutil.copy(Path(onnxruntime.__file__).parent / name, page / "ort" / f"{Path(name).stem}.txt")
    painted = kept("pictures.zip", weights("srresnet") + weights("srgan"), paint)
    shutil.unpack_archive(painted, page / "pictures")
    small = sorted(
        file.relative_to(page).as_posix() for file in page.rglob("*") if file.is_file() and file.parent.name != "ort"
    )

    files: dict = {"runtime": {}, "networks": {}}
    for kind, name in ENGINES.items():
        files["runtime"][kind] = put(packed(RUNTIME / "dist" / f"{name}.wasm"), page / "ort", kind)
    for name in NETWORKS:
        network, halo = export(name)
        files["networks"][name] = put(network, page / "networks", name) | {"halo": halo}
    (page / "files.json").write_text(json.dumps(files, indent=1), encoding="utf-8")

    small = ["./", "files.json", *(name for name in small if name not in ("index.html", "sw.js"))]
    version = hashlib.sha256()
    for name in small:
        version.update((page / (name if name != "./" else "index.html")).read_bytes())
    large = [entry["file"] for group in files.values() for entry in group.values()]
    site = {"version": version.hexdigest()[:10], "files": small, "large": large}
    (page / "files.js").write_text(f"self.SITE = {json.dumps(site, indent=1)};\n", encoding="utf-8")
    return page


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "out",
        nargs="?",
        type=Path,
        default=ROOT / "build" / "site",
        help="the folder for try/ (default: build/site)",
    )
    try:
        page = build(parser.parse_args(arguments).out)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{page}: serve its parent with any web server, for example: python -m http.server --directory {page.parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
