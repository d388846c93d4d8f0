"""Minutes into updates: the arithmetic by hand, the plan that is kept, and runs that are interrupted."""

import base64
import copy
import dataclasses
import io
import itertools
import json
import os
import re
import shutil
import signal
import time
import zipfile
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from srgan_lessons import UserError
from srgan_lessons.classroom.figures import catch
from srgan_lessons.classroom.takehome import card, card_picture, take_home
from srgan_lessons.classroom.watching import Watch, draw_plan
from srgan_lessons.cli import main
from srgan_lessons.datasets import Photos, load_photos
from srgan_lessons.files import shipped
from srgan_lessons.images import save_image
from srgan_lessons.training import RECIPES, planned, train
from srgan_lessons.training import plan as planning
from srgan_lessons.training.checkpoint import read_checkpoint
from srgan_lessons.training.expectation import Expectation, expect
from srgan_lessons.training.learner import Learner, starting_generator
from srgan_lessons.training.machine import Machine
from srgan_lessons.training.options import Options
from srgan_lessons.training.plan import Speed, Stage, fit_into, make_plan, plan_stage, read_plan
from srgan_lessons.training.planned import _Clock, _validate_the_end, read_log, read_outcome, train_plan
from srgan_lessons.training.validation import Validation
from srgan_lessons.weights import load_network

TINY = dict(blocks=1, channels=4, batch=2, crop=16)
MINUTES = 60  # a busy machine has time enough, too


@pytest.fixture(scope="module")
def photos():
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (3, 24, 24, 3), dtype=np.uint8)
    return load_photos({f"photo {i}": image.repeat(2, 0).repeat(2, 1) for i, image in enumerate(small)}, minimum=16)


@pytest.fixture(scope="module")
def made(photos):
    """A plan for this machine."""
    return make_plan("srgan-mse", MINUTES, photos, measuring=0.1, **TINY)


def tiny_plan(made, folder=None, steps=(6, 8)):
    """A plan whose updates do not depend on this machine. Kept in a folder it is carried out without a clock."""
    stages = [
        dataclasses.replace(stage, recipe=stage.recipe.change(steps=count), validations=2, seconds=60.0)
        for stage, count in zip(made.stages, steps, strict=True)
    ]
    plan = dataclasses.replace(made, stages=tuple(stages))
    if folder:
        plan.save(folder)
    return plan


def test_a_compact_network_can_start_from_the_compact_weights_of_the_course():
    recipe, shipped_network = RECIPES["srresnet-mse"], load_network("srresnet-compact")
    started = starting_generator(recipe.change(**planning.COMPACT), "srresnet-compact").state_dict()
    assert all(torch.equal(weight, started[name]) for name, weight in shipped_network.state_dict().items())
    with pytest.raises(UserError, match="the weights srresnet-compact are those of generator blocks=8 channels=32"):
        starting_generator(recipe, "srresnet-compact")


def test_updates_are_those_that_a_calculation_by_hand_gives():
    stage = fit_into(RECIPES["srgan-offline"], 110, Speed(updates_per_s=2.5, start=4), validation=6)
    assert stage.recipe.steps == 240  # (110 - 4 - 6) x 0.96 x 2.5
    assert stage.recipe.schedule == "one-cycle"
    assert stage.recipe.rate_at(239) < 0.01 * stage.recipe.rate


@pytest.mark.parametrize(("recipe", "run"), [("srresnet-mse", "srresnet"), ("srgan-offline", "srgan")])
def test_the_highest_rates_are_those_of_the_shipped_networks(recipe, run):
    stage = fit_into(RECIPES[recipe], 110, Speed(updates_per_s=2.5, start=4))
    highest = max(row["rate"] for row in read_log(shipped(f"runs/{run}.csv")))
    assert stage.recipe.rate == pytest.approx(highest, rel=1e-3)


def test_the_options_of_a_stage_by_hand():
    """120 lines of log, validations that end with the last update, and a checkpoint every two minutes."""
    recipe = RECIPES["srgan-mse"].change(steps=1_000)
    stage = Stage(
        recipe=recipe, speed=Speed(updates_per_s=2, start=4), seconds=600, validations=7, validation=3, saving=9
    )
    assert stage.options == {"log_every": 8, "validate_every": 143, "checkpoint_minutes": 2}  # 6 x 143 + 142 = 1,000
    assert stage.besides == 4 + 7 * 3 + 9
    short = dataclasses.replace(stage, recipe=recipe.change(steps=50))
    assert short.options["log_every"] == 1


