"""A real JupyterLab and a real browser for the tests of this folder, which are skipped where one of them is missing."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from jupyter_lab import Lab, running_lab

MISSING = [name for name in ("jupyterlab", "ipywidgets") if importlib.util.find_spec(name) is None]


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Iterator[Lab]:
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)}")
    with running_lab(tmp_path_factory.mktemp("lab"), options=["--expose-app-in-browser"]) as lab:
        yield lab


@pytest.fixture(scope="module")
def profile(browser):
    """A browser profile: its pages share what they have loaded and compiled of JupyterLab."""
    profile = browser.new_context(viewport={"width": 1280, "height": 720})
    yield profile
    profile.close()


@pytest.fixture
def page(profile, lab):
    """An empty page. What runs in its notebooks is ended with it: each kernel holds half a gigabyte."""
    page = profile.new_page()
    yield page
    page.close()
    for session in lab.api("GET", "api/sessions"):
        lab.api("DELETE", f"api/sessions/{session['id']}")
