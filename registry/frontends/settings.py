"""Reading other programs' settings: bounded, never trusted, a damaged file is a notice."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Mapping

from ..formats.strict_json import BadJson, parse_as_python, parse_quickly
from ..naming import shown
from ..values import Notice

MOST_BYTES = 16 * 1024 * 1024
"""A settings file that grew over years has some 100 kB."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SECRET = re.compile(r"tokens?$|passw|secret|api_?key|(^|_)auth$", re.IGNORECASE)
_ASSIGNED = r"^{name}\s*=\s*['\"]([^'\"\n]{{1,80}})['\"]"


def read_text(path: str, notices: list[Notice], most: int = MOST_BYTES) -> str | None:
    """The text of a file whatever its encoding; None where there is none to be had.

    A missing file is no notice; one that is too large, no regular file or unreadable is.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        if status.st_size > most:
            raise OSError(f"larger than {most // 1024} kB")
        with open(path, "rb") as file:
            raw = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as failure:
        why = getattr(failure, "strerror", None) or failure
        notices.append(Notice("settings-unreadable", f"{shown(path)} was not read: {why}."))
        return None
    return decoded(raw)


def decoded(raw: bytes) -> str:
    """Bytes as text: by their byte order mark, else UTF-8, else one character a byte."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def read_object(path: str, notices: list[Notice]) -> Mapping[str, object]:
    """The JSON object in a file; empty where there is none or it is damaged.

    Settings that hold tokens and passwords are left out: nobody here needs them.
    """
    text = read_text(path, notices)
    if text is None:
        return {}
    try:
        value = _parsed(text)
    except BadJson as fault:
        what = f"{shown(path)} {fault}; it was taken for empty. Mend or remove the file."
        notices.append(Notice("settings-damaged", what))
        return {}
    if not isinstance(value, dict):
        notices.append(Notice("settings-damaged", f"{shown(path)} holds no JSON object."))
        return {}
    return {key: held for key, held in value.items() if not _SECRET.search(key)}


def _parsed(text: str) -> object:
    """As frontends read their own files, with Python's ``json``: NaN and 1e999 are no fault there.

    AUTOMATIC1111/stable-diffusion-webui modules/options.py ``Options.load``.
    """
    try:
        return parse_quickly(text)
    except BadJson:
        return parse_as_python(text)


def begins_with_mark(path: str) -> bool:
    """Whether a file begins with a byte order mark, which Python's ``json.load`` refuses."""
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except OSError:
        return False
    return any(head.startswith(mark) for mark, _ in _MARKS)


def assigned(path: str, name: str) -> str | None:
    """The text that a Python file assigns to a name at its top level; the file is not run."""
    text = read_text(path, [], 256 * 1024)
    found = re.search(_ASSIGNED.format(name=re.escape(name)), text or "", re.MULTILINE)
    return found.group(1) if found else None


def text_of(options: Mapping[str, object], key: str, default: str) -> str:
    """A setting as text; the default only where it is missing, as the frontends' own settings."""
    return str(options.get(key, default))