def test_the_compact_network_gets_a_quarter_of_the_adversarial_weight_and_its_pretraining_none(photos, monkeypatch):
    monkeypatch.setattr(planning, "measure", lambda *args, **kwargs: Speed(updates_per_s=100, start=1))
    plan = make_plan("srgan-mse", MINUTES, photos, compact=True, crop=16)
    assert [stage.recipe.adversarial for stage in plan.stages] == [0, 0.25e-3]
    for stage in plan.stages:
        made = stage.recipe
        assert (made.blocks, made.channels, made.batch, made.icnr) == (8, 32, 8, True)
    assert "srgan-mse: the network is small, so its adversarial loss gets 25% of the usual weight, 0.00025" in plan.text
    own = make_plan("srgan-mse", MINUTES, photos, compact=True, adversarial=1e-2, **TINY)
    assert [stage.recipe.adversarial for stage in own.stages] == [0, 1e-2]
    assert not own.notes


@pytest.mark.parametrize(
    ("speed", "choices", "weight"),
    [
        (2.5, {}, 0.25e-3),  # .55 x 3,600 s x .96 x 2.5 a second: at most 4,752 updates
        (2.8, {}, 1e-3),  # at most 5,322
        (2.5, {"adversarial": 1e-3}, 1e-3),
        (2.5, {"adversarial": 0}, 0),
    ],
)
def test_an_srgan_of_fewer_than_5000_updates_gets_a_quarter_of_the_adversarial_weight(
    photos, monkeypatch, speed, choices, weight
):
    monkeypatch.setattr(planning, "measure", lambda *args, **kwargs: Speed(updates_per_s=speed, start=1))
    plan = make_plan("srgan-mse", 60, photos, **TINY, **choices)
    assert [stage.recipe.adversarial for stage in plan.stages] == [0, weight]
    assert bool(plan.notes) == (weight == 0.25e-3)
    whole = make_plan(RECIPES["srgan-mse"], 60, photos, **TINY, **choices)  # a recipe of one's own stays as it is
    assert whole.stages[-1].recipe.adversarial == choices.get("adversarial", 1e-3)


def test_a_time_that_is_too_short_is_refused():
    with pytest.raises(UserError, match=r"too short for srgan-offline.*--compact"):
        fit_into(RECIPES["srgan-offline"], 10, Speed(updates_per_s=1, start=2))
    with pytest.raises(UserError, match=r"more minutes \(--within; in a notebook, `minutes`\)\.$"):
        fit_into(RECIPES["srgan-offline"].change(**planning.COMPACT), 10, Speed(updates_per_s=1, start=2))
    fast = Speed(updates_per_s=2.5, start=1)
    assert fit_into(RECIPES["srgan-offline"], 5.2, fast).recipe.steps == 10  # (5.2 - 1) x 0.96 x 2.5 = 10.08
    with pytest.raises(UserError, match="too short"):
        fit_into(RECIPES["srgan-offline"], 5.1, fast)  # 9.84


@pytest.mark.parametrize(("takes", "count"), [(2.0, 5), (0.001, 20), (40.0, 1)])
def test_validations_take_a_tenth_of_the_time_at_most_and_there_is_one(takes, count):
    stage = plan_stage(RECIPES["srgan-mse"], 100, Speed(updates_per_s=10, start=0), validation=takes, saving=0)
    assert stage.validations == count
    assert stage.recipe.steps == pytest.approx((100 - count * takes) * 0.96 * 10, abs=1)


def test_each_validation_and_every_two_minutes_save_a_checkpoint():
    """In 600 s, 15 validations of 1 s with a checkpoint of 3 s each, and 5 more checkpoints: 75 s are no updates."""
    stage = plan_stage(RECIPES["srgan-mse"], 600, Speed(updates_per_s=10, start=0), validation=1, saving=3)
    assert (stage.validations, stage.saving) == (15, 20 * 3)
    assert stage.recipe.steps == pytest.approx(525 * 0.96 * 10, abs=1)


def test_a_plan_of_one_stage_has_its_files(tmp_path):
    stage = Stage(recipe=RECIPES["srresnet-mse"], speed=Speed(updates_per_s=1, start=0), seconds=1)
    plan = planning.Plan(minutes=1, stages=(stage,), machine="", request={})
    logs = {"srresnet-mse": [{"step": 4}]}
    outcome = planned.Outcome(folder=tmp_path, plan=plan, logs=logs, finished=True, in_time=False, seconds=1)
    assert outcome.weights == outcome.best == tmp_path / "srresnet-mse" / "weights.safetensors"
    assert outcome.preview(4) == tmp_path / "srresnet-mse" / "preview" / "update_00000004.png"
    assert outcome.log() == logs["srresnet-mse"]


