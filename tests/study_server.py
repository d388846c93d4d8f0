"""`srgan-lessons study serve` as a process of its own: started, killed, started again on the same port."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Answer:
    """What came back: status, headers (by lower-case name), body."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class StudyServer:
    """The server of a study. port: 0 until it was started once."""

    folder: Path
    options: tuple = ()
    port: int = 0
    process: subprocess.Popen | None = None
    said: str = ""
    log: Path = field(init=False)

    def __post_init__(self):
        self.log = self.folder.parent / f"{self.folder.name}.log"

    def start(self) -> "StudyServer":
        command = [sys.executable, "-m", "srgan_lessons", "study", "serve", str(self.folder), *self.options]
        if self.port:
            command += ["--port", str(self.port)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        begin = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        for _ in range(2400):  # a busy machine takes its time
            self.said = self.log.read_bytes()[begin:].decode()
            if "everybody can continue." in self.said:
                break
            assert self.process.poll() is None, self.said
            time.sleep(0.05)
        else:
            raise AssertionError(self.said)
        self.port = int(re.search(r"For the class:\s+http://[^:]+:(\d+)/", self.said)[1])
        return self

    @property
    def invitation(self) -> str:
        return re.search(r"For the class:\s+http://[^/]+/(\S+)", self.said)[1]

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.invitation}"

    @property
    def instructor(self) -> str:
        return re.search(r"For you alone:\s+(\S+)", self.said)[1]

    def kill(self) -> None:
        """As a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def ask(self, method: str, path: str, body=None, *, port: int | None = None, **headers: str) -> Answer:
        """One request. body: bytes, or what is sent as JSON. headers: with _ for -."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content_Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=20)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=given)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): v for name, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def join(self, name: str | None) -> "Client":
        return Client(self, name)


class Client:
    """A rater's browser, as far as the server can tell."""

    def __init__(self, server: StudyServer, name: str | None):
        self.server, self.name = server, name
        page = server.ask("GET", f"/{server.invitation}")
        self.cookie = page.headers["set-cookie"].split(";")[0]
        self.state: dict = {}
        if name is not None:
            self.tell({"do": "name", "name": name, "code": ""})

    def tell(self, message: dict) -> dict:
        said = {**message, "invitation": self.server.invitation}
        answer = self.server.ask("POST", "/rate", said, Cookie=self.cookie)
        assert answer.status == 200, answer
        self.state = answer.json
        return self.state

    def vote(self, score: int) -> dict:
        return self.tell({"do": "vote", "token": self.state["token"], "score": score})
