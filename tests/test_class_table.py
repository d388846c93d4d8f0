"""A class's own Table 1: the cells, what is handed in and refused, the study, the table and what follows from it."""

import csv
import dataclasses
import errno
import json
import math
import os
import re
import shutil
import signal
import zipfile
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from srgan_lessons import UserError
from srgan_lessons.class_table import handout as handing_out
from srgan_lessons.class_table.cells import Cell, cells_for, weight_text
from srgan_lessons.class_table.columns import aligned
from srgan_lessons.class_table.handout import hand_out, read_handout
from srgan_lessons.class_table.homework import RECORD, pack, plan_of, train_cell
from srgan_lessons.class_table.measuring import Measured, make_study, measure_all
from srgan_lessons.class_table.report import Comparison, class_table, mean_interval
from srgan_lessons.class_table.returned import Returned, collect
from srgan_lessons.cli import main
from srgan_lessons.datasets import Photos, load_photos
from srgan_lessons.datasets.leakage import benchmark_hashes, hash_as_text
from srgan_lessons.evaluation import Row, paper_table
from srgan_lessons.images import load_image
from srgan_lessons.training.options import Options
from srgan_lessons.training.planned import train_plan
from srgan_lessons.weights import load_network, save_network

ROOT = Path(__file__).resolve().parents[1]
SRRESNET = Cell(content="mse", weight=0)
TINY = {"blocks": 1, "channels": 4, "batch": 2, "crop": 16}
QUIET = {"progress": False, "measuring": 0.02}
MSE = ("mse:0", "mse:1e-3", "mse:1e-4", "mse:1e-2", "mse:1e-3:scratch", "mse:1e-3", "mse:2e-3", "mse:5e-3")


def noise(seed: int, count: int, side: int = 48) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (count, side // 4, side // 4, 3), dtype=np.uint8)
    return {f"photo {i}": image.repeat(4, 0).repeat(4, 1) for i, image in enumerate(small)}


@pytest.fixture(scope="module")
def photos():
    return load_photos(noise(0, 3), minimum=16, progress=False)


@pytest.fixture(scope="module")
def handout(photos):
    return hand_out(8, photos, updates=(2, 3), cells=MSE, source="noise", **TINY)


@pytest.fixture(scope="module")
def returned(handout, photos, tmp_path_factory):
    """The files of all eight groups, trained for a moment."""
    folder = tmp_path_factory.mktemp("class")
    for group in handout.groups:
        outcome = train_cell(handout, group, photos, folder / f"run {group}", **QUIET)
        pack(handout, group, outcome, photos, folder / f"group-{group}.zip")
    return folder


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A benchmark set of three images, so that measuring needs no download."""
    for name, image in noise(9, 3, 64).items():
        path = tmp_path / "data" / "Room" / "HR" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    monkeypatch.setenv("SRGAN_LESSONS_DATA", str(tmp_path / "data"))


def repacked(path, out, **changes):
    """A copy of a file with other members; None leaves one out, a function changes cell.json."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    for name, change in changes.items():
        if callable(change):
            record = json.loads(members[RECORD])
            change(record)
            members[RECORD] = json.dumps(record).encode()
        elif change is None:
            del members[name.replace("__", ".")]
        else:
            members[name.replace("__", ".")] = change
    with zipfile.ZipFile(out, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out


# --- cells -----------------------------------------------------------------------------------------------------------


def test_the_paper_s_five_methods_are_cells_and_no_other_is():
    names = {row.method for row in paper_table(1)}
    vgg = [cell for cell, _ in cells_for(8, vgg=True)]
    assert {cell.paper for cell in vgg} - {None} == names
    for cell in vgg:  # the paper names its methods by network and content loss
        if cell.paper:
            assert cell.paper == f"{'SRGAN' if cell.weight else 'SRResNet'}-{cell.content.upper()}"
    assert Cell(content="vgg54", weight=1e-3, pretraining=False).paper is None
    assert Cell(content="offline", weight=1e-3).paper is None


@pytest.mark.parametrize("vgg", [False, True])
def test_eight_groups_get_seven_cells_and_one_of_them_with_a_second_seed(vgg):
    chosen = cells_for(8, vgg=vgg)
    assert len(set(chosen)) == 8
    assert len({cell for cell, _ in chosen}) == 7
    assert [seed for _, seed in chosen].count(1) == 1
    more = cells_for(24, vgg=vgg)
    assert len(set(more)) == 24  # nobody trains the very same
    assert more[:8] == chosen
    with pytest.raises(UserError, match="at least one group, not 0"):
        cells_for(0)


def test_the_groups_get_the_cells_of_the_guide_in_its_order():
    guide = (ROOT / "docs" / "class_table.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d) \| `([^`]+)`(, another seed)? \|", guide, re.MULTILINE)
    assert [number for number, _, _ in rows] == list("12345678")
    assert [(Cell.parse(text), int(bool(again))) for _, text, again in rows] == cells_for(8)


def test_every_cell_makes_as_many_updates_of_the_generator():
    for cell in {cell for vgg in (False, True) for cell, _ in cells_for(8, vgg=vgg)}:
        recipes = cell.recipes((450, 550), {})
        assert sum(recipe.steps for recipe in recipes) == 1000
        continued = "-continued" if cell == SRRESNET else ""  # its first stage has the cell's name
        assert recipes[-1].name == cell.name + continued
        assert len({recipe.name for recipe in recipes}) == len(recipes)  # each has a folder of its name
        assert recipes[-1].content == cell.content
        assert (recipes[-1].adversarial > 0) == (cell.weight > 0)
        assert (recipes[-1].starts_from is not None) == (len(recipes) == 2)


def test_a_weight_counts_against_a_content_loss_of_1():
    """The shares of the offline content loss sum to .55 + .35 + .35 = 1.25 (losses.OFFLINE_SHARE)."""
    assert Cell(content="offline", weight=1e-2).recipes((1, 1), {})[-1].adversarial == pytest.approx(1.25e-2)
    assert Cell(content="vgg54", weight=1e-2).recipes((1, 1), {})[-1].adversarial == pytest.approx(1e-2)


def test_cells_that_differ_in_one_thing_are_trained_with_one_difference():
    """Of all settings, only those that a cell is made of differ: no rate, schedule or total variation with them."""
    contents, weights = ("mse", "offline", "vgg22", "vgg54"), (0, 1e-4, 1e-3, 1e-2)
    cells = [Cell(content=content, weight=weight) for content in contents for weight in weights]
    scratch = [dataclasses.replace(cell, pretraining=False) for cell in cells if cell != SRRESNET]
    trained = {cell: cell.recipes((450, 550), {"blocks": 8}) for cell in [*cells, *scratch]}
    assert len({recipes[0] for cell, recipes in trained.items() if cell.pretraining}) == 1
    before, own = trained[SRRESNET]  # these two rates are those of docs/class_table.md
    assert [(recipe.schedule, recipe.rate) for recipe in (before, own)] == [("one-cycle", 4e-4), ("one-cycle", 1.5e-4)]
    for cell, recipes in trained.items():
        own = asdict(recipes[-1]) | {"name": "", "content": "", "adversarial": 0}
        rest = asdict(trained[SRRESNET][-1]) | {"name": "", "content": "", "adversarial": 0}
        if not cell.pretraining:
            rest |= {"starts_from": None, "steps": 1000}
        assert own == rest, cell


def test_the_plan_of_a_class_has_no_total_variation():
    assert Cell(content="vgg22", weight=0).recipes((1, 1), {})[-1].tv == 0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("offline:1e-3", "srgan-offline"),
        ("mse:0", "srresnet-mse"),
        ("vgg54:0.01:scratch", "srgan-vgg54-1e-2-scratch"),
        ("vgg22:0", "srresnet-vgg22"),
        ("mse:1", "srgan-mse-1e0"),
    ],
)
def test_a_cell_is_written_in_a_word(text, name):
    assert Cell.parse(text).name == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("offline", "is not a cell"),
        ("offline:much", "is not a cell"),
        ("offline:1e-3:pretrained", "is not a cell"),
        ("offline:1e-3:scratch:1", "is not a cell"),
        ("l1:1e-3", "'l1' is not a content loss"),
        ("mse:-1", "from 0 to 1"),
        ("mse:1.01", "from 0 to 1"),
        ("mse:nan", "from 0 to 1"),
        ("mse:inf", "from 0 to 1"),
        ("mse:0:scratch", "only its learning rate would differ"),
    ],
)
def test_what_is_no_cell_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        Cell.parse(text)


