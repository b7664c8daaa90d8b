"""Civitai's list of models: parameters as zod reads them, pages by cursors
(civitai/civitai, src/pages/api/v1/models/index.ts)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from .base import Reply, Request
from .civitai_catalogue import Catalogue, Model

if TYPE_CHECKING:
    from .civitai import Civitai

TYPES = (
    *("Checkpoint", "TextualInversion", "Hypernetwork", "AestheticGradient", "LORA", "LoCon"),
    *("DoRA", "Controlnet", "Upscaler", "MotionModule", "VAE", "TextEncoder", "UNet"),
    *("CLIPVision", "CLIP", "VisionLanguage", "LLM", "Poses", "Wildcards", "Workflows"),
    *("Detection", "Other"),
)
SORTS = (
    *("Highest Rated", "Most Downloaded", "Most Liked", "Most Discussed", "Most Collected"),
    *("Most Images", "Newest", "Oldest"),
)
_BOOLEANS = {*("true", "1", "yes", "on", "y", "enabled"), *("false", "0", "no", "off", "n")}
_BOOLEANS |= {"disabled"}
_LARGEST_OFFSET = 1000
Query = dict[str, list[str]]


def listed(civitai: Civitai, request: Request) -> Reply:
    """GET /api/v1/models"""
    query, switches = request.query, civitai.switches
    if request.method != "GET":
        return told(405, "Method not allowed")
    if issues := list(_issues(query)):
        zod = {"name": "ZodError", "message": json.dumps(issues, indent=2)}
        return Reply.of_json({"error": zod}, 400)
    if query.keys() & {"favorites", "hidden"} and not civitai.account(request):
        return told(401, "Unauthorized")
    if switches.busy > 0:
        switches.busy -= 1
        says = {"error": "Model search is temporarily overloaded — please retry."}
        stated = {"Retry_After": switches.retry_after, "Cache_Control": "no-store"}
        return Reply.of_json(says, 503, **stated)
    limit = int(query.get("limit", ["100"])[-1])
    if "page" in query and "query" in query:
        says = "Cannot use page param with query search. Use cursor-based pagination."
        return told(400, says)
    if int(query.get("page", ["0"])[-1]) * limit > _LARGEST_OFFSET:
        return told(429, "You've requested too many pages, please use cursors instead")
    return _page(civitai, request, limit)


def told(status: int, says: str) -> Reply:
    """An error in its usual shape."""
    return Reply.of_json({"error": says}, status)


def _page(civitai: Civitai, request: Request, limit: int) -> Reply:
    """A page of what was found; what is filtered out now leaves it short, or empty."""
    found = _matching(civitai.catalogue, request.query)
    try:
        start = _offset(request.query, found, limit)
    except ValueError:
        return Reply.of_json({"message": "Invalid cursor value"}, 400)
    page = found[max(0, start - civitai.switches.overlap) : start + limit]
    items = [civitai.model_record(model, request, True) for model in page if not model.ghost]
    items = [item for item in items if item["modelVersions"]]
    more = start + limit < len(found) or (found and civitai.switches.loops)
    metadata = _following(civitai, request, found[: start + limit]) if more else {}
    return Reply.of_json({"items": items, "metadata": metadata})


def _matching(catalogue: Catalogue, query: Query) -> list[Model]:
    """All that fit, best first; base models and levels are looked at page by page."""
    types, words = query.get("types", []), query.get("query", [""])[-1].lower().split()
    ids = {int(part) for value in query.get("ids", []) for part in value.split(",")}
    fit = [
        model
        for model in catalogue.models.values()
        if (not types or model.type in types)
        and (not ids or model.id in ids)
        and not model.real_person
        and all(word in model.name.lower() for word in words)
    ]
    return sorted(fit, key=_place)


def _place(model: Model) -> tuple[int, int]:
    return -model.downloads, -model.id


def _offset(query: Query, found: list[Model], limit: int) -> int:
    """Where a page begins; raises ``ValueError`` for a cursor that was never given."""
    if "page" in query:
        return (int(query["page"][-1]) - 1) * limit
    cursor = query.get("cursor", [""])[-1]
    if not cursor or "query" in query:
        return int(cursor or 0)
    downloads, _, identifier = cursor.partition("|")
    last = (-int(downloads), -int(identifier))
    return sum(_place(model) <= last for model in found)


def _following(civitai: Civitai, request: Request, so_far: list[Model]) -> dict[str, Any]:
    """The next page's cursor, and its address with the whole query repeated, token and all."""
    last = so_far[-1]
    searching = "query" in request.query
    cursor = str(len(so_far)) if searching else f"{last.downloads}|{last.id}"
    pairs = parse_qsl(urlsplit(request.target).query, keep_blank_values=True)
    query = urlencode([*(pair for pair in pairs if pair[0] != "cursor"), ("cursor", cursor)])
    address = f"http://{civitai.host_asked(request)}/api/v1/models?{query}"
    return {"nextCursor": cursor, "nextPage": address}


def _issues(query: Query) -> Iterator[dict[str, Any]]:
    """What zod complains of."""
    for place, value in enumerate(query.get("types", [])):
        if value not in TYPES:
            says = f"Invalid option: expected one of {'|'.join(TYPES)}"
            yield {"code": "invalid_value", "path": ["types", place], "message": says}
    limit = query.get("limit", ["100"])[-1]
    if not limit.isdigit() or int(limit) > 100:
        says = "Too big: expected number to be <=100"
        yield {"code": "too_big", "maximum": 100, "path": ["limit"], "message": says}
    if query.get("sort", ["Newest"])[-1] not in SORTS:
        yield {"code": "invalid_value", "path": ["sort"], "message": "Invalid option"}
    if query.get("nsfw", ["true"])[-1].lower() not in _BOOLEANS:
        yield {"code": "invalid_type", "path": ["nsfw"], "message": "Invalid input"}
    if len(query.get("fileFormats", ["", ""])) == 1:
        yield {"code": "invalid_type", "path": ["fileFormats"], "message": "expected array"}