def test_both_stages_are_planned_and_a_plan_is_kept(photos, tmp_path):
    plan = make_plan("srgan-mse", MINUTES, photos, measuring=0.1, **TINY)
    assert [stage.recipe.name for stage in plan.stages] == ["srresnet-mse", "srgan-mse"]
    assert plan.stages[0].seconds / plan.seconds == pytest.approx(0.45)
    assert plan.seconds < 60 * MINUTES
    assert "srresnet-mse" in plan.text
    plan.save(tmp_path)
    assert read_plan(tmp_path) == plan
    assert make_plan("srgan-mse", MINUTES, photos, folder=tmp_path, **TINY) == plan


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ({"minutes": 0.3}, "minutes"),
        ({"channels": 8}, "channels"),
        ({"init": "srgan"}, "init"),
        ({"compact": True}, "icnr"),
    ],
)
def test_a_plan_for_other_settings_is_refused_with_what_differs(made, photos, tmp_path, other, name):
    tiny_plan(made, tmp_path)
    asked = {"recipe": "srgan-mse", "minutes": MINUTES, **TINY} | other
    with pytest.raises(UserError, match=f"{name} .* then, .* now.*--folder"):
        make_plan(photos=photos, folder=tmp_path, **asked)


def test_a_damaged_plan_is_named(tmp_path):
    (tmp_path / "plan.json").write_text('{"format": 1, "stages": [')
    with pytest.raises(UserError, match="cannot be read"):
        read_plan(tmp_path)


def test_a_recipe_without_an_adversary_is_one_stage(photos):
    plan = make_plan("srresnet-mse", MINUTES, photos, measuring=0.1, **TINY)
    assert [stage.recipe.name for stage in plan.stages] == ["srresnet-mse"]


def test_where_memory_does_not_suffice_the_batch_is_halved_and_that_is_said(photos, monkeypatch):
    measure = planning.measure

    def small_machine(recipe, *args, **kwargs):
        if recipe.batch > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return measure(recipe, *args, **kwargs)

    monkeypatch.setattr(planning, "measure", small_machine)
    plan = make_plan("srresnet-mse", MINUTES, photos, measuring=0.1, **TINY | {"batch": 8})
    assert plan.stages[0].recipe.batch == 2
    assert "a batch of 8 does not fit" in plan.text


@pytest.mark.parametrize("stage", [0, 1])
def test_a_run_that_is_short_of_memory_takes_a_smaller_batch_by_itself(made, photos, tmp_path, monkeypatch, stage):
    """Another program has taken memory since the plan was made. A class has one batch; a run goes on with its own."""
    name = made.stages[stage].recipe.name
    step = Learner.updates_on

    def short(learner, sampler, **how):
        update = step(learner, sampler, **how)

        def updated(number):
            if learner.recipe.name == name and learner.recipe.batch > 2 and number >= first:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            update(number)

        return updated

    monkeypatch.setattr(Learner, "updates_on", short)
    plan, first = tiny_plan(made), 0
    stages = [dataclasses.replace(each, recipe=each.recipe.change(batch=4)) for each in plan.stages]
    plan = dataclasses.replace(plan, stages=tuple(stages))
    plan.save(tmp_path / "a")
    with pytest.warns(UserWarning, match=rf"a batch of 4 does not fit .*{name}: a batch of 2 is used instead"):
        outcome = train_plan(plan, photos, tmp_path / "a", progress=False)
    assert outcome.finished
    assert [each.recipe.batch for each in outcome.plan.stages] == [2 if k == stage else 4 for k in range(2)]
    assert outcome.plan.notes[-1] == f"{name}: a batch of 2 is used instead."
    assert read_plan(tmp_path / "a") == outcome.plan
    assert train_plan(plan, photos, tmp_path / "a", progress=False).logs == outcome.logs

    in_a_class = dataclasses.replace(plan, request=plan.request | {"class": "x"})
    in_a_class.save(tmp_path / "b")
    with pytest.raises(UserError, match="a batch of 2 fits"):
        train_plan(in_a_class, photos, tmp_path / "b", progress=False)
    plan.save(tmp_path / "c")
    first = 4  # after the first checkpoint
    with pytest.raises(UserError, match="a batch of 2 fits"):
        train_plan(plan, photos, tmp_path / "c", progress=False)


