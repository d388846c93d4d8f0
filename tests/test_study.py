"""Studies: the folder, what it refuses, and the orders in which raters see it."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from colour_profiles import p3
from PIL import Image
from rating_samples import METHODS, anchors, given_versions, pixels, small_study

from srgan_lessons import UserError
from srgan_lessons.images import load_image, save_image
from srgan_lessons.rating import manifest as manifest_module
from srgan_lessons.rating.design import PAPER_METHODS, SETS
from srgan_lessons.rating.manifest import Settings
from srgan_lessons.rating.orders import Place, calibration_order, dummy_order, main_order, seeded_order
from srgan_lessons.rating.study import Study
from srgan_lessons.resize import imresize
from srgan_lessons.upscaling import upscale

# The folder


def test_stimuli_are_the_given_pixels_and_nothing_else(tmp_path):
    given = given_versions()
    study = Study.create(given, None, tmp_path / "study", seed=3, anchors=anchors())
    assert len(study.stimuli) == 6 * 5 + 4
    for name, stimulus in study.stimuli.items():
        data = study.path(name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == stimulus.sha256
        image = Image.open(io.BytesIO(data))
        assert image.format == "PNG"
        assert image.mode == "RGB"
        assert image.info == {}
        # Only the chunks without which there is no PNG
        kinds, at = [], 8
        while at < len(data):
            length = int.from_bytes(data[at : at + 4], "big")
            kinds.append(data[at + 4 : at + 8])
            at += 12 + length
        assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}
        if stimulus.anchor is None:
            np.testing.assert_array_equal(np.asarray(image), given[stimulus.image][stimulus.method])
        assert (stimulus.width, stimulus.height) == image.size


def test_names_and_dates_tell_nothing(tmp_path):
    """By the number of a file, methods and images are as mixed as chance mixes them."""
    study = small_study(tmp_path, images=40)
    rated = [s for s in study.stimuli.values() if s.anchor is None]
    numbers = np.array([int(s.name) for s in rated])
    assert sorted(int(name) for name in study.stimuli) == list(range(1, len(study.stimuli) + 1))
    for kind in ("method", "image"):
        groups = [[n for n, s in zip(numbers, rated, strict=True) if getattr(s, kind) == value]
                  for value in {getattr(s, kind) for s in rated}]  # fmt: skip
        n = len(numbers)
        # Kruskal-Wallis by hand: expected value is the number of groups - 1
        ranks = {number: rank for rank, number in enumerate(sorted(numbers), start=1)}
        h = 12 / (n * (n + 1)) * sum(sum(ranks[x] for x in g) ** 2 / len(g) for g in groups) - 3 * (n + 1)
        assert h < len(groups) - 1 + 4 * np.sqrt(2 * (len(groups) - 1))
    assert len({path.stat().st_mtime for path in (study.folder / "stimuli").iterdir()}) == 1
    names = {path.relative_to(study.folder).as_posix() for path in study.folder.rglob("*")}
    assert not [name for name in names if any(word in name for word in (*METHODS, "image", "anchor"))]


def test_the_same_call_gives_the_same_study_and_another_seed_another(tmp_path):
    first = small_study(tmp_path / "a")
    assert small_study(tmp_path / "b").hash == first.hash
    assert small_study(tmp_path / "c", seed=2).hash != first.hash


def test_the_hash_does_not_hang_on_line_ends(tmp_path):
    study = small_study(tmp_path)
    path = study.folder / "manifest.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert Study.open(study.folder).hash == study.hash


def test_versions_made_of_hr_pictures(tmp_path):
    """Exactly what imresize and upscale make, of the middle of the picture cut to a multiple of four."""
    photos = {"a": pixels(1, 50, 61), "b": pixels(2, 43, 40)}
    for name, photo in photos.items():
        save_image(tmp_path / "photos" / f"{name}.png", photo)
    methods = ["nearest", "bicubic", "espcn", "hr"]
    made = Study.create(photos, methods, tmp_path / "x", anchors={"c": pixels(3)}, crop=46, title="x", repeats=0)
    read = Study.create(
        tmp_path / "photos", methods, tmp_path / "y", anchors={"c": pixels(3)}, crop=46, title="x", repeats=0
    )
    assert made.hash == read.hash
    hr = photos["a"][2:46, 7:51]  # the middle 46 x 46, its last rows and columns left out
    lr = imresize(hr, 1 / 4)
    for stimulus in made.stimuli.values():
        if stimulus.image == "a":
            expected = hr if stimulus.method == "hr" else upscale(lr, stimulus.method)
            np.testing.assert_array_equal(load_image(made.path(stimulus.name)), expected)
    scores = {(s.image, s.method): s.anchor for s in made.stimuli.values()}
    assert scores["c", "nearest"] == 1
    assert scores["c", "hr"] == 5
    assert made.methods == sorted(methods)


def test_own_weights_under_a_name(tmp_path):
    methods = {"mine": "espcn", "hr": "hr"}
    photos = {"a": pixels(1), "b": pixels(2)}
    study = Study.create(photos, methods, tmp_path / "x", anchors=anchors(), repeats=0)
    mine = next(s for s in study.stimuli.values() if (s.image, s.method) == ("a", "mine"))
    np.testing.assert_array_equal(load_image(study.path(mine.name)), upscale(imresize(photos["a"], 1 / 4), "espcn"))


def test_a_folder_with_a_folder_for_each_method(tmp_path):
    for image, by_method in given_versions(3).items():
        for method, picture in by_method.items():
            save_image(tmp_path / "results" / method.replace("hr", "HR") / f"{image}.png", picture)
    study = Study.create(tmp_path / "results", None, tmp_path / "x", anchors=anchors())
    assert study.methods == ["bicubic", "hr", "nearest", "srgan", "srresnet"]
    assert study.images == ["image0", "image1", "image2"]
    some = Study.create(tmp_path / "results", ["hr", "srgan"], tmp_path / "y", anchors=anchors())
    assert some.methods == ["hr", "srgan"]


def test_where_all_photos_for_the_calibration_are_rated_others_are_asked_for(tmp_path):
    photos = {
        name: pixels(k, 64, 64) for k, name in enumerate(("chelsea", "coffee", "rocket", "astronaut", "motorcycle"))
    }
    with pytest.raises(UserError, match="calibrated on are themselves rated"):
        Study.create(photos, ["nearest", "hr"], tmp_path / "x")


def test_default_anchors_are_photos_that_are_not_rated(tmp_path):
    given = given_versions(2, ("hr", "srgan"))
    given["coffee"] = given.pop("image1")
    study = Study.create(given, None, tmp_path / "x")
    names = {s.image for s in study.stimuli.values() if s.anchor is not None}
    assert len(names) == 4
    assert not names & {"coffee", "image0"}
    assert {(s.method, s.anchor) for s in study.stimuli.values() if s.anchor} == {("nearest", 1), ("hr", 5)}


# What is refused


def refused(words: str, call, *arguments, **settings) -> None:
    with pytest.raises(UserError) as caught:
        call(*arguments, **settings)
    assert words in str(caught.value)


def test_a_study_without_methods_or_images(tmp_path):
    refused("a study needs methods", Study.create, {"a": pixels(1)}, [], tmp_path / "x")
    refused("a study needs methods", Study.create, {"a": pixels(1)}, None, tmp_path / "x")
    refused("a study needs methods", Study.create, {"a": {}}, None, tmp_path / "x")
    refused("no images", Study.create, {}, ["hr"], tmp_path / "x")
    refused("must be a list of names", Study.create, {"a": pixels(1)}, "hr", tmp_path / "x")
    refused("contains no pictures", Study.create, tmp_path, ["hr"], tmp_path / "x")
    refused("no such folder", Study.create, tmp_path / "none", ["hr"], tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_versions_of_different_sizes(tmp_path):
    given = given_versions()
    given["image3"]["srgan"] = pixels(1, 16, 24)
    words = "the versions of 'image3' differ in size: bicubic is 20 x 16, srgan is 24 x 16 pixels"
    refused(words, Study.create, given, None, tmp_path / "x", anchors=anchors())
    assert list(tmp_path.iterdir()) == []  # not even a part of it


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g: g["image2"].pop("srgan"), "1 version is missing: srgan of image2"),
        (lambda g: g["image2"].update(SRGAN=pixels(5)), "'srgan' appears twice"),
        (lambda g: [v.update(HR=v.pop("hr")) for v in g.values()], 'must be written "hr"'),
        (lambda g: [v.pop("hr") for v in g.values()], 'add the method "hr", or choose "acr"'),
        (lambda g: g.update(again=g["image1"]), "'again' and 'image1' are the same picture"),
        (lambda g: g.update({"": g.pop("image1")}), "the image '' needs a name"),
        (lambda g: g.update({"3\u202fPM": g.pop("image1")}), "image '3\\u202fPM' has characters that cannot be seen"),
        (lambda g: g.update({"cat ": g.pop("image1")}), "begins or ends with a space"),
        (lambda g: [g.pop(f"image{k}") for k in range(1, 6)], "Add more images"),
        (lambda g: g.update(anchor0=g.pop("image1")), "anchor0 would be both an anchor and rated"),
        (lambda g: g["image2"].update(srgan=pixels(5).astype(float)), "must be uint8"),
        (lambda g: g["image2"].update(srgan=3), "a uint8 array or a file is needed"),
        (lambda g: g["image2"].update(srgan="none.png"), "none.png is not a file"),
        (lambda g: g["image2"].update(srgan=pixels(5, 1200, 20)), "Use crop to cut out the middle"),
        (lambda g: g.update(image1=pixels(5)), "Use one form for all"),
    ],
)
def test_wrong_versions(tmp_path, change, words):
    given = given_versions()
    change(given)
    refused(words, Study.create, given, None, tmp_path / "x", anchors=anchors())
    assert not (tmp_path / "x").exists()


def test_names_that_differ_by_a_usual_ending(tmp_path):
    """What other programs add to a name: the message says which name is missing, and which was found."""
    for name, images in given_versions().items():
        for method, image in images.items():
            save_image(tmp_path / "in" / method / f"{name}{'_x4_SR' if method == 'srgan' else ''}.png", image)
    words = r"there is no image0 in srgan, only image0_x4_SR\. Rename such files, image0_x4_SR to image0\."
    with pytest.raises(UserError, match=words):
        Study.create(tmp_path / "in", None, tmp_path / "study", anchors=anchors())
    for path in (tmp_path / "in" / "srgan").iterdir():
        path.rename(path.with_name(path.name.replace("_x4_SR", "")))
    assert len(Study.create(tmp_path / "in", None, tmp_path / "study", anchors=anchors()).images) == 6


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"protocol": "dcr"}, "It must be one of: acr, acr-hr"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),  # votes contain it, and a table of votes has int64
        ({"gold": 100, "anchors": anchors(1)}, "too many gold items for these pictures"),
        ({"minutes": 45}, "at most 30 minutes"),
        ({"minutes": 0}, "at most 30 minutes"),
        ({"repeats": 0.6}, "repeats is 0.6"),
        ({"repeats": float("nan")}, "repeats is nan"),
        ({"dummies": 2.5}, "dummies is 2.5"),
        ({"gold": -1}, "gold is -1"),
        ({"session_trials": 0}, "session_trials is 0"),
        ({"sessions": 3}, "there is no setting 'sessions'"),
        ({"crop": 100}, "Crop ready versions beforehand"),
        ({"crop": 0}, "crop is 0"),
    ],
)
def test_wrong_settings(tmp_path, settings, words):
    refused(words, small_study, tmp_path, **settings)


def test_transparent_pictures_are_refused(tmp_path):
    rgba = np.dstack([pixels(1), np.full((16, 20), 100, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "t.png")
    given = given_versions()
    given["image0"]["srgan"] = tmp_path / "t.png"
    refused("transparent parts", Study.create, given, None, tmp_path / "x", anchors=anchors())


def test_unknown_weights_are_refused_before_any_work(tmp_path):
    refused("there are no weights 'nosuch'", Study.create, {"a": pixels(1)}, ["hr", "nosuch"], tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty(tmp_path):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.txt").write_text("keep me")
    refused("already exists and is not empty", small_study, tmp_path)
    assert (tmp_path / "study" / "mine.txt").read_text() == "keep me"
    (tmp_path / "study" / "mine.txt").unlink()
    assert small_study(tmp_path).trials  # an empty one serves


def test_the_working_folder_cannot_become_a_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused("name a new folder", Study.create, given_versions(), None, ".", anchors=anchors())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    refused("was not written", small_study, tmp_path / "file")
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        refused("no permission", small_study, tmp_path / "closed")


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    written = []

    def full(descriptor):
        written.append(descriptor)
        if len(written) > 10:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifest_module.os, "fsync", full)
    refused("the disk is full", small_study, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_and_a_changed_stimulus(tmp_path):
    study = small_study(tmp_path)
    study.path("0004").unlink()
    data = study.path("0007").read_bytes()
    study.path("0007").write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    with pytest.raises(UserError) as caught:
        Study.open(study.folder)
    said = str(caught.value)
    assert said.startswith("2 of 34 stimuli in ")
    assert "0004.png is missing" in said
    assert "0007.png is changed since the study was made" in said
    refused("is changed since the study was made", study.read, "0007")


def test_a_changed_or_damaged_manifest(tmp_path):
    study = small_study(tmp_path)
    path = study.folder / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"method": "srgan"', '"method": "srresnet"', 1))
    refused("was changed after the study was made", Study.open, study.folder)
    path.write_text(text[:500])
    refused("manifest.json is damaged", Study.open, study.folder)
    path.write_text(text.replace('"format": 1', '"format": 2'))
    refused("has format 2", Study.open, study.folder)
    path.unlink()
    refused("is not a study", Study.open, study.folder)


def test_a_study_can_be_moved(tmp_path):
    study = small_study(tmp_path)
    shutil.move(study.folder, tmp_path / "elsewhere")
    moved = Study.open(tmp_path / "elsewhere")
    assert (moved.hash, moved.order("anna")) == (study.hash, study.order("anna"))


# The paper's design


def paper_pictures() -> dict[str, dict[str, dict[str, np.ndarray]]]:
    return {
        name: {f"img{i:03}": {m: pixels(hash_of(name, i, m)) for m in PAPER_METHODS[name]} for i in range(count)}
        for name, count in SETS.items()
    }


def hash_of(*parts) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def test_the_paper_s_design(tmp_path):
    """1,128 ratings a rater: 12 versions of 19 images, 9 of 100 (section 3.3)."""
    pictures = paper_pictures()
    made = pictures["BSD100"]["img007"].pop("bicubic")  # is made of hr
    del pictures["Set5"]["img001"]["nearest"]
    study = Study.paper(pictures, tmp_path / "paper", seed=5, anchors=anchors(20))
    assert study.trials == 1128
    order = study.order("anna")
    assert len(order) == len({place.stimulus for place in order}) == 1128
    assert all(place.repeat == 0 and place.gold_expected is None for place in order)
    per_image = Counter(place.image for place in order)
    assert Counter(per_image.values()) == {12: 19, 9: 100}
    assert Counter(place.method for place in order) == {
        **dict.fromkeys(PAPER_METHODS["BSD100"], 119), "SRResNet-VGG22": 19, "SRGAN-MSE": 19, "SRGAN-VGG22": 19,
    }  # fmt: skip
    assert len(study.calibration("anna")) == 40  # both versions of 20 images
    assert study.protocol == "acr-hr"
    bicubic = next(s for s in study.stimuli.values() if (s.image, s.method) == ("BSD100 img007", "bicubic"))
    expected = upscale(imresize(pictures["BSD100"]["img007"]["hr"], 1 / 4), "bicubic")
    np.testing.assert_array_equal(load_image(study.path(bicubic.name)), expected)
    assert (expected != made).any()


def test_what_is_missing_of_the_paper_s_design_is_named(tmp_path):
    pictures = paper_pictures()
    del pictures["Set14"]["img003"]["SRGAN-MSE"]
    del pictures["BSD100"]["img050"]
    with pytest.raises(UserError) as caught:
        Study.paper(pictures, tmp_path / "paper")
    assert "BSD100 has 99 images instead of 100" in str(caught.value)
    assert "SRGAN-MSE" in str(caught.value)
    del pictures["Set5"]
    refused("missing: Set5", Study.paper, pictures, tmp_path / "paper")
    refused("does not exist", Study.paper, tmp_path / "none", tmp_path / "paper")
    (tmp_path / "in" / "Set5").mkdir(parents=True)
    refused("missing: Set14, BSD100", Study.paper, tmp_path / "in", tmp_path / "paper")


# Orders


def places(images: int, methods: int) -> list[Place]:
    return [Place(stimulus=f"{i}-{m}", image=f"i{i}", method=f"m{m}") for i in range(images) for m in range(methods)]


def paper_places() -> list[Place]:
    return places(19, 12) + [
        Place(stimulus=f"b{i}-{m}", image=f"b{i}", method=f"m{m}") for i in range(100) for m in range(9)
    ]


GOLD = [
    Place(stimulus=f"g{k}", image=f"gold{k // 2}", method=("m0", "m1")[k % 2], gold_expected=(1, 5)[k % 2])
    for k in range(4)
]
DESIGNS = {"6 x 5": places(6, 5), "10 x 4": places(10, 4), "4 x 9": places(4, 9), "2 x 5": places(2, 5),
           "3 x 2": places(3, 2), "paper": paper_places()}  # fmt: skip


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("gold", [[], GOLD])
def test_everything_is_shown_and_no_image_twice_in_a_row(name, gold):
    design = DESIGNS[name]
    repeats = round(0.1 * len(design))
    for rater in range(2 if name == "paper" else 40):
        order = main_order(design, gold, repeats, 1, rater)
        assert not [a for a, b in pairwise(order) if a.image == b.image]
        first = [p.stimulus for p in order if p.repeat == 0 and p.gold_expected is None]
        assert sorted(first) == sorted(p.stimulus for p in design)
        again = {p.stimulus: k for k, p in enumerate(order) if p.repeat == 1}
        assert len(again) == repeats == len(order) - len(design) - len(gold)
        at = {p.stimulus: k for k, p in enumerate(order) if p.repeat == 0}
        assert all(at[stimulus] < k for stimulus, k in again.items())
        if len({p.image for p in design}) > 3:  # not remembered
            assert all(k - at[stimulus] >= len(order) // 5 for stimulus, k in again.items())
        assert Counter(p.gold_expected for p in order) == {
            None: len(design) + repeats, **({1: 2, 5: 2} if gold else {})
        }  # fmt: skip


@pytest.mark.parametrize(("images", "methods"), [(5, 3), (3, 5), (5, 7), (7, 5), (3, 3), (4, 3)])
def test_as_many_repeats_as_asked_for(images, methods):
    """Half of an odd number of pictures is rounded: of 15, 8 are shown twice."""
    design = places(images, methods)
    for rater in range(5):
        order = main_order(design, [], round(0.5 * len(design)), 1, rater)
        assert sum(place.repeat for place in order) == round(0.5 * len(design))
        assert not [a for a, b in pairwise(order) if a.image == b.image]


def unevenness(orders: list[list[Place]]) -> tuple[float, float, float, float]:
    """Chi-square over its degrees of freedom: parts within a rater (mean), over all; carry-over within, over all.

    Parts are quarters. Carry-over leaves out a method after itself.
    """
    methods = sorted({place.method for place in orders[0]})
    size = len(methods)
    off = ~np.eye(size, dtype=bool)
    share = np.mean([[p.method == m for p in orders[0]] for m in methods], axis=1)
    total_parts, total_carry, parts, carry = 0, 0, [], []

    def chi(counts, expected, degrees):
        return float(((counts - expected) ** 2 / expected).sum() / degrees)

    def of_carry(counts):
        expected = np.outer(share, share)[off]
        return chi(counts[off], expected / expected.sum() * counts[off].sum(), off.sum() - 1)

    def of_parts(counts):
        return chi(counts, counts.sum(1, keepdims=True) * share, 3 * (size - 1))

    for order in orders:
        x = np.array([methods.index(place.method) for place in order])
        part = np.zeros((4, size))
        np.add.at(part, (4 * np.arange(len(x)) // len(x), x), 1)
        pairs = np.zeros((size, size))
        np.add.at(pairs, (x[:-1], x[1:]), 1)
        total_parts, total_carry = total_parts + part, total_carry + pairs
        parts.append(of_parts(part))
        carry.append(of_carry(pairs))
    return float(np.mean(parts)), of_parts(total_parts), float(np.mean(carry)), of_carry(total_carry)


@pytest.mark.parametrize(
    ("name", "raters", "limits"),
    [
        ("paper", 3, (0.3, 0.3, 0.3, 0.3)),
        ("10 x 4", 40, (0.5, 0.5, 0.35, 0.35)),
        ("6 x 5", 40, (0.6, 0.6, 0.5, 0.6)),
        ("4 x 9", 40, (0.5, 0.5, 0.95, 0.95)),  # 35 transitions of 72 kinds: little can be balanced
    ],
)
def test_methods_are_balanced_over_the_session_and_in_what_follows_them(name, raters, limits):
    """As a share of what chance gives, measured on the same pictures in random orders; the mean of four studies."""
    found, chance = [], []
    dice = np.random.default_rng(0)
    for seed in range(1 if name == "paper" else 4):
        orders = [main_order(DESIGNS[name], [], 0, seed, f"rater {k}") for k in range(raters)]
        found.append(unevenness(orders))
        chance.append(unevenness([[order[i] for i in dice.permutation(len(order))] for order in orders]))
    ratios = np.mean(found, axis=0) / np.mean(chance, axis=0)
    assert (ratios < limits).all(), ratios
    print(name, ratios)


EXPECTED_ORDER = ["0-0", "1-1", "2-1", "1-0", "2-0", "0-1"]


def test_orders_depend_on_seed_and_rater_alone():
    design = DESIGNS["6 x 5"]
    order = main_order(design, GOLD, 3, 1, "anna")
    assert order == main_order(list(design), GOLD, 3, 1, "anna")
    assert order != main_order(design, GOLD, 3, 1, "bert")
    assert order != main_order(design, GOLD, 3, 2, "anna")
    # Written down: an order must not change with Python or with this package, or nobody could resume.
    assert [place.stimulus for place in main_order(places(3, 2), [], 0, 1, "anna")] == EXPECTED_ORDER


def test_no_order_changes_under_a_study_that_has_begun():
    """The same for large designs, as hashes: with gold items and repeats, for images that have not all the methods, of
    dummies and of anchors."""

    def fingerprint(*orders: list[Place]) -> str:
        shown = [[(place.stimulus, place.repeat) for place in order] for order in orders]
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]

    main = {name: DESIGNS[name] for name in ("6 x 5", "10 x 4", "4 x 9")}
    main["mixed"] = places(3, 4) + [
        replace(p, stimulus=f"b{p.stimulus}", image=f"b{p.image[1:]}") for p in places(9, 2)
    ]
    found = {
        name: fingerprint(*(main_order(design, GOLD, len(design) // 5, 7, rater) for rater in ("anna", "bert")))
        for name, design in main.items()
    }
    dummies = [dummy_order(places(3, 5), 6, 7, rater, before="i0", after=["i1", "i2"]) for rater in ("anna", "bert")]
    anchors = [calibration_order(places(images, 2), 7, "anna") for images in (1, 4)]
    found |= {"dummies": fingerprint(*dummies), "anchors": fingerprint(*anchors)}
    assert found == {
        "6 x 5": "229704b8435bc765",
        "10 x 4": "5e673adb1dfbe33e",
        "4 x 9": "721357b354973755",
        "mixed": "948085b3fd37b64a",
        "dummies": "44517f3ad932938b",
        "anchors": "756597d19ffcb201",
    }
    assert "".join(seeded_order("abcdefgh", 7, "anna")) == "debafchg"


def test_the_first_picture_is_any_method():
    firsts = Counter(main_order(DESIGNS["10 x 4"], [], 4, 1, rater)[0].method for rater in range(200))
    assert len(firsts) == 4
    assert max(firsts.values()) < 90


@pytest.mark.parametrize("images", [2, 3, 6])
def test_dummies_are_about_as_many_as_asked_for_and_touch_no_image_of_their_neighbours(images):
    design = places(images, 5)
    for session in range(1, 60):
        before, after = f"i{session % images}", [f"i{(session // 2) % images}"]
        dummies = dummy_order(design, 3, 1, "anna", session, before=before, after=after)
        row = [before, *(place.image for place in dummies), after[0]]
        assert not [a for a, b in pairwise(row) if a == b]
        assert len(dummies) == 3 or (images == 2 and len(dummies) == 4)
        if images > 2:
            assert len({place.method for place in dummies}) == 3
    assert dummy_order(design, 0, 1, before=None, after=["i0"]) == []
    first = [dummy_order(design, 5, 1, name, 1, before=None, after=["i0"]) for name in "ab"]
    assert first[0] != first[1]


def test_settings_are_kept(tmp_path):
    study = small_study(tmp_path, minutes=12.5, session_trials=20, gold=4, dummies=2, title="Ours")
    opened = Study.open(study.folder)
    assert opened.settings == Settings(minutes=12.5, session_trials=20, gold=4, dummies=2)
    assert opened.title == "Ours"
    assert opened.trials == 30 + 3 + 4
    assert json.loads((study.folder / "manifest.json").read_text())["hash"] == study.hash


def test_opening_a_study_needs_neither_torch_nor_pandas_nor_a_notebook(tmp_path):
    code = "import sys\nfrom srgan_lessons.rating import Session, Study, Votes, merge\n"
    code += "heavy = {'torch', 'numpy', 'pandas', 'scipy', 'matplotlib', 'ipywidgets', 'IPython', 'statsmodels'}\n"
    code += f"Study.open({str(small_study(tmp_path).folder)!r})\n"
    code += "print(sorted({name.split('.')[0] for name in sys.modules} & heavy))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_room_s_names_are_there():
    import srgan_lessons.rating as rating

    assert rating.Study is Study
    assert {"Study", "Votes", "merge", "analyse", "RatingWidget"} <= set(dir(rating))
    with pytest.raises(AttributeError, match="nosuch"):
        _ = rating.nosuch
    assert Path(rating.__file__).parent.joinpath("study.py").exists()


# Display P3: its matrix to linear sRGB by hand, (1.2249, -0.2247, 0), (-0.0420, 1.0419, 0), (-0.0197, -0.0786, 1.0979)
@pytest.mark.parametrize(("profile", "shown"), [(p3(), (250, 31, 34)), (p3(2.2), (251, 25, 28)), (None, (230, 60, 50))])
def test_colours_with_a_profile_are_shown_as_srgb(tmp_path, profile, shown):
    """A red in P3 is a stronger red in sRGB; the numbers alone would show a dull one."""
    (tmp_path / "photos").mkdir()
    for level, name in enumerate("abc"):
        picture = Image.new("RGB", (48, 48), (230, 60, 50))
        picture.paste((80 * level, 0, 0), (0, 0, 16, 16))  # no two images are the same
        picture.save(tmp_path / "photos" / f"{name}.png", **({"icc_profile": profile} if profile else {}))
    study = Study.create(tmp_path / "photos", ["hr", "nearest"], tmp_path / "study")
    for stimulus in study.stimuli.values():
        if stimulus.anchor is None:
            png = Image.open(study.path(stimulus.name))
            assert "icc_profile" not in png.info
            assert np.abs(np.array(png)[40, 40].astype(int) - shown).max() <= 1


def test_a_colour_profile_that_cannot_be_used_is_refused(tmp_path):
    for level, name in enumerate("abc"):
        Image.new("RGB", (48, 48), (80 * level, 60, 50)).save(tmp_path / f"{name}.png", icc_profile=b"none" * 40)
    with pytest.raises(UserError, match="save it as sRGB"):
        Study.create(tmp_path, ["hr", "nearest"], tmp_path / "study")
