"""`srgan-lessons study serve` and `study rate`: the servers, and the links that are printed."""

import asyncio
import contextlib
import io
import socket
import webbrowser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from srgan_lessons import UserError
from srgan_lessons.files import counted
from srgan_lessons.rating.host import Host
from srgan_lessons.rating.server import instructor_app, listen, raters_app, until_told
from srgan_lessons.rating.study import Study

PORT = 8765
LOOPBACK = "127.0.0.1"
THREADS = 8  # which mostly wait for the disk

HELP = """If a device cannot open the link:
  - Try {test} there. It needs no link, and shows whether the device reaches this machine.
  - Try the other addresses. Both devices must be in the same network, and the firewall of this machine must allow
    connections to the port.
  - Guest and campus networks often isolate devices: open a hotspot on this machine or on a phone, join it with all
    devices, and start this command again.
  - Without any network: hand out the study's folder as a zip without {private}/, votes/ and report/ (raters open
    rate.ipynb, or run `srgan-lessons study rate`), put their files into votes/, and run `srgan-lessons study report`.
The connection is plain http: others in this network can read names, ratings and links."""


def serve(
    folder: str | Path,
    *,
    port: int = PORT,
    screens: str = "any",
    most: int = 200,
    names: Sequence[str] = (),
    instructor_everywhere: bool = False,
) -> int:
    """Serves a study to a class until it is stopped. Returns 0.

    screens, most: see `Host`. names: further names of this machine, or the whole address of a tunnel, such as
    https://abc.example. instructor_everywhere: the instructor's page can be opened from other machines, too; it is on
    the next port. Raises UserError for a folder that is not a study, a study that is already served, a port that cannot
    be used, and packages that are missing.
    """
    host = Host(Study.open(folder), screens=screens, most=most)
    found = addresses()
    known = frozenset(map(str.lower, [*found, *map(machine, names), *machine_names(), "localhost", LOOPBACK, "::1"]))
    shown = [*names, *found] or [LOOPBACK]

    async def run() -> None:
        with ThreadPoolExecutor(THREADS, thread_name_prefix="srgan-lessons-serve") as pool:
            raters, at = listen(raters_app(host, known, pool), port, "")
            links = [f"{address(name, at)}/{host.invitation}" for name in shown]
            behind = "" if instructor_everywhere else LOOPBACK
            leader, beside = listen(instructor_app(host, known, pool, links), port + 1 if port else 0, behind)
            own = machine(shown[0]) if instructor_everywhere else LOOPBACK
            page = f"http://{own}:{beside}/{host.instructor}/"
            print(said(links, page, f"{address(shown[0], at)}/test", host), flush=True)
            try:
                await until_told()
            finally:
                raters.stop()
                leader.stop()
                await asyncio.gather(raters.close_all_connections(), leader.close_all_connections())

    try:
        asyncio.run(run())
    finally:
        host.stop()
    print(
        f"The server has stopped. The ratings are in {host.study.votes_folder}; the links stay the same when you start "
        "it again."
    )
    return 0


def rate(folder: str | Path, *, browser: bool = True) -> int:
    """Lets one person rate on this machine: opens the page in the browser. Returns 0 when it is stopped."""
    host = Host(Study.open(folder), local=True)

    async def run() -> None:
        with ThreadPoolExecutor(THREADS, thread_name_prefix="srgan-lessons-serve") as pool:
            server, at = listen(raters_app(host, frozenset({"localhost", LOOPBACK}), pool), 0, LOOPBACK)
            link = f"http://{LOOPBACK}:{at}/{host.invitation}"
            print(f"Rate here: {link}\nEnd with Ctrl-C; every rating is saved in {host.study.votes_folder}", flush=True)
            if browser:
                webbrowser.open(link)
            try:
                await until_told()
            finally:
                server.stop()
                await server.close_all_connections()

    try:
        asyncio.run(run())
    finally:
        host.stop()
    return 0


def said(links: list[str], instructor: str, test: str, host: Host) -> str:
    """What the command prints when it has started."""
    others = "".join(f"\n  or    {link}" for link in links[1:])
    state = " It is closed: open it on the instructor's page." if host.closed else ""
    minutes = max(1, round(host.study.minutes))
    return (
        f"{host.study.title}: {counted(host.study.pictures, 'picture')} per rater, about {minutes} min.{state}\n\n"
        f"{code(links[0])}\n"
        f"For the class:  {links[0]}{others}\n"
        f"For you alone:  {instructor}\n\n"
        f"{HELP.format(test=test, private=host.folder.name)}\n\n"
        "Each rating is saved at once. End with Ctrl-C; after a restart, everybody can continue."
    )


def code(link: str) -> str:
    """The link as a QR code for a terminal. Raises UserError if segno is not installed."""
    try:
        import segno
    except ImportError:
        raise UserError('segno is not installed: pip install "srgan-lessons[notebooks]"') from None
    text = io.StringIO()
    segno.make(link, error="l").terminal(out=text, compact=True, border=2)
    return text.getvalue()


def address(name: str, port: int) -> str:
    """How links begin. The address of a tunnel is complete: the tunnel listens on a port of its own."""
    return name.rstrip("/") if "://" in name else f"http://{name}:{port}"


def machine(name: str) -> str:
    """The name of the machine in a name or an address."""
    return name.partition("://")[2].partition("/")[0].partition(":")[0] if "://" in name else name


def addresses() -> list[str]:
    """This machine's IPv4 addresses except the loopback, the one that faces the network first."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # sends nothing: the system only chooses a route (RFC 5737: a documentation address)
            found.append(probe.getsockname()[0])
        except OSError:
            pass
    try:
        import psutil

        for entries in psutil.net_if_addrs().values():
            found += [entry.address for entry in entries if entry.family == socket.AF_INET]
    except ImportError:
        with contextlib.suppress(OSError):
            found += [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    return [name for name in dict.fromkeys(found) if not name.startswith(("127.", "169.254.", "0."))]


def machine_names() -> list[str]:
    """Names by which others may know this machine."""
    name = socket.gethostname().lower()
    return [name, f"{name.split('.')[0]}.local"]