def test_srgan_begins_with_the_weights_of_its_srresnet_and_the_same_call_adds_nothing(made, photos, tmp_path):
    plan = tiny_plan(made, tmp_path)
    seen = []
    outcome = train_plan(
        plan, photos, tmp_path, on_report=lambda name, row: seen.append((name, row["step"])), progress=False
    )
    assert outcome.finished
    assert [name for name, _ in seen] == sorted((name for name, _ in seen), reverse=True)  # srresnet before srgan
    settings = json.loads((tmp_path / "srgan-mse" / "settings.json").read_text())
    assert settings["recipe"]["starts_from"] == "srresnet-mse"
    assert outcome.log()[-1]["step"] == outcome.plan.stages[-1].recipe.steps
    assert outcome.log()[-1]["val_psnr"] is not None
    again = train_plan(plan, photos, tmp_path, progress=False)
    assert again.logs == outcome.logs
    assert again.finished


def test_a_run_that_is_interrupted_ends_as_one_that_was_not(made, photos, tmp_path):
    """SIGINT in the second stage: the log and the weights are those of a run in one piece."""

    def press_stop(name, row):
        if name == "srgan-mse" and row["step"] == 3:
            os.kill(os.getpid(), signal.SIGINT)

    plan = tiny_plan(made, tmp_path / "a")
    stopped = train_plan(plan, photos, tmp_path / "a", on_report=press_stop, progress=False)
    assert not stopped.finished
    assert not stopped.in_time
    assert stopped.log()[-1]["step"] < stopped.plan.stages[-1].recipe.steps
    looked_at = read_outcome(tmp_path / "a")
    assert (looked_at.logs, looked_at.finished, looked_at.weights) == (stopped.logs, False, stopped.weights)
    resumed = train_plan(plan, photos, tmp_path / "a", progress=False)
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / "plan.json", tmp_path / "b")
    whole = train_plan(plan, photos, tmp_path / "b", progress=False)
    assert resumed.finished
    assert read_outcome(tmp_path / "a").finished
    assert [row["content"] for row in resumed.log()] == [row["content"] for row in whole.log()]
    mine, theirs = (load_network(outcome.weights).state_dict() for outcome in (resumed, whole))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_a_run_that_the_clock_stops_is_in_time_saved_and_validated(made, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(_Clock, "fit_again", lambda self, stage: (stage, ()))  # the machine slows down only later
    plan = tiny_plan(made, steps=(4, 5_000))
    speed = Speed(updates_per_s=1e6, start=0)
    stages = [dataclasses.replace(s, seconds=3.0, speed=speed, validation=0.0, saving=0.0) for s in plan.stages]
    outcome = train_plan(dataclasses.replace(plan, stages=tuple(stages)), photos, tmp_path, progress=False, log_every=1)
    assert outcome.in_time
    assert not outcome.finished
    assert outcome.weights.exists()
    assert outcome.log()[-1]["val_psnr"] is not None
    assert outcome.preview(outcome.log()[-1]["step"]).exists()


def test_the_last_row_of_a_stopped_run_has_the_rate_of_its_last_update(photos, tmp_path):
    recipe = RECIPES["srresnet-mse"].change(**TINY, steps=12, schedule="one-cycle")
    options = {"log_every": 4, "validate_every": 12, "progress": False}
    stop = lambda row: signal.raise_signal(signal.SIGINT)  # noqa: E731
    run = train(recipe, photos, run=tmp_path, on_report=stop, **options)
    assert run.step == 5  # the signal came after the row of update 4
    _validate_the_end(run, recipe, photos, Machine())
    last = read_log(tmp_path / "log.csv")[-1]
    assert last["step"] == 5
    assert last["rate"] == pytest.approx(recipe.rate_at(4))
    assert last["val_psnr"] is not None


def test_a_plan_sets_the_seed(photos, tmp_path):
    """Lesson 11 calls train_plan without one, also for a group of a class, whose seed may be 1."""
    plan = tiny_plan(make_plan("srgan-mse", MINUTES, photos, measuring=0.1, options=Options(seed=3), **TINY))
    with pytest.raises(UserError, match="the plan has the seed 3: leave out seed"):
        train_plan(plan, photos, tmp_path / "run", seed=4)
    plan.save(tmp_path / "run")
    train_plan(plan, photos, tmp_path / "run", progress=False)
    for stage in plan.stages:
        assert json.loads((tmp_path / "run" / stage.recipe.name / "settings.json").read_text())["seed"] == 3


def test_a_plan_sets_the_minutes(made, photos, tmp_path):
    with pytest.raises(UserError, match="the plan sets minutes"):
        train_plan(tiny_plan(made), photos, tmp_path / "run", minutes=5)
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_not_there_cannot_be_looked_at(made, tmp_path):
    with pytest.raises(UserError, match="no planned run"):
        read_outcome(tmp_path)
    tiny_plan(made, tmp_path)
    with pytest.raises(UserError, match=r"has no weights in .* yet"):
        read_outcome(tmp_path)


def test_the_picture_follows_updates_that_were_counted_anew(made, tmp_path):
    plan = tiny_plan(made)
    with catch(), Watch(plan, tmp_path) as watch:
        tiny_plan(made, tmp_path, steps=(6, 20))  # as `fit_again` keeps it
        watch("srgan-mse", {"step": 10, "content": 0.1, "d_hr": 0.6, "d_sr": 0.4, "updates_per_s": 5.0})
        assert watch.status() == "srgan-mse: update 10 of 20, about 2 seconds left"
    assert watch.status() == "srgan-mse: ended at update 10 of 20"


@pytest.mark.parametrize(("scores", "best"), [([0.3, 0.1, 0.2, 0.4], 4), ([0.4, 0.3, 0.2, 0.1], None)])
def test_the_best_update_is_kept_beside_the_last_and_taken_home(made, photos, tmp_path, monkeypatch, scores, best):
    """By ST-LPIPS of the held-out photos, measured after updates 2, 4, 6 and 8."""
    measured, averages = Validation.__call__, {}

    def scripted(validation, network, *previews):
        found = measured(validation, network, *previews)
        if "val_stlpips" in found:
            averages[2 * len(averages) + 2] = copy.deepcopy(network.state_dict())
            found["val_stlpips"] = scores[len(averages) - 1]
        return found

    plan = tiny_plan(made)
    monkeypatch.setattr(Validation, "__call__", scripted)
    plan = dataclasses.replace(plan, stages=tuple(dataclasses.replace(each, validations=4) for each in plan.stages))
    plan.save(tmp_path)
    outcome = train_plan(plan, photos, tmp_path, progress=False)
    assert list(averages) == [2, 4, 6, 8]
    assert outcome.best.name == ("best.safetensors" if best else "weights.safetensors")
    for file, update in ((outcome.weights, 8), (outcome.best, best or 8)):
        kept = load_network(file).state_dict()
        assert all(torch.equal(kept[name], tensor) for name, tensor in averages[update].items())
    assert read_outcome(tmp_path).best == outcome.best
    assert train_plan(plan, photos, tmp_path, progress=False).best == outcome.best  # nothing is left to do
    path = tmp_path / "srgan-mse" / "checkpoints" / "best.pt"
    state = read_checkpoint(path)
    torch.save({name: value for name, value in state.items() if name != "criterion"}, path)  # as older versions did
    again = load_network(train_plan(plan, photos, tmp_path, progress=False).best).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in averages[best or 8].items())
    torch.save(state, path)
    assert train_plan(plan, photos, tmp_path, progress=False).best == outcome.best
    text = card(outcome, photos, {})
    assert f"those after update {best or 8} of srgan-mse" in text
    take_home(outcome, tmp_path / "mine.zip", text, b"")
    with zipfile.ZipFile(tmp_path / "mine.zip") as file:
        assert file.read("weights.safetensors") == outcome.best.read_bytes()


