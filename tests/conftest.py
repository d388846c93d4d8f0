"""What all tests share: one CPU thread, a seed, and the benchmark sets where this machine has them."""

import importlib
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from loopback import serve

pytest.register_assert_rewrite("answers")
downloads = importlib.import_module("srgan_lessons.download")  # the package has a function of that name


@pytest.fixture(autouse=True)
def _alike():
    """Each test begins with the same seed and one thread: several test processes share the cores."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def plain_folder(tmp_path, monkeypatch) -> Path:
    """An empty working folder, where a progress file goes, and the lessons' default mode."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SRGAN_LESSONS_STRICT", raising=False)
    monkeypatch.delenv("SRGAN_LESSONS_FAST", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """The folder with Set5, Set14 and BSD100; a test that asks for it is skipped, with the reason, where it is not."""
    root = os.environ.get("SRGAN_LESSONS_DATA")
    if not root:
        pytest.skip("SRGAN_LESSONS_DATA does not say where the benchmark sets are")
    missing = [name for name in ("Set5", "Set14", "BSD100") if not any(Path(root, name, "HR").glob("*.png"))]
    if missing:
        pytest.skip(f"{', '.join(missing)} not in {root}: srgan-lessons data get {' '.join(missing)}")
    return Path(root)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """A real browser. Not for longer than a module: while it is open, an asyncio loop of its own holds this process."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on the PATH")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def site(monkeypatch):
    """A web server on the loopback; downloads pause for a moment only before they try again."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(downloads, "PAUSE", 0.01)
    with serve() as site:
        yield site
