"""Civitai's download route: every refusal in its order, then a redirect to signed storage
(civitai/civitai, src/pages/api/download/models/[modelVersionId].ts)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from .base import Reply, Request
from .civitai_catalogue import File, Model, Version

if TYPE_CHECKING:
    from .civitai import Civitai

_BROWSER = re.compile("mozilla|chrome|safari|firefox|opera|edge", re.IGNORECASE)
_FILE_TYPES = (
    "Model",
    "Text Encoder",
    "Vision Encoder",
    "Pruned Model",
    "Negative",
    "Training Data",
    "VAE",
    "Config",
    "Archive",
    "UNet",
    "Diffusion Model",
    "Workflow",
    "Other",
)
_VARIANT = ("format", "size", "fp")


def download(civitai: Civitai, request: Request, identifier: str) -> Reply:
    """GET /api/download/models/:versionId"""
    found = civitai.catalogue.version(int(identifier))
    refused = next(_refusals(civitai, request, found), None)
    if refused or found is None:
        return refused or _told(request, 404, "Model not found")
    return _delivered(civitai, request, found[1])


def _refusals(
    civitai: Civitai, request: Request, found: tuple[Model, Version] | None
) -> Iterator[Reply]:
    switches, account = civitai.switches, civitai.account(request)
    if request.method == "HEAD":
        yield _told(request, 401, "Unauthorized")
    if switches.blocked:
        yield _told(request, 403, "Forbidden")
    if switches.quota is not None and switches.quota <= 0:
        says = (
            "We've noticed an unusual amount of downloading from your account. Contact "
            "support@civitai.com or come back later."
        )
        yield _told(request, 429, says)
    if not _sane(request):
        yield _told(request, 400, "✖ Invalid input")
    if found is None or found[0].real_person:
        yield _told(request, 404, "Model not found")
        return
    model, version = found
    if model.mode == "Archived":
        yield _told(request, 410, "Model archived, not available for download")
    if version.status != "Published":
        yield _told(request, 404, "Model not found")
    if version.usage != "Download":
        says = "The creator of this asset has disabled downloads on this file"
        yield _told(request, 401, "Unauthorized", message=says)
    if account is None and not switches.anonymous_downloads:
        yield _login(request, version)
    if version.availability == "EarlyAccess" and version.id not in switches.bought:
        yield _early(request, version)
    if version.availability == "Private" and version.id not in switches.bought:
        yield _told(request, 403, "You do not have access to download this file")


def _delivered(civitai: Civitai, request: Request, version: Version) -> Reply:
    asked = {key: values[-1] for key, values in request.query.items()}
    file = _chosen(civitai, version, asked)
    if file is None or ("fileId" not in asked and not _aligned(file, asked)):
        return _told(request, 404, "File not found")
    if civitai.switches.quota is not None:
        civitai.switches.quota -= 1
    path = f"/civitai-delivery-worker-prod/model/{file.id}"
    if path not in civitai.storage.files:
        named = file.name.encode("ascii", "replace").decode()
        civitai.storage.put(path, file.content, disposition=f'attachment; filename="{named}"')
    headers = {"Location": civitai.storage.signed(path), "Cache-Control": "no-store, max-age=0"}
    return Reply(307, headers)


def _chosen(civitai: Civitai, version: Version, asked: dict[str, str]) -> File | None:
    if "fileId" in asked:
        wanted = int(asked["fileId"])
        return next((file for file in version.files if file.id == wanted), None)
    kind = asked.get("type")
    files = [file for file in version.files if kind in (None, file.type)]
    if kind == "VAE" and not files:
        return next(iter(civitai.catalogue.linked(version)), None)
    taste = civitai.switches.prefers
    return max(files, key=lambda file: _score(file, asked, taste), default=None)


def _score(file: File, asked: dict[str, str], taste: str | None) -> float:
    """The usual score, with the asked variant or the account's taste in place of the defaults."""
    points = replace(file, fp=None).score
    points += 1000 * sum(file.metadata.get(key) == asked[key] for key in _VARIANT if key in asked)
    return points + 200 * (taste is not None and file.fp == taste) + (file.fp == "fp16")


def _aligned(file: File, asked: dict[str, str]) -> bool:
    return all(file.metadata.get(key) == asked[key] for key in _VARIANT if key in asked)


def _sane(request: Request) -> bool:
    kinds = request.query.get("type", [])
    ids = request.query.get("fileId", [])
    return all(kind in _FILE_TYPES for kind in kinds) and all(each.isdigit() for each in ids)


def _login(request: Request, version: Version) -> Reply:
    if _from_browser(request):
        back = quote(f"/model-versions/{version.id}", safe="")
        return Reply(307, {"Location": f"/login?returnUrl={back}&reason=download-auth"})
    says = "The creator of this asset requires you to be logged in to download it"
    return _told(request, 401, "Unauthorized", message=says)


def _early(request: Request, version: Version) -> Reply:
    if _from_browser(request):
        return Reply(307, {"Location": f"/model-versions/{version.id}"})
    until = version.early_until
    says = f"This asset is in Early Access{f' until {until}' if until else ''}. You can use Buzz."
    dated = {"deadline": until} if until else {}
    return _told(request, 403, "Early Access", message=says, **dated)


def _told(request: Request, status: int, error: str, **more: str) -> Reply:
    """JSON, or plain text for what calls itself a browser."""
    if _from_browser(request):
        return Reply(status, {"Content-Type": "text/plain"}, more.get("message", error).encode())
    return Reply.of_json({"error": error, **more}, status)


def _from_browser(request: Request) -> bool:
    return _BROWSER.search(request.headers.get("user-agent", "")) is not None
