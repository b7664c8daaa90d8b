"""Byte ranges of local files and listings of local folders; what is no file is refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import NotFound, Unreadable, VaeregError
from ..naming import shown
from ..values import Stamp

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)  # a pipe must not hang the open
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_FOLDERS_DEEP = 2

_KINDS = (
    (stat.S_ISDIR, "is a folder, not a file"),
    (stat.S_ISFIFO, "is a pipe, not a file"),
    (stat.S_ISSOCK, "is a socket, not a file"),
    (stat.S_ISCHR, "is a device, not a file"),
    (stat.S_ISBLK, "is a device, not a file"),
)


class LocalFile:
    """A regular file on disk as a ``ByteSource``; a context manager that closes it."""

    def __init__(self, path: str | Path) -> None:
        """Open for reading; raises ``NotFound`` or ``Unreadable``, never waits on a pipe."""
        self._name = os.fspath(path)
        self._bytes_read = 0
        self._descriptor = _opened(self._name)
        self._size = os.fstat(self._descriptor).st_size

    def __enter__(self) -> LocalFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._name

    @property
    def size(self) -> int:
        """Bytes of the file when it was opened."""
        return self._size

    @property
    def bytes_read(self) -> int:
        """Bytes read so far."""
        return self._bytes_read

    @property
    def descriptor(self) -> int:
        """The open file descriptor, for steps that stream the same file, such as hashing."""
        return self._descriptor

    def stamp(self) -> Stamp:
        """What the file system says of the open file now."""
        return stamp_of(os.fstat(self._descriptor))

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``; raises ``Unreadable`` beyond the file's end."""
        if offset < 0 or length < 0 or offset + length > self._size:
            raise Unreadable(
                f"{shown(self._name)} ends before byte {offset + length:,}: it has {self._size:,}",
                "It is cut short or damaged; download it again.",
            )
        pieces = []
        while length:
            try:
                piece = _read_at(self._descriptor, length, offset)
            except OSError as error:
                raise _refusal(self._name, error) from error
            if not piece:
                raise Unreadable(
                    f"{shown(self._name)} changed while it was read",
                    "Wait until nothing writes to it any more, then try again.",
                )
            pieces.append(piece)
            self._bytes_read += len(piece)
            offset, length = offset + len(piece), length - len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class LocalFolder:
    """A folder on disk as a ``FolderSource``."""

    def __init__(self, path: str | Path) -> None:
        """Remember the folder; raises ``NotFound`` or ``Unreadable`` where there is none."""
        self._name = os.fspath(path)
        self._files: dict[str, int] | None = None
        if not is_folder(path):
            raise Unreadable(f"{shown(self._name)} is not a folder")

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._name

    def files(self) -> Mapping[str, int]:
        """Regular files and links to them, two folders deep, hidden names left out; read once."""
        if self._files is None:
            try:
                self._files = dict(sorted(_walk(self._name)))
            except OSError as error:
                raise _refusal(self._name, error) from error
        return self._files

    def open(self, path: str) -> LocalFile:
        """Open one of ``files()``; any other name is refused, so none leads out of the folder."""
        if path not in self.files():
            raise Unreadable(f"{shown(self._name)} has no file {shown(path)}")
        return LocalFile(Path(self._name, path))


def is_folder(path: str | Path) -> bool:
    """Whether the path leads to a folder; raises ``NotFound`` or ``Unreadable``."""
    return stat.S_ISDIR(_status(os.fspath(path)).st_mode)


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp that an ``os.stat`` answer holds."""
    return Stamp(
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        device=status.st_dev,
        inode=status.st_ino,
    )


def _opened(name: str) -> int:
    # Asked before opening, because opening a device can act on it, and again afterwards, because
    # the path may have been swapped in between.
    _require_regular(name, _status(name))
    try:
        descriptor = os.open(name, _FLAGS)
    except OSError as error:
        raise _refusal(name, error) from error
    try:
        _require_regular(name, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _status(name: str) -> os.stat_result:
    try:
        return Path(name).stat()
    except OSError as error:
        raise _refusal(name, error) from error
    except ValueError as error:  # a NUL, or a surrogate that stands for no byte
        raise NotFound(f"{shown(name)} cannot be the name of a file") from error


def _require_regular(name: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        what = next((text for is_kind, text in _KINDS if is_kind(status.st_mode)), "is no file")
        raise Unreadable(f"{shown(name)} {what}")


def _refusal(name: str, error: OSError) -> VaeregError:
    """The registry's error for what the operating system answered."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotFound(f"there is no file {shown(name)}", "Check the path.")
    reason = error.strerror or type(error).__name__
    hint = "Give yourself the right to read it." if isinstance(error, PermissionError) else None
    return Unreadable(f"{shown(name)} cannot be read: {reason}", hint)


def _walk(root: str) -> Iterator[tuple[str, int]]:
    """Relative path and size of each file; a folder reached a second time is left out."""
    seen: set[tuple[int, int]] = set()
    waiting = [("", 0)]
    while waiting:
        relative, depth = waiting.pop()
        folder = Path(root, relative)
        here = folder.stat()
        if (here.st_dev, here.st_ino) in seen:
            continue
        seen.add((here.st_dev, here.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                status = _status_of(entry)
                if status is None:
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield relative + entry.name, status.st_size
                elif stat.S_ISDIR(status.st_mode) and depth < _FOLDERS_DEEP:
                    waiting.append((f"{relative}{entry.name}/", depth + 1))


def _status_of(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Where the entry leads; None for hidden names and for links that lead nowhere."""
    if entry.name.startswith("."):
        return None
    try:
        return entry.stat()
    except OSError:
        return None


def _read_at(descriptor: int, length: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, length, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, length)
