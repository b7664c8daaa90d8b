"""All digests of a content in one pass over its bytes, as Civitai and the frontends define them.

Definitions (civitai/model-scanner, orchestrator/ModelScanner/Tasks/HashTask.cs):

- SHA-256 and BLAKE3 of the whole file; AutoV2 is the first 10 digits of the SHA-256.
- AutoV1: the first 8 digits of the SHA-256 of the 64 KiB at offset 1 MiB; none under 2 MiB.
- AutoV3: the first 12 digits of the SHA-256 of all that follows a safetensors header, whose
  length stands in the first 8 bytes; where that is 16 MiB or more, of all after those 8 bytes.
- CRC32: zlib's, its four bytes in little-endian order ("hello world" gives 85114a0d).
"""

from __future__ import annotations

import hashlib
import struct
import threading
from collections.abc import Callable, Sequence
from io import FileIO
from queue import SimpleQueue
from typing import Protocol

from .errors import Unreadable
from .naming import shown
from .values import Digests

CHUNK = 4 << 20
"""Bytes a slot holds: 1-4 MiB hash a third faster than 256 KiB on two cores."""
SLOTS = 6
SMALL = 1 << 20
"""Files up to this size are hashed without workers."""
AUTOV1_OFFSET = 0x100000
AUTOV1_LENGTH = 0x10000
AUTOV1_MINIMUM = 0x200000
AUTOV3_HEADER_LIMIT = 16 << 20

Progress = Callable[[int], None]
"""Called with the number of bytes done since the last call."""


class Hashable(Protocol):
    """An open local file; ``formats.local.LocalFile`` fulfils it."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def descriptor(self) -> int: ...


class Part(Protocol):
    """One share of the work on a content's bytes; ``weight_pass.WeightPass`` is another."""

    def update(self, data: memoryview, offset: int) -> None:
        """The content's bytes from ``offset`` on, in order and without gaps."""
        ...


class _Slot:
    """A reusable buffer that the workers give back when all have read it."""

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(CHUNK))
        self.filled = 0
        self.offset = 0
        self.readers = 0


class _Whole:
    """SHA-256 of the whole content, and of the AutoV1 window."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.window = hashlib.sha256()

    def update(self, data: memoryview, offset: int) -> None:
        self.sha256.update(data)
        begin, end = AUTOV1_OFFSET - offset, AUTOV1_OFFSET + AUTOV1_LENGTH - offset
        if end > 0 and begin < len(data):
            self.window.update(data[max(begin, 0) : end])


class _AfterHeader:
    """SHA-256 of what follows the safetensors header (AutoV3)."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self._length = bytearray()
        self.start = 8

    def update(self, data: memoryview, offset: int) -> None:
        if len(self._length) < 8:
            # A download's first bytes may come one by one.
            self._length += data[: 8 - len(self._length)]
            if len(self._length) == 8:
                length = int(struct.unpack("<Q", self._length)[0])
                self.start += length if length < AUTOV3_HEADER_LIMIT else 0
        self.sha256.update(data[max(self.start - offset, 0) :])


class _Light:
    """BLAKE3 and CRC32: together they cost about as much as one SHA-256."""

    def __init__(self) -> None:
        from blake3 import blake3
        from zlib_ng import zlib_ng

        self.blake3 = blake3()
        self.crc = 0
        self._crc32 = zlib_ng.crc32

    def update(self, data: memoryview, offset: int) -> None:
        self.blake3.update(data)
        self.crc = self._crc32(data, self.crc)


class _Parts(tuple["_Whole", "_AfterHeader", "_Light"]):
    """The three shares of the work, about equal in cost."""

    __slots__ = ()

    @classmethod
    def fresh(cls) -> _Parts:
        return cls((_Whole(), _AfterHeader(), _Light()))

    def digests(self, size: int) -> Digests:
        """What the parts make of ``size`` bytes that all of them have seen."""
        whole, after, light = self
        sha256 = whole.sha256.hexdigest()
        return Digests(
            sha256=sha256,
            autov1=whole.window.hexdigest()[:8] if size >= AUTOV1_MINIMUM else None,
            autov2=sha256[:10],
            autov3=after.sha256.hexdigest()[:12] if size >= 8 else None,
            blake3=light.blake3.hexdigest(),
            crc32=struct.pack("<I", light.crc).hex(),
        )


