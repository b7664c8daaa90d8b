"""A file that is on this disk already, read as if it arrived."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import FileIO

from .sink import HashSink, MakeSink


def is_same(path: str, size: int | None) -> bool:
    """Whether a regular file of that size lies there; any size where none is known."""
    return os.path.isfile(path) and size in (None, os.path.getsize(path))


def holds(path: str, size: int | None, sha256: str) -> bool:
    """Whether a file of that content lies there; one of another size is not read."""
    return is_same(path, size) and read_through(path, HashSink, lambda _: None)[1] == sha256


def read_through(path: str, make_sink: MakeSink, tell: Callable[[int], None]) -> tuple[int, str]:
    """Size and SHA-256 of a file, all of it seen by a sink.

    ``tell`` is called with the number of bytes read so far. Raises ``OSError``.
    """
    with FileIO(path) as file:
        sink = make_sink(path, os.fstat(file.fileno()).st_size)
        try:
            size = 0
            while count := file.readinto(sink.buffer()):
                sink.commit(count)
                size += count
                tell(size)
            return size, sink.finish()
        finally:
            sink.close()
