"""Values from the rows of ``queries.py``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from ..registry.naming import display_name
from ..registry.ports import Place, StoredVerdict
from ..registry.values import (
    Artifact,
    Component,
    Digests,
    Evidence,
    Identity,
    Latent,
    Location,
    Model,
    Notice,
    Rejection,
    Stamp,
    Verdict,
)
from .database import Row

if TYPE_CHECKING:
    from ..registry.measures import Cost


def model_from(row: Row, parts: Iterable[Component], places: Iterable[Location]) -> Model:
    """A model from its row of ``ARTIFACTS``, its components and its locations."""
    identity = Identity(row[9], row[10], tuple(parts), notices_from(row[12]))
    artifact = Artifact(Digests(*row[1:8]), row[8], identity, row[11])
    locations = tuple(places)
    return Model(row[0], name_of(artifact, locations), artifact, locations)


def name_of(artifact: Artifact, locations: tuple[Location, ...]) -> str:
    """By where it lies, so that it keeps its name while its disk is away; else as published."""
    present = next((place for place in locations if place.state == "present"), None)
    place = present or (locations[0] if locations else None)
    return display_name(place.path) if place else artifact.known_as or artifact.digests.sha256[:10]


def component_from(row: Row) -> Component:
    """A component from a row of ``COMPONENTS``."""
    _, role, architecture, layout, prefix, parts, dtypes, tensors, parameters, notices = row[:10]
    return Component(
        role,
        architecture,
        layout,
        prefix,
        texts_from(parts),
        texts_from(dtypes),
        tensors,
        parameters,
        None if row[11] is None else latent_from(row[12:]),
        notices_from(notices),
        row[10],
    )


def latent_from(columns: Row) -> Latent:
    """A fingerprint from its columns in a row of ``COMPONENTS``."""
    channels, spatial, temporal, family, candidates, *rest = columns
    return Latent(channels, spatial, temporal, family, texts_from(candidates), *rest)


def location_from(row: Row) -> Location:
    """A location from a row of ``LOCATIONS``."""
    return Location(os.fsdecode(row[1]), stamp_from(row[2:7]), row[7])


def place_from(row: Row) -> tuple[str, Place]:
    """A path and what lies there, from a row of ``PLACES``."""
    return os.fsdecode(row[0]), Place(stamp_from(row[1:6]), row[6], row[7])


def rejection_from(row: Row) -> Rejection:
    """A refused file from a row of ``REJECTIONS``."""
    return Rejection(os.fsdecode(row[0]), row[6], row[7])


def refused_place_from(row: Row) -> tuple[str, Place]:
    """A path and why it was refused, from a row of ``REJECTIONS``."""
    rejection = rejection_from(row)
    return rejection.path, Place(stamp_from(row[1:6]), "rejected", None, rejection)


def verdict_from(row: Row, evidence: Iterable[Evidence]) -> StoredVerdict:
    """A verdict from its row of ``VERDICTS`` and its checks."""
    verdict = Verdict(row[3], row[4], tuple(evidence), texts_from(row[5]))
    cost = None if row[9] is None else _cost_from(row[9])
    images = texts_from(row[10] or "[]")
    return StoredVerdict(row[1], row[2], verdict, row[6], row[7], row[8], cost, images)


def _cost_from(column: str) -> Cost:
    # The values of measurements take 8 ms to import: a listing without any does not pay for it.
    from ..registry.measures import Cost

    return Cost(**json.loads(column))


def evidence_from(row: Row) -> Evidence:
    """A check from a row of ``EVIDENCE``."""
    return Evidence(*row[1:6])


def stamp_from(columns: Row) -> Stamp:
    """A stamp from the columns size, mtime_ns, ctime_ns, device and inode."""
    return Stamp(*map(int, columns))


@lru_cache(maxsize=4096)
def texts_from(column: str) -> tuple[str, ...]:
    """A list of texts from a JSON column; few distinct ones occur, so they are kept."""
    return tuple(json.loads(column))


@lru_cache(maxsize=4096)
def notices_from(column: str) -> tuple[Notice, ...]:
    """Notices from a JSON column of pairs."""
    return tuple(Notice(code, message) for code, message in json.loads(column))
