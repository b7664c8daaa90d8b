"""A text against the failure catalogue: every failure it shows, the most telling first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..families import families
from ..naming import shown
from ..verdicts.half_precision import DENOISER_SWITCHES, SWITCHES
from .catalog import failures, frontends
from .reading import folded, plain
from .values import Channels, Cure, Explanation, Failure, Pattern

WINDOW = 900
"""Letters of a message that are looked at."""
NEAR = 6000
"""Letters on either side in which a traceback names what a message speaks of."""
MOST_TRIES = 2000
"""Places tried for one pattern: more lines than the largest wall of tensor names has."""
MOST_ALIKE = 3
"""Different cases told of one failure."""

_SIDES = ("model", "vae", "latents")
_FAMILIAR = (*_SIDES, "one", "other")
"""Numbers that mean latent channels: no family has them, no such failure."""
_NO_LATENTS = "pixel"
"""Three channels are a picture's."""
_LIBRARY = "diffusers"
"""Stands inside other frontends, whose traces say more."""
_TABLES = {"vae": SWITCHES, "denoiser": DENOISER_SWITCHES}


def explain(text: str, frontend: str | None = None) -> tuple[Explanation, ...]:
    """Every failure of the catalogue that a text shows, the most telling first.

    ``frontend`` is a name of the catalogue's; without one, traces in the text tell it. Cost grows
    with the length of the text, whatever it holds.
    """
    lines = plain(text)
    small = folded(lines)
    # What starts other frontends leaves no traces of its own: theirs tell whose error it is.
    place = {frontend} if frontend and frontends()[frontend] else seen_frontends(small)
    taken: set[int] = set()
    told: dict[tuple[str, str, Channels], Explanation] = {}
    for failure in failures():
        if any(one.failure.id in failure.unless for one in told.values()):
            continue
        for found in list(_cases(failure, lines, small, taken, place))[:MOST_ALIKE]:
            told.setdefault((failure.id, found.cause, found.channels), found)
    return tuple(told.values())


def seen_frontends(small: str) -> set[str]:
    """The frontends whose traces stand in a text in lower case."""
    found = {name for name, traces in frontends().items() if any(one in small for one in traces)}
    return found - {_LIBRARY} or found


def of_channels(channels: int, dims: int | None = None) -> tuple[str, ...]:
    """Families whose latents, packed ones too, have so many channels, in the table's order."""
    return tuple(
        row.id
        for row in families().values()
        if channels in (row.channels, row.packed_channels)
        and dims in (None, row.dims)
        and row.id != _NO_LATENTS
    )


def _cases(
    failure: Failure, lines: str, small: str, taken: set[int], place: set[str]
) -> Iterator[Explanation]:
    """The different cases of one failure; places that a row above explained are passed by."""
    met: set[tuple[str, Channels]] = set()
    for pattern in failure.patterns:
        for start in _places(pattern, small):
            if start in taken or not _is_near(failure.beside, small, start):
                continue
            match = pattern.match(lines[start : start + WINDOW])
            caught = _caught(match, failure.dims) if match else None
            if match is None or caught is None:
                continue
            taken.add(start)
            found = _explanation(failure, match, caught, place)
            if (found.cause, found.channels) not in met:
                met.add((found.cause, found.channels))
                yield found


def _places(pattern: Pattern, small: str) -> Iterator[int]:
    start = -1
    for _ in range(MOST_TRIES):
        start = small.find(pattern.starts, start + 1)
        if start < 0:
            return
        yield start


def _is_near(words: tuple[str, ...], small: str, start: int) -> bool:
    around = small[max(0, start - NEAR) : start + NEAR] if words else ""
    return not words or any(word in around for word in words)


def _caught(match: re.Match[str], dims: int | None) -> dict[str, int | str] | None:
    """What the groups caught, numbers as numbers; None where the numbers cannot be channels."""
    caught: dict[str, int | str] = {}
    for name, value in match.groupdict().items():
        if value is not None:
            caught[name] = int(value) if value.isdecimal() else shown(value)
    for side in ("model", "vae"):
        moments = caught.get(f"{side}_twice")
        if isinstance(moments, int):
            # An encoder ends in a mean and a variance for each latent channel.
            if moments % 2:
                return None
            caught[side] = moments // 2
    strange = (caught.get(name) for name in _FAMILIAR)
    if any(isinstance(number, int) and not of_channels(number, dims) for number in strange):
        return None
    pairs = (("vae", "model"), ("vae", "built"), ("one", "other"), ("model", "latents"))
    equal = any(one in caught and caught[one] == caught.get(other) for one, other in pairs)
    return None if equal else caught


def _explanation(
    failure: Failure, match: re.Match[str], caught: Mapping[str, int | str], place: set[str]
) -> Explanation:
    numbers = {side: caught[side] for side in _SIDES if isinstance(caught.get(side), int)}
    channels = Channels(**{side: int(number) for side, number in numbers.items()})
    named = {side: of_channels(int(number), failure.dims) for side, number in numbers.items()}
    meant = place & set(failure.frontends) if failure.frontends else place
    concerned = tuple(name for name in frontends() if name in meant) or failure.frontends
    return Explanation(
        failure,
        failure.cause.format(**caught),
        concerned,
        tuple(_cures(failure, concerned)),
        channels,
        {**named, **failure.families},
        shown(match.group(), 300),
    )


def _cures(failure: Failure, concerned: tuple[str, ...]) -> Iterator[Cure]:
    """The cures for those frontends, or for all where none is known; the general ones first."""
    switches = tuple(Cure(switch, name) for name, switch in _TABLES.get(failure.switches or "", ()))
    for cure in (*failure.cures, *switches):
        if cure.frontend is None or not concerned or cure.frontend in concerned:
            yield cure
