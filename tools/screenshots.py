"""Takes pictures of the lessons as a learner sees them: in JupyterLab, in a light and a dark theme, on three screens.

    python tools/screenshots.py                     all lessons, to build/screenshots
    python tools/screenshots.py 00 03 --full        two of them, with full settings
    python tools/screenshots.py --slides            each page of the decks in build/slides

Each lesson is run once. Then for each theme and screen: the first screen as it is opened and run, and the whole lesson
in parts of 4000 pixels (1440x900 alone). Needs jupyterlab, playwright and chromium; CHROMIUM names another one.
"""

import argparse
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SCREENS = ((1440, 900), (1366, 768), (1024, 768))
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
PART = 4000  # pixels
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false"},
}
DONE = """() => {
    const cells = [...(window.jupyterapp.shell.currentWidget?.content?.model?.cells ?? [])];
    const code = cells.filter(cell => cell.type === 'code');  // a folded cell has no prompt to be read
    return code.length > 0 && code.every(cell => cell.executionCount)
        || document.querySelector('[data-mime-type="application/vnd.jupyter.error"]') !== null;
}"""
PANEL = ".jp-NotebookPanel-notebook .jp-WindowedPanel-outer"


def start_lab(home: Path, work: Path, *, full: bool) -> tuple[subprocess.Popen, str]:
    """A JupyterLab on the loopback that shows `work`; the process, and its address with the token to be filled in."""
    for name, values in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "SRGAN_LESSONS_FAST": "0" if full else "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={work}"]
    command += ["--expose-app-in-browser"]
    with open(home / "lab.log", "w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=work)
    address = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=5).close()
            return process, f"{address}/lab/tree/{{}}?token={token}&reset"
        except OSError:
            time.sleep(0.3)
    process.terminate()
    raise SystemExit(f"JupyterLab did not start: {(home / 'lab.log').read_text()[-1000:]}")


def lesson(page: Page, address: str, name: str, out: Path) -> None:
    """Runs a lesson in the page, and takes its pictures."""
    page.set_viewport_size({"width": SCREENS[0][0], "height": SCREENS[0][1]})
    page.goto(address.format(f"{name}.ipynb"))
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
    page.wait_for_function("() => window.jupyterapp && document.body.innerText.includes('| Idle')", timeout=90_000)
    page.evaluate("() => window.jupyterapp.commands.execute('runmenu:run-all')")
    page.wait_for_function(DONE, timeout=900_000)
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
        count = page.locator("section.page").count()
        for number in range(count):
            page.wait_for_timeout(150)
            page.screenshot(path=out / f"{deck.stem}_slide_{number + 1:02d}.png")
            page.keyboard.press("PageDown")
        print(f"{deck.stem}: {count} pages", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="numbers or names; all if none is given")
    parser.add_argument("--full", action="store_true", help="full settings: minutes a lesson")
    parser.add_argument("--slides", action="store_true", help="the decks in build/slides in place of the notebooks")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "screenshots", metavar="FOLDER")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    names = [path.stem for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))]
    names = [name for name in names if not chosen.lessons or name in chosen.lessons or name[:2] in chosen.lessons]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        if chosen.slides:
            decks(browser.new_page(), ROOT / "build" / "slides", chosen.out)
            return 0
        work = Path(folder) / "work"
        work.mkdir()
        for name in names:
            shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", work)
        lab, address = start_lab(Path(folder), work, full=chosen.full)
        try:
            for name in names:
                page = browser.new_page()
                lesson(page, address, name, chosen.out)
                page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
                page.close()
        finally:
            lab.terminate()
            lab.wait(20)
    print(f"See {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
