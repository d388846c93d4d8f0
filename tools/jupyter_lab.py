"""A JupyterLab on the loopback, with settings that keep a page still: for tests in a browser and for screenshots."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parents[1]
# All cells stay in the page, even those that are scrolled out of sight. JupyterLab does not ask about news, because the
# box with this question would cover the buttons.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false"},
}
PATIENCE = 90  # seconds to wait for the start
# How far the open notebook has got. We ask its model, because the page shows no prompt for a folded cell, and an error
# as any other red text.
STATE = """() => {
    const cells = [...(window.jupyterapp.shell.currentWidget?.content?.model?.cells ?? [])];
    const code = cells.filter(cell => cell.type === 'code' && cell.sharedModel.getSource().trim());
    const outputs = code.flatMap(({outputs}) => [...Array(outputs.length).keys()].map(number => outputs.get(number)));
    return {
        cells: code.length,
        done: code.filter(cell => cell.executionCount).length,
        errors: outputs.filter(output => output.type === 'error').map(output => output.toJSON())
            .map(error => `${error.ename}: ${error.evalue}\\n${error.traceback.join('\\n')}`),
    };
}"""


@dataclass(frozen=True, kw_only=True)
class Lab:
    """Where a JupyterLab listens, its token, and the folder whose notebooks it shows."""

    address: str
    token: str
    folder: Path

    def url(self, notebook: str) -> str:
        """The address of one of its notebooks, in a fresh workspace."""
        return f"{self.address}/lab/tree/{notebook}?token={self.token}&reset"

    def api(self, method: str, path: str, body: dict | None = None):
        """Sends a request to the server, and returns its answer."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.address}/{path}", method=method, data=data)
        request.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")


@contextmanager
def running_lab(home: Path, *, fast: bool = True, options: Sequence[str] = ()) -> Iterator[Lab]:
    """A JupyterLab that shows home/work, and keeps its own settings in `home`. fast: lessons use their tiny settings.

    Raises RuntimeError, with the end of its log, if it does not start.
    """
    work = home / "work"
    work.mkdir()
    for name, values in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    port = free_port()
    lab = Lab(address=f"http://127.0.0.1:{port}", token=secrets.token_hex(16), folder=work)
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "SRGAN_LESSONS_FAST": "1" if fast else "0",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    environment.pop("SRGAN_LESSONS_STRICT", None)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    runtime = None
    if os.name == "posix":  # with ports, a kernel now and then finds one taken, and ends
        runtime = tempfile.TemporaryDirectory(prefix="lab-", dir="/tmp")  # short, because of the names of sockets
        environment["JUPYTER_RUNTIME_DIR"] = runtime.name
        command.append("--KernelManager.transport=ipc")
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={lab.token}", f"--ServerApp.root_dir={work}"]
    with open(home / "lab.log", "w") as log:
        server = subprocess.Popen([*command, *options], env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=work)
    try:
        _wait_for(lab, server, home / "lab.log")
        yield lab
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
        if runtime:
            runtime.cleanup()


def _wait_for(lab: Lab, server: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < until:
        try:
            lab.api("GET", "api/status")
            return
        except OSError:  # URLError is one
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start: {log.read_text()[-2000:]}")
