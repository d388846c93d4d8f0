"""Each of these tests runs in an empty folder of its own, where its progress file goes, and in the default mode."""

import pytest


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(plain_folder):
    pass