@pytest.mark.parametrize("name", ["update_00000004 (1).png", "mine.png", "update_00000008.png"])
def test_a_picture_that_cannot_be_shown_does_not_end_the_training(made, tmp_path, name):
    """Google Drive keeps both versions of a file under such a name, and may show a file before it has its content."""
    plan = tiny_plan(made, tmp_path)
    preview = tmp_path / "srgan-mse" / "preview"
    preview.mkdir(parents=True)
    (preview / name).write_bytes(b"\x89PNG")
    with catch() as shown, Watch(plan, tmp_path) as watch:
        watch("srgan-mse", {"step": 10, "content": 0.1, "d_hr": 0.6, "d_sr": 0.4, "updates_per_s": 5.0})
    assert "update 10 of" in shown[-1]
    assert "held-out photo" not in shown[-1]


@pytest.mark.parametrize(
    ("channels", "updates", "machine", "advised"),
    [
        (64, 2_815, "CPU, 2 threads, bf16", True),
        (64, 15_500, "CPU, 2 threads, bf16", False),
        (32, 2_815, "CPU, 2 threads, bf16", False),  # what --compact trains
        (64, 2_815, "Tesla T4, fp16", False),
    ],
)
def test_a_large_network_with_little_time_on_a_cpu_is_advised_to_be_compact(channels, updates, machine, advised):
    parts = {"speed": Speed(updates_per_s=2.0, start=1.0), "seconds": 100.0}
    stages = tuple(
        Stage(recipe=RECIPES[name].change(steps=updates, channels=channels), **parts)
        for name in ("srresnet-mse", "srgan-mse")
    )
    plan = planning.Plan(minutes=5, stages=stages, machine=machine, request={})
    assert ("--compact" in planned._advice(plan)) == advised
    assert planned._advice(dataclasses.replace(plan, stages=stages[:1])) == ""


