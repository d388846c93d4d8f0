"""Builds the site in build/site: lessons with outputs, guides, reference, and the page that enlarges your own photo.

    python tools/build_site.py                   runs the lessons that have changed since the last build (minutes)
    python tools/build_site.py --keep-outputs    runs no lesson: shows the outputs of the last run, or none
    python tools/build_site.py --without-try     leaves out site/try, which tools/build_try.py makes
    python tools/build_site.py --check           builds the site, then looks at it in a browser (tools/check_site.py)

The pages are gathered in build/book: those of site/book, those of docs/, which must also read well on GitHub, and those
that are made here from the sources of the lessons, from the package and from the command line's parser. A link to a
file of the repository becomes a link to its page, or to GitHub if it has no page. Sphinx's warnings are errors.
"""

import argparse
import html
import os
import posixpath
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import check_site
import site_lessons
from lesson_source import BRANCH, ROOT, Lesson, picture_names, read_lesson, repository, site
from site_reference import api_pages, command_page

from srgan_lessons import UserError
from srgan_lessons.classroom.drawings import drawing
from srgan_lessons.classroom.figures import catch

BOOK, OUT = ROOT / "build" / "book", ROOT / "build" / "site"
SOURCE, DOCS = ROOT / "site" / "book", ROOT / "docs"
MATHJAX = ROOT / "site" / "node_modules" / "mathjax" / "es5"
LINK = re.compile(r"(!?\[(?:[^\]\[]|\[[^\]]*\])*\])\(([^)\s#]+)(#[^)\s]*)?\)")


class SiteError(UserError):
    """Says why the site cannot be built, and what to do."""


def places() -> dict[Path, str]:
    """Files of the repository that become a page: file -> its place in the book."""
    pages = {file: f"guide/{file.name}" for file in sorted(DOCS.glob("*.md"))}
    pages |= {ROOT / "CONTRIBUTING.md": "contributing.md", ROOT / "CHANGELOG.md": "changelog.md"}
    pages |= {ROOT / "data" / "README.md": "data.md", ROOT / "README.md": "index.md", DOCS: "guide/install.md"}
    cards = sorted((ROOT / "srgan_lessons" / "weights").glob("*.md"))
    pages |= {file: f"weights/{file.name}" for file in cards}
    for source in site_lessons.sources():
        pages[ROOT / "notebooks" / f"{source.stem}.ipynb"] = f"lessons/{source.stem}.ipynb"
        pages[ROOT / "notebooks" / "solutions" / f"{source.stem}.ipynb"] = f"solutions/{source.stem}.ipynb"
    return pages | {ROOT / "notebooks" / "solutions": "solutions/index.md"}


def linked(text: str, file: Path, place: str, pages: dict[Path, str]) -> str:
    """The text of a page whose links to files now lead to pages of the site, to copied pictures, or to GitHub.

    Raises SiteError if a link leads nowhere.
    """

    def lead(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        if re.match(r"[a-z]+:", target):
            return match[0]
        there = (file.parent / target).resolve()
        if there in pages:
            return f"{words}({_from(place, pages[there])}{anchor})"
        if words.startswith("!") and there.is_relative_to(DOCS):
            return f"{words}({_from(place, there.relative_to(DOCS).as_posix())})"
        if not there.exists():
            raise SiteError(f"{file.relative_to(ROOT).as_posix()}: the link to {target} leads nowhere")
        kind = "tree" if there.is_dir() else "blob"
        return f"{words}({repository()}/{kind}/{BRANCH}/{there.relative_to(ROOT).as_posix()}{anchor})"

    return LINK.sub(lead, text)


def _from(place: str, target: str) -> str:
    """The relative address of one place in the book, seen from another."""
    return posixpath.relpath(target, posixpath.dirname(place) or ".")


def gather(lessons: list[Lesson], outputs: Callable[[Lesson], site_lessons.Outputs]) -> None:
    """Fills build/book."""
    shutil.rmtree(BOOK, ignore_errors=True)
    shutil.copytree(SOURCE, BOOK)
    for name in ("figures", "drawings"):
        shutil.copytree(DOCS / name, BOOK / name)
        shutil.copytree(DOCS / name, BOOK / "extra" / name)  # for pictures in HTML
    shutil.copytree(ROOT / "notebooks", BOOK / "notebooks", ignore=shutil.ignore_patterns("source", ".*"))
    if not MATHJAX.is_dir():
        raise SiteError(f"MathJax is not in {MATHJAX.parent}. Run: npm ci --prefix site")
    for part in ("tex-chtml.js", "a11y", "input/tex/extensions", "output/chtml/fonts/woff-v2"):
        there, here = MATHJAX / part, BOOK / "static" / "mathjax" / part
        here.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copy if there.is_file() else shutil.copytree)(there, here)
    pages = places()
    for file, place in pages.items():
        if (file.suffix == ".md" and file.name != "README.md") or place == "data.md":
            _put(place, linked(file.read_text(encoding="utf-8"), file, place, pages))

    glossary = words_of_glossary((BOOK / "glossary.md").read_text(encoding="utf-8"))
    for lesson in lessons:
        site_lessons.write(lesson, outputs(lesson), BOOK, link_terms(glossary))
    if (BOOK / "pictures").is_dir():
        shutil.move(BOOK / "pictures", BOOK / "extra" / "pictures")
    index = (BOOK / "index.md").read_text(encoding="utf-8")
    index = index.replace("{{lessons}}", cards(lessons)).replace("{{map}}", course_map())
    _put("index.md", index.replace("{{toc: lessons}}", "\n".join(_entry(lesson, "lessons/") for lesson in lessons)))
    _put("solutions/index.md", _list_page("Solutions", "The solved lessons, with notes for the instructor.", lessons))
    shipped = sorted(path.stem for path in (ROOT / "srgan_lessons" / "weights").glob("*.md"))
    toc = "\n".join(shipped)
    _put("weights/index.md", f"# Weights that come with the course\n\n```{{toctree}}\n:maxdepth: 1\n\n{toc}\n```\n")
    for place, text in (api_pages() | {"command_line.md": command_page()}).items():
        _put(place, text)


