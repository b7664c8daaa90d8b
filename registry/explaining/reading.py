"""A pasted text or a whole console log, read within bounds and made fit to be searched."""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

HALF = 4 * 1024 * 1024
"""Bytes kept of the beginning and of the end of a log; errors stand at its end."""
MOST = 1024 * 1024 * 1024
"""Bytes after which a stream is not waited for any longer."""
_PIECE = 1024 * 1024

_COLOURS = re.compile(r"\x1b\[[0-?]{0,32}[ -/]{0,4}[@-~]")
_GAPS = re.compile(r" {2,}")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read(stream: BinaryIO) -> bytes:
    """The beginning and the end of a stream, ``2 * HALF`` bytes at most."""
    head = stream.read(HALF)
    tail = bytearray()
    count = len(head)
    while count < MOST and (piece := stream.read(_PIECE)):
        count += len(piece)
        tail += piece
        if len(tail) > 2 * HALF:
            del tail[:-HALF]
    return head + bytes(tail[-HALF:])


def decoded(data: bytes) -> str:
    """Bytes of a log as text; PowerShell writes UTF-16, everything else is taken for UTF-8."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    return data.decode(encoding, "replace")


def bounded(text: str) -> str:
    """A text of any length cut to its beginning and its end."""
    return text if len(text) <= 2 * HALF else f"{text[:HALF]}\n{text[-HALF:]}"


def plain(text: str) -> str:
    """A text without colours and line ends, every gap one blank: programs wrap long messages."""
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    for letter in ("\n", "\r", "\t"):
        text = text.replace(letter, " ")
    return _GAPS.sub(" ", text)


def folded(text: str) -> str:
    """A text in lower case, letter for letter at the same place."""
    # U+0130 is the one letter whose lower case is two letters long.
    return text.replace("\u0130", "I").lower()