def test_weights_are_written_short():
    assert [weight_text(weight) for weight in (0, 1e-4, 0.01, 2.5e-3)] == ["0", "1e-4", "1e-2", "2.5e-3"]


def test_pairs_that_differ_in_one_thing_are_known():
    main, mse = Cell(content="offline", weight=1e-3), Cell(content="mse", weight=0)
    assert main.differs(main) == []
    assert main.differs(Cell(content="mse", weight=1e-3)) == ["content loss offline against mse"]
    assert main.differs(Cell(content="offline", weight=0)) == ["adversarial weight 1e-3 against 0"]
    assert main.differs(Cell(content="offline", weight=1e-3, pretraining=False)) == ["with pretraining against without"]
    assert len(main.differs(mse)) == 2
    scratch = Cell(content="mse", weight=1e-3, pretraining=False)
    assert scratch.differs(mse) == ["adversarial weight 1e-3 against 0", "without pretraining against with"]


# --- the plan --------------------------------------------------------------------------------------------------------


def test_a_plan_is_written_and_read(handout, tmp_path):
    handout.write(tmp_path / "class.json")
    assert read_handout(tmp_path / "class.json") == handout
    assert handout.label("2") == "srgan-mse (seed 0)"
    assert handout.label("6") == "srgan-mse (seed 1)"
    assert "srgan-mse-scratch" in str(handout)
    assert str(handout).startswith(
        "1 block of 4 maps; 2 updates of SRResNet-MSE, then 3 of the cell; without pretraining, 5 of the cell. "
        "3 photos (noise)."
    )


def test_a_plan_without_settings_is_of_the_paper_s_network_and_own_settings_come_before_the_compact_ones(photos):
    assert str(hand_out(1, photos, updates=(2, 3), crop=16)).startswith("16 blocks of 64 maps; ")
    made = hand_out(1, photos, updates=(2, 3), compact=True, vgg=True, channels=4, crop=16)
    assert [(recipe.blocks, recipe.channels) for recipe in made.recipes("1")] == [(8, 4), (8, 4)]
    assert made.of("1") == (Cell(content="vgg54", weight=1e-3), 0)


def test_a_plan_that_was_changed_or_cut_is_refused(handout, tmp_path):
    path = tmp_path / "class.json"
    handout.write(path)
    whole = path.read_text()
    path.write_text(whole.replace('"seed": 1', '"seed": 2'))
    with pytest.raises(UserError, match="was changed"):
        read_handout(path)
    path.write_text(whole[:300])
    with pytest.raises(UserError, match="Ask for the file again"):
        read_handout(path)
    with pytest.raises(UserError, match="No such file"):
        read_handout(tmp_path / "other.json")