def test_the_clock_of_a_plan_by_hand(monkeypatch):
    """Stages of 100 and 200 s. SRResNet may take 125 s, and all may take 312 s: 4 % more than planned.

    A last validation and checkpoint take 2 + 10 / 5 = 4 s. What is not an update takes 10 + 4 x 2 + 10 = 28 s.
    """
    parts = {"speed": Speed(updates_per_s=2.0, start=10.0), "validations": 4, "validation": 2.0, "saving": 10.0}
    stages = tuple(
        Stage(recipe=RECIPES[name].change(steps=144), seconds=seconds, **parts)
        for name, seconds in (("srresnet-mse", 100.0), ("srgan-mse", 200.0))
    )
    plan = planning.Plan(minutes=5, stages=stages, machine="", request={})
    now = SimpleNamespace(monotonic=lambda: 1_000 + now.at, at=25.0)
    monkeypatch.setattr(planned, "time", now)
    clock = _Clock(1_000, plan, going=True)
    assert [clock.minutes_for(number) * 60 for number in (0, 1)] == pytest.approx([125 - 4 - 25, 312 - 4 - 25])
    for number, end in ((0, 125 - 5), (1, 312 - 5)):
        for now.at, over in ((end, False), (end + 0.1, True)):
            assert clock.is_over(number) == over
            assert not _Clock(1_000, plan, going=False).is_over(number)
    now.at = 400.0
    assert clock.minutes_for(1) == 0.01  # late: `train` stops at once, after an update
    assert _Clock(1_000, plan, going=False).minutes_for(1) is None
    seen = [(100, 72, 2.0), (100, 10, 4.0), (100, 225, 0.8), (100, 720, 0.5), (28, 72, 1.0), (100, 0, 1.0)]
    for seconds, updates, slower in seen:
        clock, now.at = _Clock(1_000, plan, going=True), seconds
        clock.ended(stages[0], SimpleNamespace(step=updates))  # 72 updates in 72 s, where 2 were made in a second
        assert clock.slower == pytest.approx(slower)
    assert plan.times(0.5).minutes == 2.5
    assert plan.times(0.5).seconds == 150
    assert [stage.recipe.steps for stage in plan.times(0.001).stages] == [1, 1]


def test_a_machine_that_became_slower_gets_fewer_updates(made):
    plan = tiny_plan(made)
    recipe = plan.stages[1].recipe.change(steps=5_760)  # 60 x 0.96 x 100
    speed = Speed(updates_per_s=100, start=0)
    stage = dataclasses.replace(plan.stages[1], recipe=recipe, speed=speed, validation=0.0, saving=0.0)
    clock = _Clock(planning.time.monotonic() - 60, plan, going=True)
    clock.slower = 2.0
    new, (note,) = clock.fit_again(stage)
    assert new.recipe.steps == pytest.approx(60 * 0.96 * 50, rel=0.02)
    assert f"{new.recipe.steps:,} updates instead of 5,760, because the machine was slower than measured." in note
    clock.slower = 0.5
    assert clock.fit_again(stage)[1][0].endswith("because the machine was faster than measured.")


def test_updates_that_were_counted_again_are_those_of_the_plan(made, photos, tmp_path, monkeypatch):
    def fit_again(clock, stage):
        return dataclasses.replace(stage, recipe=stage.recipe.change(steps=5)), ("fewer",)

    monkeypatch.setattr(_Clock, "fit_again", fit_again)
    outcome = train_plan(tiny_plan(made), photos, tmp_path, progress=False)
    assert [stage.recipe.steps for stage in outcome.plan.stages] == [6, 5]
    assert outcome.plan.notes == ("fewer",)
    assert outcome.log()[-1]["step"] == 5
    assert read_plan(tmp_path) == outcome.plan


SIZES = {
    "paper": {"blocks": 16, "channels": 64, "batch": 16},
    "compact": {"blocks": 8, "channels": 32, "batch": 8},
}


def long_plan(size: str, pretraining: int, steps: int, init: str | None = None, **changes) -> planning.Plan:
    """A plan with these numbers of updates: pretraining of SRResNet, steps of SRGAN."""
    parts = {"speed": Speed(updates_per_s=2.0, start=1.0), "seconds": 100.0}
    stages = tuple(
        Stage(recipe=RECIPES[name].change(steps=count, **(SIZES[size] | changes)), **parts)
        for name, count in (("srresnet-mse", pretraining), ("srgan-offline", steps))
    )
    return planning.Plan(minutes=5, stages=stages, machine="", request={"init": init})


