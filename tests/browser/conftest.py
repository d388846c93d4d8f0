"""A real JupyterLab and a real browser for the tests of this folder, which are skipped where one of them is missing."""

import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MISSING = [name for name in ("jupyterlab", "ipywidgets") if importlib.util.find_spec(name) is None]
# All cells stay in the page, also those that are scrolled out of sight; and no question about news, in a box that lies
# over the buttons.
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false"},
}


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A JupyterLab on the loopback: where it listens, its token, and the folder whose notebooks it shows."""

    address: str
    token: str
    folder: Path

    def url(self, notebook: str) -> str:
        """The address of one of its notebooks, in a fresh workspace."""
        return f"{self.address}/lab/tree/{notebook}?token={self.token}&reset"

    def api(self, method: str, path: str, body: dict | None = None):
        """Asks the server; what it answers."""
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.address}/{path}", method=method, data=data)
        request.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Iterator[Lab]:
    if MISSING:
        pytest.skip(f"not installed: {', '.join(MISSING)}")
    home = tmp_path_factory.mktemp("lab")
    work = home / "work"
    work.mkdir()
    for name, values in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "SRGAN_LESSONS_FAST": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    environment.pop("SRGAN_LESSONS_STRICT", None)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={work}"]
    lab = Lab(address=f"http://127.0.0.1:{port}", token=token, folder=work)
    with open(home / "lab.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=work)
        try:
            for _ in range(300):
                if server.poll() is not None:
                    pytest.fail(f"JupyterLab ended: {(home / 'lab.log').read_text()[-2000:]}")
                try:
                    lab.api("GET", "api/status")
                    break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.3)
            else:
                pytest.fail("JupyterLab did not answer")
            yield lab
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


@pytest.fixture
def page(browser, lab):
    """An empty page. What runs in its notebooks is ended with it: each kernel holds half a gigabyte."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    yield page
    page.close()
    for session in lab.api("GET", "api/sessions"):
        lab.api("DELETE", f"api/sessions/{session['id']}")
