"""Each student notebook in a real JupyterLab in a real browser: all cells run, figures are seen, controls work.

Skipped where there is no chromium, no playwright or no JupyterLab.
"""

import importlib.util
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [name for name in ("playwright", "jupyterlab", "ipywidgets") if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.timeout(600),
]

STATE = """() => {
    const cells = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')];
    const written = cells.filter(cell => cell.querySelector('.cm-content')?.textContent.trim());
    const prompt = cell => cell.querySelector('.jp-InputPrompt')?.textContent ?? '';
    return {
        cells: written.length,
        done: written.filter(cell => /\\[\\d+\\]/.test(prompt(cell))).length,
        errors: [...document.querySelectorAll('[data-mime-type="application/vnd.jupyter.error"]')]
            .map(output => output.innerText),
    };
}"""
# Not those of the rating widget, which has tests of its own: it keeps pictures hidden until they are to be rated.
FIGURES = """() => [...document.querySelectorAll('.jp-OutputArea img')].filter(image => !image.closest('.opinion')).map(
    image => ({alt: image.alt, width: image.naturalWidth, shown: image.getBoundingClientRect().width}))"""
CLIPPED = """() => [...document.querySelectorAll('.jp-Notebook table, .jp-OutputArea img')].filter(element => {
    const room = element.closest('.jp-RenderedHTMLCommon, .jp-OutputArea-output, .widget-html');
    return room && element.getBoundingClientRect().right > room.getBoundingClientRect().right + 2;
}).map(element => element.alt || element.innerText.slice(0, 80))"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[tuple[str, str]]:
    """A JupyterLab on the loopback, in folders of its own: its address and its token."""
    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    work.mkdir()
    for notebook in NOTEBOOKS:
        shutil.copy(notebook, work)
    # All cells stay in the page, also those that are scrolled out of sight.
    settings = home / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "SRGAN_LESSONS_FAST": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    environment.pop("SRGAN_LESSONS_STRICT", None)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={work}"]
    address = f"http://127.0.0.1:{port}"
    with open(home / "lab.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=work)
        try:
            for _ in range(300):
                if server.poll() is not None:
                    pytest.fail(f"JupyterLab ended: {(home / 'lab.log').read_text()[-2000:]}")
                try:
                    urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=5)
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.3)
            else:
                pytest.fail("JupyterLab did not answer")
            yield address, token
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_learner_sees_what_the_lesson_promises(notebook, lab, browser, tmp_path):
    address, token = lab
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    try:
        page.goto(f"{address}/lab/tree/{notebook.name}?token={token}&reset")
        run_all(page)
        figures = page.evaluate(FIGURES)
        assert figures, "the lesson shows no figure"
        for figure in figures:
            assert figure["alt"].strip(), "a figure without alt text"
            assert figure["width"] > 50, f"an empty figure: {figure['alt']}"
            assert figure["shown"] > 50, f"a figure that is not seen: {figure['alt']}"
        assert page.evaluate(CLIPPED) == []
        assert "Traceback" not in "\n".join(page.locator(".jp-Notebook .jp-OutputArea").all_inner_texts())
        code = notebook.read_text(encoding="utf-8")
        for calls, use in (
            (r"\bcompare\(", move_sliders),
            (r"\b(play|zoom)\(", move_controls),
            (r"\bupload_photo\(", upload),
        ):
            assert use(page, tmp_path) or not re.search(calls, code), f"{use.__name__} found nothing to use"
    finally:
        if wanted := os.environ.get("SRGAN_LESSONS_SCREENSHOTS"):
            page.screenshot(path=Path(wanted) / f"{notebook.stem}.png")
        page.close()


def run_all(page) -> None:
    """Runs all cells and waits for the last. Fails with the text of the error where a cell raises one."""
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
    page.get_by_text(re.compile(r"\| Idle")).first.wait_for(timeout=90_000)
    page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
    until = time.monotonic() + 400
    while time.monotonic() < until:
        state = page.evaluate(STATE)
        assert not state["errors"], state["errors"][0][-2000:]
        if state["cells"] and state["done"] == state["cells"]:
            return
        time.sleep(0.5)
    pytest.fail(f"only {state['done']} of {state['cells']} cells were done")


def move_sliders(page, folder: Path) -> int:
    """Each before/after slider moves the edge between its pictures. Returns how many there were."""
    count = 0
    for figure in page.locator("figure:has(.after)").all():
        for percent in (20, 85):
            figure.locator("input[type=range]").fill(str(percent))
            clip = figure.locator(".after").evaluate("image => getComputedStyle(image).clipPath")
            assert f"{percent}%" in clip, clip
        count += 1
    return count


def move_controls(page, folder: Path) -> int:
    """Each list to choose from redraws its figure. Returns how many there were."""
    count = 0
    for output in page.locator(".jp-OutputArea-output:has(.widget-dropdown)").all():
        chooser, image = output.locator(".widget-dropdown select").first, output.locator("img").first
        before = image.get_attribute("src")
        chooser.select_option(index=1)
        until = time.monotonic() + 60
        while image.get_attribute("src") == before and time.monotonic() < until:
            time.sleep(0.2)
        assert image.get_attribute("src") != before, "the figure did not follow its control"
        assert image.get_attribute("alt").strip()
        count += 1
    return count


def upload(page, folder: Path) -> int:
    """Each upload button takes a photo and shows something made of it. Returns how many there were."""
    count = 0
    photo = folder / "my photo.png"
    Image.linear_gradient("L").resize((60, 48)).convert("RGB").save(photo)
    for output in page.locator(".jp-OutputArea-output:has(.jupyter-widget-upload, .widget-upload)").all():
        with page.expect_file_chooser() as chooser:
            output.locator("button").first.click()
        chooser.value.set_files(photo)
        output.locator("img").first.wait_for(timeout=60_000)
        assert output.locator("img").first.get_attribute("alt").strip()
        count += 1
    return count
