"""References of cross-decodes at hand: one that judges many VAEs encodes and decodes once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..stamps import Stamp, stamps
from .crossing import Referenced, referenced

if TYPE_CHECKING:
    from ...registry.measures import CrossTask, Scaling, VaeFile
    from .bench import Bench

MOST = 4
"""References kept; each takes some 4 MB."""


@dataclass(frozen=True, slots=True)
class _Key:
    """All that a reference depends on, beside the device."""

    encoder: _File
    decoder: _File
    normalisation: Scaling
    image: tuple[str | None, tuple[Stamp, ...]]


_File = tuple[str, str, tuple[Stamp, ...]]


@dataclass(frozen=True, slots=True)
class _Kept:
    made: Referenced
    tile: int | None
    notes: tuple[str, ...]


class References:
    """``crossing.referenced`` with a memory of the last few, for one device and one loader."""

    def __init__(self) -> None:
        self._kept: dict[_Key, _Kept] = {}
        """The least recently used first."""

    def __call__(self, bench: Bench, task: CrossTask) -> Referenced:
        """As ``referenced``; what was done for want of memory is told every time."""
        key = _key(task)
        kept = self._kept.pop(key, None) or _made(bench, task)
        self._kept[key] = kept
        if len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
        bench.tile = kept.tile
        bench.notes.extend(note for note in kept.notes if note not in bench.notes)
        return kept.made


def _made(bench: Bench, task: CrossTask) -> _Kept:
    made = referenced(bench, task)
    return _Kept(made, bench.tile, tuple(bench.notes))


def _key(task: CrossTask) -> _Key:
    image = (task.image, stamps(task.image) if task.image is not None else ())
    return _Key(_file(task.encoder), _file(task.decoder), task.normalisation, image)


def _file(vae: VaeFile) -> _File:
    return vae.path, vae.prefix, stamps(vae.path, vae.prefix)