def test_a_plan_of_another_format_is_refused_with_the_reason(handout, tmp_path):
    path = tmp_path / "class.json"
    handout.write(path)
    path.write_text(path.read_text().replace('"format": 2', '"format": 1'))
    with pytest.raises(UserError, match=r"has format 1.*may train cells with other settings"):
        read_handout(path)


def test_the_columns_of_a_plan_stay_apart(photos):
    names = ["a-group-with-a-very-long-name", "b"]
    made = hand_out(names, photos, updates=(2, 3), cells=["offline:1.25e-2:scratch", "mse:0"], **TINY)
    head, *rows = (re.split(r" {2,}", line) for line in str(made).splitlines()[1:])
    assert head == ["group", "cell", "content", "weight", "pretraining", "seed"]
    assert rows == [
        [names[0], "srgan-offline-1.25e-2-scratch", "offline", "1.25e-2", "-", "0"],
        ["b", "srresnet-mse", "mse", "0", "SRResNet-MSE", "0"],
    ]
    assert aligned([("ab", "c"), ("d", "")]) == ["ab  c", "d"]  # no blanks at the end of a line


def test_more_groups_leave_what_was_handed_in_right(handout, returned):
    """A second night: the same plan, two more groups; a cell that already exists gets the next seed."""
    longer = handout.more(["9", "10"], ["mse:1e-3", "mse:1e-1"])
    assert longer.of("9") == (Cell(content="mse", weight=1e-3), 2)  # groups 2 and 6 have seeds 0 and 1
    assert longer.of("10") == (Cell(content="mse", weight=1e-1), 0)
    collected = collect(longer, [returned])
    assert len(collected.accepted) == 8
    assert collected.missing == ("9", "10")
    with pytest.raises(UserError, match="its own name"):
        handout.more(["1"], ["mse:0"])


def test_minutes_become_updates_that_the_slowest_cell_can_make(photos, monkeypatch):
    """Measured: SRResNet at least 450, SRGAN 300 (offline), 600 (MSE); from scratch 500. So 500 / 750 of both."""
    measured = {
        "srgan-mse": (480, 600),
        "srgan-offline": (450, 300),
        "srresnet-offline": (450, 900),
        "srgan-mse-scratch": (500,),
    }
    options = Options(precision="fp32")

    def plan(recipe, minutes, *args, **kwargs):
        assert minutes == 30
        assert kwargs["options"] is options
        assert (recipe.blocks, kwargs["blocks"]) == (3, 3)
        stages = [SimpleNamespace(recipe=SimpleNamespace(steps=steps)) for steps in measured[recipe.name]]
        return SimpleNamespace(stages=stages, notes=())

    monkeypatch.setattr(handing_out, "make_plan", plan)
    cells = ["mse:1e-3", "mse:1e-4", "offline:1e-3", "offline:0", "mse:1e-3:scratch"]
    for chosen, updates in ((cells, (300, 200)), (cells[:4], (450, 300)), (cells[4:], (225, 275))):  # 45 % of 500
        made = hand_out(len(chosen), photos, minutes=30, cells=chosen, options=options, blocks=3, crop=16)
        assert made.updates == updates


def test_a_batch_that_does_not_fit_ends_in_a_sentence_since_all_cells_have_one(photos, monkeypatch):
    monkeypatch.setattr(handing_out, "make_plan", lambda *args, **kwargs: SimpleNamespace(notes=("8 is used.",)))
    with pytest.raises(UserError, match=r"8 is used\. All cells of a class have the same batch"):
        hand_out(1, photos, minutes=30)


