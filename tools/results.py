"""Measures the shipped weights and writes the tables and figures of docs/results.md.

    python tools/results.py measure [NAME ...]    writes data/results/ for nearest, bicubic and the shipped weights
    python tools/results.py faults                measures weave and tint of the shipped generators (a minute)
    python tools/results.py control               trains and evaluates the negative control (takes a minute)
    python tools/results.py ablations             trains and evaluates a small SRResNet, one change at a time (an hour)
    python tools/results.py write                 puts the tables and figures into docs/results.md
    python tools/results.py check                 fails if a table in docs/results.md differs from what `write` makes

Each table of docs/results.md is between two comments and is replaced as a whole; the text around it is not generated.
"""

import argparse
import csv
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np

from srgan_lessons import UserError
from srgan_lessons.datasets import benchmark, load_photos, training_folders
from srgan_lessons.evaluation import evaluate, paper_table
from srgan_lessons.files import atomic
from srgan_lessons.images import sample_photos
from srgan_lessons.metrics import tint, weave
from srgan_lessons.resize import imresize
from srgan_lessons.training import RECIPES, train
from srgan_lessons.upscaling import upscale
from srgan_lessons.weights import shipped_weights

ROOT = Path(__file__).resolve().parent.parent
MEASURED, RUNS, TABLES = (ROOT / "data" / name for name in ("results", "runs", "tables"))
PAGE, FIGURES = ROOT / "docs" / "results.md", ROOT / "docs" / "figures"
SETS = ("Set5", "Set14", "BSD100")
FAULTY = 10  # images of Set14 in which weave and tint are measured
NAMES = {
    "nearest": "nearest",
    "bicubic": "bicubic",
    "espcn": "ESPCN",
    "srresnet-compact": "compact SRResNet-MSE",
    "srresnet": "SRResNet-MSE",
    "srgan": "SRGAN-offline",
}
RUN_NAMES = NAMES | {
    "srgan_last": "SRGAN-offline, going on",
    "srresnet_compact": "compact SRResNet-MSE",
    "srgan_compact": "compact SRGAN, on a laptop",
}
# A crop of each photo, (top, left, height, width): fur, lettering, spokes.
CROPS = {"chelsea": (88, 136, 96, 96), "astronaut": (332, 124, 96, 96), "motorcycle": (284, 150, 96, 96)}

# The small SRResNet of the ablations, and the changes, one at a time.
SMALL = dict(blocks=4, channels=32, steps=2_000, batch=8, crop=48, rate=1e-3, schedule="one-cycle", seed=0)
ABLATIONS = {
    "4 blocks of 32 channels, 2,000 updates": {},
    "the same from seed 1": {"seed": 1},
    "the same from seed 2": {"seed": 2},
    "1 block": {"blocks": 1},
    "8 blocks": {"blocks": 8},
    "16 channels": {"channels": 16},
    "64 channels": {"channels": 64},
    "500 updates": {"steps": 500},
    "learning rate 1e-4, constant, as in the paper": {"rate": 1e-4, "schedule": "constant"},
    "learning rate 1e-3, constant": {"schedule": "constant"},
    "learning rate 1e-3, constant, without the moving average of the weights": {"schedule": "constant", "ema": 0.0},
    "sub-pixel layers begin without a checkerboard (ICNR)": {"icnr": True},
    "crops of 32 pixels": {"crop": 32},
}


# --- measuring -------------------------------------------------------------------------------------------------------


def measure(names: Sequence[str]) -> None:
    """Measures both protocols and ST-LPIPS on the three sets, image by image."""
    for name in names:
        evaluate(name, SETS, "both", stlpips=True).write_json(MEASURED / f"{name}.json")
        print(f"data/results/{name}.json")


def faults() -> None:
    """Measures weave and tint of HR and of the shipped generators on the first images of Set14."""
    rows = [("method", "image", "weave", "tint")]
    for image in benchmark("Set14")[:FAULTY]:
        pictures = {"HR": image.hr} | {name: upscale(image.lr, name, device="cpu") for name in ("srresnet", "srgan")}
        for name, sr in pictures.items():
            rows.append((name, image.name, f"{weave(sr):.4f}", f"{tint(sr, image.hr):.4f}"))
    _write_csv(MEASURED / "faults.csv", rows)


def control() -> None:
    """Trains ESPCN on true and on shuffled pairs of scikit-image's photos, and measures it on Set5."""
    rows = [("pairs", "set", "psnr", "ssim")]
    for pairs in ("true", "shuffled"):
        recipe = RECIPES["espcn"].change(shuffled=pairs == "shuffled")
        with tempfile.TemporaryDirectory() as folder:
            network = train(recipe, sample_photos(), run=folder, device="cpu", progress=False).network
        mean = evaluate(network, ["Set5"], progress=False).mean("Set5")
        rows.append((pairs, "Set5", f"{mean.psnr:.3f}", f"{mean.ssim:.4f}"))
        print(*rows[-1])
    _write_csv(MEASURED / "control.csv", rows)


