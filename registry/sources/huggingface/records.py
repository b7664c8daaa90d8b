"""What the hub says of a repository and of its files, checked and in our own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import DownloadBroken
from ...naming import shown

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_OUTSIDE = re.compile(r"(^|/)\.{0,2}(/|$)|[\\\x00-\x1f\x7f]|^[A-Za-z]:")
"""Names that lead out of a folder, or mean something else on another system."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One file as the hub lists it."""

    size: int | None = None
    sha256: str | None = None
    """Of files in large file storage."""
    git_sha1: str | None = None
    """Git's blob hash, for those that lie in git itself."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit."""

    id: str
    """Its present name, also where it was asked for by an older one."""
    commit: str | None
    """None only in answers of a search."""
    files: Mapping[str, Stored] | None = field(repr=False)
    """None where a search did not say."""
    gated: bool = False
    downloads: int | None = None
    likes: int | None = None
    updated_at: str | None = None
    """RFC 3339."""

    @property
    def author(self) -> str | None:
        """The first half of the name."""
        return self.id.rpartition("/")[0] or None


@dataclass(frozen=True, slots=True)
class Head:
    """One file at one commit, and where its bytes are."""

    repo: str
    commit: str
    stored: Stored
    location: str = field(repr=False)
    """Signed for a short time where it lies on another host."""


def repository(info: ModelInfo) -> Repository:
    """The library's record; files whose names lead out of a folder are left out."""
    updated = info.last_modified
    return Repository(
        _text(info.id),
        commit(info.sha),
        None
        if info.siblings is None
        else {
            one.rfilename: Stored(
                _count(one.size),
                sha256(one.lfs.sha256) if one.lfs else None,
                commit(one.blob_id) if not one.lfs else None,
            )
            for one in info.siblings
            if is_inside(one.rfilename)
        },
        bool(info.gated),
        _count(info.downloads),
        _count(info.likes),
        updated.isoformat().replace("+00:00", "Z") if updated else None,
    )


def stored(etag: str | None, size: int | None) -> Stored:
    """What a file's ETag tells: huggingface_hub, file_download.py, ``hf_hub_url``."""
    return Stored(_count(size), sha256(etag), commit(etag))


def is_inside(path: object) -> bool:
    """Whether a path stays within the folder it is taken relative to."""
    return isinstance(path, str) and bool(path) and _OUTSIDE.search(path) is None


def commit(text: object) -> str | None:
    """The text where it is a git hash."""
    return text if isinstance(text, str) and _COMMIT.fullmatch(text) else None


def sha256(text: object) -> str | None:
    """The text, in lower case, where it is a SHA-256."""
    lower = text.lower() if isinstance(text, str) else ""
    return lower if _SHA256.fullmatch(lower) else None


def _count(number: object) -> int | None:
    return number if type(number) is int and number >= 0 else None


def _text(name: object) -> str:
    if isinstance(name, str) and name.isprintable() and is_inside(name):
        return name
    raise DownloadBroken(
        f"the hub's answer names its repository {shown(str(name), 80)}",
        "Check HF_ENDPOINT: what answers there is no Hugging Face hub.",
    )
