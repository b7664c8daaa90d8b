"""A hub such as huggingface.co, its repositories from memory or disk, its large files elsewhere.

After huggingface/huggingface_hub (hf_api.py, file_download.py, utils/_http.py), which reads these
routes, headers and redirects.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

import pytest

from .base import Reply, Request, Server
from .hub_files import Blob, Repo, blob, brief, entry, read_all, sibling, stored_at
from .storage import LOGIN_PAGE, Content, Storage

_REDIRECT_BODY = b"Temporary Redirect. Redirecting to elsewhere".ljust(278, b".")
_HOST = re.compile(r"https?://[^/]+")
"""What a request line begins with where a client takes the server for a proxy."""
Files = Mapping[str, Content] | Path


@dataclass
class Mood:
    """How the whole hub misbehaves; set on ``Hub.mood``."""

    busy: int = 0
    """503 to so many requests, then well."""
    limited: int = 0
    """429 to so many requests, with ``seconds`` to wait."""
    seconds: int = 1
    page: bool = False
    """200 with a web page, as a captive portal answers."""
    hang: bool = False
    """Takes requests and never answers."""
    no_commit: bool = False
    """Leaves X-Repo-Commit out."""
    direct: bool = False
    """Small files come at once instead of by way of the resolve cache."""
    say: Callable[[Request], Reply | None] | None = None
    """Any other answer."""


class Hub(Server):
    """Large files are redirected to ``storage``, another host that refuses Authorization.

    ``token`` is the only one it accepts; without one of its own it accepts none.
    """

    def __init__(self, host: str = "127.0.0.1", token: str | None = None) -> None:
        super().__init__(host)
        self.storage = Storage("localhost" if host != "localhost" else "127.0.0.1")
        self.token = token
        self.repos: dict[str, Repo] = {}
        self.renamed: dict[str, str] = {}
        self.mood = Mood()
        self.page_size = 100
        self._closing = threading.Event()

    def __enter__(self) -> Hub:
        self.storage.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closing.set()
        super().__exit__(*exception)
        self.storage.__exit__(*exception)

    def put(self, repo: str, files: Files, *, revision: str = "main", **facts: Any) -> str:
        """Commit files, from a mapping or a folder, in place of the branch's; gives the commit."""
        if isinstance(files, Path):
            inside = sorted(place for place in files.rglob("*") if place.is_file())
            files = {place.relative_to(files).as_posix(): place for place in inside}
        here = self.repos.setdefault(repo, Repo(repo))
        for name, value in facts.items():
            setattr(here, name, value)
        blobs = {path: blob(path, content) for path, content in files.items()}
        names = "".join(f"{path} {one.etag}\n" for path, one in sorted(blobs.items()))
        text = f"{repo}\n{len(here.commits)}\n{names}".encode()
        commit = hashlib.sha1(text, usedforsecurity=False).hexdigest()
        here.commits[commit] = blobs
        here.refs[revision] = commit
        for one in blobs.values():
            if one.sha256:
                self.storage.put(stored_at(one.sha256), one.content)
        return commit

    def rename(self, old: str, new: str) -> None:
        """Move a repository; the old name redirects to the new one from then on."""
        self.repos[new] = self.repos.pop(old)
        self.repos[new].id = new
        self.renamed[old] = new

    def reply(self, request: Request) -> Reply:
        """The hub's answer."""
        mood = self.mood
        if mood.hang:
            self._closing.wait()
        if mood.page:
            return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, LOGIN_PAGE)
        if mood.busy > 0:
            mood.busy -= 1
            return Reply(503, {}, b"Service Temporarily Unavailable")
        if mood.limited > 0:
            mood.limited -= 1
            limit = {"ratelimit": f'"api";r=0;t={mood.seconds}'}
            return Reply(429, limit, b'{"error":"We had to rate limit you"}')
        if mood.say is not None and (said := mood.say(request)) is not None:
            return said
        return self._route(request)

    def _route(self, request: Request) -> Reply:
        # Revisions come with their slashes encoded, so the path is taken apart before decoding.
        raw = _HOST.sub("", request.target.partition("?")[0])
        for pattern, answer in _ROUTES:
            if found := pattern.fullmatch(raw):
                groups = {name: unquote(text or "") for name, text in found.groupdict().items()}
                if "repo" not in groups:
                    return answer(self, request, groups)
                return self._on_repository(request, raw, groups, answer)
        return error(404, None, "Sorry, we can't find the page you are looking for.")

    def _on_repository(
        self, request: Request, raw: str, groups: dict[str, str], answer: Answer
    ) -> Reply:
        name = groups["repo"]
        if new := self.renamed.get(name):
            query = request.target.partition("?")[2]
            moved = raw.replace(name, new, 1) + (f"?{query}" if query else "")
            return Reply(307, {"Location": moved}, _REDIRECT_BODY)
        repo = self.repos.get(name)
        stated = request.headers.get("authorization")
        if stated and stated != f"Bearer {self.token}":
            return error(401, None, "Invalid credentials in Authorization header")
        if repo is None or (repo.private and not (stated and repo.granted)):
            if stated:
                return error(404, "RepoNotFound", "Repository not found")
            return error(401, "RepoNotFound", "Invalid username or password.")
        if repo.disabled:
            return error(403, None, "Access to this resource is disabled.")
        return answer(self, request, groups)

    def _search(self, request: Request, _: dict[str, str]) -> Reply:
        query = {name: values[0] for name, values in request.query.items()}
        words = query.get("search", "").lower().split()
        author = query.get("author")
        found = [
            repo
            for repo in self.repos.values()
            if all(word in repo.id.lower() for word in words)
            and not repo.private
            and author in (None, repo.id.partition("/")[0])
            and set(request.query.get("filter", ())) <= set(repo.tags)
        ]
        order = query.get("sort", "likes")
        found.sort(key=lambda repo: -getattr(repo, order, 0))
        first = int(query.get("cursor", 0))
        last = first + min(int(query.get("limit", self.page_size)), self.page_size)
        full = query.get("full") == "true"
        answer = Reply.of_json([brief(repo, full) for repo in found[first:last]])
        if last < len(found):
            following = urlencode({**query, "cursor": last})
            answer.headers["Link"] = f'<{self.url}/api/models?{following}>; rel="next"'
        return answer

    def _info(self, request: Request, groups: dict[str, str]) -> Reply:
        repo = self.repos[groups["repo"]]
        commit = repo.commit(groups.get("revision") or "main")
        if commit is None:
            return _no_revision(groups)
        with_blobs = request.query.get("blobs") == ["true"]
        siblings = [sibling(path, one, with_blobs) for path, one in repo.commits[commit].items()]
        facts = brief(repo, True) | {"sha": commit, "siblings": siblings, "disabled": False}
        return Reply.of_json(facts | {"cardData": {}})

    def _tree(self, request: Request, groups: dict[str, str]) -> Reply:
        repo = self.repos[groups["repo"]]
        commit = repo.commit(groups["revision"])
        if commit is None:
            return _no_revision(groups)
        below = f"{groups['path'].rstrip('/')}/" if groups["path"] else ""
        files = {p: one for p, one in repo.commits[commit].items() if p.startswith(below)}
        if below and not files:
            return error(404, "EntryNotFound", "Entry not found", commit)
        deep = request.query.get("recursive") == ["true"]
        folders = {
            below + p[len(below) :].partition("/")[0] for p in files if "/" in p[len(below) :]
        }
        entries = [entry(p, one) for p, one in files.items() if deep or "/" not in p[len(below) :]]
        entries += [{"type": "directory", "oid": "0" * 40, "size": 0, "path": p} for p in folders]
        return Reply.of_json(entries)

    def _paths_info(self, request: Request, groups: dict[str, str]) -> Reply:
        repo = self.repos[groups["repo"]]
        commit = repo.commit(groups["revision"])
        if commit is None:
            return _no_revision(groups)
        asked = parse_qs(request.body.decode())["paths"]
        files = repo.commits[commit]
        return Reply.of_json([entry(path, files[path]) for path in asked if path in files])

    def _resolve(self, request: Request, groups: dict[str, str]) -> Reply:
        repo, path = self.repos[groups["repo"]], groups["path"]
        if repo.gated and not repo.granted:
            status = 403 if "authorization" in request.headers else 401
            return error(status, "GatedRepo", f"Access to model {repo.id} is restricted.")
        commit = repo.commit(groups["revision"])
        if commit is None:
            return _no_revision(groups)
        one = repo.commits[commit].get(path)
        if one is None:
            return error(404, "EntryNotFound", "Entry not found", commit)
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if self.mood.no_commit:
            del headers["X-Repo-Commit"]
        headers |= {"X-Linked-Size": str(one.size), "X-Linked-Etag": f'"{one.etag}"'}
        if one.sha256:
            address = self.storage.signed(stored_at(one.sha256))
            return Reply(302, {**headers, "Location": address}, _REDIRECT_BODY)
        if self.mood.direct:
            return _small(request, one, headers)
        cached = f"/api/resolve-cache/models/{repo.id}/{commit}/{quote(path)}"
        cached += f"?{quote(request.path, safe='')}=&etag=%22{one.etag}%22"
        return Reply(307, {**headers, "Location": cached}, _REDIRECT_BODY)

    def _resolve_cache(self, request: Request, groups: dict[str, str]) -> Reply:
        commit = groups["revision"]
        one = self.repos[groups["repo"]].commits[commit][groups["path"]]
        headers = {} if self.mood.no_commit else {"X-Repo-Commit": commit}
        return _small(request, one, headers | {"Accept-Ranges": "bytes"})

    def _auth_check(self, request: Request, groups: dict[str, str]) -> Reply:
        repo = self.repos[groups["repo"]]
        if repo.gated and not repo.granted:
            return error(403, "GatedRepo", f"Access to model {repo.id} is restricted.")
        return Reply.of_json({})

    def _whoami(self, request: Request, _: dict[str, str]) -> Reply:
        if request.headers.get("authorization") == f"Bearer {self.token}":
            return Reply.of_json(
                {"type": "user", "name": "tester", "auth": {"type": "access_token"}}
            )
        return error(401, None, "Invalid username or password.")


