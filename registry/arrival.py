"""A file taken in while it arrives: hashed and measured in one pass, no second reading."""

from __future__ import annotations

from typing import Any

from .digests import Digester
from .errors import Unreadable, VaeregError
from .formats import strict_json
from .formats.catalog import read_header
from .formats.local import LocalFile
from .formats.safetensors import FORMAT, LONGEST_HEADER
from .identify.identify import identify
from .intake import Passed, Taken, assembled, take_in
from .soundness.findings import Findings, vae_names
from .soundness.weight_pass import WeightPass
from .values import Digests, Header

_LENGTH = 8


class Arrival:
    """A download's ``Sink``: every digest, and the VAE's tensors measured as ``take_in`` does."""

    def __init__(self, path: str, size: int | None) -> None:
        """A file that is written at this path, of so many bytes where that is known."""
        self._sweep = _Sweep(path, size)
        self._digester = Digester((self._sweep,))
        self.digests: Digests | None = None
        """Of the whole, once it is finished."""

    def buffer(self) -> memoryview:
        """A buffer for the next bytes."""
        return self._digester.buffer()

    def commit(self, count: int) -> None:
        """Hand on the first bytes of the buffer."""
        self._digester.commit(count)

    def finish(self) -> str:
        """The SHA-256 of all of it."""
        self.digests = self._digester.finish()
        return self.digests.sha256

    def close(self) -> None:
        """End the workers."""
        self._digester.close()

    @property
    def passed(self) -> Passed | None:
        """What went by, for a folder that the file belongs to; None where it was not measured."""
        sweep = self._sweep
        if self.digests is None or sweep.header is None or sweep.measured is None:
            return None
        return Passed(self.digests, sweep.header, sweep.measured)

    def taken(self, path: str) -> Taken:
        """What was published at ``path``; a file that could not be measured is read once more.

        Raises ``FileError``.
        """
        passed = self.passed
        if passed is None:
            return take_in(path)
        with LocalFile(path) as file:
            stamp = file.stamp()
            if stamp.size != passed.header.size:
                return take_in(path)
            findings = Findings(len(passed.header.tensors))
            findings.add(file, passed.header, passed.sweep)
            return assembled(path, stamp, identify(passed.header), passed.digests, findings)


class _Sweep:
    """A digests part that waits for a safetensors header and then measures what follows."""

    def __init__(self, path: str, size: int | None) -> None:
        self._path = path
        self._size = size
        self._head = bytearray()
        self._waiting = True
        self.header: Header | None = None
        self.measured: WeightPass | None = None

    def update(self, data: memoryview, offset: int) -> None:
        if self._size is not None and offset + len(data) > self._size:
            raise Unreadable(
                f"more arrives than the {self._size:,} bytes that the file's header promises",
                "its server sends something else than the file; look for another source",
            )
        if self.measured is not None:
            self.measured.update(data, offset)
        elif self._waiting:
            self._head += data
            if len(self._head) >= self._needed() or len(self._head) == self._size:
                self._begin()

    def _needed(self) -> int:
        """Bytes that hold the whole header."""
        if len(self._head) < _LENGTH:
            return _LENGTH
        length = int.from_bytes(self._head[:_LENGTH], "little")
        return _LENGTH + (length if length <= LONGEST_HEADER else 0)

    def _begin(self) -> None:
        if len(self._head) <= _LENGTH and len(self._head) != self._size:
            return
        self._waiting = False
        head, self._head = bytes(self._head), bytearray()
        size = self._size if self._size is not None else promised_size(head)
        source = _Head(self._path, size or 0, head)
        try:
            header = read_header(source)
        except VaeregError:
            return  # What is wrong is said where the whole file is checked.
        if header.format != FORMAT:
            return
        self._size = size
        self.header = header
        self.measured = WeightPass(source, header, vae_names(identify(header), header.tensors))
        self.measured.update(memoryview(source.head), 0)


def promised_size(head: bytes) -> int | None:
    """Bytes of the whole file by its safetensors header; None for what is none."""
    length = int.from_bytes(head[:_LENGTH], "little")
    try:
        entries: Any = strict_json.parse(head[_LENGTH : _LENGTH + length].decode())
        ends = [row["data_offsets"][1] for name, row in entries.items() if name != "__metadata__"]
        return _LENGTH + length + max(ends, default=0)
    except (strict_json.BadJson, UnicodeDecodeError, AttributeError, LookupError, TypeError):
        return None


class _Head:
    """The bytes that have arrived so far, as a ``ByteSource``."""

    def __init__(self, name: str, size: int, head: bytes) -> None:
        self.name, self.size, self.head = name, size, head
        self.bytes_read = 0

    def read(self, offset: int, length: int) -> bytes:
        """A range of what is there; raises ``VaeregError`` for what is not."""
        if offset + length > len(self.head):
            raise VaeregError("not arrived yet")
        return self.head[offset : offset + length]

    def close(self) -> None:
        """Nothing to give back."""
