"""The start of a file fetched once, so that telling its format costs a remote source no request."""

from __future__ import annotations

from .base import ByteSource

_AHEAD = 64 * 1024


class ReadAhead:
    """A ``ByteSource`` before another one: the first 64 KiB come with the first read of them."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._head = b""
        self.distant = getattr(source, "distant", False)
        """Whether every read of the source behind is a request."""

    @property
    def name(self) -> str:
        """The name of the source behind."""
        return self._source.name

    @property
    def size(self) -> int:
        """The size of the source behind."""
        return self._source.size

    @property
    def bytes_read(self) -> int:
        """Bytes that the source behind has fetched."""
        return self._source.bytes_read

    def read(self, offset: int, length: int) -> bytes:
        """As the source behind reads; ranges within the first 64 KiB are kept."""
        end = offset + length
        if not 0 <= offset <= end <= min(_AHEAD, self.size):
            return self._source.read(offset, length)
        if not self._head:
            self._head = self._source.read(0, min(_AHEAD, self.size))
        return self._head[offset:end]

    def close(self) -> None:
        """Give back the source behind."""
        self._source.close()
