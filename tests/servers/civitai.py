"""Civitai's public API v1 and its download route, with the traps that clients fall into."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .base import Reply, Request, Server
from .civitai_catalogue import (
    Catalogue,
    File,
    Model,
    Version,
    hashes_of,
    version_record,
)
from .civitai_downloads import download
from .civitai_images import Picture, pictured
from .civitai_list import listed, told
from .storage import Storage

__all__ = ["Civitai", "File", "Model", "Picture", "Switches", "Version", "hashes_of"]

CHALLENGE = (
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>"
    b'<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/jsch/v1"></script></body></html>'
)


@dataclass
class Switches:
    """How the service behaves today; without any it works."""

    tokens: set[str] = field(default_factory=set)
    """Keys of accounts; every other one is silently nobody."""
    bought: set[int] = field(default_factory=set)
    """Versions in early access that the accounts paid for."""
    anonymous_downloads: bool = False
    blocked: bool = False
    quota: int | None = None
    """Downloads that are left."""
    busy: int = 0
    """503 to so many list requests, then well."""
    retry_after: str = "2"
    challenge: int | None = None
    """Cloudflare's page with this status to every API request."""
    shows_links: bool = True
    """Whether the detail routes append the files of a linked VAE."""
    overlap: int = 0
    """Items of a page that the next one repeats."""
    loops: bool = False
    """The last page's cursor leads to itself."""
    desynced: bool = False
    """/models/:id shows no versions, though there are some."""
    prefers: str | None = None
    """The account's float type, which decides what a plain download gives."""


