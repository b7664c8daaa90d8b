"""Pictures posted for versions, as Civitai's list of them gives them
(civitai/civitai, src/pages/api/v1/images/index.ts)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .base import Reply, Request
from .civitai_list import told

if TYPE_CHECKING:
    from .civitai import Civitai

_LEVELS = ("None", "Soft", "Mature", "X", "true", "false")
_MADE = {"Size": "512x768", "seed": 1, "steps": 28, "sampler": "Euler a", "cfgScale": 7}


@dataclass(frozen=True)
class Picture:
    """One picture; ``meta`` is what its uploader's program wrote, None where nothing was found."""

    version: int
    meta: Any = None
    level: str = "None"

    @classmethod
    def by_webui(cls, version: int, skip: object = None, key: str = "clipSkip") -> Picture:
        """As A1111 writes it: no word of clip skip at 1."""
        return cls(version, _MADE | ({} if skip is None else {key: skip}))


def pictured(civitai: Civitai, request: Request) -> Reply:
    """GET /api/v1/images"""
    asked = {name: values[-1] for name, values in request.query.items()}
    limit, level = asked.get("limit", "100"), asked.get("nsfw", "None")
    if not limit.isdigit() or int(limit) > 200 or level not in _LEVELS:
        return told(400, "Invalid query")
    reach = _LEVELS.index(level) if level in _LEVELS[:4] else 3 * (level == "true")
    found = [
        picture
        for picture in civitai.pictures
        if str(picture.version) == asked.get("modelVersionId")
        and _LEVELS.index(picture.level) <= reach
    ]
    items = [
        _item(number, picture, asked.get("withMeta") == "true")
        for number, picture in enumerate(found[: int(limit)], 1)
    ]
    more = {"nextCursor": limit} if len(found) > int(limit) else {}
    return Reply.of_json({"items": items, "metadata": more})


def _item(number: int, picture: Picture, with_meta: bool) -> dict[str, Any]:
    return {
        "id": number,
        "url": f"https://image.invalid/{number}.jpeg",
        "width": 512,
        "height": 768,
        "nsfw": picture.level != "None",
        "nsfwLevel": picture.level,
        "type": "image",
        "createdAt": "2025-05-01T10:00:00.000Z",
        "postId": number,
        "stats": {"likeCount": 1},
        "meta": picture.meta if with_meta else None,
        "username": "someone",
        "baseModel": "SD 1.5",
        "modelVersionIds": [picture.version],
    }
