"""The study as a web page: tornado serves the raters' pages, and the instructor's page on another port.

No page that a rater can open says anything about methods, images, votes or other raters.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import json
import logging
import re
import secrets
import signal
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import tornado.httpserver
import tornado.netutil
import tornado.web

from srgan_lessons import UserError
from srgan_lessons.rating.host import Host

WEB = Path(__file__).parent / "web"
T = TypeVar("T")
LARGEST_BODY = 4096  # bytes; a vote has 300
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".csv": "text/csv",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
REPORT_FILE = re.compile(r"(report\.html|[a-z_]+\.csv)")


class Handler(tornado.web.RequestHandler):
    """What all requests have in common: who may ask, what a browser may do with the answer, and what is logged."""

    def initialize(self, host: Host, pool: ThreadPoolExecutor, names: frozenset[str]) -> None:
        self.study, self.pool, self.names = host, pool, names

    def set_default_headers(self) -> None:
        for name, value in (
            ("Server", "srgan-lessons"),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", POLICY),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
        ):
            self.set_header(name, value)

    def prepare(self) -> None:
        # Another site could make one of its own names point here; the browser would then send that name
        if self.request.host_name.strip("[]").lower() not in self.names:
            raise tornado.web.HTTPError(421)
        if self.request.method == "POST":
            origin = self.request.headers.get("Origin")
            # Only the host is compared: behind a tunnel, the page is https, and this server is asked by http
            if origin is not None and origin.rpartition("//")[2] != self.request.host:
                raise tornado.web.HTTPError(403)
            if self.request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
                raise tornado.web.HTTPError(403)
            if self.request.headers.get("Content-Type", "").split(";")[0].strip() != "application/json":
                raise tornado.web.HTTPError(415)
        elif self.request.method not in ("GET", "HEAD"):
            raise tornado.web.HTTPError(405)

    def send_file(self, name: str, text: str | bytes) -> None:
        self.set_header("Content-Type", f"{TYPES[Path(name).suffix]}; charset=utf-8")
        self.finish(text)

    def write_error(self, status_code: int, **_: object) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps({"error": WHY.get(status_code, "This was refused.")}))

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """Logs the error without the request, because that contains the address that it came from."""
        if not isinstance(error, tornado.web.HTTPError):
            logging.getLogger(__name__).error("".join(traceback.format_exception(kind, error, trace)).strip())

    async def aside(self, call: Callable[..., T], *given: object) -> T:
        """Runs work in another thread, because it may wait for a disk."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, functools.partial(call, *given))


WHY = {
    400: "The page sent something that cannot be read. Load it again.",
    403: "This request came from another page.",
    404: "There is nothing here. Check that the link is complete.",
    405: "This page does not accept such a request.",
    413: "The message is too long.",
    415: "The page sent something that cannot be read. Load it again.",
    421: "This server does not answer to this name. Use an address that it prints, or start it with --name.",
    500: "The server could not do this. Try again; its terminal shows what went wrong.",
}

NO_REPORT = "There is no report yet. Accept votes again and close the study, or run `srgan-lessons study report`."
NO_MEMORY = "Its process was ended, perhaps for lack of memory: try `srgan-lessons study report` in a terminal."


# --- for raters ------------------------------------------------------------------------------------------------------


class Browser(Handler):
    """A page in a rater's browser, identified by a cookie that no script can read and no other site can send."""

    @property
    def cookie_name(self) -> str:
        return f"srgan-lessons-{self.study.study.hash[:12]}"  # all ports share cookies, but studies must not

    def browser(self) -> str:
        """The browser's secret; "" if it has none, or none that this server can have made."""
        cookie = self.get_cookie(self.cookie_name) or ""
        return cookie if re.fullmatch(r"[\w-]{43}", cookie) else ""


class Page(Browser):
    def get(self, invitation: str) -> None:
        if not self.study.invited(invitation):
            raise tornado.web.HTTPError(404)
        if not self.browser():
            self.set_cookie(
                self.cookie_name,
                secrets.token_urlsafe(32),
                httponly=True,
                samesite="Lax",  # a Strict cookie would not be sent when the link is opened from an e-mail
                secure=self.request.protocol == "https",
                expires_days=60,
            )
        self.send_file("index.html", _web("index.html"))


class Rate(Browser):
    async def post(self) -> None:
        try:
            message = json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise tornado.web.HTTPError(400) from None
        browser = self.browser()
        if not browser:
            state = {"phase": "away", "why": "Allow this page to keep a cookie, and open the link again."}
        else:
            state = await self.aside(self.study.answer, browser, message)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(state, allow_nan=False))


class Picture(Browser):
    async def get(self, token: str) -> None:
        png = await self.aside(self.study.picture, self.browser(), token)
        if png is None:
            raise tornado.web.HTTPError(404)
        self.set_header("Content-Type", "image/png")
        self.finish(png)


class Web(Handler):
    def get(self, name: str) -> None:
        self.send_file(name, _web(name))


class Reach(Handler):
    """Shows whether a device reaches the server at all. It needs no link."""

    def get(self) -> None:
        self.send_file("test.html", _web("test.html"))


class Missing(Handler):
    def prepare(self) -> None:
        super().prepare()
        raise tornado.web.HTTPError(404)


# --- for the instructor ----------------------------------------------------------------------------------------------


