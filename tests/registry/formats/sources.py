"""A ``ByteSource`` over bytes in memory, for the tests of the readers."""

from __future__ import annotations

from vaereg.registry.errors import Unreadable


class BytesSource:
    """Bytes that count how often and how much of them was read."""

    def __init__(self, data: bytes, name: str = "model.ckpt") -> None:
        self.name = name
        self.size = len(data)
        self.bytes_read = 0
        self.reads = 0
        self._data = data

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise Unreadable(f"{self.name} ends before byte {offset + length}")
        self.bytes_read += length
        self.reads += 1
        return self._data[offset : offset + length]

    def close(self) -> None:
        self._data = b""