def test_minutes_are_measured_on_this_machine(photos):
    made = hand_out(1, photos, minutes=0.1, cells=["mse:1e-3:scratch"], measuring=0.1, **TINY)
    assert min(made.updates) >= 4  # of 10 at least


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups": ["a", "A"]}, "its own name"),
        ({"groups": ["../a", "b"]}, "its own name"),
        ({"groups": ["", "b"]}, "its own name"),
        ({"groups": ["a b", "c"]}, "its own name"),
        ({"cells": ["mse:0"]}, "is 1 cell for 2 groups"),
        ({"cells": ["mse:0"] * 3}, "are 3 cells for 2 groups"),
        ({"minutes": 3}, "not both"),
        ({"updates": None}, "not both"),
        ({"updates": (0, 5), "cells": ["mse:1e-3:scratch"] * 2}, "two whole numbers of at least 1"),
        ({"updates": (2, 3, 4)}, "two whole numbers of at least 1"),
        ({"rate": 1e-3}, "cannot set rate"),
        ({"crop": 20}, "multiple of 16"),
        ({"batch": 1}, "at least 2 crops"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(photos, change, words):
    asked = {"groups": 2, "updates": (2, 3), "cells": ["mse:0", "mse:1e-3"], **TINY} | change
    with pytest.raises(UserError, match=words):
        hand_out(asked.pop("groups"), photos, **asked)


# --- homework --------------------------------------------------------------------------------------------------------


def test_a_group_with_other_photos_is_stopped_before_it_trains(handout, tmp_path):
    others = load_photos(noise(1, 3), minimum=16, progress=False)
    with pytest.raises(UserError, match=r"3 missing \(photo 0, .*3 unknown \(photo 0"):
        train_cell(handout, "1", others, tmp_path / "run", **QUIET)
    assert not (tmp_path / "run").exists()


def test_homework_goes_on_where_it_was_stopped_and_is_not_packed_before_its_end(handout, photos, tmp_path):
    def press_stop(name, row):
        if (name, row["step"]) == ("srgan-mse", 1):
            os.kill(os.getpid(), signal.SIGINT)

    stopped = train_cell(handout, "2", photos, tmp_path / "run", on_report=press_stop, **QUIET)
    assert not stopped.finished
    with pytest.raises(UserError, match="has not ended: 2 of 3 updates"):
        pack(handout, "2", stopped, photos, tmp_path / "group-2.zip")
    again = train_cell(handout, "2", photos, tmp_path / "run", **QUIET)
    assert again.finished
    collected = collect(handout, [pack(handout, "2", again, photos, tmp_path / "group-2.zip")])
    assert [each.group for each in collected.accepted] == ["2"]


def test_a_folder_serves_one_group(handout, photos, returned):
    with pytest.raises(UserError, match="contains another plan"):
        plan_of(handout, "1", photos, returned / "run 2")
    with pytest.raises(UserError, match="no group '9'"):
        plan_of(handout, "9", photos, returned / "run 9")


# --- what comes back -------------------------------------------------------------------------------------------------


def test_all_eight_are_accepted_with_the_networks_that_were_trained(handout, returned):
    collected = collect(handout, [returned])
    assert collected.problems == ()
    assert [each.group for each in collected.accepted] == list("12345678")
    mine = collected.accepted[1]
    trained = load_network(returned / "run 2" / "srgan-mse" / "weights.safetensors").state_dict()
    assert all((trained[name] == tensor).all() for name, tensor in mine.network.state_dict().items())


@pytest.mark.parametrize("cut", [0, 10, 400, 2000, -1])
def test_a_file_that_is_cut_off_is_named(handout, returned, tmp_path, cut):
    data = (returned / "group-3.zip").read_bytes()
    (tmp_path / "group-3.zip").write_bytes(data[:cut])
    collected = collect(handout, [tmp_path])
    assert collected.accepted == ()
    assert "group-3.zip: damaged" in collected.problems[0]
    assert "3" in collected.missing


def test_no_flipped_byte_goes_unseen(handout, returned, tmp_path):
    """A bit in the zip flips: the file is refused with a sentence, or what it holds is what it held."""
    data = (returned / "group-3.zip").read_bytes()
    whole = collect(handout, [returned / "group-3.zip"]).accepted[0]
    random = np.random.default_rng(0)
    for place in random.integers(0, len(data), 40):
        broken = bytearray(data)
        broken[place] ^= 1 << int(random.integers(8))
        (tmp_path / "x.zip").write_bytes(broken)
        collected = collect(handout, [tmp_path / "x.zip"])
        assert bool(collected.problems) != bool(collected.accepted)
        for each in collected.accepted:
            assert (each.group, each.weights) == (whole.group, whole.weights)


def other_recipe(record):
    record["stages"][-1]["recipe"]["adversarial"] = 0.5


def fewer_updates(record):
    record["stages"][-1]["updates"] = 1


def other_seed(record):
    record["stages"][0]["seed"] = 7


def other_group(record):
    record["group"] = "4"


def other_plan(record):
    record["class"] = "0" * 64


def other_format(record):
    record["format"] = 1


def trained_on_set14(record):
    digest = next(iter(record["stages"][0]["photos"]))
    record["shows"][digest] = hash_as_text(benchmark_hashes()["Set14 img_003"])


def says_nothing(record):
    record["shows"] = {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"record": other_recipe}, "adversarial 0.5, in the plan 0.001"),
        ({"record": fewer_updates}, "has 1 update, but the plan says 3"),
        ({"srgan-mse__csv": b"step\n2\n"}, "has 2 updates, but the plan says 3"),
        ({"record": other_seed}, "seed 7, in the plan 0"),
        ({"record": other_group}, "srresnet-mse then srgan-mse was trained, but the plan says srresnet-mse then"),
        ({"record": other_plan}, "belongs to another plan"),
        ({"record": other_format}, "has format 1, of another version of the course, which may train cells with other"),
        ({"record": trained_on_set14}, r"trained on a benchmark image: photo . is Set14 img_003"),
        ({"record": says_nothing}, "does not say what photo"),
        ({"record": lambda record: record.pop("stages")}, "cannot be read"),
        ({"weights__safetensors": b"other"}, "not those that it was packed with"),
        ({"weights__safetensors": None}, "no weights.safetensors in it"),
        ({"cell__json": b"{}"}, "cannot be read"),
        ({"cell__json": b"[]"}, "contains no record"),
        ({"cell__json": b"\xff"}, "damaged"),
        ({"srgan-mse__csv": b"step\n" + b"x" * 200_000}, "damaged or cut off"),
    ],
)
def test_what_is_not_by_the_plan_is_refused_with_what_is_wrong(handout, returned, tmp_path, changes, words):
    repacked(returned / "group-2.zip", tmp_path / "group-2.zip", **changes)
    collected = collect(handout, [tmp_path])
    assert collected.accepted == ()
    (problem,) = collected.problems
    assert "group-2.zip" in problem
    assert re.search(words, problem)
    assert "UserError" not in problem
    assert problem.count("group-2.zip") == 1


def test_weights_of_another_cell_are_no_homework(handout, returned, tmp_path):
    """The record is right to the last hash, and the network is that of another recipe."""
    path = tmp_path / "weights.safetensors"
    save_network(path, load_network(returned / "run 3" / "srgan-mse-1e-4" / "weights.safetensors"), recipe="x")

    def new_hash(record):
        record["weights"] = sha256(path.read_bytes()).hexdigest()

    repacked(returned / "group-2.zip", tmp_path / "a.zip", record=new_hash, weights__safetensors=path.read_bytes())
    (problem,) = collect(handout, [tmp_path / "a.zip"]).problems
    assert "its weights are those of x after None updates" in problem


