"""The tensors of an unpickled tree under flat names, and the plain facts that stand beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .faults import Damaged
from .pickle_values import Entries, TensorView

WRAPPERS = ("state_dict", "model", "module", "params_ema", "params", "ema")
"""Dictionaries around a whole state dict, the preferred one first."""
TRAINING = frozenset({"optimizer", "optimizer_states", "lr_schedulers", "callbacks", "loops"})
"""What training leaves beside the weights."""

_WRAPPERS_DEEP = 3
_DEEPEST = 8
_MOST_TENSORS = 200_000
_LONGEST_NAME = 1_000
_MOST_FACTS = 200
_LONGEST_FACT = 1_000
_HIGHEST_NUMBER = 2**31
_CONTAINERS = (Entries, list, tuple)
_HOLDERS = (TensorView, *_CONTAINERS)

Parts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Contents:
    """A tree of pickled values as a header shows it."""

    tensors: Mapping[str, TensorView]
    metadata: Mapping[str, str]
    aside: int
    """Tensors that were left out: training state, or beside the dictionary that was opened."""


def collect(root: object) -> Contents:
    """Open wrappers, join the names of nested containers with dots; raises ``Damaged``.

    Never compares or prints what it walks over, and opens each container once, so that neither
    depth, nor cycles, nor shared references cost more than the file itself.
    """
    metadata: dict[str, str] = {}
    aside = 0
    for _ in range(_WRAPPERS_DEEP):
        if type(root) is not Entries:
            break
        parts = _parts(root)
        metadata = _facts(parts) | metadata
        weights = _weights(parts)
        wrapper = _wrapper(weights)
        if wrapper is None:
            break
        aside += sum(weights.values()) - weights[wrapper]
        root = parts[wrapper]
    tensors, left = _without_training(root)
    return Contents(tensors, metadata, aside + left)


def _wrapper(weights: Mapping[str, int]) -> str | None:
    """The wrapper with most tensors, unless more of them lie outside of any wrapper."""
    held = {key: weights[key] for key in WRAPPERS if weights.get(key)}
    if "params_ema" in held:
        held.pop("params", None)
    if not held:
        return None
    best = max(held, key=lambda key: held[key])
    known = (*WRAPPERS, *TRAINING)
    outside = sum(count for key, count in weights.items() if key not in known)
    return best if held[best] >= outside else None


def _without_training(root: object) -> tuple[dict[str, TensorView], int]:
    everything = dict(_walk(root, set()))
    if type(root) is not Entries:
        return everything, 0
    left = [key for key, value in _parts(root).items() if key in TRAINING and _is_container(value)]
    prefixes = tuple(f"{key}." for key in left)
    kept = {name: view for name, view in everything.items() if not name.startswith(prefixes)}
    return kept, len(everything) - len(kept)


def _weights(parts: Parts) -> dict[str, int]:
    """How many tensors each part holds; what two parts share counts for the first."""
    opened: set[int] = set()
    return {key: sum(1 for _ in _walk(value, opened)) for key, value in parts.items()}


def _walk(root: object, opened: set[int]) -> Iterator[tuple[str, TensorView]]:
    """Every tensor below ``root`` with its name, in the order of the file."""
    if type(root) is TensorView:
        yield "tensor", root
    if not _is_container(root) or id(root) in opened:
        return
    opened.add(id(root))
    path = [("", _children(root))]
    found = 0
    while path:
        prefix, rest = path[-1]
        for key, value in rest:
            if type(value) is TensorView:
                found += 1
                _require_bounds(found, prefix, key)
                yield prefix + key, value
            elif _is_container(value) and len(path) < _DEEPEST and id(value) not in opened:
                opened.add(id(value))
                path.append((f"{prefix}{key}.", _children(value)))
                break
        else:
            path.pop()


def _require_bounds(found: int, prefix: str, key: str) -> None:
    if found > _MOST_TENSORS:
        raise Damaged(f"has more than {_MOST_TENSORS:,} tensors")
    if len(prefix) + len(key) > _LONGEST_NAME:
        raise Damaged(f"has a tensor name of more than {_LONGEST_NAME:,} characters")


def _is_container(value: object) -> bool:
    return type(value) in _CONTAINERS


def _children(container: object) -> Iterator[tuple[str, object]]:
    """What a container holds by name or position, plain values left out."""
    held: Iterable[tuple[object, object]] = ()
    if type(container) is Entries:
        held = _parts(container).items()
    elif isinstance(container, list | tuple):
        held = enumerate(container)
    return ((str(key), value) for key, value in held if type(value) in _HOLDERS)


def _parts(entries: Entries) -> Parts:
    """What a dictionary holds under texts and small whole numbers, the last of each key."""
    return {str(key): value for key, value in entries.pairs if _is_name(key)}


def _is_name(key: object) -> bool:
    return type(key) is str or (type(key) is int and 0 <= key < _HIGHEST_NUMBER)


def _facts(parts: Parts) -> dict[str, str]:
    """Plain numbers and texts, bounded in number and length."""
    facts: dict[str, str] = {}
    for key, value in parts.items():
        if len(facts) == _MOST_FACTS:
            break
        if type(value) in (str, int, float, bool) and len(key) <= _LONGEST_FACT:
            facts[key] = str(value)[:_LONGEST_FACT]
    return facts
