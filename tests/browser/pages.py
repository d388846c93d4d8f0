"""What the tests of this folder do with a notebook that is open in JupyterLab."""

import re
import time

import pytest
from jupyter_lab import STATE


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