Answer = Callable[[Hub, Request, dict[str, str]], Reply]
_REPO = r"(?P<repo>[^/]+/[^/]+)"
_ROUTES: tuple[tuple[re.Pattern[str], Answer], ...] = tuple(
    (re.compile(pattern), answer)
    for pattern, answer in (
        ("/api/models", Hub._search),
        ("/api/whoami-v2", Hub._whoami),
        (rf"/api/models/{_REPO}/auth-check", Hub._auth_check),
        (rf"/api/models/{_REPO}(/revision/(?P<revision>[^/]+))?", Hub._info),
        (rf"/api/models/{_REPO}/tree/(?P<revision>[^/]+)(/(?P<path>.*))?", Hub._tree),
        (rf"/api/models/{_REPO}/paths-info/(?P<revision>[^/]+)", Hub._paths_info),
        (
            rf"/api/resolve-cache/models/{_REPO}/(?P<revision>[^/]+)/(?P<path>.+)",
            Hub._resolve_cache,
        ),
        (rf"/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", Hub._resolve),
    )
)


def error(status: int, code: str | None, says: str, commit: str | None = None) -> Reply:
    """A refusal with the headers that tell what it means."""
    headers = {"Content-Type": "application/json; charset=utf-8", "X-Error-Message": says}
    headers |= {"X-Error-Code": code} if code else {}
    headers |= {"X-Repo-Commit": commit} if commit else {}
    return Reply(status, headers, json.dumps({"error": says}).encode())


def _no_revision(groups: dict[str, str]) -> Reply:
    return error(404, "RevisionNotFound", f"Invalid rev id: {groups['revision']}")


def _small(request: Request, one: Blob, headers: dict[str, str]) -> Reply:
    content = read_all(one.content)
    headers = {**headers, "ETag": f'"{one.oid}"', "Content-Type": "text/plain; charset=utf-8"}
    span = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if span is None:
        return Reply(200, {**headers, "Content-Length": str(one.size)}, content)
    first, last = int(span[1]), min(int(span[2] or one.size), one.size - 1)
    if first >= one.size:
        return Reply(416, {"Content-Range": f"bytes */{one.size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{one.size}"
    return Reply(206, headers, content[first : last + 1])


def point_library_at(monkeypatch: pytest.MonkeyPatch, home: Path, offline: bool = False) -> None:
    """Give ``huggingface_hub``, which reads its environment once, a cache of its own."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.setenv("HF_HUB_OFFLINE", str(int(offline)))
    monkeypatch.setattr(constants, "HF_HOME", str(home))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
