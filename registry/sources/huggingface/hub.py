"""The calls of ``huggingface_hub`` that vaereg makes, in one place, each with its one refusal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote, unquote, urlsplit

from ...transfer.addresses import redirected
from ...transfer.endpoints import Patience
from ...transfer.waits import growing_wait, stated_wait
from . import pages, records, session
from .bounds import Call
from .records import Head, Repository
from .refusals import Asked, no_commit, refusal
from .session import Busy

_RESOLVED = re.compile(r"/(?P<repo>[^/]+/[^/]+|[^/]+)/resolve/")
_RESOLVE_CACHE = re.compile(r"/api/resolve-cache/models/(?P<repo>[^/]+/[^/]+)/[0-9a-f]{40}/")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Hub:
    """One hub; every method raises ``SourceError`` or ``NotFound`` and nothing else."""

    endpoint: str
    """Scheme, host and port, without a slash at its end."""
    token: str | None = field(repr=False)
    patience: Patience

    def offline(self) -> bool:
        """Whether the user allows the library no request: ``HF_HUB_OFFLINE``."""
        session.library()
        from huggingface_hub import constants

        return bool(constants.HF_HUB_OFFLINE)

    def repository(self, repo: str, revision: str | None) -> Repository:
        """All files with sizes and hashes at a revision; one request."""
        asked = self.asked(repo, revision)

        def call(_: Call) -> Repository:
            api = session.api(self.endpoint, self.token)
            info = api.model_info(repo, revision=revision, files_metadata=True)
            return records.repository(info)

        found = self._ask(call, asked)
        if found.commit is None or found.files is None:
            raise no_commit(asked)
        return found

    def head(self, repo: str, path: str, revision: str | None) -> Head:
        """One file's commit, hash, size and address; one request."""
        asked = self.asked(repo, revision, path)

        def call(seen: Call) -> Head | None:
            api = session.api(self.endpoint, self.token)
            url = self.resolve_url(repo, path, revision or "main")
            found = api.get_hf_file_metadata(url=url, timeout=self.patience.read)
            if (commit := records.commit(found.commit_hash)) is None:
                return None
            location = redirected(seen.url, found.location)
            return Head(
                _repo_of(seen.url, self.endpoint) or repo,
                commit,
                records.stored(found.etag, found.size),
                location,
            )

        head = self._ask(call, asked)
        if head is None:
            raise no_commit(asked)
        return head

    def search(self, words: str, limit: int) -> list[Repository]:
        """Repositories that the words find, most downloads first, with their file names."""

        def call(_: Call) -> list[Repository]:
            session.library()
            return pages.repositories(self.endpoint, self.token, words, limit)

        return self._ask(call, self.asked())

    def download(self, repo: str, path: str, commit: str) -> str:
        """Have the library fetch a file into its cache; gives the path of the file itself."""
        from pathlib import Path

        def call(_: Call) -> str:
            api = session.api(self.endpoint, self.token)
            return str(Path(api.hf_hub_download(repo, path, revision=commit)).resolve(strict=True))

        return self._ask(call, self.asked(repo, commit, path), patient=True)

    def resolve_url(self, repo: str, path: str, revision: str) -> str:
        """The address of a file's bytes, as ``hf_hub_url`` makes it."""
        return f"{self.endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"

    def page(self, repo: str, path: str | None, commit: str, folder: bool) -> str:
        """The page for people."""
        if folder and not path:
            return f"{self.endpoint}/{repo}/tree/{commit}"
        kind = "tree" if folder else "blob"
        return f"{self.endpoint}/{repo}/{kind}/{commit}/{quote((path or '').rstrip('/'))}"

    def asked(
        self, repo: str | None = None, revision: str | None = None, path: str | None = None
    ) -> Asked:
        """What a sentence about a file of a repository needs."""
        return Asked(self.endpoint, repo, revision, path, self.token)

    def _ask(self, call: Callable[[Call], Result], asked: Asked, patient: bool = False) -> Result:
        """The answer, asked for again where a hub is busy for a short while."""
        for tried in range(1, self.patience.tries + 1):
            try:
                with session.under(Call(self.endpoint, self.patience, patient)) as seen:
                    return call(seen)
            except Busy as busy:
                stated = stated_wait(busy.headers)
                pause = growing_wait(tried) if stated is None else stated
                if tried == self.patience.tries or pause > self.patience.longest_wait:
                    raise refusal(busy, asked) from None
                time.sleep(pause)
            except Exception as error:
                # Hostile answers make the library raise whatever its code happens to hit.
                raise refusal(error, asked) from None
        raise AssertionError("patience has at least one try")


def _repo_of(url: str, endpoint: str) -> str | None:
    """The repository that an address is of: after a renaming it is another than was asked for."""
    path = unquote(urlsplit(url).path).removeprefix(urlsplit(endpoint).path)
    found = _RESOLVE_CACHE.match(path) or _RESOLVED.match(path)
    return found["repo"] if found and records.is_inside(found["repo"]) else None
