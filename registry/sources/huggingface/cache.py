"""What already lies in the cache of Hugging Face's library, found without a request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from . import records
from .records import Repository, Stored

_MOST_FILES = 100_000


def cached_file(repos: tuple[str, ...], path: str, commit: str, etag: str | None) -> str | None:
    """The path of a file's content in the cache: by commit and path, else by its hash.

    ``repos`` are the names of one repository: its folder keeps the name that was asked for first.
    What it holds is unverified. None where there is none.
    """
    from huggingface_hub import try_to_load_from_cache

    for repo in dict.fromkeys(repos):
        try:
            found = try_to_load_from_cache(repo, path, revision=commit)
        except ValueError:
            found = None
        blob = _folder(repo) / "blobs" / etag if etag else None
        for place in (Path(found) if isinstance(found, str) else None, blob):
            if place is not None and place.is_file():
                return os.path.realpath(place)
    return None


def cached_repository(repo: str, revision: str | None) -> Repository | None:
    """What the cache holds of a repository at a revision; None where it knows no such commit."""
    snapshot = _snapshot(repo, revision)
    if snapshot is None:
        return None
    files = {path: _stored(snapshot / path) for path in _files(snapshot)}
    return Repository(repo, snapshot.name, files)


def cached_pipeline(repo: str, revision: str | None) -> str | None:
    """The folder of a pipeline in the cache, at a revision, whole or not; None where it has none.

    Its last part is the commit.
    """
    snapshot = _snapshot(repo, revision)
    return str(snapshot) if snapshot and (snapshot / "model_index.json").is_file() else None


def _snapshot(repo: str, revision: str | None) -> Path | None:
    commit = records.commit(revision) or _commit_of(repo, revision or "main")
    snapshot = _folder(repo) / "snapshots" / commit if commit else None
    return snapshot if snapshot is not None and snapshot.is_dir() else None


def _folder(repo: str) -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"


def _commit_of(repo: str, revision: str) -> str | None:
    if not records.is_inside(revision):
        return None
    try:
        text = (_folder(repo) / "refs" / revision).read_text("ascii")
    except (OSError, ValueError):
        return None
    return records.commit(text.strip())


def _files(snapshot: Path) -> Iterator[str]:
    count = 0
    for folder, _, names in os.walk(snapshot):
        for name in sorted(names):
            place = Path(folder, name)
            count += 1
            if place.is_file() and count <= _MOST_FILES:
                yield place.relative_to(snapshot).as_posix()


def _stored(place: Path) -> Stored:
    """A link's own target is named by the ETag; where that leads on, the name is another hash."""
    try:
        etag = place.readlink().name if place.is_symlink() else None
        return records.stored(etag, place.stat().st_size)
    except OSError:
        return Stored()
