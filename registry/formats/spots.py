"""Many short reads out of one file, neighbours fetched together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .base import ByteSource

_GAP = 4 * 1024
"""Bytes read for nothing rather than asking twice."""
_LONGEST = 1024 * 1024


class Spot(NamedTuple):
    """A short range of a file."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """First byte after the range."""
        return self.offset + self.length


def read_spots(source: ByteSource, spots: Iterable[Spot]) -> dict[int, bytes]:
    """The bytes of each range by its offset; costs one read per cluster. Raises ``Unreadable``."""
    found: dict[int, bytes] = {}
    for cluster in _clusters(sorted(set(spots))):
        start = cluster[0].offset
        data = source.read(start, max(spot.end for spot in cluster) - start)
        for spot in cluster:
            found[spot.offset] = data[spot.offset - start : spot.end - start]
    return found


def _clusters(spots: list[Spot]) -> list[list[Spot]]:
    clusters: list[list[Spot]] = []
    for spot in spots:
        if clusters and _belongs(spot, clusters[-1]):
            clusters[-1].append(spot)
        else:
            clusters.append([spot])
    return clusters


def _belongs(spot: Spot, cluster: list[Spot]) -> bool:
    return spot.offset - cluster[-1].end <= _GAP and spot.end - cluster[0].offset <= _LONGEST
