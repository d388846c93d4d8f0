"""The browser with which the tools look at pages."""

import shutil
import sys
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")


def launched(playwright: Any) -> Any:
    """Chromium or Chrome from the PATH, or the one that `playwright install chromium` fetches.

    Exits with a sentence if there is none.
    """
    found = next(filter(None, map(shutil.which, NAMES)), playwright.chromium.executable_path)
    if not Path(found).exists():
        sys.exit(
            "This needs a browser, Chromium or Chrome. On Debian: apt-get install chromium; elsewhere: playwright "
            "install chromium"
        )
    return playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