@pytest.mark.parametrize(
    ("size", "steps", "gain", "share"),
    [
        # data/runs/srgan.csv: after 24,402 updates 27.848 dB and ST-LPIPS .10942; bicubic of these photos 27.932 dB.
        ("paper", 24_403, 27.848 - 27.932, 0.10942 / 0.3546),
        # data/runs/srgan_compact.csv: after 700 updates 27.652 dB and .18234; bicubic 27.186 dB and .3628.
        ("compact", 700, 27.652 - 27.186, 0.18234 / 0.3628),
        # Its best update is 1,575, with 27.331 dB and .15869; after 3,151 it has 26.894 dB and .20243.
        ("compact", 3_151, 27.331 - 27.186, 0.15869 / 0.3628),
        ("compact", 99_999, 27.331 - 27.186, 0.15869 / 0.3628),
    ],
)
def test_an_estimate_is_what_the_recorded_run_had_at_its_best_update_so_far(size, steps, gain, share):
    long = long_plan(size, 30_000, steps)
    found = expect(long)
    assert found.gain[1] == pytest.approx(gain, abs=0.001)
    assert found.stlpips[1] == pytest.approx(share, abs=0.0001)
    assert "This is an estimate" in str(found)
    assert found.gain == pytest.approx((gain - 0.8, gain, gain + 0.8), abs=0.001)
    assert found.stlpips == pytest.approx((0.6 * share, share, 1.4 * share), abs=0.0002)
    assert expect(long.times(0.001)) is None  # no run so short was recorded
    # nor one of other widths, nor of other crops, nor of SRResNet, nor without any pretraining
    for other in ({"channels": 48}, {"crop": 48}):
        assert expect(long_plan(size, 30_000, steps, **other)) is None
    stages = long.stages
    plain = dataclasses.replace(stages[1], recipe=stages[1].recipe.change(adversarial=0.0))
    for others in ((stages[0], plain), stages[1:]):
        assert expect(dataclasses.replace(long, stages=others)) is None
    text = str(Expectation(gain=(-0.7, 0.1, 0.9), stlpips=(0.26, 0.44, 0.61), about="x"))
    assert text.startswith("about +0.1 dB over bicubic (-0.7 to +0.9), ST-LPIPS 44% of bicubic's (26% to 61%).")


@pytest.mark.parametrize(
    ("size", "pretraining", "steps", "gain", "share"),
    [  # at the best update on the held-out photos: benchmarks/results/plans-cpu-2-cores.md
        ("paper", 390, 191, 26.07 - 27.186, 0.3805 / 0.3628),
        ("paper", 2_815, 1_295, 27.092 - 27.186, 0.2249 / 0.3628),
        ("compact", 2_973, 799, 27.06 - 27.186, 0.2501 / 0.3628),
        ("compact", 487, 116, 26.03 - 27.186, 0.3875 / 0.3628),
    ],
)
def test_a_short_plan_is_expected_to_end_as_a_recorded_one(size, pretraining, steps, gain, share):
    """Its SRResNet has seen little, so its SRGAN gets nowhere near that of a long run after as many updates."""
    found = expect(long_plan(size, pretraining, steps))
    assert found.gain[1] == pytest.approx(gain, abs=0.01)
    assert found.stlpips[1] == pytest.approx(share, abs=0.01)
    helped = expect(long_plan(size, pretraining, 3_000, init="srresnet"))
    assert helped == expect(long_plan(size, 30_000, 3_000))  # weights that were given have their training behind them


def test_an_estimate_begins_at_half_of_what_was_recorded():
    """The compact run was first validated after 175 updates of 8 crops; the shortest plan had 487 of SRResNet.

    Its band is wider than any step between validations.
    """
    ends = ((9_000, 88), (9_000, 87), (2_973, 58), (2_973, 57), (244, 58), (243, 58))
    for (pretraining, steps), there in zip(ends, itertools.cycle((True, False))):
        assert (expect(long_plan("compact", pretraining, steps)) is not None) == there
    middle = [expect(long_plan("compact", count, 700)).gain[1] for count in (487, 1_000, 2_973, 9_000, 19_492, 40_000)]
    assert middle == sorted(middle)
    assert middle[-1] == middle[-2]
    for name in ("srgan", "srgan_compact"):
        rows = [row for row in read_log(shipped(f"runs/{name}.csv")) if row["val_stlpips"]]
        for before, after in pairwise(rows):
            assert abs(after["val_psnr"] - before["val_psnr"]) < 0.675
            assert abs(after["val_stlpips"] / before["val_stlpips"] - 1) < 0.253