def ablations() -> None:
    """Trains a small SRResNet on BSDS500 and SunHays80, with one change at a time; measures it on Set5 and Set14."""
    photos = load_photos([*training_folders("BSDS500"), *training_folders("SunHays80")], progress=False)
    rows: list[tuple[str, ...]] = [("change", "set", "psnr", "ssim")]
    for change, settings in ABLATIONS.items():
        changed = SMALL | settings
        seed = changed.pop("seed")
        recipe = RECIPES["srresnet-mse"].change(**changed)
        with tempfile.TemporaryDirectory() as folder:
            network = train(recipe, photos, run=folder, seed=seed, device="cpu", progress=False).network
        found = evaluate(network, ["Set5", "Set14"], progress=False)
        for name in ("Set5", "Set14"):
            mean = found.mean(name)
            rows.append((change, name, f"{mean.psnr:.3f}", f"{mean.ssim:.4f}"))
            print(*rows[-1], flush=True)
        _write_csv(MEASURED / "ablations.csv", rows)


def _write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with atomic(path) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file).writerows(rows)


# --- tables ----------------------------------------------------------------------------------------------------------


def _means(protocol: str) -> dict[str, dict[str, dict]]:
    """The means of our methods, in the paper's order: name -> set -> mean."""
    found = {}
    for name in NAMES:
        path = MEASURED / f"{name}.json"
        if path.exists():
            means = json.loads(path.read_text())["means"]
            found[name] = {mean["set"]: mean for mean in means if mean["protocol"] == protocol}
    return found


def _row(label: str, cells: Sequence[str]) -> str:
    return f"| {label} | {' | '.join(cells)} |"


def _head(*columns: str) -> list[str]:
    return [_row(columns[0], columns[1:]), "|" + "---|" * len(columns)]


def table_paper() -> list[str]:
    """Our methods beside Table 2, under the protocol that the paper used."""
    lines = _head("", *SETS)
    for name, sets in _means("paper").items():
        lines.append(_row(f"**{NAMES[name]}, ours**", [f"{sets[s]['psnr']:.2f} / {sets[s]['ssim']:.4f}" for s in SETS]))
    theirs: dict[str, dict[str, str]] = {}
    for row in paper_table(2):
        if row.psnr is not None and np.isfinite(row.psnr):
            theirs.setdefault(row.method, {})[row.set] = f"{row.psnr:.2f} / {row.ssim:.4f}"
    lines += [_row(f"{method}, paper", [sets[s] for s in SETS]) for method, sets in theirs.items()]
    return lines


def table_community() -> list[str]:
    """Our methods beside what open implementations publish: PSNR and SSIM, and ST-LPIPS for ours."""
    lines = _head("", *(f"{s}: PSNR / SSIM / ST-LPIPS" for s in SETS))
    for name, sets in _means("community").items():
        cells = [f"{sets[s]['psnr']:.2f} / {sets[s]['ssim']:.4f} / {sets[s]['stlpips']:.3f}" for s in SETS]
        lines.append(_row(f"**{NAMES[name]}, ours**", cells))
    with open(TABLES / "published.csv", newline="") as file:
        theirs: dict[tuple[str, str], dict[str, str]] = {}
        for row in csv.DictReader(file):
            key = (f"{row['method']}, {row['author']}", row["training"])
            theirs.setdefault(key, {})[row["set"]] = f"{row['psnr']} / {row['ssim']}"
    lines += [_row(f"{who} ({training})", [sets[s] for s in SETS]) for (who, training), sets in theirs.items()]
    return lines


def table_variants() -> list[str]:
    """Table 1 of the paper: what we have measured, and which command fills each of the other rows."""
    lines = _head("variant", "Set5, paper", "Set14, paper", "ours", "command")
    rows: dict[str, dict[str, str]] = {}
    for row in paper_table(1):
        rows.setdefault(row.method, {})[row.set] = f"{row.psnr:.2f} / {row.ssim:.4f}"
    ours = {"SRResNet-MSE": "srresnet"}
    means = _means("paper")
    for method, sets in rows.items():
        mine = means.get(ours.get(method, ""))
        value = f"{mine['Set5']['psnr']:.2f}, {mine['Set14']['psnr']:.2f} dB" if mine else "open"
        recipe = method.lower()
        init = " --init runs/srresnet-mse/weights.safetensors" if RECIPES[recipe].starts_from else ""
        command = f"`srgan-lessons train {recipe} --photos DIV2K BSDS500{init}`"
        lines.append(_row(method, [sets["Set5"], sets["Set14"], value, command]))
    return lines


