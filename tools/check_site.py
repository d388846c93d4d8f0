"""Checks the site in build/site: links, accessibility, size, and whether anything is loaded from elsewhere.

    python tools/check_site.py              checks everything; needs chromium, and `npm ci --prefix site` for axe-core
    python tools/check_site.py --pictures   also saves pictures of the pages in build/screenshots/site

axe-core looks at the home page, a lesson and a page of the API, at widths of 1440 and 390 pixels, in a light and a dark
theme. The words of drawings must be legible. On paper, folded parts must be open, and no line of code may be cut off.
"""

import argparse
import functools
import http.server
import sys
import threading
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from browser import launched

ROOT = Path(__file__).resolve().parents[1]
SITE, PICTURES = ROOT / "build" / "site", ROOT / "build" / "screenshots" / "site"
AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = ("index.html", "lessons/00_start_here.html", "api/metrics.html")
ON_PAPER = """() => {
    dispatchEvent(new Event("beforeprint"));
    const cut = [...document.querySelectorAll("pre")].filter((code) => code.scrollWidth > code.clientWidth + 1);
    return [document.querySelectorAll("details:not([open])").length, cut.length];
}"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll(".cell_output svg:not(:has(image)) text")]
    .map((word) => word.getBoundingClientRect().height))"""
LEGIBLE = 10  # pixels: the least height of the words in a drawing
HOME = 500_000  # the most bytes of the home page and everything that it loads


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for key, value in attributes:
            if key in ("id", "name") and value:
                self.anchors.add(value)
            elif key in ("href", "src", "poster") and value and tag != "base":
                self.links.append(value)
            elif key == "srcset" and value:
                self.links += [part.split()[0] for part in value.split(",")]


def broken_links(site: Path, *, without: Sequence[str] = ()) -> list[str]:
    """Each link within the site that leads nowhere, as "page: link". without: beginnings of links to ignore."""
    site = site.resolve()  # as the links are
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}
    wrong = []
    for file, page in pages.items():
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or any(unquote(parts.path).lstrip("./").startswith(one) for one in without):
                continue
            there = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if there.is_dir():
                there = there / "index.html"
            known = pages.get(there)
            anchored = not parts.fragment or known is None or unquote(parts.fragment) in known.anchors
            if not there.exists() or not there.is_relative_to(site) or not anchored:
                wrong.append(f"{file.relative_to(site).as_posix()}: {link}")
    return wrong


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def look(pictures: bool) -> list[str]:
    """Lists what is wrong: serious findings of axe-core, files from elsewhere, sizes, and what is missing on paper."""
    from playwright.sync_api import sync_playwright

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = launched(playwright)
        for width in (1440, 390):
            for scheme in ("light", "dark"):
                for name in PAGES:
                    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                    asked: list[str] = []
                    sizes: list[int] = []
                    page.on("request", lambda request, asked=asked: asked.append(request.url))
                    page.on("response", lambda response, sizes=sizes: sizes.append(_length(response)))
                    page.goto(address + name, wait_until="networkidle")
                    elsewhere = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
                    found += [f"{name}: loads {url}" for url in elsewhere]
                    if name == "index.html":
                        print(f"home page at {width} px, {scheme}: {sum(sizes) / 1000:.0f} kB in {len(sizes)} files")
                        if sum(sizes) > HOME:
                            found.append(f"{name}: {sum(sizes)} bytes; {HOME} are allowed")
                    wide = page.evaluate("document.documentElement.scrollWidth")
                    if wide > width:
                        found.append(f"{name} at {width} px: the page is {wide} px wide")
                    height = page.evaluate(SMALLEST)  # infinite where nothing is drawn
                    if height < LEGIBLE:
                        found.append(f"{name} at {width} px: words of a drawing are {height:.0f} px high")
                    if pictures:
                        PICTURES.mkdir(parents=True, exist_ok=True)
                        page.screenshot(path=PICTURES / f"{Path(name).stem}_{width}_{scheme}.png")
                    page.add_script_tag(path=AXE)
                    result = page.evaluate("axe.run()")
                    serious = [rule for rule in result["violations"] if rule["impact"] in ("serious", "critical")]
                    milder = len(result["violations"]) - len(serious)
                    print(
                        f"{name}, {width} px, {scheme}: {len(result['passes'])} rules passed, {len(serious)} serious "
                        f"violations, {milder} milder ones"
                    )
                    for rule in serious:
                        places = "; ".join(node["html"][:120] for node in rule["nodes"][:3])
                        found.append(f"{name}, {width} px, {scheme}: {rule['id']} ({len(rule['nodes'])}): {places}")
                    page.emulate_media(media="print")
                    closed, cut = page.evaluate(ON_PAPER)
                    if closed or cut:
                        found.append(f"{name} on paper: {closed} folded parts stay closed, {cut} codes are cut off")
                    page.close()
        browser.close()
    server.shutdown()
    return found


def _length(response) -> int:
    try:
        return len(response.body())
    except Exception:  # a redirect has none
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", action="store_true", help="also take pictures of the pages")
    chosen = parser.parse_args(arguments)
    for needed, how in ((SITE / "index.html", "make site"), (AXE, "npm ci --prefix site")):
        if not needed.is_file():
            print(f"{needed} is missing. Run: {how}", file=sys.stderr)
            return 1
    without = [] if (SITE / "try").is_dir() else ["try/"]
    found = [f"leads nowhere: {link}" for link in broken_links(SITE, without=without)]
    print(f"links: {len(found)} lead nowhere, on {len(list(SITE.rglob('*.html')))} pages")
    found += look(chosen.pictures)
    print(*found, sep="\n", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
