"""File names that servers send, made safe for every file system."""

from __future__ import annotations

import re
import unicodedata

from ..errors import UnsupportedFormat, UsageError
from ..naming import MODEL_SUFFIXES, shown

LONGEST = 200
"""Bytes of UTF-8: file systems take 255, and a hidden partial file needs some for itself."""
SUFFIXES = (*MODEL_SUFFIXES, ".json", ".txt", ".model", ".yaml", ".yml")
"""Weights, and the small files that lie beside them in a diffusers folder."""
_UNSAFE = re.compile(r'[<>:"|?*]')
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,15}$")
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9¹²³])", re.IGNORECASE)
"""Windows takes these for devices, whatever follows the first dot
(learn.microsoft.com/windows/win32/fileio/naming-a-file)."""


def clean_name(name: str, fallback: str) -> str:
    """The last part of a name, fit for any file system; ``fallback`` where nothing is left.

    At most ``LONGEST`` bytes, without path, control characters, reserved names and what shells or
    Windows take amiss. Raises ``UnsupportedFormat`` for an extension that no model file has and
    ``UsageError`` where not even the fallback leaves a name.
    """
    cleaned = _clean(name) or _clean(fallback)
    if not cleaned:
        raise UsageError(f"{shown(name)!r} holds nothing that could name a file")
    found = _SUFFIX.search(cleaned)
    if found and found[0].lower() not in SUFFIXES:
        raise UnsupportedFormat(
            f"{shown(cleaned)} is a {found[0]} file by its name; vaereg fetches only model files",
            f"Model files end in {', '.join(MODEL_SUFFIXES)}.",
        )
    return cleaned


def clean_folder_name(name: str, fallback: str) -> str:
    """As ``clean_name`` for a folder, which has no extension; what looks like one stays."""
    cleaned = _clean(name) or _clean(fallback)
    if not cleaned:
        raise UsageError(f"{shown(name)!r} holds nothing that could name a folder")
    return cleaned


def beside(name: str, mark: str) -> str:
    """The name with ``-mark`` before its extension, for a second file of one name."""
    stem, suffix = _split(name)
    return _cut(stem, LONGEST - len(f"-{mark}{suffix}".encode())) + f"-{mark}{suffix}"


def _clean(name: str) -> str:
    last = re.split(r"[/\\]", name)[-1]
    letters = unicodedata.normalize("NFC", _visible(_UNSAFE.sub("", _visible(last))))
    bare = letters.lstrip(".-~ ").rstrip(". ")
    stem, suffix = _split(bare)
    if _RESERVED.fullmatch(bare.split(".")[0].rstrip(" ")):
        stem = f"_{stem}"
    stem = _cut(stem, LONGEST - len(suffix.encode()))
    return stem + suffix if stem else ""


def _visible(text: str) -> str:
    return "".join(letter for letter in text if unicodedata.category(letter) not in _UNSEEN)


def _split(name: str) -> tuple[str, str]:
    found = _SUFFIX.search(name)
    return (name[: found.start()], found[0]) if found else (name, "")


def _cut(text: str, limit: int) -> str:
    return text.encode()[:limit].decode("utf-8", "ignore").rstrip(". ")
