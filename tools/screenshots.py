"""Takes pictures of the lessons as a learner sees them: in JupyterLab, in a light and a dark theme, on three screens.

    python tools/screenshots.py                     all lessons, to build/screenshots
    python tools/screenshots.py 00 03 --full        two lessons, with full settings
    python tools/screenshots.py --slides            each page of the decks in build/slides

Each lesson is run once. Then, for each theme and screen, the top of the lesson is saved; for 1440x900, the whole lesson
is saved, too, in parts of 4000 pixels. This needs jupyterlab, playwright and a browser (tools/browser.py).
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from browser import launched
from jupyter_lab import ROOT, STATE, Lab, running_lab
from playwright.sync_api import Page, sync_playwright

SCREENS = ((1440, 900), (1366, 768), (1024, 768))
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
PART = 4000  # pixels
ENDED = f"() => {{ const {{cells, done, errors}} = ({STATE})(); return cells && done === cells || errors.length > 0; }}"
PANEL = ".jp-NotebookPanel-notebook .jp-WindowedPanel-outer"


def lesson(page: Page, lab: Lab, name: str, out: Path) -> None:
    """Runs a lesson in the page, and takes its pictures."""
    page.set_viewport_size({"width": SCREENS[0][0], "height": SCREENS[0][1]})
    page.goto(lab.url(f"{name}.ipynb"))
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
    page.wait_for_function("() => window.jupyterapp && document.body.innerText.includes('| Idle')", timeout=90_000)
    page.evaluate("() => void window.jupyterapp.commands.execute('runmenu:run-all')")
    page.wait_for_function(ENDED, timeout=900_000)
    page.wait_for_timeout(1500)
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    for theme, label in THEMES.items():
        page.evaluate(f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{label}'}})")
        page.wait_for_timeout(1200)
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            page.locator(PANEL).first.evaluate("panel => panel.scrollTo(0, 0)")
            page.wait_for_timeout(400)
            page.screenshot(path=out / f"{name}_{theme}_{width}x{height}_top.png")
            if (width, height) != SCREENS[0]:
                continue
            page.set_viewport_size({"width": width, "height": PART})
            page.wait_for_timeout(600)
            total = page.locator(PANEL).first.evaluate("panel => panel.scrollHeight")
            room = page.locator(PANEL).first.evaluate("panel => panel.clientHeight")
            for part in range(-(-total // room)):
                page.locator(PANEL).first.evaluate(f"panel => panel.scrollTo(0, {part * room})")
                page.wait_for_timeout(300)
                page.screenshot(path=out / f"{name}_{theme}_{part + 1:02d}.png")
    print(f"{name}: {len(list(out.glob(f'{name}_*.png')))} pictures", flush=True)


def decks(page: Page, slides: Path, out: Path) -> None:
    """A picture of each page of each deck."""
    page.set_viewport_size({"width": 1280, "height": 720})
    for deck in sorted(slides.glob("[0-9][0-9]_*.html")):
        page.goto(deck.as_uri())
        page.wait_for_selector("body[data-laid-out=yes]", timeout=120_000)
        places = page.evaluate("Reveal.getSlides().map(slide => Reveal.getIndices(slide))")
        for number, place in enumerate(places, start=1):
            page.evaluate("({ h, v }) => Reveal.slide(h, v ?? 0, 1000)", place)  # 1000: with all its fragments
            page.wait_for_timeout(150)
            page.screenshot(path=out / f"{deck.stem}_slide_{number:02d}.png")
        print(f"{deck.stem}: {len(places)} pages", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers or names; all if none is given")
    parser.add_argument("--full", action="store_true", help="full settings: takes minutes per lesson")
    parser.add_argument("--slides", action="store_true", help="the decks in build/slides instead of the notebooks")
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "build" / "screenshots",
        metavar="FOLDER",
        help="for the pictures (default: build/screenshots)",
    )
    chosen = parser.parse_args()
    names = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))]
    wanted = [name for name in names if not chosen.lessons or name in chosen.lessons or name[:2] in chosen.lessons]
    slides = ROOT / "build" / "slides"
    if not wanted:
        print(f"no such lesson. The lessons are: {', '.join(names)}", file=sys.stderr)
        return 1
    if chosen.slides and not any(slides.glob("[0-9][0-9]_*.html")):
        print(f"there are no decks in {slides}. Run: make slides", file=sys.stderr)
        return 1
    chosen.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launched(playwright)
        if chosen.slides:
            decks(browser.new_page(), slides, chosen.out)
            return 0
        expose = ["--expose-app-in-browser"]  # a script in the page changes the theme and reads cells
        with running_lab(Path(folder), fast=not chosen.full, options=expose) as lab:
            for name in wanted:
                shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", lab.folder)
                page = browser.new_page()
                lesson(page, lab, name, chosen.out)
                page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
                page.close()
    print(f"See {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
