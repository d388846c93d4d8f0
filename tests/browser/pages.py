"""What the tests of this folder do with a notebook that is open in JupyterLab."""

import re
import time

import pytest
from jupyter_lab import STATE

# Not the command's own promise is waited for but its result: the browser may collect such a promise as garbage.
OPEN = """path => {
    window.jupyterapp.restored.then(() => window.jupyterapp.commands.execute('docmanager:open', {path}));
}"""
OPENED = "path => window.jupyterapp.shell.currentWidget?.context?.path === path"
CLOSE = "() => [...window.jupyterapp.shell.widgets('main')].forEach(tab => tab.dispose())"


def open_notebook(page, name: str) -> None:
    """Opens a notebook of the server's folder in the window of a JupyterLab."""
    page.evaluate(OPEN, name)
    page.wait_for_function(OPENED, arg=name, timeout=90_000, polling=100)


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
