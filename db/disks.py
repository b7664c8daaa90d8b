"""Whether a file lies on a disk of this machine, where SQLite's write-ahead log may be used."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_MOUNTS = Path("/proc/mounts")

# fmt: off
_SHARED = frozenset((
    "9p", "afp", "afs", "beegfs", "ceph", "cifs", "coda", "drvfs", "gfs", "gfs2", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "pvfs2", "smb2", "smb3", "smbfs",
    "vboxsf", "virtiofs", "vmhgfs",
))
# fmt: on
"""File systems that other machines may write too, so that shared memory does not reach all of them
(https://www.sqlite.org/wal.html: WAL does not work over a network file system)."""


@lru_cache(maxsize=16)
def is_local(path: Path) -> bool:
    """False on network and FUSE file systems as far as the system tells; True where it does not."""
    whole = path.absolute()
    if whole.drive.startswith("\\\\"):
        return False
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        whole = whole.resolve()
    except (OSError, RuntimeError):
        return True
    kind = file_system(whole, mounts)
    return kind not in _SHARED and not kind.startswith("fuse.")


def file_system(path: Path, mounts: str) -> str:
    """The type of the file system that holds ``path``, by the text of /proc/mounts; else empty."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(_unescaped(fields[1]))
        # Of two mounts on one point the later one is what processes see.
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind


def _unescaped(point: str) -> str:
    for octal, letter in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        point = point.replace(octal, letter)
    return point
