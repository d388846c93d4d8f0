"""Plays through a class of eight groups: the plan, eight short training runs, three wrong files, the study, the table.

    python benchmarks/class_of_eight.py FOLDER [--updates 300 300]

Group 5 hands in half a file. Group 7 has trained on other photos, and group 8 on pictures of Set14; both bypass the
command, which would refuse that. The networks are small, and the photos are those that come with scikit-image. Set5 and
Set14 must be in the data folder. If the script was stopped, it continues.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from srgan_lessons.class_table.handout import read_handout
from srgan_lessons.class_table.homework import pack, plan_of
from srgan_lessons.datasets import Photos, benchmark, load_photos
from srgan_lessons.images import load_image, sample_photos
from srgan_lessons.training.planned import train_plan

SMALL = ["--blocks", "4", "--channels", "16", "--batch", "4", "--crop", "48"]


def command(*arguments: str) -> None:
    """Runs `srgan-lessons class` as a group or a teacher would, and shows what it prints."""
    print("$ srgan-lessons class", *arguments, flush=True)
    quiet = subprocess.DEVNULL if arguments[0] == "train" else None
    done = subprocess.run([sys.executable, "-m", "srgan_lessons", "class", *arguments], stderr=quiet, stdout=quiet)
    print(f"(exit status {done.returncode})\n", flush=True)


def past_the_command(group: str, images: dict, plan: str) -> None:
    """Trains a group's cell on its own photos with the functions that the command uses, and packs it."""
    handout, taken = read_handout(plan), Photos(images=images)
    right = load_photos(sample_photos(), minimum=48, progress=False)
    run = Path(f"run-{group}")
    outcome = train_plan(plan_of(handout, group, right, run), taken, run, progress=False)
    pack(handout, group, outcome, taken, f"desk/group-{group}.zip")
    print(f"group {group} trained on {', '.join(taken.images)}\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--updates", nargs=2, default=["300", "300"])
    arguments = parser.parse_args()
    Path(arguments.folder).mkdir(parents=True, exist_ok=True)
    os.chdir(arguments.folder)
    Path("desk").mkdir(exist_ok=True)
    began = time.monotonic()
    plan = "class.json"
    if not Path(plan).exists():
        command("new", "--groups", "8", "--photos", "samples", "--updates", *arguments.updates, *SMALL, "--out", plan)
    for group in "123456":
        if not Path(f"desk/group-{group}.zip").exists():
            command("train", plan, "--group", group, "--photos", "samples", "-o", f"desk/group-{group}.zip")
    whole = Path("desk/group-5.zip").read_bytes()
    Path("desk/group-5.zip").write_bytes(whole[: len(whole) // 2])
    half = {name: photo[:, : photo.shape[1] // 2] for name, photo in sample_photos().items()}
    set14 = {item.name: load_image(item.hr) for item in benchmark("Set14")[:4]}
    for group, images in (("7", half), ("8", set14)):
        if not Path(f"desk/group-{group}.zip").exists():
            past_the_command(group, images, plan)
    command("check", "desk", "--plan", plan)
    if not Path("study").exists():
        Path("photos").mkdir(exist_ok=True)
        for item in benchmark("Set14"):
            (Path("photos") / item.hr.name).write_bytes(item.hr.read_bytes())
        command("study", "desk", "--plan", plan, "--images", "photos", "--crop", "256", "--out", "study")
    Path("desk/group-5.zip").write_bytes(whole)  # sent again
    command("table", "desk", "--plan", plan, "--csv", "table.csv")
    print(f"{(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
