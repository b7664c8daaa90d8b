"""The hashes that a source states for a file, compared with the file itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Protocol

from ..errors import DownloadBroken
from ..naming import shown
from ..sources.base import RemoteFile

_CHUNK = 1 << 20
_SHOWN = 10
"""Digits of a hash in a message."""


class _Hash(Protocol):
    def update(self, data: bytes, /) -> object: ...

    def hexdigest(self) -> str: ...


def key_of(file: RemoteFile) -> str:
    """What tells this content from others of its name, without any address."""
    if file.sha256:
        return file.sha256
    known = (file.path, str(file.size), file.git_sha1 or "", *sorted(file.hashes.items()))
    return hashlib.sha256(repr(known).encode("utf-8", "surrogatepass")).hexdigest()


def can_verify(file: RemoteFile) -> bool:
    """Whether the source states a hash that tells the whole file from any other."""
    return bool(file.sha256 or file.git_sha1 or file.hashes.keys() & {*_OTHERS, "autov2"})


def verify(file: RemoteFile, name: str, path: str, size: int, sha256: str) -> bool:
    """Whether a hash that the source states is that of the file; False where it states none.

    The SHA-256 is known already; only where the source states none is the file read again, for
    the hashes that it does state. Raises ``DownloadBroken`` for a difference.
    """
    pairs = list(_pairs(file, path, size, sha256))
    for kind, stated, found in pairs:
        if stated.lower() != found:
            raise DownloadBroken(
                f"{shown(name)} arrived with {kind} {found[:_SHOWN]}, but its source states "
                f"{shown(stated.lower()[:_SHOWN])}",
                "It was thrown away. Run the command again; if it stays so, the source's listing "
                "or its file is wrong.",
            )
    return bool(pairs)


def _pairs(file: RemoteFile, path: str, size: int, sha256: str) -> Iterator[tuple[str, str, str]]:
    """Kind, stated and found hash: of SHA-256 alone, or else of each that is stated."""
    if file.sha256:
        yield "SHA-256", file.sha256, sha256
        return
    if file.git_sha1:
        yield "git hash", file.git_sha1, _digest(path, hashlib.sha1(b"blob %d\0" % size))
    if "autov2" in file.hashes:
        yield "AutoV2", file.hashes["autov2"], sha256[: len(file.hashes["autov2"])]
    for kind in _OTHERS.keys() & file.hashes.keys():
        yield kind.upper(), file.hashes[kind], _digest(path, _OTHERS[kind]())


def _digest(path: str, state: _Hash) -> str:
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def _blake3() -> _Hash:
    from blake3 import blake3

    return blake3()


class _Crc32:
    """CRC32 as Civitai shows it, see ``digests``."""

    def __init__(self) -> None:
        from zlib_ng import zlib_ng

        self._crc, self._crc32 = 0, zlib_ng.crc32

    def update(self, data: bytes) -> None:
        self._crc = self._crc32(data, self._crc)

    def hexdigest(self) -> str:
        return self._crc.to_bytes(4, "little").hex()


_OTHERS: dict[str, Callable[[], _Hash]] = {"blake3": _blake3, "crc32": _Crc32}
