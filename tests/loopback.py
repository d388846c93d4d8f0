"""A web server on the loopback for the tests of the downloader. It can misbehave in all the ways that real ones do."""

import hashlib
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True)
class Answer:
    """How one request is answered. The last answer of a page is repeated."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str = ""
    ranges: bool = True  # False: a Range header is ignored
    shift: int = 0  # a 206 that starts this many bytes too late
    stop_after: int | None = None  # the connection is closed after so many bytes
    stall_after: int | None = None  # nothing more is sent after so many bytes
    length: bool = True  # False: no Content-Length
    wait_for: threading.Barrier | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it came, and how many bytes of body it was sent."""

    path: str
    range: str | None
    if_range: str | None
    sent: int


class Site:
    """Pages by path. `seen` lists the requests in the order in which they were answered."""

    def __init__(self) -> None:
        self.pages: dict[str, list[Answer]] = {}
        self.seen: list[Seen] = []
        self.closing = threading.Event()  # lets stalled answers end
        self.url = ""

    def put(self, path: str, *answers: Answer) -> str:
        """Gives a page its answers; returns its address."""
        self.pages[path] = list(answers)
        return self.url + path

    @property
    def sent(self) -> int:
        return sum(seen.sent for seen in self.seen)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextmanager
def serve():
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = site.pages.get(self.path, [Answer(status=404)])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            with suppress(BrokenPipeError, ConnectionResetError):  # the client went away
                self.answer(answer)

        def answer(self, answer: Answer) -> None:
            if answer.wait_for is not None:
                answer.wait_for.wait(20)
            body, status = answer.body, answer.status
            headers = dict(answer.headers)
            wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
            fresh = condition is None or condition == answer.etag
            if status == 200 and wanted and answer.ranges and fresh:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(body):
                    status, headers["Content-Range"], body = 416, f"bytes */{len(body)}", b""
                else:
                    start += answer.shift
                    headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                    status, body = 206, body[start:]
            self.send_response(status)
            if answer.length:
                headers["Content-Length"] = str(len(body))
            if answer.etag:
                headers["ETag"] = answer.etag
            for name, value in headers.items():
                self.send_header(name, value)
            end = min(n for n in (len(body), answer.stop_after, answer.stall_after) if n is not None)
            # Before the client can have any of it: a test may look at once
            site.seen.append(Seen(path=self.path, range=wanted, if_range=condition, sent=end))
            self.end_headers()
            self.wfile.write(body[:end])
            self.wfile.flush()
            if answer.stall_after is not None:
                site.closing.wait(60)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
