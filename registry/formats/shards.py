"""Weights split over several files, with an index that says which tensor lies in which."""

from __future__ import annotations

from collections.abc import Mapping

from ..naming import shown
from ..values import Header
from .faults import Damaged

_MOST_SHARDS = 1000


def weight_map(index: Mapping[str, object]) -> dict[str, str]:
    """Tensor name -> file name, from a shard index.

    Raises ``Damaged`` where it is none, or sends its reader out of the folder it lies in.
    """
    places = index.get("weight_map")
    if not isinstance(places, dict) or not places:
        raise Damaged("is no index of shards: it has no weight_map")
    for shard in set(map(str, places.values())):
        if not shard or shard.startswith(".") or not set(shard).isdisjoint("/\\:\0"):
            raise Damaged(f"sends its reader to {shown(shard)}, which is no file beside it")
    if not all(type(shard) is str for shard in places.values()):
        raise Damaged("is no index of shards: its weight_map holds something other than names")
    if len(set(places.values())) > _MOST_SHARDS:
        raise Damaged(f"names more than {_MOST_SHARDS} shards")
    return places


def merged(headers: Mapping[str, Header], places: Mapping[str, str]) -> Header:
    """The headers of the shards at hand as one; each tensor from the shard the index names.

    Offsets stay those within the tensor's own file.
    """
    first, *_ = headers.values()
    return Header(
        first.format,
        sum(header.size for header in headers.values()),
        {
            name: tensor
            for shard, header in headers.items()
            for name, tensor in header.tensors.items()
            if places.get(name, shard) == shard
        },
        first.metadata,
        tuple(notice for header in headers.values() for notice in header.notices),
    )
