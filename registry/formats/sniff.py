"""What a file is by its first bytes; its name and extension have no say."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import FileError, Unreadable, UnsupportedFormat
from ..naming import shown
from .base import ByteSource
from .safetensors import LONGEST_HEADER

_HEAD = 512
_SHORTEST = 9


class _Readable(NamedTuple):
    magic: bytes
    format: str


class _Refused(NamedTuple):
    at: int
    magic: bytes
    error: type[FileError]
    what: str
    hint: str | None = None


_UNPACK = "Unpack it and use the model inside."
_AGAIN = "Download it again."
_SIGN_IN = "Often the download needs a login or an accepted licence; sign in and download it again."

_READABLE = (
    _Readable(b"PK\x03\x04", "torch-zip"),
    _Readable(b"GGUF", "gguf"),
    *(_Readable(bytes((0x80, protocol)), "torch-legacy") for protocol in range(6)),
)

_REFUSED = (
    _Refused(0, b"\x1f\x8b", UnsupportedFormat, "is a gzip archive", _UNPACK),
    _Refused(0, b"BZh", UnsupportedFormat, "is a bzip2 archive", _UNPACK),
    _Refused(0, b"\xfd7zXZ\x00", UnsupportedFormat, "is an xz archive", _UNPACK),
    _Refused(0, b"7z\xbc\xaf\x27\x1c", UnsupportedFormat, "is a 7z archive", _UNPACK),
    _Refused(0, b"Rar!\x1a\x07", UnsupportedFormat, "is a RAR archive", _UNPACK),
    _Refused(0, b"\x28\xb5\x2f\xfd", UnsupportedFormat, "is a zstd archive", _UNPACK),
    _Refused(
        257,
        b"ustar",
        UnsupportedFormat,
        "is a tar archive; as a model it would date from torch 0.1 and load by running its pickle",
        "Look for the model in safetensors format.",
    ),
    _Refused(0, b"PK\x05\x06", Unreadable, "is an empty zip archive", _AGAIN),
    _Refused(0, b"\x89PNG\r\n\x1a\n", UnsupportedFormat, "is a PNG picture, not a model"),
    _Refused(0, b"\xff\xd8\xff", UnsupportedFormat, "is a JPEG picture, not a model"),
    _Refused(8, b"WEBP", UnsupportedFormat, "is a WebP picture, not a model"),
    _Refused(0, b"GIF8", UnsupportedFormat, "is a GIF picture, not a model"),
    _Refused(0, b"%PDF", UnsupportedFormat, "is a PDF document, not a model"),
    _Refused(0, b"\x93NUMPY", UnsupportedFormat, "is a NumPy array; vaereg does not read those"),
    _Refused(0, b"\x89HDF\r\n\x1a\n", UnsupportedFormat, "is an HDF5 file, as Keras writes them"),
    _Refused(0, b"MZ", UnsupportedFormat, "is a Windows program, not a model", "Do not run it."),
    _Refused(0, b"\x7fELF", UnsupportedFormat, "is a Linux program, not a model", "Do not run it."),
    _Refused(
        0,
        b"\x00\x05\x16\x07",
        UnsupportedFormat,
        "is a companion file that macOS writes beside a copied file (AppleDouble), not the model",
        "The model is the file of the same name without the leading ._",
    ),
)

_TEXTS = (
    _Refused(
        0,
        b"version https://git-lfs",
        Unreadable,
        "is a git-lfs pointer: the model itself was never fetched",
        "Run git lfs pull in its repository, or download the file itself.",
    ),
    *(
        _Refused(0, tag, Unreadable, "is a web page saved as a model", _SIGN_IN)
        for tag in (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<!--")
    ),
    _Refused(0, b"<?xml", Unreadable, "is XML text, such as a server's error answer", _SIGN_IN),
    *(
        _Refused(0, opening, Unreadable, "is JSON text, such as a server's error answer", _SIGN_IN)
        for opening in (b"{", b"[")
    ),
)
"""Compared in lower case, without leading white space and byte order mark."""


def sniff(source: ByteSource) -> str:
    """``safetensors``, ``torch-zip``, ``torch-legacy`` or ``gguf``, by the first bytes alone.

    Raises ``Unreadable`` for what is damaged and ``UnsupportedFormat`` for a whole file of another
    kind; the message names what it is instead.
    """
    name = shown(source.name)
    if not source.size:
        raise Unreadable(f"{name} is empty (0 bytes)", _AGAIN)
    head = source.read(0, min(source.size, _HEAD))
    found = _known(head)
    if found:
        return found
    if not head.strip(b"\0"):
        raise Unreadable(
            f"{name} begins with nothing but zeros: its download reserved the space and stopped",
            _AGAIN,
        )
    refused = _refused(head)
    if refused:
        raise refused.error(f"{name} {refused.what}", refused.hint)
    if head[8:9] == b"{":
        # The reader says best what is wrong with a header that claims to be longer than any.
        return "safetensors"
    if source.size < _SHORTEST:
        raise Unreadable(f"{name} has only {source.size} bytes, too few for a model", _AGAIN)
    raise UnsupportedFormat(
        f"{name} is of no model format that vaereg knows; its first bytes are {head[:8].hex(' ')}"
    )


def _known(head: bytes) -> str | None:
    # safetensors comes first: its length prefix may look like the start of a zip or of a pickle,
    # while neither of those has a brace at byte 8 behind so small a number.
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and length <= LONGEST_HEADER:
        return "safetensors"
    return next((row.format for row in _READABLE if head.startswith(row.magic)), None)


def _refused(head: bytes) -> _Refused | None:
    for row in _REFUSED:
        if head.startswith(row.magic, row.at):
            return row
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not _is_text(text):
        return None
    plain = _Refused(0, b"", UnsupportedFormat, "is a text file, not a model")
    return next((row for row in _TEXTS if text.startswith(row.magic)), plain)


def _is_text(head: bytes) -> bool:
    """Whether the bytes are UTF-8, cut mid-letter perhaps, without control characters."""
    readable = head.decode("utf-8", "ignore")
    lost = len(head) - len(readable.encode())
    return lost <= 3 and not any(letter < " " and letter not in "\t\n\f\r" for letter in readable)