class Digester:
    """Fed the bytes of one content in order, it gives every digest; three workers share the work.

    ``buffer()`` lends a buffer, ``commit(n)`` hands its first n bytes on, ``finish()`` gives the
    digests; ``close()`` ends the workers, also after a failure. Each of the ``others`` gets a
    worker of its own and sees the same bytes.
    """

    def __init__(self, others: Sequence[Part] = ()) -> None:
        self._digests = _Parts.fresh()
        self._ring = _Ring((*self._digests, *others))

    def buffer(self) -> memoryview:
        """A writable buffer for the next bytes; waits until the workers have one to spare."""
        return self._ring.buffer()

    def commit(self, count: int) -> None:
        """Hand on the first ``count`` bytes of the lent buffer."""
        self._ring.commit(count)

    def finish(self) -> Digests:
        """Wait for the workers; the digests of all that was committed."""
        return self._digests.digests(self._ring.finish())

    def close(self) -> None:
        """End the workers; safe to call twice."""
        self._ring.close()


class _Ring:
    """Buffers that go round between one reader and a worker for each part."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._free: SimpleQueue[_Slot] = SimpleQueue()
        self._unmade = SLOTS
        self._queues: tuple[SimpleQueue[_Slot | None], ...] = tuple(
            SimpleQueue() for _ in self._parts
        )
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._slot: _Slot | None = None
        self._size = 0
        self._threads = [
            threading.Thread(target=self._work, args=pair, daemon=True)
            for pair in zip(self._parts, self._queues, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def buffer(self) -> memoryview:
        if self._failure is not None:
            raise self._failure
        if self._slot is None and self._unmade and self._free.empty():
            self._unmade -= 1
            self._slot = _Slot()
        elif self._slot is None:
            self._slot = self._free.get()
        return self._slot.buffer

    def commit(self, count: int) -> None:
        slot = self._slot
        if slot is None or count == 0:
            return
        slot.filled, slot.offset, slot.readers = count, self._size, len(self._parts)
        self._size += count
        self._slot = None
        for queue in self._queues:
            queue.put(slot)

    def finish(self) -> int:
        """Wait for the workers; the number of bytes committed."""
        self.close()
        if self._failure is not None:
            raise self._failure
        return self._size

    def close(self) -> None:
        for queue in self._queues:
            queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, part: Part, queue: SimpleQueue[_Slot | None]) -> None:
        while (slot := queue.get()) is not None:
            try:
                if self._failure is None:
                    part.update(slot.buffer[: slot.filled], slot.offset)
            except BaseException as failure:
                self._failure = failure
            with self._lock:
                slot.readers -= 1
                done = slot.readers == 0
            if done:
                self._free.put(slot)


def digest_file(
    file: Hashable, progress: Progress | None = None, others: Sequence[Part] = ()
) -> Digests:
    """Every digest of an open file, read once from start to end; ``others`` see it all as well.

    Raises ``Unreadable`` where the file ends early or cannot be read.
    """
    digests = _Parts.fresh()
    stream(file, (*digests, *others), progress)
    return digests.digests(file.size)


def stream(file: Hashable, parts: Sequence[Part], progress: Progress | None = None) -> None:
    """Give every part all bytes of an open file, read once from start to end.

    Raises ``Unreadable`` where the file ends early or cannot be read, and what a part raises.
    """
    with FileIO(file.descriptor, closefd=False) as raw:
        raw.seek(0)
        if file.size <= SMALL:
            _stream_small(raw, file, parts, progress)
        else:
            _stream_large(raw, file, parts, progress)


def _stream_small(
    raw: FileIO, file: Hashable, parts: Sequence[Part], progress: Progress | None
) -> None:
    """Without workers: starting them would take longer than the hashing."""
    buffer = memoryview(bytearray(file.size))
    offset = 0
    while offset < file.size:
        offset += _fill(raw, buffer[offset:], offset, file)
    for part in parts:
        part.update(buffer, 0)
    if progress is not None:
        progress(file.size)


def _stream_large(
    raw: FileIO, file: Hashable, parts: Sequence[Part], progress: Progress | None
) -> None:
    ring = _Ring(parts)
    try:
        offset = 0
        while offset < file.size:
            count = _fill(raw, ring.buffer()[: file.size - offset], offset, file)
            ring.commit(count)
            offset += count
            if progress is not None:
                progress(count)
        ring.finish()
    finally:
        ring.close()


def _fill(raw: FileIO, buffer: memoryview, offset: int, file: Hashable) -> int:
    try:
        count = raw.readinto(buffer)
    except OSError as failure:
        raise Unreadable(
            f"{shown(file.name)} could not be read at byte {offset}: {failure.strerror}",
            "check the drive, then run the command again",
        ) from failure
    if not count:
        raise Unreadable(
            f"{shown(file.name)} ended at byte {offset:,} of {file.size:,}: "
            "it changed while it was read",
            "wait until nothing writes to it, then run the command again",
        )
    return count
