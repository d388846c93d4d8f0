"""A real JupyterLab and a real browser for the tests of this folder, which are skipped where one of them is missing."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from jupyter_lab import Lab, running_lab
from pages import CLOSE

MISSING = [name for name in ("jupyterlab", "ipywidgets") if importlib.util.find_spec(name) is None]


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Iterator[Lab]:
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)}")
    with running_lab(tmp_path_factory.mktemp("lab"), options=["--expose-app-in-browser"]) as lab:
        yield lab


@pytest.fixture(scope="module")
def window(browser, lab):
    """A JupyterLab without a notebook. A module loads it once: that takes as much computing time as half a lesson."""
    window = browser.new_page(viewport={"width": 1280, "height": 720})
    window.goto(f"{lab.address}/lab?token={lab.token}&reset")
    window.wait_for_function("window.jupyterapp", timeout=90_000, polling=100)
    yield window
    window.close()


@pytest.fixture
def page(window, lab):
    """The same window for each test, as a learner has it. Afterwards, all tabs are closed.

    What runs in them is ended: each kernel holds half a gigabyte.
    """
    yield window
    window.evaluate(CLOSE)
    for session in lab.api("GET", "api/sessions"):
        lab.api("DELETE", f"api/sessions/{session['id']}")