def table_faults() -> list[str]:
    """Weave and tint in grey levels: means over the first images of Set14."""
    lines = _head(f"{FAULTY} images of Set14", "weave", "tint")
    with open(MEASURED / "faults.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for method in dict.fromkeys(row["method"] for row in rows):
        means = [fmean(float(row[fault]) for row in rows if row["method"] == method) for fault in ("weave", "tint")]
        lines.append(_row(NAMES.get(method, method), [f"{mean:.2f}" for mean in means]))
    return lines


def table_control() -> list[str]:
    """True and shuffled pairs."""
    lines = _head("ESPCN trained on", "Set5, community")
    with open(MEASURED / "control.csv", newline="") as file:
        lines += [_row(f"{row['pairs']} pairs", [f"{row['psnr']} / {row['ssim']}"]) for row in csv.DictReader(file)]
    bicubic = _means("community")["bicubic"]["Set5"]
    return [*lines, _row("no training: bicubic", [f"{bicubic['psnr']:.3f} / {bicubic['ssim']:.4f}"])]


def table_ablations() -> list[str]:
    """What each change of the small SRResNet costs or gains."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    with open(MEASURED / "ablations.csv", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["change"], {})[row["set"]] = row
    base = next(iter(found.values()))
    lines = _head("", "Set5, community", "Set14, community", "difference on Set14")
    for change, sets in found.items():
        difference = float(sets["Set14"]["psnr"]) - float(base["Set14"]["psnr"])
        cells = [f"{sets[name]['psnr']} / {sets[name]['ssim']}" for name in ("Set5", "Set14")]
        lines.append(_row(change, [*cells, "" if sets is base else f"{difference:+.3f} dB"]))
    return lines


BLOCKS = {
    "paper": table_paper,
    "community": table_community,
    "variants": table_variants,
    "faults": table_faults,
    "control": table_control,
    "ablations": table_ablations,
}


def filled(page: str) -> str:
    """The page with each block between `<!-- begin NAME -->` and `<!-- end NAME -->` made again."""
    for name, table in BLOCKS.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        lines = "".join(f"{line}\n" for line in table())
        page, count = re.subn(pattern, lambda _, text=begin + lines + end: text, page, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"docs/results.md has {count} blocks named {name}; it must have one")
    return page


# --- figures ---------------------------------------------------------------------------------------------------------


def draw_crops() -> None:
    """Draws crops of three photos that no shipped network was trained on: HR and the result of every method."""
    import matplotlib.pyplot as plt

    methods = [name for name in NAMES if name == "bicubic" or name in shipped_weights()]
    figure, axes = plt.subplots(len(CROPS), 1 + len(methods), figsize=(3 * (1 + len(methods)), 3.05 * len(CROPS)))
    for number, (name, (top, left, height, width)) in enumerate(CROPS.items()):
        photo = sample_photos()[name]
        photo = photo[: photo.shape[0] // 4 * 4, : photo.shape[1] // 4 * 4]
        small = imresize(photo, 1 / 4)
        pictures = {"HR": photo} | {NAMES[m]: upscale(small, m, device="cpu") for m in methods}
        for axis, (title, picture) in zip(axes[number], pictures.items(), strict=True):
            axis.imshow(picture[top : top + height, left : left + width], interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            if number == 0:
                axis.set_title(title, fontsize=16)
    figure.tight_layout(pad=0.4)
    figure.savefig(FIGURES / "crops.png", dpi=80)
    plt.close(figure)


def draw_curves() -> None:
    """Draws PSNR and ST-LPIPS of held-out photos over the updates, one line per run; ESPCN's run has no ST-LPIPS."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5))
    labels = {
        "val_psnr": "PSNR of held-out photos [dB]",
        "val_stlpips": "ST-LPIPS of held-out photos (less is better)",
    }
    for number, path in enumerate(sorted(RUNS.glob("*.csv"))):
        style, colour = ("-", "--", ":", "-.")[number % 4], f"C{number}"
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        for axis, figure_name in zip(axes, labels, strict=True):
            points = [(float(row["step"]), float(row[figure_name])) for row in rows if row.get(figure_name)]
            if points:
                axis.plot(*zip(*points, strict=True), style, color=colour, marker="o", label=RUN_NAMES[path.stem])
    for axis, label in zip(axes, labels.values(), strict=True):
        axis.set(xlabel="updates", ylabel=label)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(FIGURES / "curves.png", dpi=100)
    plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("measure", "faults", "control", "ablations", "write", "check"))
    parser.add_argument("names", nargs="*", help="for measure: which methods (default: all)")
    arguments = parser.parse_args()
    if arguments.action == "measure":
        measure(arguments.names or ["nearest", "bicubic", *shipped_weights()])
    elif arguments.action == "faults":
        faults()
    elif arguments.action == "control":
        control()
    elif arguments.action == "ablations":
        ablations()
    elif arguments.action == "write":
        FIGURES.mkdir(parents=True, exist_ok=True)
        draw_crops()
        draw_curves()
        text = filled(PAGE.read_text(encoding="utf-8"))
        with atomic(PAGE) as temporary:
            temporary.write_text(text, encoding="utf-8")
    elif filled(PAGE.read_text(encoding="utf-8")) != PAGE.read_text(encoding="utf-8"):
        print("docs/results.md does not match its numbers. Run: python tools/results.py write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:  # a set or a method that is not here
        sys.exit(f"results: {error}")
