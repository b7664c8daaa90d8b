"""Who watches a download's bytes as they arrive, in order and each of them once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

_CHUNK = 512 << 10


class Sink(Protocol):
    """Sees all bytes of one file in order; what it computes needs no second reading."""

    def buffer(self) -> memoryview:
        """A writable buffer for the next bytes; may wait for one to be free."""
        ...

    def commit(self, count: int) -> None:
        """Hand on the first ``count`` bytes of the lent buffer."""
        ...

    def finish(self) -> str:
        """The SHA-256 of all that was committed, in lower case."""
        ...

    def close(self) -> None:
        """End its workers, also after a failure; safe to call twice."""
        ...


MakeSink = Callable[[str, int | None], Sink]
"""Makes a sink for a file that is written at this path and will have so many bytes, where that is
known; called again where a download starts from the beginning."""


class HashSink:
    """Nothing but SHA-256."""

    def __init__(self, path: str = "", size: int | None = None) -> None:
        self._sha256 = hashlib.sha256()
        self._buffer = memoryview(bytearray(_CHUNK))

    def buffer(self) -> memoryview:
        """The one buffer."""
        return self._buffer

    def commit(self, count: int) -> None:
        """Hash the first ``count`` bytes of the buffer."""
        self._sha256.update(self._buffer[:count])

    def finish(self) -> str:
        """The SHA-256."""
        return self._sha256.hexdigest()

    def close(self) -> None:
        """Nothing to end."""
