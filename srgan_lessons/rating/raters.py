"""The raters: their names, the secrets that identify their browsers, and codes to continue in another browser."""

import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from srgan_lessons import UserError
from srgan_lessons.files import counted, explain_write_error
from srgan_lessons.rating.votefile import name_key, rater_name

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # letters of codes; none is mistaken for another if read aloud
CODE = 8  # letters of a code. There are 30 to the 8th codes, and only a few guesses are allowed per minute
GUESSES, COOLING = 5, 60.0  # after 5 wrong codes for a name, no other is accepted for 60 seconds


@dataclass(frozen=True, kw_only=True)
class Rater:
    """A rater who came through the link.

    code: lets the rater continue in another browser. browsers: SHA-256 of the secrets of the rater's
    browsers.
    """

    name: str
    code: str
    browsers: tuple[str, ...] = ()


class NotSaved(UserError):
    """A rater could not be kept. The message names a file of the instructor's."""


class Raters:
    """All raters of a study, kept in a file that only its owner can read.

    path: the file, which is read if it exists. most: how many raters there may be. taken: names that already have
    votes. open_names: whether a name alone is enough to join, as on the rater's own machine.
    """

    def __init__(self, path: Path, *, most: int = 200, taken: Iterable[str] = (), open_names: bool = False):
        self.path, self.most, self.open_names = path, most, open_names
        self._lock = threading.Lock()
        self._taken = {name_key(name): name for name in taken}
        self._wrong: dict[str, list[float]] = {}
        self.secret, self._raters = self._read()
        self._by_browser = _by_browser(self._raters)

    def __len__(self) -> int:
        return len(self._raters)

    @property
    def names(self) -> list[str]:
        """The raters' names, in the order in which they joined."""
        return [rater.name for rater in self._raters.values()]

    def known(self, cookie: str | None) -> Rater | None:
        """The rater whose browser has this secret, or None."""
        key = self._by_browser.get(_digest(cookie)) if cookie else None
        return self._raters.get(key) if key else None

    def join(self, name: object, code: object, cookie: str) -> Rater:
        """A new rater, or one identified by the code; from now on, the secret identifies this browser.

        A second call changes nothing, because the first answer may have been lost. Raises UserError for a name that
        cannot be used or is taken, a wrong code, too many tries, and a full study, and NotSaved for a full disk.
        """
        name = " ".join(rater_name(name).split())
        key = name_key(name)
        code = "".join(code.upper().split()).replace("-", "") if isinstance(code, str) else ""
        with self._lock:
            rater = self._raters.get(key)
            if rater is None and key in self._taken and not self.open_names:
                raise UserError(
                    f"the name {name!r} already has ratings in this study. Choose another, or ask whoever gave "
                    "you the link."
                )
            if rater is None:
                if len(self._raters) >= self.most:
                    raise UserError(
                        f"this study already has {counted(self.most, 'rater')}. Tell whoever gave you the link."
                    )
                rater = Rater(name=self._taken.get(key, name), code=_new_code())
            elif self._by_browser.get(_digest(cookie)) == key:
                return rater
            elif not self.open_names:
                self._check_code(key, rater, code)
            digest = _digest(cookie)
            raters = {
                known: replace(other, browsers=tuple(each for each in other.browsers if each != digest))
                for known, other in self._raters.items()
            }  # a browser is one rater's, also after a restart
            raters[key] = rater = replace(rater, browsers=(*rater.browsers[-9:], digest))
            try:
                self._write(raters)
            except UserError as error:
                raise NotSaved(str(error)) from None
            self._raters, self._by_browser = raters, _by_browser(raters)
            return rater

    def _check_code(self, key: str, rater: Rater, code: str) -> None:
        wrong = [when for when in self._wrong.get(key, []) if time.monotonic() - when < COOLING]
        if code and len(wrong) >= GUESSES:
            raise UserError("too many wrong codes for this name. Wait a minute, then check the code.")
        if code and hmac.compare_digest(code.encode(errors="replace"), rater.code.encode()):
            return
        if code:
            self._wrong[key] = [*wrong, time.monotonic()]
            raise UserError("this code does not belong to this name. Your code is on the page where you began.")
        raise UserError(
            f"the name {rater.name!r} is taken. If it is yours, enter the code that you got with it; otherwise choose "
            "another name."
        )

    def _read(self) -> tuple[bytes, dict[str, Rater]]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            raters = [Rater(**{**entry, "browsers": tuple(entry["browsers"])}) for entry in content["raters"]]
            return bytes.fromhex(content["secret"]), {name_key(rater.name): rater for rater in raters}
        except FileNotFoundError:
            self.secret = secrets.token_bytes(32)
            self._write({})
            return self.secret, {}
        except OSError as error:
            raise UserError(f"{self.path} cannot be read: {error.strerror}.") from None
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self.path} is damaged ({type(error).__name__}). Move it away: raters must then join again under "
                "other names, but the votes are kept."
            ) from None

    def _write(self, raters: dict[str, Rater]) -> None:
        content = {"secret": self.secret.hex(), "raters": [asdict(rater) for rater in raters.values()]}
        write_private(self.path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all. Raises UserError if that fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.unlink(missing_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(explain_write_error(path, error)) from None


def _by_browser(raters: dict[str, Rater]) -> dict[str, str]:
    return {browser: key for key, rater in raters.items() for browser in rater.browsers}


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE))