def test_the_photo_that_is_watched_is_whole_and_alone(made, tmp_path):
    """The preview has a row for each of the held-out photos, which differ in height and width."""
    sizes = ((32, 48), (16, 64))
    images = {str(i): np.full((*sizes[i % 2], 3), i, np.uint8) for i in range(40)}
    photos = Photos(images=images)
    held_out = list(photos.split()[1].values())
    rows = [np.pad(np.hstack(3 * [image]), ((0, 0), (0, 192 - 3 * image.shape[1]), (0, 0))) for image in held_out]
    assert len(rows) == 2
    save_image(tmp_path / "srgan-mse" / "preview" / "update_00000004.png", np.vstack(rows))
    for given, expected in ((photos, np.hstack(3 * [held_out[0]])), (None, np.vstack(rows))):
        with catch() as shown:
            Watch(tiny_plan(made), tmp_path, given).draw()
        (data,) = re.findall(r'<img src="data:image/png;base64,([^"]+)"', shown[0])
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), expected)


def test_a_run_is_watched_and_taken_home(made, photos, tmp_path):
    plan = tiny_plan(made, tmp_path / "run")
    with catch() as shown, Watch(plan, tmp_path / "run", photos) as watch:
        outcome = train_plan(plan, photos, tmp_path / "run", on_report=watch, progress=False)
    assert watch.status() == f"srgan-mse: ended at update {outcome.log()[-1]['step']} of {outcome.log()[-1]['step']}"
    assert "held-out photo" in shown[-1]
    with catch() as drawn:
        draw_plan(plan, alt="two bars")
    assert 'aria-label="two bars"' in drawn[0]
    text = card(outcome, photos, {"mine": "20 dB"})
    assert "3 photos" in text
    picture = card_picture({"a": next(iter(photos.images.values()))}, ["one line"])
    names = take_home(outcome, tmp_path / "mine.zip", text, picture)
    assert {"weights.safetensors", "card.md", "card.png", "plan.json"} <= set(names)
    with zipfile.ZipFile(tmp_path / "mine.zip") as file:
        assert file.read("card.md").decode() == text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--within", "1", "--steps", "5"], "--within chooses --steps for you"),
        (["--compact"], "--compact works only with --within"),
        (["--within", "-1"], "must be a positive number"),
        (["--within", "1", "--resume"], "no planned run"),
    ],
)
def test_the_command_says_what_does_not_go_together(arguments, words, tmp_path, capsys):
    command = ["train", "srgan-mse", "--photos", "samples", "--folder", str(tmp_path / "run"), *arguments]
    assert main(command) == 2
    assert words in capsys.readouterr().err


def test_the_minutes_count_from_when_they_began(photos):
    plan = make_plan("srgan-mse", MINUTES, photos, measuring=0.1, began=time.perf_counter() - 1200, **TINY)
    assert 60 * MINUTES - 1200 - 120 < plan.seconds < 60 * MINUTES - 1200  # measuring takes less than 120 s


def test_minutes_that_are_over_are_no_negative_time(photos):
    with pytest.raises(UserError, match=r"^1 second is too short for srgan-offline on this machine: it makes 2\.5 "):
        fit_into(RECIPES["srgan-offline"], 1.2, Speed(updates_per_s=2.5, start=1))
    said = (
        r"^0 seconds are too short for srresnet-mse.* Of your 60 seconds, starting and measuring took 60; of the rest"
    )
    with pytest.raises(UserError, match=said):
        make_plan("srgan-mse", 1, photos, measuring=0.1, began=time.perf_counter() - 90, **TINY)
    with pytest.raises(UserError, match=r"^\d seconds are too .* Of your 9 seconds, starting and measuring took \d\.$"):
        make_plan("srresnet-mse", 0.15, photos, measuring=0.1, began=time.perf_counter() - 8.9, **TINY)


def test_the_minutes_of_the_command_include_its_start(monkeypatch, tmp_path):
    """Importing torch and reading the photos made a plan of two minutes late by six seconds."""
    began = {}

    def plan(*args, **how):
        began["plan"] = how["began"]
        raise UserError("enough")

    monkeypatch.setattr(planned, "make_plan", plan)
    monkeypatch.setattr(planned, "load_photos", lambda *args, **how: began.update(photos=time.perf_counter()))
    before = time.perf_counter()
    command = ["train", "srgan-mse", "--photos", "samples", "--within", "2", "--folder", str(tmp_path / "run")]
    assert main(command) == 2
    assert before < began["plan"] < began["photos"]
