"""A study: a folder with the pictures to rate under neutral names, and a manifest that says what they are.

    <folder>/manifest.json      seed, protocol, methods, images, settings, and each stimulus's SHA-256
    <folder>/stimuli/0001.png   ...
    <folder>/votes/             where the votes of raters go
    <folder>/rate.ipynb         a notebook with the rating widget

The hash of a study is the SHA-256 of its manifest. Each vote contains it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from srgan_lessons import UserError
from srgan_lessons.files import atomic, counted
from srgan_lessons.rating.manifest import (
    FORMAT,
    MANIFEST,
    PROTOCOLS,
    Settings,
    Stimulus,
    manifest_hash,
    new_folder,
    read_manifest,
    settings_of,
    some,
    whole,
    write_notebook,
    write_png,
)
from srgan_lessons.rating.orders import Place, calibration_order, check_possible, dummy_order, main_order, seeded_order
from srgan_lessons.rating.vote import HIDDEN_REFERENCE

if TYPE_CHECKING:  # making pictures needs torch; opening a study does not
    from srgan_lessons.rating.stimuli import Images, Version

USUAL_SECONDS = 4.0  # per rating, before a rater's pace is known
SAME_DATE = 946_684_800  # 2000-01-01, of all pictures of a study; a zip file has no date before 1980


class Study:
    """An opinion study on disk. Made by `create` or `paper`, opened by `open`.

    folder: its path. hash: SHA-256 of its manifest, hexadecimal. seed, protocol ("acr" or "acr-hr"), title, settings.
    methods and images: names, sorted. stimuli: name -> Stimulus, anchors included.
    """

    def __init__(self, folder: Path, manifest: Mapping):
        """The manifest must have been checked; use `Study.open`."""
        self.folder = folder
        self.hash: str = manifest["hash"]
        self.seed: int = manifest["seed"]
        self.protocol: str = manifest["protocol"]
        self.title: str = manifest["title"]
        self.settings = Settings(**manifest["settings"])
        self.stimuli = {entry["name"]: Stimulus(**entry) for entry in manifest["stimuli"]}
        rated = [stimulus for stimulus in self.stimuli.values() if stimulus.anchor is None]
        self.images = sorted({stimulus.image for stimulus in rated})
        self.methods = sorted({stimulus.method for stimulus in rated})
        # Sorted by image and method, because an order must not depend on that of the neutral names.
        self._rated = _places(rated)
        self._anchors = _places([stimulus for stimulus in self.stimuli.values() if stimulus.anchor is not None])

    def __repr__(self) -> str:
        return (
            f"<Study {self.title!r}: {counted(len(self._rated), 'picture')} of {counted(len(self.images), 'image')} by "
            f"{counted(len(self.methods), 'method')}, {self.protocol}, {counted(self.trials, 'rating')} per rater>"
        )

    @classmethod
    def create(
        cls,
        images: Images,
        methods: Sequence[str] | Mapping[str, object] | None,
        out: str | Path,
        seed: int = 0,
        *,
        title: str | None = None,
        protocol: str = "acr-hr",
        anchors: Images | None = None,
        crop: int | None = None,
        device: str | None = None,
        progress: bool = False,
        **settings: Any,
    ) -> Study:
        """Makes the folder `out`, complete or not at all, and opens it.

        images: one of
          - a mapping image -> method -> uint8 (H, W, 3) array or file: ready versions;
          - a folder with one folder of pictures for each method: the same on disk;
          - a mapping image -> array or file, or a folder of pictures: HR pictures, from which the versions are made.
            The LR picture is `resize.imresize(hr, 1/4)`; sides are cropped to multiples of 4.
        methods: for HR pictures, names that `upscaling.upscale` accepts ("nearest", "bicubic", shipped weights, the
        path of a .safetensors file) and "hr"; or a mapping name -> weights. For ready versions, which of them to use,
        or None for all.
        protocol: "acr-hr" (needs the method "hr", the hidden reference) or "acr".
        anchors: HR pictures, or nearest and hr versions, of images that are not rated. Raters are calibrated on them,
        and they are the source of the gold items. By default, photos that come with scikit-image.
        crop: show only the middle of each HR picture, at most this many pixels wide and high.
        settings: see `Settings`.

        Stimuli are RGB PNGs without metadata; their numbers and dates say nothing about image or method, but file sizes
        differ. Photos with a colour profile are first converted to sRGB, which browsers assume for pictures without a
        profile.

        Raises UserError in the same cases as `stimuli.versions`, and for versions of different sizes, an image that
        appears twice, so many gold items that they would follow each other, a folder that exists and is not empty or
        cannot be written, and a full disk.
        """
        from srgan_lessons.rating.stimuli import versions

        if protocol not in PROTOCOLS:
            raise UserError(f"the protocol {protocol!r} is not known. It must be one of: {', '.join(PROTOCOLS)}.")
        if crop is not None:
            whole("crop", crop, 16, 10_000)
        made = versions(images, methods, crop=crop, device=device)
        return cls._write(made, anchors, out, seed, title, protocol, crop, progress, settings)

    @classmethod
    def paper(
        cls,
        images: str | Path | Mapping[str, Mapping[str, Mapping[str, object]]],
        out: str | Path,
        seed: int = 0,
        *,
        anchors: Images | None = None,
        progress: bool = False,
        **settings: Any,
    ) -> Study:
        """The study of the SRGAN paper (section 3.3): 12 versions of 19 images, 9 of 100; 1,128 ratings per rater.

        images: a mapping set -> image -> method -> array or file, or a folder `<set>/<method>/<image>.png`, for the
        sets Set5, Set14 and BSD100 and the methods of `design.PAPER_METHODS`. "nearest" and "bicubic" are made from
        "hr" if they are not given; the other methods' pictures must exist. Images may have any name.
        anchors: as in `create`; the paper calibrated raters on 20 images of the BSD300 training set.

        As in the paper, there are no repeats and no gold items among the 1,128 ratings, unless settings ask for them.
        The order differs from the paper's "completely randomized" order in one thing: versions of an image never follow
        each other.

        Raises UserError in the same cases as `create`, and if parts of the design are missing; it lists them.
        """
        from srgan_lessons.rating.design import paper_versions

        settings = {"repeats": 0, "gold": 0, **settings}
        title = "Opinion study of Ledig et al. 2017"
        return cls._write(paper_versions(images), anchors, out, seed, title, "acr-hr", None, progress, settings)

    @classmethod
    def _write(
        cls,
        made: list[Version],
        anchors: Images | None,
        out: str | Path,
        seed: int,
        title: str | None,
        protocol: str,
        crop: int | None,
        progress: bool,
        given: dict[str, Any],
    ) -> Study:
        from tqdm.auto import tqdm

        from srgan_lessons.rating.stimuli import ANCHOR_SCORES, anchor_versions, sizes_checked

        folder = Path(out)
        settings = settings_of(given)
        whole("seed", seed, 0, 2**63 - 1)
        if protocol == "acr-hr" and HIDDEN_REFERENCE not in {version.method for version in made}:
            raise UserError(
                'the protocol "acr-hr" hides the HR picture among the stimuli: add the method "hr", or choose "acr".'
            )
        check_possible(version.image for version in made)
        made_anchors = anchor_versions(anchors, sorted({version.image for version in made}), crop=crop)
        jobs = seeded_order([(v, None) for v in made] + [(v, ANCHOR_SCORES[v.method]) for v in made_anchors], seed)
        names = {(version.image, version.method): f"{k:04d}" for k, (version, _) in enumerate(jobs, start=1)}
        title = folder.name if title is None else title
        with new_folder(folder) as part:
            (part / "stimuli").mkdir()
            (part / "votes").mkdir()
            entries = []
            pixels = sizes_checked((version, version.pixels()) for version in [*made, *made_anchors])
            for version, image in tqdm(pixels, total=len(jobs), unit="picture", disable=not progress):
                name = names[version.image, version.method]
                entries.append((name, version, *write_png(part / "stimuli" / f"{name}.png", image)))
            _check_different(entries)
            scores = {(version.image, version.method): score for version, score in jobs}
            manifest = {
                "format": FORMAT,
                "title": title,
                "seed": seed,
                "protocol": protocol,
                "settings": asdict(settings),
                "stimuli": [
                    asdict(
                        Stimulus(
                            name=name,
                            image=version.image,
                            method=version.method,
                            anchor=scores[version.image, version.method],
                            sha256=digest,
                            width=width,
                            height=height,
                        )
                    )
                    for name, version, digest, width, height in sorted(entries, key=lambda entry: entry[0])
                ],
            }
            manifest["hash"] = manifest_hash(manifest)
            try:
                cls(part, manifest).order("anybody")
            except UserError as error:  # said now, not when the class begins
                raise UserError(f"there are too many gold items for these pictures: {error}") from None
            with atomic(part / MANIFEST) as temporary:
                temporary.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            write_notebook(part)
            for path in (part / "stimuli").iterdir():
                os.utime(path, (SAME_DATE, SAME_DATE))  # dates would reveal the order in which methods were computed
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Study:
        """Opens a study and verifies its manifest and every stimulus.

        Raises UserError if the manifest is missing, damaged or changed, and for stimuli that are missing or whose
        SHA-256 differs.
        """
        folder = Path(folder)
        manifest = read_manifest(folder / MANIFEST)
        try:
            study = cls(folder, manifest)
            strange = [name for name in study.stimuli if PurePath(name).name != name or "\\" in name]
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise UserError(f"{folder / MANIFEST} is damaged ({error}). Copy the study's folder again.") from None
        if strange:
            raise UserError(f"{folder / MANIFEST} names a stimulus outside its folder: {strange[0]!r}. Do not use it.")
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:  # hashing releases the GIL
            problems = [problem for problem in pool.map(study._problem, study.stimuli) if problem]
        if problems:
            raise UserError(
                f"{len(problems)} of {len(study.stimuli)} stimuli in {folder} cannot be shown: {some(problems)}. Copy "
                "the study's folder again from where it was made. The pictures that votes refer to must not change."
            )
        return study

    def _problem(self, name: str) -> str | None:
        try:
            self.read(name)
        except _Bad as error:
            return error.short
        return None

    @property
    def votes_folder(self) -> Path:
        """Where the votes go unless another folder is chosen."""
        return self.folder / "votes"

    @property
    def trials(self) -> int:
        """How many ratings each rater gives in the main phase: pictures, repeats and gold items."""
        return len(self._rated) + self._repeats + self._gold

    @property
    def pictures(self) -> int:
        """How many pictures a rater sees if there is no break: training, warming up, and the main phase."""
        return len(self._anchors) + self.settings.dummies + self.trials

    @property
    def minutes(self) -> float:
        """How many minutes `pictures` take at the usual pace, without breaks."""
        return self.pictures * USUAL_SECONDS / 60

    @property
    def _repeats(self) -> int:
        return round(self.settings.repeats * len(self._rated))

    @property
    def _gold(self) -> int:
        gold = self.settings.gold
        return max(2, round(len(self._rated) / 20)) if gold is None else gold

    def path(self, name: str) -> Path:
        """The file of a stimulus."""
        return self.folder / "stimuli" / f"{self.stimuli[name].name}.png"

    def read(self, name: str) -> bytes:
        """A stimulus as the bytes of its PNG file. Raises UserError if it is missing or was changed."""
        path, expected = self.path(name), self.stimuli[name].sha256
        try:
            data = path.read_bytes()
        except OSError as error:
            reason = "missing" if isinstance(error, FileNotFoundError) else f"unreadable ({error.strerror})"
            raise _Bad(path, reason) from None
        if hashlib.sha256(data).hexdigest() != expected:
            raise _Bad(path, "changed since the study was made (its SHA-256 differs)")
        return data

    def calibration(self, rater: str) -> list[Place]:
        """The anchors in the order of the calibration, each with its score in `gold_expected`."""
        return calibration_order(self._anchors, self.seed, rater)

    def order(self, rater: str) -> list[Place]:
        """The main phase of a rater, `trials` places long. It depends only on the seed and the name."""
        by_score = {score: [p for p in self._anchors if p.gold_expected == score] for score in (1, 5)}
        gold = []
        for k in range(self._gold):
            among = by_score[(1, 5)[k % 2]]
            gold.append(among[(k // 2) % len(among)])
        return main_order(self._rated, gold, self._repeats, self.seed, rater)

    def dummies(
        self, rater: str, session: int, *, first: bool, before: str | None, after: Sequence[str]
    ) -> list[Place]:
        """Trials that warm a rater up, different ones in each session.

        first: whether the main phase begins after them. If so, there are `settings.dummies` of them; otherwise, there
        are `settings.dummies_after_resume`. before: the image shown last. after: the images shown next.
        """
        count = self.settings.dummies if first else self.settings.dummies_after_resume
        return dummy_order(self._rated, count, self.seed, rater, session, before=before, after=after)


class _Bad(UserError):
    """A stimulus that cannot be shown."""

    def __init__(self, path: Path, reason: str):
        self.short = f"{path.name} is {reason}"
        super().__init__(
            f"the stimulus {path} is {reason}. Copy the study's folder again from where it was made; votes are kept."
        )


def _places(stimuli: list[Stimulus]) -> list[Place]:
    stimuli = sorted(stimuli, key=lambda stimulus: (stimulus.image, stimulus.method))
    return [Place(stimulus=s.name, image=s.image, method=s.method, gold_expected=s.anchor) for s in stimuli]


def _check_different(entries: list[tuple[str, Version, str, int, int]]) -> None:
    """Raises UserError if two images are one picture. Its versions could be neighbours, and it would count twice."""
    first: dict[tuple[str, str], Version] = {}
    for _, version, digest, _, _ in entries:
        other = first.setdefault((version.method, digest), version)
        if other.image != version.image:
            raise UserError(
                f"the images {other.image!r} and {version.image!r} are the same picture ({version.method})."
            )
