"""Writes a folder to take to a GPU machine, where SRGAN_LESSONS_DATA must name it.

    python tools/gpu_data.py OUT

OUT gets copies of the training photos (BSDS500/train, BSDS500/test, SunHays80) from the data folder of this machine,
and of the offline weights. From the VGG16 (59 MB), it gets only the convolutions up to phi(2, 2), 1 MB, because the
content losses offline and offline-vgg22 need no more. The AlexNet of ST-LPIPS, which validation uses, is copied whole.
"""

import argparse
import shutil
import sys
from pathlib import Path

import torch

from srgan_lessons import UserError
from srgan_lessons.datasets.catalogue import pictures_below
from srgan_lessons.files import atomic, data_root
from srgan_lessons.vgg import VGG16, offline_weights, phi_index, read_state

PHOTOS = ("BSDS500/train", "BSDS500/test", "SunHays80")


def write(out: Path) -> None:
    """Fills the folder; prints the size of each part and the total. Raises UserError if something is missing."""
    if out.resolve() == data_root().resolve():
        raise UserError(f"{out} is the data folder itself; name another one")
    total = 0
    for folder in PHOTOS:
        names = pictures_below(data_root(), folder)
        if not names:
            raise UserError(f"{data_root() / folder} has no pictures: srgan-lessons data get {folder.split('/')[0]}")
        for name in names:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data_root() / name, out / name)
        total += _print(folder, [out / name for name in names])
    vgg, alex = (out / "weights" / f"{network}_shift_tolerant.pth" for network in ("vgg", "alex"))
    with atomic(vgg) as temporary:
        torch.save(cut_vgg(), temporary)
    with atomic(alex) as temporary:
        shutil.copyfile(offline_weights("alex"), temporary)
    total += _print("weights", [vgg, alex])
    print(f"{total / 1e6:6.1f} MB  {out}")


def cut_vgg() -> dict[str, torch.Tensor]:
    """The convolutions of the offline VGG16 up to phi(2, 2), under the names in its file."""
    last = phi_index(2, 2, convs=VGG16, blur=True)
    state = read_state(offline_weights("vgg"))
    trunk = [name for name in state if name.startswith("net.slice") and name.endswith((".weight", ".bias"))]
    return {name: state[name].clone() for name in trunk if int(name.split(".")[2]) <= last}


def _print(name: str, files: list[Path]) -> int:
    size = sum(file.stat().st_size for file in files)
    print(f"{size / 1e6:6.1f} MB  {name}, {len(files)} files")
    return size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT", type=Path, help="the folder to fill; files in it are overwritten")
    try:
        write(parser.parse_args().out)
    except UserError as error:
        sys.exit(f"gpu_data: {error}")