def _put(place: str, text: str) -> None:
    (BOOK / place).parent.mkdir(parents=True, exist_ok=True)
    (BOOK / place).write_text(text, encoding="utf-8")


def _entry(lesson: Lesson, folder: str = "") -> str:
    """A line of a table of contents, with the lesson's number."""
    return f"{lesson.stem[:2]} · {lesson.cells[0].source.splitlines()[0].removeprefix('# ')} <{folder}{lesson.stem}>"


def _list_page(title: str, text: str, lessons: list[Lesson]) -> str:
    names = "\n".join(map(_entry, lessons))
    return f"# {title}\n\n{text}\n\n```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n"


def cards(lessons: list[Lesson]) -> str:
    """The lessons on the home page, each with a picture and its claim."""
    items = []
    for lesson in lessons:
        title = lesson.cells[0].source.splitlines()[0].removeprefix("# ")
        claim = re.search(r"\*\*Claim\.\*\* (.+?)(?:\n\n|\Z)", lesson.cells[0].source, re.DOTALL)
        words = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(" ".join(claim[1].split()) if claim else ""))
        light, dark = picture_names(lesson.stem)  # the reader chooses the theme of the page, so <picture> cannot
        shown = [(light, ' class="only-light"'), (dark, ' class="only-dark"')] if dark else [(light, "")]
        pictures = "".join(
            f'<img src="figures/front/{name}" alt="" width="320" height="200" loading="lazy"{theme}>'
            for name, theme in shown
        )
        items.append(
            f'<li><a href="lessons/{lesson.stem}.html">{pictures}'
            f"<strong>{lesson.stem[:2]} · {html.escape(title)}</strong></a><p>{words}</p></li>"
        )
    return '<ul class="cards">\n' + "\n".join(items) + "\n</ul>"


def course_map() -> str:
    """The drawing of the course, in the page itself, so that it has the colours of the theme that the reader chose."""
    with catch() as shown:
        drawing("course")
    return f'<div class="map">{"".join(shown)}</div>'


# --- the glossary ----------------------------------------------------------------------------------------------------


def words_of_glossary(text: str) -> list[str]:
    """The terms, longest first, so that "ST-LPIPS" is found before "LPIPS"."""
    return sorted(re.findall(r"^(\S.*)\n  \S", text, re.MULTILINE), key=len, reverse=True)


