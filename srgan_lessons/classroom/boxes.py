"""What a check and `progress` show: coloured boxes and bars if the page can show them, otherwise the same as text.

Colour is never the only sign. Every colour is a tint over the page's own background, so it works in light and in dark
themes.
"""

import html
import re
from collections.abc import Callable, Sequence

from IPython import get_ipython
from IPython.display import display

SIGNS = {  # the start of a verdict: sign and words, colour of the edge, tint of the background
    "passed.": ("\N{CHECK MARK} Passed", "#2e9e5b", "rgba(46, 158, 91, 0.15)"),
    "not yet.": ("\N{BALLOT X} Not yet", "#d55e00", "rgba(213, 94, 0, 0.15)"),
    "not done yet.": ("\N{WHITE CIRCLE} Not done yet", "#7a7a7a", "rgba(122, 122, 122, 0.18)"),
}
DONE = "#2e9e5b"  # colour of a bar
BLOCKS = 12  # length of a bar in text


def live() -> bool:
    """True in a notebook, whose page can show HTML and change it. A terminal shows only text."""
    return getattr(get_ipython(), "kernel", None) is not None


def say(page: str, text: str) -> None:
    """Shows HTML in a notebook; shows the text in a terminal, or where HTML cannot be shown."""
    if live():
        display({"text/html": page, "text/plain": text}, raw=True)
    else:
        print(text)


# --- a verdict -------------------------------------------------------------------------------------------------------


def verdict(name: str, message: str, after: str = "", printed: Sequence[str] = ()) -> str:
    """The box of a verdict. message: "passed.", "not yet. ..." or "not done yet. ..."; after: text to add to it."""
    sign = next(sign for sign in SIGNS if message.startswith(sign))
    words, edge, ground = SIGNS[sign]
    inside = f'<strong style="font-size: 110%">{words}</strong>&ensp;<code>{html.escape(name)}</code>'
    for text in filter(None, (message.removeprefix(sign).strip(), after)):
        inside += f'<div style="margin-top: 4px">{_as_html(text)}</div>'
    if printed:
        lines = html.escape("\n".join(printed))
        wrapped = "margin: 2px 0 0; white-space: pre-wrap; overflow-wrap: anywhere"
        inside += f'<div style="margin-top: 4px">Your code printed:<pre style="{wrapped}">{lines}</pre></div>'
    return (
        f'<div role="status" style="border-left: 6px solid {edge}; background: {ground}; border-radius: 4px; '
        f'padding: 8px 14px; margin: 4px 0; max-width: 56em; line-height: 1.45">{inside}</div>'
    )


def _as_html(text: str) -> str:
    """Turns text into HTML; what is between `backticks` becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def with_hints(page: str, text: str, hints: Sequence[str], used: int, take: Callable[[int], None]) -> None:
    """A verdict, and below it a button that shows one more hint per click; take(n) is called when n hints are shown."""
    try:
        import ipywidgets as widgets
    except ImportError:
        widgets = None
    if widgets is None or not live():
        say(page, text)
        return
    from srgan_lessons.classroom.viewers import show_widget

    button = widgets.Button(layout=widgets.Layout(width="12em"))
    screen = widgets.HTML()
    seen = 0

    def label() -> None:
        button.description = f"Hint {seen + 1} of {len(hints)}" if seen < len(hints) else "There are no more hints"
        button.disabled = seen == len(hints)

    def click(_: object) -> None:
        nonlocal seen
        seen = min(max(seen + 1, used), len(hints))  # hints seen before appear at once
        items = "".join(f"<li>{_as_html(hint)}</li>" for hint in hints[:seen])
        screen.value = (
            f'<ol style="margin: 4px 0; padding-left: 1.6em; line-height: 1.45; max-width: 54em">{items}</ol>'
        )
        take(seen)
        label()

    label()
    button.on_click(click)
    show_widget(widgets.VBox([widgets.HTML(page), button, screen]), page, text)


# --- bars ------------------------------------------------------------------------------------------------------------


def bar(done: int, of: int) -> str:
    """A progress bar in HTML: `done` of `of`."""
    share = 100 * done / of if of else 0
    return (
        '<div style="display: inline-block; vertical-align: middle; width: 45%; max-width: 15em; height: 0.8em; '
        'border-radius: 4px; background: rgba(122, 122, 122, 0.3)">'
        f'<div style="width: {share:.0f}%; height: 100%; border-radius: 4px; background: {DONE}"></div></div>'
    )


def bar_of_text(done: int, of: int) -> str:
    """The same bar as text."""
    full = round(BLOCKS * done / of) if of else 0
    return "#" * full + "." * (BLOCKS - full)