def test_a_file_that_comes_twice_counts_once_and_two_different_ones_of_a_group_not_at_all(
    handout, photos, returned, tmp_path
):
    shutil.copy(returned / "group-1.zip", tmp_path / "copy.zip")
    collected = collect(handout, [returned / "group-1.zip", tmp_path / "copy.zip"])
    assert len(collected.accepted) == 1
    assert collected.problems == ()
    weights = (returned / "run 2" / "srgan-mse" / "weights.safetensors").read_bytes()
    network = load_network(returned / "run 2" / "srgan-mse" / "weights.safetensors")
    with torch.no_grad():
        next(network.parameters()).add_(1)
    save_network(tmp_path / "w.safetensors", network, recipe="srgan-mse", updates="3")
    changed = (tmp_path / "w.safetensors").read_bytes()
    assert changed != weights

    def new_hash(record):
        record["weights"] = sha256(changed).hexdigest()

    repacked(returned / "group-2.zip", tmp_path / "b.zip", record=new_hash, weights__safetensors=changed)
    collected = collect(handout, [returned / "group-2.zip", tmp_path / "b.zip"])
    assert collected.accepted == ()
    assert "different networks from one group, 2" in collected.problems[0]


def test_a_network_that_two_groups_hand_in_is_nobody_s(handout, returned, tmp_path):
    def group_6(record):
        record["group"] = "6"
        for stage in record["stages"]:
            stage["seed"] = 1

    repacked(returned / "group-2.zip", tmp_path / "group-6.zip", record=group_6)
    collected = collect(handout, [returned / "group-2.zip", tmp_path / "group-6.zip"])
    assert collected.accepted == ()
    assert "the very same weights" in collected.problems[0]


def test_a_file_from_a_system_that_shouts_is_found(handout, returned, tmp_path):
    shutil.copy(returned / "group-1.zip", tmp_path / "GROUP-1.ZIP")
    shutil.copy(returned / "group-2.zip", tmp_path / "._group-2.zip")  # macOS puts such files beside others
    assert [each.group for each in collect(handout, [tmp_path]).accepted] == ["1"]