class Instructor(Handler):
    """Pages that need the instructor's secret."""

    def prepare(self) -> None:
        super().prepare()
        given = self.path_args[0] if self.path_args else ""
        if not secrets.compare_digest(given.encode(), self.study.instructor.encode()):
            raise tornado.web.HTTPError(404)

    def answer(self, content: dict) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(content))


class Live(Instructor):
    def get(self, _: str, name: str) -> None:
        self.send_file(name or "live.html", _web(name or "live.html"))


class Code(Instructor):
    def initialize(self, link: str, **given: Any) -> None:  # type: ignore[override]  # as tornado intends
        super().initialize(**given)
        self.link = link

    def get(self, _: str) -> None:
        import io

        import segno

        file = io.BytesIO()
        segno.make(self.link, error="m").save(file, kind="svg", scale=8, border=2)
        self.send_file("code.svg", file.getvalue())


class Who(Instructor):
    def initialize(self, links: list[str], **given: Any) -> None:  # type: ignore[override]  # as above
        super().initialize(**given)
        self.links = links

    async def get(self, _: str) -> None:
        making = Close.making()
        live = await self.aside(self.study.live)
        missing = NO_REPORT if live["closed"] and not live["reported"] and not making else ""
        self.answer({**live, "links": self.links, "problem": Close.problem or missing})


class Close(Instructor):
    """Closes the study and makes the report in another process, because reports need more memory than pages do."""

    running: asyncio.Task | None = None
    problem = ""

    @classmethod
    def making(cls) -> bool:
        return Close.running is not None and not Close.running.done()

    async def post(self, _: str) -> None:
        message = json.loads(self.request.body or b"{}")
        if message.get("open"):
            if Close.running is not None:
                Close.running.cancel()  # its report would lack the votes to come
                await asyncio.wait({Close.running})
            Close.problem = ""
            await self.aside(self.study.open)
        else:
            await self.aside(self.study.close)
            if not Close.making():
                Close.problem = ""
                Close.running = asyncio.create_task(self._report())
        self.answer(await self.aside(self.study.live))

    async def _report(self) -> None:
        command = [sys.executable, "-m", "srgan_lessons", "study", "report", str(self.study.study.folder)]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                process.kill()
            await process.wait()
            raise
        if process.returncode:
            lines = said.decode(errors="replace").strip().splitlines()
            Close.problem = lines[-1][-500:] if lines else f"The report was not made. {NO_MEMORY}"


class Report(Instructor):
    def get(self, _: str, name: str) -> None:
        path = self.study.report / name
        if not self.study.closed or not REPORT_FILE.fullmatch(name) or not path.is_file():
            raise tornado.web.HTTPError(404)
        if name.endswith(".html"):
            self.set_header("Content-Security-Policy", REPORT_POLICY)
        self.send_file(name, path.read_bytes())


@functools.cache
def _web(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


# --- the servers -----------------------------------------------------------------------------------------------------


def raters_app(host: Host, names: frozenset[str], pool: ThreadPoolExecutor) -> tornado.web.Application:
    """The pages on the raters' port. names: this machine's names, as they may appear in an address."""
    common = {"host": host, "pool": pool, "names": names}
    handlers = [
        (r"/rate", Rate, common),
        (r"/picture/([0-9a-f]{24})", Picture, common),
        (r"/web/(rater\.js|rater\.css|page\.js|page\.css)", Web, common),
        (r"/test", Reach, common),
        (r"/([\w-]{4,40})/?", Page, common),
    ]
    return _application(handlers, common)


def instructor_app(
    host: Host, names: frozenset[str], pool: ThreadPoolExecutor, links: list[str]
) -> tornado.web.Application:
    """The pages on the instructor's port. links: the raters' links, best first."""
    common = {"host": host, "pool": pool, "names": names}
    secret = r"/([\w-]{16,64})"
    handlers = [
        (secret + r"/(live\.js|page\.css|)", Live, common),
        (secret + r"/code\.svg", Code, {**common, "link": links[0]}),
        (secret + r"/who", Who, {**common, "links": links}),
        (secret + r"/close", Close, common),
        (secret + r"/report/([\w.]+)", Report, common),
    ]
    return _application(handlers, common)


def _application(handlers: list, common: dict) -> tornado.web.Application:
    return tornado.web.Application(
        handlers, default_handler_class=Missing, default_handler_args=common, log_function=lambda handler: None
    )


def listen(application: tornado.web.Application, port: int, address: str) -> tuple[tornado.httpserver.HTTPServer, int]:
    """Starts to answer requests, and returns the server and its port.

    address: where to listen; "" means all addresses of this machine. Raises UserError for a port that does not exist
    or cannot be used.
    """
    if not 0 <= port <= 65535:
        raise UserError(f"there is no port {port}; ports end at 65535. Choose another port with --port.")
    for name in ("tornado.access", "tornado.general"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # their lines contain addresses
    try:
        sockets = tornado.netutil.bind_sockets(port, address or None)
    except OSError as error:
        taken = ": another program, perhaps a second copy of this one, uses it. End that program, or choose"
        what = taken if error.errno == errno.EADDRINUSE else ". Choose"
        raise UserError(f"port {port} cannot be used ({error.strerror}){what} another port with --port.") from None
    server = tornado.httpserver.HTTPServer(
        application, max_body_size=LARGEST_BODY, max_header_size=16384, idle_connection_timeout=120, body_timeout=20
    )
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]


async def until_told() -> None:
    """Waits for Ctrl-C, or until the system asks it to end."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt
            loop.add_signal_handler(number, end.set)
    await end.wait()
