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
# What takes more than some seconds, a file or a test in it: `make quick` leaves it out, and CI on Windows and macOS.
SLOW = {
    "browser",
    "classroom",
    "exercises",
    "test_analysis.py",
    "test_colab_check.py",
    "test_distributed.py",
    "test_editions.py",
    "test_evaluation.py",
    "test_export.py",
    "test_figures.py",
    "test_gpu_session.py",
    "test_interrupted.py",
    "test_machine.py",
    "test_plan.py",
    "test_report.py",
    "test_repository.py",
    "test_resume.py",
    "test_run_in_trouble.py",
    "test_screening.py",
    "test_session.py",
    "test_several.py",
    "test_slides.py",
    "test_store.py",
    "test_study_cli.py",
    "test_synthetic.py",
    "test_teaching.py",
    "test_training.py",
    "test_widget.py",
    "test_a_reader_that_has_read_enough",
    "test_a_terminated_command_leaves_no_part_behind",
    "test_all_119_benchmark_images_are_caught",
    "test_bf16_is_at_most_a_level_off",
    "test_broken_files_are_read_or_refused_with_a_sentence",
    "test_closing_ends_the_votes_and_shows_each_rater_the_class",
    "test_doctor_needs_nothing_that_it_looks_for",
    "test_each_shipped_network_loads_and_has_a_card",
    "test_enlarging_a_picture_does_not_import_torch_s_compiler",
    "test_lab_asks_nothing_about_news_and_keeps_other_settings",
    "test_memory_of_a_photo_of_12_megapixels",
    "test_memory_of_the_generators_tiles",
    "test_module_and_command_are_the_same",
    "test_nothing_heavy_is_imported_without_need",
    "test_sureal_reads_the_export",
    "test_the_command_makes_a_plan_and_trains_a_group",
    "test_the_paper_generators_tiles_equal_the_whole_picture",
    "test_the_shipped_hashes_are_those_of_the_benchmark_images",
    "test_the_training_sets_hold_one_benchmark_image_which_is_left_out",
    "test_warnings_show_no_source_lines",
}

downloads = importlib.import_module("srgan_lessons.download")  # the package has a function of that name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is slow. Slow files come first: at the end, no process is left alone with one of them."""
    items.sort(key=lambda item: SLOW.isdisjoint(item.path.parts))
    for item in items:
        places = {*item.path.parts, item.name.partition("[")[0]}
        if places & SLOW:
            item.add_marker("slow")


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
