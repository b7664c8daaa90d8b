"""What the pictures on a version's page say of the clip skip that they were made with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import DownloadBroken
from ...textual.values import DEEPEST, SamplePictures
from ..ref_values import CivitaiRef
from .routes import Routes

if TYPE_CHECKING:
    from ...transfer.client import Client

MOST = 100
"""Pictures asked for: one page of the list (civitai/civitai, src/pages/api/v1/images/index.ts)."""
_SKIP = "clipskip"
"""``clipSkip`` (civitai/civitai src/utils/metadata/automatic.metadata.ts), ``Clip skip``,
``clip_skip``, ``CLiP-skip``: letters alone, in lower case."""
_MADE = {"steps", "sampler", "cfgscale", "seed", _SKIP}
"""Keys of which one at least stands where a program wrote how it made a picture."""


def pictures_of(client: Client, routes: Routes, ref: CivitaiRef) -> SamplePictures:
    """The newest pictures of a version, counted by clip skip; nonsense is taken for silence.

    The REF names the version. Raises ``SourceError``.
    """
    query = [
        ("modelVersionId", str(ref.version)),
        ("limit", str(MOST)),
        ("withMeta", "true"),
        ("flatMeta", "true"),
        ("nsfw", "X"),
    ]
    answer = client.json(routes.images, query)
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise DownloadBroken("Civitai's answer is no list of pictures", "try again later")
    told = [meta for item in items[:MOST] if (meta := _meta(item)) and _MADE & meta.keys()]
    page = CivitaiRef(ref.model, ref.version)
    counts = Counter(count for meta in told if (count := _count(meta.get(_SKIP))))
    return SamplePictures(str(page), len(told), tuple(counts.most_common()))


def _meta(item: object) -> Mapping[str, Any] | None:
    """How a picture was made, keys in lower case letters; it may be wrapped once more.

    Keys that fall together and contradict each other leave None.
    """
    meta = item.get("meta") if isinstance(item, dict) else None
    if isinstance(meta, dict) and isinstance(meta.get("meta"), dict):
        meta = meta["meta"]
    if not isinstance(meta, dict):
        return None
    named: dict[str, Any] = {}
    for key, value in meta.items():
        name = re.sub("[^a-z]", "", key.lower())
        if name == _SKIP and _count(named.get(name, value)) != _count(value):
            return None
        named[name] = value
    return named


def _count(value: object) -> int | None:
    """A whole number of layers, as a text or a number; None for everything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,2}", value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Numbers of any size are compared, never converted: an int may be too large for a float.
    return int(value) if value in range(1, DEEPEST + 1) else None
