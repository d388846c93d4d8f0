"""Watches a planned run: losses, what D says, one held-out photo, and the time that is left."""

import html
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
from IPython.display import DisplayHandle, display
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from srgan_lessons import UserError
from srgan_lessons.classroom import figures
from srgan_lessons.classroom.figures import LINES, STYLE, as_html, as_picture, data_url, png
from srgan_lessons.datasets import Photos
from srgan_lessons.files import counted
from srgan_lessons.images import load_image
from srgan_lessons.training.plan import Plan, read_plan
from srgan_lessons.training.planned import read_log
from srgan_lessons.training.validation import middle

HEALTHY = {"D(HR)": (0.5, 0.95), "D(SR)": (0.05, 0.5)}  # D is ahead, but never certain (lesson 07)


class Watch:
    """Redraws one picture on the page while `train_plan` runs; pass it as `on_report`.

        with Watch(plan, folder, photos) as watch:
            outcome = train_plan(plan, photos, folder, on_report=watch)

    It draws at most every two seconds, and spends at most a tenth of the time on drawing. If it continues a run, the
    picture shows the earlier log from the start. The last state stays on the page. photos: those of the run; if they
    are given, only the first of the held-out photos is shown, instead of up to three.
    """

    def __init__(self, plan: Plan, folder: str | Path, photos: Photos | None = None):
        self.plan, self.folder = plan, Path(folder)
        held_out = photos.split()[1] if photos and len(photos) > 1 else {}
        self._shown = next((middle(image).shape[:2] for image in held_out.values()), None)  # height and width
        self.rows = {stage.recipe.name: read_log(self.folder / stage.recipe.name / "log.csv") for stage in plan.stages}
        self._handle: DisplayHandle | None = None
        self._next = 0.0
        self._over = False

    def __call__(self, name: str, row: dict[str, Any]) -> None:
        rows = self.rows[name]
        if not rows:  # a stage begins; its updates may be counted from 0 again
            self.plan = read_plan(self.folder) or self.plan
        self.rows[name] = [old for old in rows if old["step"] < row["step"]] + [row]
        if figures._live() and time.perf_counter() >= self._next:
            self.draw()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True  # all updates made, or stopped by the clock or the learner
        self.draw()

    def status(self) -> str:
        """Where the run is, in one line: "srgan-offline: update 300 of 1,200, about 4 minutes left".

        After the `with` block: "srgan-offline: ended at update 300 of 1,200".
        """
        begun = [stage for stage in self.plan.stages if self.rows[stage.recipe.name]]
        if not begun:
            return "not begun yet"
        stage = begun[-1]
        last = self.rows[stage.recipe.name][-1]
        if self._over:
            return f"{stage.recipe.name}: ended at update {last['step']:,} of {stage.recipe.steps:,}"
        left = (stage.recipe.steps - last["step"]) / last["updates_per_s"]
        left += sum(later.seconds for later in self.plan.stages[self.plan.stages.index(stage) + 1 :])
        return f"{stage.recipe.name}: update {last['step']:,} of {stage.recipe.steps:,}, " + (
            f"about {left / 60:.0f} minutes left"
            if left > 90
            else f"about {counted(round(max(0, left)), 'second')} left"
        )

    def draw(self) -> None:
        """Draws the current state."""
        began = time.perf_counter()
        status = self.status()
        alt = f"Left: losses of both stages. Right: what D says about HR and SR, with its healthy band. {status}."
        page = f"<p>{html.escape(status)}</p>{as_html(self._figure(), alt, trim=False)}{self._photo()}"
        if figures._caught:
            figures._caught[-1].append(page)
        elif self._handle is None:
            self._handle = display({"text/html": page, "text/plain": f"[{alt}]"}, raw=True, display_id=True)
        else:
            self._handle.update({"text/html": page, "text/plain": f"[{alt}]"}, raw=True)
        now = time.perf_counter()
        self._next = now + max(2.0, 9 * (now - began))

    def _figure(self) -> Figure:
        with mpl.rc_context(STYLE):
            figure = Figure(figsize=(10, 4.0), layout="constrained")
            left, right = figure.subplots(1, 2)
            for (name, rows), (colour, style, mark) in zip(self.rows.items(), LINES, strict=False):
                steps = [row["step"] for row in rows]
                every = max(1, len(steps) // 8)
                look = {"color": colour, "linestyle": style, "marker": mark, "markevery": every, "label": name}
                left.plot(steps, [row["content"] for row in rows], **look)
            left.set(xlabel="updates of a stage", ylabel="content loss", yscale="log")
            for axis in (left.xaxis, right.xaxis):
                axis.set_major_locator(MaxNLocator(4, integer=True))
                axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
            if any(self.rows.values()):
                left.legend()
            rows = [row for rows in self.rows.values() for row in rows if row.get("d_hr") is not None]
            for (name, (low, high)), key, (colour, style, mark) in zip(
                HEALTHY.items(), ("d_hr", "d_sr"), LINES, strict=False
            ):
                right.axhspan(low, high, color=colour, alpha=0.08)
                steps = [row["step"] for row in rows]
                every = max(1, len(steps) // 8)
                look = {"color": colour, "linestyle": style, "marker": mark, "markevery": every, "label": name}
                right.plot(steps, [row[key] for row in rows], **look)
            right.set(xlabel="updates of SRGAN", ylabel="what D says", ylim=(-0.02, 1.02))
            right.legend(loc="upper left", bbox_to_anchor=(0, 1.15), ncols=2)
            return figure

    def _photo(self) -> str:
        """The newest preview: held-out photos, each enlarged by bicubic and by the network, and as HR."""
        found = [
            path
            for stage in self.plan.stages
            for path in sorted((self.folder / stage.recipe.name / "preview").glob(f"update_{8 * '[0-9]'}.png"))
        ]
        if not found:
            return ""
        try:
            picture = as_picture(load_image(found[-1]))
        except UserError:  # Drive may not have it yet; a picture is not worth an hour of training
            return ""
        what = "Held-out photos"
        if self._shown:
            height, width = self._shown
            what, picture = "A held-out photo", picture[:height, : 3 * width]
        text = f"{what} by bicubic, the network after update {int(found[-1].stem.split('_')[1]):,}, and HR."
        return (
            f'<figure style="margin: 0"><img src="{data_url(png(picture))}" alt="{html.escape(text)}" '
            f'style="max-width: 100%; height: auto"><figcaption>{html.escape(text)}</figcaption></figure>'
        )


def draw_plan(plan: Plan, *, alt: str) -> None:
    """Draws a plan: a time bar for each stage, and below it the learning rate."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.3))
        at = 0.0
        for stage, (colour, style, _) in zip(plan.stages, LINES[1:], strict=False):
            parts = {"start": stage.speed.start, "updates": stage.recipe.steps / stage.speed.updates_per_s}
            parts["validations"] = stage.validations * stage.validation
            parts["saving"] = stage.saving
            parts["reserve"] = stage.seconds - sum(parts.values())
            begun = at
            for (name, seconds), tint, hatch in zip(parts.items(), figures.TINTS, figures.HATCHES, strict=False):
                label = name if stage is plan.stages[0] else None
                look = {"color": tint, "hatch": hatch, "edgecolor": "black", "label": label}
                above.barh(0, max(0.0, seconds) / 60, left=begun / 60, **look)
                begun += max(0.0, seconds)
            steps = stage.recipe.steps
            places = [round(i * (steps - 1) / 60) for i in range(61)]
            times = [(at + stage.speed.start + (stage.seconds - stage.speed.start) * p / steps) / 60 for p in places]
            rates = [1e4 * stage.recipe.rate_at(p) for p in places]
            below.plot(times, rates, color=colour, linestyle=style, label=stage.recipe.name)
            at += stage.seconds
        above.set(yticks=[])
        above.grid(visible=False)
        below.set(xlabel="minutes", ylabel="rate / 1e-4")
        figure.legend(loc="outside upper center", ncols=4)
        figures.put(as_html(figure, figures.check_alt(alt)), alt)


def draw_plane(points: dict[str, tuple[float, float]], *, xlabel: str, ylabel: str, alt: str) -> None:
    """Draws methods in the plane of distortion and perception, each with its own marker. points: name -> (x, y)."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 4.6), layout="constrained")
        axis = figure.add_subplot()
        for (name, (x, y)), (colour, _, mark) in zip(points.items(), LINES, strict=False):
            axis.plot(x, y, color=colour, marker=mark, markersize=11, linestyle="none", label=name)
        axis.set(xlabel=xlabel, ylabel=ylabel)
        axis.margins(0.15)
        figure.legend(loc="outside upper center", ncols=3)
        figures.put(as_html(figure, figures.check_alt(alt)), alt)