def link_terms(terms: list[str]) -> Callable[[str], str]:
    """A function that links the first use of each term in one lesson. Headings, code and links stay as they are."""
    left = list(terms)
    kept = r"```.*?```|`[^`]*`|\[[^\]]*\]\([^)]*\)|\$\$.*?\$\$|\$[^$\n]*\$|<[^>]+>|^ {4}[^\n]*$|^[#>|][^\n]*$"
    apart = re.compile(f"({kept})", re.DOTALL | re.MULTILINE)

    def link(text: str) -> str:
        parts = apart.split(text)
        for index in range(0, len(parts), 2):
            for term in list(left):
                pattern = re.compile(rf"(?<![\w-]){re.escape(term)}(?![\w-])")
                if match := pattern.search(parts[index]):
                    left.remove(term)
                    before, after = parts[index][: match.start()], parts[index][match.end() :]
                    parts[index] = f"{before}\0{term}\0{after}"
        return re.sub("\0([^\0]+)\0", r"{term}`\1`", "".join(parts))

    return link


# --- building --------------------------------------------------------------------------------------------------------


def mended(page: str) -> str:
    """A page from Sphinx, its theme and myst-nb, in our words and without what confuses screen readers."""

    def as_list(match: re.Match[str]) -> str:
        items = match[1].replace("<dd>", "<li>").replace("</dd>", "</li>")
        return f'<ul class="parameters">\n{items}</ul>'

    page = page.replace('<p class="caption" role="heading">', '<p class="caption" role="heading" aria-level="2">')
    page = page.replace('<summary aria-label="Toggle hidden content">', "<summary>")  # it contains words already
    for theirs, ours in (("source", "code"), ("outputs", "answer"), ("content", "code and its answer")):
        page = re.sub(rf"(?<=>)(Show|Hide) the {theirs}(?=</p>)", rf"\1 the {ours}", page)
    return re.sub(r"<dl>\n((?:<dd>(?:(?!</?d[dl]\b).)*</dd>\n*)+)</dl>", as_list, page, flags=re.DOTALL)


def sphinx() -> None:
    """Runs Sphinx. Raises SiteError if Sphinx warns, or if it is not installed."""
    missing = [name for name in ("sphinx", "myst_nb", "furo", "sphinx_copybutton") if find_spec(name) is None]
    if missing:
        raise SiteError(f'{", ".join(missing)} not installed. Run: make site, or: pip install -e ".[test,site]"')
    shutil.rmtree(OUT, ignore_errors=True)
    cache = ROOT / "build" / "doctrees"
    shutil.rmtree(cache, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q", "-d", str(cache)]
    path = os.pathsep.join(filter(None, [str(ROOT), str(ROOT / "tools"), os.environ.get("PYTHONPATH")]))
    done = subprocess.run([*command, str(BOOK), str(OUT)], env=os.environ | {"PYTHONPATH": path}, check=False)
    if done.returncode:
        raise SiteError("Sphinx printed warnings, and here a warning is an error.")
    for file in OUT.rglob("*.html"):
        file.write_text(mended(file.read_text(encoding="utf-8")), encoding="utf-8")
    lost = OUT / "404.html"  # GitHub Pages shows it at any address, so its links must not depend on the address
    base = f'<head>\n<base href="{urlsplit(site()).path}/">'
    lost.write_text(lost.read_text(encoding="utf-8").replace("<head>", base, 1), encoding="utf-8")
    for name in (".buildinfo", "objects.inv"):
        (OUT / name).unlink(missing_ok=True)
    (OUT / ".nojekyll").touch()  # without it, GitHub Pages leaves out the folders that begin with _


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep-outputs", action="store_true", help="run no lesson: show its last outputs, or none")
    parser.add_argument("--without-try", action="store_true", help="leave out the page that enlarges your own photo")
    parser.add_argument("--check", action="store_true", help="then look at the site in a browser: tools/check_site.py")
    chosen = parser.parse_args()
    started = time.monotonic()
    try:
        lessons = [read_lesson(source) for source in site_lessons.sources()]
        gather(lessons, site_lessons.before if chosen.keep_outputs else site_lessons.ran)
        sphinx()
        if not chosen.without_try:
            import build_try  # needs onnx, and takes seconds

            build_try.build(OUT)
        wrong = check_site.broken_links(OUT, without=["try/"] if chosen.without_try else [])
        if wrong:
            raise SiteError("\n".join(["links that lead nowhere:", *wrong]))
    except (SiteError, UserError) as error:
        print(error, file=sys.stderr)
        return 1
    files = [file for file in OUT.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{OUT}: {len(files)} files, {size:.0f} MB, {time.monotonic() - started:.0f} s. To look at it:")
    print(f"  python -m http.server --directory {OUT}")
    return check_site.main([]) if chosen.check else 0


if __name__ == "__main__":
    sys.exit(main())
