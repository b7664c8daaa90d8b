"""Which latent families a base model's name on Civitai allows: its author's claim, never proof."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).parents[2] / "data" / "civitai_base_models.json"


def declared_families(base_model: str | None) -> tuple[str, ...]:
    """Ids of the latent families that a base model's checkpoints work in; empty where unknown."""
    return _by_name().get((base_model or "").casefold(), ())


def base_models(family: str) -> tuple[str, ...]:
    """Civitai's names of the base models that may work in a latent family, as its filter spells."""
    return tuple(name for names, ids in _rows() if family in ids for name in names)


@cache
def _rows() -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    table = json.loads(_TABLE.read_text("utf-8"))
    return tuple((tuple(row["names"]), tuple(row["families"])) for row in table["rows"])


@cache
def _by_name() -> dict[str, tuple[str, ...]]:
    return {name.casefold(): ids for names, ids in _rows() for name in names}