def test_a_file_that_may_not_be_read_is_not_called_damaged(handout, returned, tmp_path, monkeypatch):
    def closed(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(zipfile, "ZipFile", closed)
    (problem,) = collect(handout, [returned / "group-1.zip"]).problems
    assert problem.endswith(
        "group-1.zip cannot be read: no permission. Ask its owner, or copy it to a folder of your own."
    )


def test_a_folder_without_files_is_said(handout, tmp_path):
    with pytest.raises(UserError, match=r"no \.zip file"):
        collect(handout, [tmp_path])


# --- the table -------------------------------------------------------------------------------------------------------


def test_an_interval_is_student_s():
    """Of 1, 2, 3, 4 by hand: mean 2.5, standard error 0.6455, t(3) 3.1824."""
    assert mean_interval(np.array([1.0, 2, 3, 4])) == pytest.approx((2.5 - 2.0543, 2.5, 2.5 + 2.0543), abs=1e-3)
    low, middle, high = mean_interval(np.array([5.0]))
    assert (math.isnan(low), middle, math.isnan(high)) == (True, 5, True)


def invented(handout, seed_shift=0.0, gain=None):
    """A table whose figures are known: PSNR of image i under the k-th method is 20 + i + its gain."""
    gain = gain or {}

    def measured(name, returned, plus):
        rows = []
        for protocol in ("community", "paper"):
            for i in range(5):
                wobble = 0.01 * ((i * 7 + len(name)) % 5)
                psnr = 20 + i + plus + wobble
                rows.append(
                    Row(set="Set5", image=str(i), protocol=protocol, psnr=psnr, ssim=0.5, stlpips=0.5 - plus / 10)
                )
        return Measured(name=name, returned=returned, rows=tuple(rows))

    methods = [measured("bicubic", None, 0.0)]
    for group, (cell, seed) in handout.groups.items():
        each = Returned(
            group=group,
            cell=cell,
            seed=seed,
            label=handout.label(group),
            network=None,
            weights=group,
            machine="",
            path=None,
        )
        methods.append(measured(each.label, each, gain.get(cell.name, 1.0) + seed * seed_shift))
    return class_table(handout, methods, ["Set5"])


def test_only_cells_that_differ_in_one_thing_are_compared(photos):
    made = hand_out(4, photos, updates=(2, 3), cells=["mse:0", "mse:1e-3", "offline:0", "offline:1e-3"], **TINY)
    pairs = {(pair.first, pair.second) for pair in invented(made).comparisons()}
    assert pairs == {
        ("srresnet-mse", "srgan-mse"),
        ("srresnet-mse", "srresnet-offline"),
        ("srgan-mse", "srgan-offline"),
        ("srresnet-offline", "srgan-offline"),
    }


def test_what_one_seed_each_can_say_is_said_and_no_more(photos):
    made = hand_out(2, photos, updates=(2, 3), cells=["mse:0", "mse:1e-3"], **TINY)
    table = invented(made, gain={"srresnet-mse": 2.0})
    (pair,) = table.comparisons()
    assert pair.psnr[1] == pytest.approx(1.0, abs=0.05)
    assert "with one seed each, nobody can tell whether their recipes do" in pair.sentence("psnr")
    assert table.chance() is None
    assert "one seed, and how far two runs of one recipe differ was not measured" in table.text


def test_one_image_gives_no_interval(photos):
    made = hand_out(2, photos, updates=(2, 3), cells=["mse:0", "mse:1e-3"], **TINY)
    whole = invented(made, gain={"srresnet-mse": 2.0})
    table = dataclasses.replace(
        whole, methods=tuple(dataclasses.replace(each, rows=each.rows[::5]) for each in whole.methods)
    )
    assert "nan" not in table.text
    assert "Set5, 1 image;" in table.text
    assert "WHAT CAN BE CONCLUDED, from 1 image of Set5" in table.text
    (pair,) = table.comparisons()
    assert pair.sentence("psnr").endswith("dB: one image gives no interval, so no difference is shown")


def test_a_repeated_cell_tells_what_seeds_may_do(photos):
    """Two runs of one cell that differ by d: s = d / sqrt(2), one degree of freedom, so the bound is 12.706 d."""
    made = hand_out(3, photos, updates=(2, 3), cells=["mse:0", "mse:1e-3", "mse:1e-3"], **TINY)
    table = invented(made, seed_shift=0.05, gain={"srresnet-mse": 2.0})
    assert table.chance()["psnr"] == pytest.approx(stats.t.ppf(0.975, 1) * 0.05, rel=0.01)
    (pair,) = table.comparisons()
    assert "by more than seeds may explain" in pair.sentence("psnr")
    near = invented(made, seed_shift=0.5, gain={"srresnet-mse": 2.0})
    assert "by no more than seeds may explain" in near.comparisons()[0].sentence("psnr")


def test_the_end_of_an_interval_is_not_called_0_where_it_is_not():
    """From 0.003 dB up, two networks differ: [+0.00, ...] would say that they may not."""
    values = {"psnr": (0.003, 0.05, 0.09), "stlpips": (-0.02, -0.01, -0.00003)}
    pair = Comparison(first="a", second="b", what="x", **values, chance={"psnr": 0.01, "stlpips": 0.001})
    assert pair.sentence("psnr").startswith("PSNR +0.05 dB [+0.003, +0.09]: these two networks differ by more")
    assert pair.sentence("stlpips").startswith("ST-LPIPS -0.0100 [-0.0200, -0.00003]: these two networks differ")


def test_a_set_that_is_named_twice_counts_once(photos):
    """Each image once: counted four times, the intervals would be half as wide."""
    made = hand_out(2, photos, updates=(2, 3), cells=["mse:0", "mse:1e-3"], **TINY)
    once = invented(made)
    twice = class_table(made, once.methods, ["Set5", "Set5"])
    assert twice.text == once.text


def test_no_difference_is_not_made_one(photos):
    made = hand_out(2, photos, updates=(2, 3), cells=["mse:0", "mse:1e-3"], **TINY)
    (pair,) = invented(made, gain={"srresnet-mse": 1.0, "srgan-mse": 1.0}).comparisons()
    assert "no difference shown" in pair.sentence("psnr")


def test_cells_that_are_not_yet_better_than_bicubic_in_anything_are_named(photos):
    made = hand_out(2, photos, updates=(2, 3), cells=["mse:0", "mse:1e-3"], **TINY)
    text = invented(made, gain={"srresnet-mse": 1.0, "srgan-mse": -3.0}).text
    assert "How good these recipes are: srgan-mse. After so few updates" in text
    assert "How good these" not in invented(made).text


def test_the_paper_stands_beside_the_class(photos):
    made = hand_out(2, photos, updates=(450, 550), cells=["mse:0", "offline:1e-3"], **TINY)
    text = invented(made).text
    mine = next(line for line in text.splitlines() if line.startswith("srresnet-mse"))
    assert mine.split("|")[1].split() == ["32.05", "+3.62", "0.9019", "3.37"]  # Table 1; 32.05 - 28.43 of bicubic
    offline = next(line for line in text.splitlines() if line.startswith("srgan-offline "))
    assert offline.split("|")[1].split() == ["-"] * 4  # the paper has no such content loss
    assert "SRGAN-VGG54" in text
    assert "1,200 times as many updates" in text  # (1,000,000 + 200,000) / 1,000


def test_the_paper_s_total_variation_is_said(photos):
    """The paper's SRResNet-VGG22 had it, no cell has it."""
    made = hand_out(1, photos, updates=(2, 3), cells=["vgg22:0"], **TINY)
    assert "SRResNet-VGG22 would have done here: it also had total variation" in invented(made).text
    made = hand_out(1, photos, updates=(2, 3), cells=["vgg54:1e-3"], **TINY)
    assert "total variation" not in invented(made).text


@pytest.mark.parametrize("gain", [-16.21, -4.5, 1.0, -130.0])
@pytest.mark.parametrize("voted", [False, True])
def test_the_columns_of_the_table_stay_apart(photos, gain, voted):
    """A collapsed cell loses 16.21 dB, with an interval as wide as "-16.21 [-22.14, -10.28]"."""
    made = hand_out(2, photos, updates=(2, 3), cells=["mse:0", "mse:1e-2:scratch"], **TINY)
    table = invented(made, gain={"srgan-mse-1e-2-scratch": gain})
    if voted:
        names = ("bicubic", "srresnet-mse", "srgan-mse-1e-2-scratch")
        table = dataclasses.replace(table, opinions=dict.fromkeys(names, (2.5, 3.0, 3.5)))
    lines = table.text.splitlines()
    head = next(line for line in lines if line.startswith("cell"))
    row = next(line for line in lines if line.startswith("srgan-mse-1e-2-scratch"))
    number, interval = r"-?\d+\.\d+", r"[+-]\d+\.\d\d \[[+-]\d+\.\d\d, [+-]\d+\.\d\d\]"
    mos = [r"3\.00 \[2\.50, 3\.50\]"] * voted
    columns = ["srgan-mse-1e-2-scratch", number, interval, number, number, *mos, r"\|", "-", "-", "-", "-"]
    assert re.fullmatch(" {2,}".join(columns), row)
    ends = [match.end() for match in re.finditer(r"\S+(?: \S+)*", head)]
    assert ends[1:] == [match.end() for match in re.finditer(r"\S+(?: \S+)*", row)][1:]  # aligned to the right


def test_votes_of_another_study_are_refused(photos):
    made = hand_out(2, photos, updates=(2, 3), cells=["mse:0", "mse:1e-3"], **TINY)
    table = invented(made)
    with pytest.raises(UserError, match="there are no votes on srgan-mse, srresnet-mse"):
        class_table(made, table.methods, table.sets, {"bicubic": (1, 2, 3)})


def test_the_figures_of_both_protocols_are_written_and_read(photos, tmp_path):
    """Gains of 1 and 3 dB: mean 2, standard error 1, t(1) 12.7062. Gains of 1 and 0.5 dB: mean 0.75, error 0.25."""
    made = hand_out(1, photos, updates=(2, 3), cells=["mse:0"], **TINY)
    figures = {
        "bicubic": {"community": (20, 21), "paper": (30, 31)},
        "srresnet-mse": {"community": (21, 24), "paper": (31, 31.5)},
    }
    methods = [
        dataclasses.replace(
            each,
            rows=tuple(
                Row(set="Set5", image=str(i), protocol=protocol, psnr=psnr, ssim=0.5, stlpips=0.25)
                for protocol, both in figures[each.name].items()
                for i, psnr in enumerate(both)
            ),
        )
        for each in invented(made).methods
    ]
    opinions = {"bicubic": (1.5, 2.0, 2.6), "srresnet-mse": (2.5, 3.0, 4.0)}
    table = class_table(made, methods, ["Set5"], opinions)
    line = next(line for line in table.text.splitlines() if line.startswith("srresnet-mse "))
    shown = ["srresnet-mse", "31.25", "+0.75 [-2.43, +3.93]", "0.5000", "0.2500", "3.00 [2.50, 4.00]"]
    assert re.split(r" {2,}", line)[:6] == shown
    table.write_csv(tmp_path / "table.csv")
    with open(tmp_path / "table.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["protocol"]) for row in rows] == [
        (name, protocol) for name in figures for protocol in ("community", "paper")
    ]
    community, paper = rows[2:]
    who = [community[name] for name in ("group", "cell", "seed", "set", "images")]
    assert who == ["1", "srresnet-mse", "0", "Set5", "2"]
    columns = ("psnr", "ssim", "stlpips", "over_bicubic", "low", "high", "mos", "mos_low", "mos_high")
    for row, expected in (
        (community, (22.5, 0.5, 0.25, 2, -10.7062, 14.7062, 3, 2.5, 4)),
        (paper, (31.25, 0.5, 0.25, 0.75, -2.42655, 3.92655, 3, 2.5, 4)),
    ):
        assert [float(row[name]) for name in columns] == pytest.approx(expected, abs=1e-4)


def test_mean_opinions_have_a_column(photos):
    made = hand_out(1, photos, updates=(2, 3), cells=["mse:0"], **TINY)
    table = invented(made)
    opinions = {"bicubic": (1.5, 2.0, 2.5), "srresnet-mse": (2.5, 3.0, 3.5), "hr": (4.1, 4.5, 4.8)}
    text = class_table(made, table.methods, table.sets, opinions).text
    assert "3.00 [2.50, 3.50]" in text
    assert "HR has 4.50 [4.10, 4.80]" in text
    assert "How people see the pictures" not in text


# --- a class of eight ------------------------------------------------------------------------------------------------


def test_a_class_of_eight(handout, photos, returned, room, tmp_path, capsys):
    """Five hand in what they should; one file is damaged, one group took other photos, one Set14's own pictures."""
    desk = tmp_path / "desk"
    desk.mkdir()
    handout.write(tmp_path / "class.json")
    for group in "12346":
        shutil.copy(returned / f"group-{group}.zip", desk)
    whole = (returned / "group-5.zip").read_bytes()
    (desk / "group-5.zip").write_bytes(whole[: len(whole) // 2])
    for group, images in (("7", noise(5, 3)), ("8", benchmark_pictures())):
        taken = Photos(images=images)  # not by load_photos, which would have refused them
        plan = plan_of(handout, group, photos, tmp_path / f"run {group}", measuring=0.02)
        outcome = train_plan(plan, taken, tmp_path / f"run {group}", progress=False)
        pack(handout, group, outcome, taken, desk / f"group-{group}.zip")

    plan = ["--plan", str(tmp_path / "class.json")]
    assert main(["class", "check", str(desk), *plan]) == 1  # done in part
    said = capsys.readouterr().out
    assert "5 of 8 cells are here and valid" in said
    assert "group-5.zip: damaged" in said
    assert "group 7, srgan-mse-2e-3: it was not trained on the class's photos" in said
    assert "group 8, srgan-mse-5e-3: it was trained on 3 benchmark images: " in said
    assert "is Set14 img_00" in said
    assert "UserError" not in said
    assert "still to come: 5, 7, 8" in said

    hr = tmp_path / "data" / "Room" / "HR"
    assert main(["class", "study", str(desk), *plan, "--images", str(hr), "--out", str(tmp_path / "study")]) == 1
    said = capsys.readouterr().out
    assert "3 images by 7 methods" in said
    assert re.search(r"\d+ pictures per rater, about \d minutes; \d+ of the ratings count", said)
    assert "too few photos: with 3, no number of raters can show a difference between 7 methods" in said
    kept = tmp_path / "measured"
    command = ["class", "table", str(desk), *plan, "--sets", "Room", "--kept", str(kept)]
    assert main([*command, "--csv", str(tmp_path / "table.csv")]) == 1
    said = capsys.readouterr()
    assert said.err.count("measuring") == 6
    assert "srgan-mse (seed 1)" in said.out
    assert "WHAT CANNOT BE CONCLUDED" in said.out
    assert (tmp_path / "table.csv").read_bytes().startswith(b"\xef\xbb\xbfmethod,")  # Excel knows UTF-8 by this mark
    with open(tmp_path / "table.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 * 2
    assert main(command) == 1
    again = capsys.readouterr()
    assert "measuring" not in again.err  # kept
    assert again.out.split("Room,")[1] in said.out


def benchmark_pictures() -> dict[str, np.ndarray]:
    """Pictures with the perceptual hashes of three images of Set14, made of nothing but those hashes."""
    made = {}
    for number in (1, 2, 3):
        cells = benchmark_hashes()[f"Set14 img_{number:03d}"]
        luma = np.clip(128 + 30 * cells, 0, 255).astype(np.uint8)
        made[f"mine {number}"] = np.repeat(luma.repeat(6, 0).repeat(6, 1)[..., None], 3, axis=2)
    return made


def test_set14_itself_is_refused_before_training_and_after(handout, photos, benchmark_data, tmp_path):
    """The real pictures: by load_photos, and by what a file says that was trained on them all the same."""
    paths = sorted((benchmark_data / "Set14" / "HR").glob("*.png"))[:3]
    images = {path.stem: load_image(path)[:96, :96] for path in paths}
    whole = {path.stem: load_image(path) for path in paths}
    with pytest.raises(UserError, match="3 pictures are benchmark images"):
        load_photos(whole, minimum=16, progress=False)
    assert images
    plan = plan_of(handout, "1", photos, tmp_path / "run", measuring=0.02)
    taken = Photos(images=whole)
    outcome = train_plan(plan, taken, tmp_path / "run", progress=False)
    (problem,) = collect(handout, [pack(handout, "1", outcome, taken, tmp_path / "group-1.zip")]).problems
    assert "3 benchmark images" in problem


def test_the_study_is_of_the_networks_that_came_back(handout, returned, tmp_path):
    study = make_study(collect(handout, [returned]), noise(9, 3, 64), tmp_path / "study", seed=3)
    assert set(study.methods) == {"bicubic", "hr", *(handout.label(group) for group in handout.groups)}
    assert study.protocol == "acr-hr"


def test_measures_are_those_of_one_protocol_and_of_the_sets_that_were_asked_for():
    known = [
        ("Set5", "paper", 1.0),
        ("Set5", "community", 2.0),
        ("Set5", "paper", 3.0),
        ("Set14", "paper", 5.0),
        ("Set14", "community", 7.0),
    ]
    rows = tuple(Row(set=name, image="x", protocol=protocol, psnr=psnr, ssim=0.0) for name, protocol, psnr in known)
    method = Measured(name="1", returned=None, rows=rows)
    assert method.values("psnr", ["Set14", "Set5"]).tolist() == [5, 1, 3]
    assert method.values("psnr", ["Set5"], "community").tolist() == [2]
    assert method.mean("psnr", "Set5") == 2
    assert method.mean("psnr", "Set14", "community") == 7


def test_where_nothing_came_back_nothing_is_measured(handout, returned, tmp_path):
    (tmp_path / "group-1.zip").write_bytes(b"")
    collected = collect(handout, [tmp_path])
    for what in (lambda: measure_all(collected), lambda: make_study(collected, {}, tmp_path / "study")):
        with pytest.raises(UserError, match=r"no file was accepted.*damaged"):
            what()


def test_the_command_makes_a_plan_and_trains_a_group(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, image in noise(0, 3).items():
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "photos" / f"{name}.png")
    sizes = [text for name, value in TINY.items() for text in (f"--{name}", str(value))]
    shutil.copytree(tmp_path / "photos", tmp_path / "my photos")
    new = ["class", "new", "--groups", "anna", "ben", "--cells", "mse:0", "mse:1e-3", "--updates", "2", "3", *sizes]
    assert main([*new, "--photos", "my photos"]) == 0
    assert 'srgan-lessons class train class.json --group NAME --photos "my photos"' in capsys.readouterr().out
    assert main([*new, "--photos", "photos"]) == 0
    assert "srgan-lessons class train class.json --group NAME --photos photos" in capsys.readouterr().out
    assert main(["class", "train", "class.json", "--group", "ben", "--photos", "photos"]) == 0
    assert (tmp_path / "group-ben.zip").exists()
    assert main(["class", "check", "group-ben.zip"]) == 0
    assert "still to come: anna" in capsys.readouterr().out
    assert main(["class", "train", "class.json", "--group", "carl", "--photos", "photos"]) == 2
    assert "there are: anna, ben" in capsys.readouterr().err
    assert main(["class", "table", "group-ben.zip", "--votes", "x"]) == 2
    assert "belong together" in capsys.readouterr().err