class Civitai(Server):
    """The API on one host, the files on ``storage`` on another.

    ``catalogue`` holds what is up, ``switches`` how the service misbehaves, ``unrated`` versions
    that their own route does not show yet, ``pictures`` what was posted, newest first, ``log`` and
    ``storage.log`` who asked what.
    """

    def __init__(self, host: str = "127.0.0.1", storage_host: str = "localhost") -> None:
        super().__init__(host)
        self.catalogue = Catalogue()
        self.switches = Switches()
        self.unrated: set[int] = set()
        self.pictures: list[Picture] = []
        self.storage = Storage(storage_host)

    def __enter__(self) -> Civitai:
        self.storage.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.storage.__exit__(*exception)

    def add(self, name: str, *versions: Version, **stated: Any) -> Model:
        """Put a model up; a VAE unless ``type`` says otherwise."""
        return self.catalogue.add(Model(name, versions=versions, **stated))

    def account(self, request: Request) -> str | None:
        """Who asks: the second word of Authorization, and only without it ``token=``."""
        words = request.headers.get("authorization", "").split()
        if words:
            token = words[1] if len(words) > 1 else ""
        else:
            token = request.query.get("token", [""])[0]
        return token if token in self.switches.tokens else None

    def reply(self, request: Request) -> Reply:
        """The answer to a request."""
        if request.headers.get("user-agent", "Python-urllib").startswith("Python-urllib"):
            return Reply(403, {"Content-Type": "text/html"}, b"<html>Forbidden</html>")
        if self.switches.challenge is not None and request.path.startswith("/api/v1/"):
            headers = {"Content-Type": "text/html; charset=UTF-8"}
            return Reply(self.switches.challenge, headers, CHALLENGE)
        if request.path == "/login":
            return Reply(
                200, {"Content-Type": "text/html"}, b"<html><title>Civitai Login</title></html>"
            )
        for form, route in _ROUTES:
            if match := re.fullmatch(form, request.path):
                return route(self, request, *match.groups())
        return Reply(404, {"Content-Type": "text/html"}, b"<html>404</html>")

    def host_asked(self, request: Request) -> str:
        """What absolute addresses in answers begin with."""
        return request.headers.get("host", f"{self.host}:{self.port}")

    def model_record(self, model: Model, request: Request, in_list: bool) -> dict[str, Any]:
        """A model with its published versions, in a list narrowed as the query says."""
        bases = request.query.get("baseModels") if in_list else None
        free = not in_list or "ids" in request.query
        archived = model.mode == "Archived"
        versions = [
            self.version_record(version, request, archived) | {"vaeId": version.vae}
            for version in model.versions
            if version.status == "Published"
            and (not bases or version.base_model in bases)
            and (free or version.availability == "Public")
            and (version.files or archived)
        ]
        desynced = self.switches.desynced and not in_list
        record = {
            "id": model.id,
            "name": model.name,
            "description": None,
            "type": model.type,
            "nsfw": False,
            "nsfwLevel": 1,
            "allowCommercialUse": "{Image,RentCivit}" if model.id % 2 else ["Image"],
            "stats": {"downloadCount": model.downloads, "thumbsUpCount": 3},
            "tags": [model.type.lower()],
            "modelVersions": [] if desynced else versions,
        }
        record |= {"creator": {"username": model.creator, "image": None}} if model.creator else {}
        return record | ({"mode": model.mode} if model.mode else {})

    def version_record(
        self, version: Version, request: Request, archived: bool = False, full: bool = False
    ) -> dict[str, Any]:
        """A version as details and lists show it; none of its files where it is archived."""
        linked = self.catalogue.linked(version) if self.switches.shows_links else []
        record = version_record(version, self.host_asked(request), linked, full)
        return record | {"files": []} if archived else record

    def model(self, request: Request, identifier: str) -> Reply:
        """GET /api/v1/models/:id"""
        if not 0 < int(identifier) < 2**31:
            return told(400, "✖ Too big: expected number to be <=2147483647\n  → at id")
        model = self.catalogue.models.get(int(identifier))
        if model is None:
            return told(404, f"No model with id {identifier}")
        return Reply.of_json(_without_nulls(self.model_record(model, request, False)))

    def version(self, request: Request, identifier: str) -> Reply:
        """GET /api/v1/model-versions/:id"""
        if request.method != "GET":
            return told(405, "Method not allowed")
        found = self.catalogue.version(int(identifier))
        unseen = int(identifier) in self.unrated
        if found is None or found[1].status != "Published" or unseen:
            return told(404, "Model not found")
        model, version = found
        if not version.files:
            return told(404, "Missing model file")
        return Reply.of_json(self._full(model, version, request))

    def _full(self, model: Model, version: Version, request: Request) -> dict[str, Any]:
        archived = model.mode == "Archived"
        about = {"name": model.name, "type": model.type, "nsfw": False, "poi": False}
        about |= {"mode": model.mode} if model.mode else {}
        more = {
            "modelId": model.id,
            "status": version.status,
            "usageControl": version.usage,
            "air": f"urn:air:sd1:{model.type.lower()}:civitai:{model.id}@{version.id}",
            "model": about,
        }
        return self.version_record(version, request, archived, full=True) | more

    def by_hash(self, request: Request, value: str) -> Reply:
        """GET /api/v1/model-versions/by-hash/:hash"""
        owners = [
            pair
            for pair in self._published()
            if any(value.upper() in _hashes(file).values() for file in pair[1].files)
        ]
        if not owners:
            return told(404, "Model not found")
        model, version = min(owners, key=lambda pair: pair[1].id)
        return Reply.of_json(self._hashed(model, version, request, self.host_asked(request)))

    def by_hashes(self, request: Request) -> Reply:
        """POST /api/v1/model-versions/by-hash"""
        wanted = _asked_hashes(request, 100)
        if wanted is None:
            says = "Request must include an array of SHA256 Hashes. Maximum of 100 hashes"
            return told(400, says)
        found: list[dict[str, Any] | None] = [
            self._hashed(model, version, request, "undefined")
            for model, version in self._published()
            if any(_hashes(file).get("SHA256") in wanted for file in version.files)
        ]
        # A version whose files are gone stands there as null, and nothing is in order.
        return Reply.of_json([None, *reversed(found)] if found else [])

    def by_hashes_ids(self, request: Request) -> Reply:
        """POST /api/v1/model-versions/by-hash/ids"""
        wanted = _asked_hashes(request, 10000)
        if wanted is None:
            return told(400, "Request must include an array of SHA256 Hashes.")
        return Reply.of_json(
            [
                {"modelVersionId": version.id, "modelId": model.id, "hash": digest}
                for model, version in self._published()
                for file in version.files
                if (digest := _hashes(file).get("SHA256")) in wanted
            ]
        )

    def _hashed(self, model: Model, version: Version, request: Request, host: str) -> dict:
        """As the by-hash routes give it: no link is looked up, and the bulk one knows no host."""
        record = self._full(model, version, request)
        own = {file.id for file in version.files}
        files = [file for file in record["files"] if file["id"] in own]
        for entry in (record, *files):
            parts = urlsplit(entry["downloadUrl"])
            scheme = "https" if host == "undefined" else "http"
            entry["downloadUrl"] = parts._replace(scheme=scheme, netloc=host).geturl()
        return record | {"files": files}

    def _published(self) -> list[tuple[Model, Version]]:
        return [pair for pair in self.catalogue.versions() if pair[1].status == "Published"]


_ROUTES = (
    (r"/api/v1/models", listed),
    (r"/api/v1/models/(\d+)", Civitai.model),
    (r"/api/v1/model-versions/(\d+)", Civitai.version),
    (r"/api/v1/model-versions/by-hash", Civitai.by_hashes),
    (r"/api/v1/model-versions/by-hash/ids", Civitai.by_hashes_ids),
    (r"/api/v1/model-versions/by-hash/(\w+)", Civitai.by_hash),
    (r"/api/v1/images", pictured),
    (r"/api/download/models/(\d+)", download),
)


def _hashes(file: File) -> dict[str, str]:
    stated = hashes_of(file.content) if file.hashes is None else file.hashes
    return {name: value.upper() for name, value in stated.items()}


def _asked_hashes(request: Request, most: int) -> set[str] | None:
    try:
        asked = json.loads(request.body)
    except ValueError:
        return None
    if not isinstance(asked, list) or len(asked) > most:
        return None
    if not all(isinstance(each, str) and re.fullmatch("[0-9a-fA-F]{64}", each) for each in asked):
        return None
    return {each.upper() for each in asked}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
