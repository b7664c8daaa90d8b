"""Repositories of the hub for tests: what git and large file storage know of their files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from .storage import Content, size_of

_LARGE = (".safetensors", ".sft", ".bin", ".ckpt", ".pt", ".pth", ".gguf", ".onnx", ".h5")
"""What the usual .gitattributes of a model repository keeps in large file storage."""


@dataclass(frozen=True)
class Blob:
    """One content and what the hub calls it."""

    content: Content
    size: int
    oid: str
    """Git's blob hash; of the pointer file where the content is large."""
    sha256: str | None

    @property
    def etag(self) -> str:
        """SHA-256 of a large file, git's blob hash of a small one."""
        return self.sha256 or self.oid


@dataclass
class Repo:
    """One repository with all its commits."""

    id: str
    commits: dict[str, dict[str, Blob]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    gated: str | bool = False
    granted: bool = False
    """Whether the account of ``Hub.token`` has been let in."""
    private: bool = False
    disabled: bool = False
    downloads: int = 0
    likes: int = 0
    tags: tuple[str, ...] = ()

    def commit(self, revision: str) -> str | None:
        """The commit that a branch, a tag or a commit's own hash stands for."""
        return revision if revision in self.commits else self.refs.get(revision)


def blob(path: str, content: Content) -> Blob:
    """A content as git and large file storage know it."""
    size = size_of(content)
    if not path.lower().endswith(_LARGE):
        return Blob(content, size, git_oid(read_all(content)), None)
    if isinstance(content, bytes):
        digest = hashlib.sha256(content)
    else:
        with content.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    return Blob(content, size, git_oid(_pointer(digest.hexdigest(), size)), digest.hexdigest())


def git_oid(content: bytes) -> str:
    """Git's hash of a file."""
    text = b"blob %d\0" % len(content) + content
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def stored_at(sha256: str) -> str:
    """Where a large file lies in the storage."""
    return f"/repos/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def brief(repo: Repo, full: bool) -> dict[str, Any]:
    facts = {
        "_id": hashlib.md5(repo.id.encode(), usedforsecurity=False).hexdigest()[:24],
        "id": repo.id,
        "modelId": repo.id,
        "likes": repo.likes,
        "downloads": repo.downloads,
        "private": repo.private,
        "tags": list(repo.tags),
        "createdAt": "2023-01-02T03:04:05.000Z",
    }
    if not full:
        return facts
    commit = repo.refs["main"]
    siblings = [{"rfilename": path} for path in repo.commits[commit]]
    changed = {"lastModified": "2024-05-06T07:08:09.000Z", "gated": repo.gated, "sha": commit}
    return facts | changed | {"author": repo.id.partition("/")[0], "siblings": siblings}


def sibling(path: str, one: Blob, with_blobs: bool) -> dict[str, Any]:
    if not with_blobs:
        return {"rfilename": path}
    facts: dict[str, Any] = {"rfilename": path, "blobId": one.oid, "size": one.size}
    if one.sha256:
        facts["lfs"] = {"sha256": one.sha256, "size": one.size, "pointerSize": 134}
    return facts


def entry(path: str, one: Blob) -> dict[str, Any]:
    facts: dict[str, Any] = {"type": "file", "oid": one.oid, "size": one.size, "path": path}
    if one.sha256:
        facts["lfs"] = {"oid": one.sha256, "size": one.size, "pointerSize": 134}
    return facts


def read_all(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _pointer(sha256: str, size: int) -> bytes:
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
    return text.encode()
