"""Each of these tests runs in an empty folder of its own, where its progress file goes, and in the default mode."""

import pytest

pytest.register_assert_rewrite("answers")


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SRGAN_LESSONS_STRICT", raising=False)
    monkeypatch.delenv("SRGAN_LESSONS_FAST", raising=False)
