"""Readings of VAEs from the rows of ``queries.READINGS``."""

from __future__ import annotations

import json

from ..registry.measures import EncoderFit, Reading, Response, Rgb
from .database import Row


def reading_from(row: Row) -> tuple[str, Reading]:
    """A model's SHA-256 and what its VAE told, from a row of ``READINGS``."""
    response, fit, finite, contrast = (None if it is None else json.loads(it) for it in row[1:5])
    return row[0], Reading(
        response and Response(_rgb_from(response["jacobian"]), response["scaled"]),
        fit and EncoderFit(_rgb_from(fit["factors"]), fit["deviation"], fit["scaled"]),
        bool(finite),
        contrast,
        row[5],
    )


def _rgb_from(table: list[list[float]]) -> tuple[Rgb, ...]:
    return tuple((red, green, blue) for red, green, blue in table)
