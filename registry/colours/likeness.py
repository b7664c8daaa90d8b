"""How alike a half's colour answer and the references of the latent families are."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..measures import Rgb
from ..thresholds import thresholds
from .references import Reference, Rows

_ABSURD = 1e100


@dataclass(frozen=True, slots=True)
class Half:
    """What one half of a VAE tells of colour."""

    name: str
    """``decoder`` | ``encoder``."""
    rows: tuple[Rgb, ...]
    scaled: bool
    """On normalised latents, see ``Response``."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A half's answer beside one reference in the same units."""

    reference: Reference
    rows: tuple[Rgb, ...]
    cosine: float
    chroma: float
    """Cosine of the rows' deviations from grey; 0 where either has none."""


def limit(name: str, channels: int) -> float:
    """A threshold of the colour response, by the number of channels where it has two values.

    Twelve numbers agree by chance far more often than 48: see the origins in the table.
    """
    table = thresholds("colour_response")
    many = channels >= table["many_channels"]
    return table[name] if name in table else table[f"{name}_{'many' if many else 'few'}"]


def compare(half: Half, known: Sequence[Reference]) -> tuple[Likeness, ...]:
    """The half beside every reference, the nearest first."""
    found = []
    for reference in known:
        rows = reference.in_units(half.scaled)
        chroma = cosine(tint(half.rows), tint(rows))
        found.append(Likeness(reference, rows, cosine(half.rows, rows), chroma))
    return tuple(sorted(found, key=lambda it: -it.cosine))


def leaders(compared: Sequence[Likeness]) -> tuple[Likeness, ...]:
    """The nearest reference of each space, the nearest space first."""
    spaces: dict[str, Likeness] = {}
    for it in compared:
        spaces.setdefault(it.reference.family.space, it)
    return tuple(spaces.values())


def fault(half: Half, compared: Sequence[Likeness]) -> str | None:
    """What forbids an answer however alike the half and its nearest reference are, as a clause.

    Recorded VAEs have no say where the space has a trusted reference: one of them may be the very
    fault that is looked for.
    """
    compared = _proven(compared)
    first, channels = compared[0], len(half.rows)
    gain = length(half.rows) / max(length(first.rows), 1e-12)
    if not limit("weakest_gain", channels) <= gain <= limit("strongest_gain", channels):
        return f"it answers {gain:.2g} times as strongly as a VAE of that space"
    vividness = _colourfulness(half.rows) / max(_colourfulness(first.rows), 1e-12)
    if vividness < limit("grey_chroma", channels):
        return "its answer has brightness and hardly any colour"
    other, part = foreign_share(half, compared)
    if other is not None:
        return f"it looks like a mix with {part:.0%} of {other.reference.family.space}"
    space = blend(half, compared)
    if space is not None:
        return f"it is explained by a mix with {space} alone"
    gain, places = disorder(half.rows, first.rows)
    if gain > limit("disorder", channels):
        change = "negated" if len(places) == 1 else "swapped"
        return f"it looks as if latent channels were {change}: {' and '.join(map(str, places))}"
    return None


def _proven(compared: Sequence[Likeness]) -> Sequence[Likeness]:
    """The leading space's trusted references, if it has any, then those of the other spaces."""
    space = compared[0].reference.family.space
    own = [it for it in compared if it.reference.family.space == space]
    others = [it for it in compared if it.reference.family.space != space]
    return [*([it for it in own if it.reference.trusted] or own), *others]


def foreign_share(half: Half, compared: Sequence[Likeness]) -> tuple[Likeness | None, float]:
    """The reference of another space that a mix with the nearest one draws on too much, its share.

    Least squares of the answer on two references of unit length. With few channels the deviations
    from grey are asked as well: brightness is much the same in all spaces of four channels.
    """
    first, channels = compared[0], len(half.rows)
    views: dict[str, Callable[[Rows], Rows]] = {"foreign_share": lambda rows: rows}
    if channels < limit("many_channels", channels):
        views["foreign_chroma_share"] = tint
    for it in leaders(compared)[1:]:
        for name, view in views.items():
            part = share(view(half.rows), view(first.rows), view(it.rows))
            if part > limit(name, channels):
                return it, part
    return None, 0.0


def blend(half: Half, compared: Sequence[Likeness]) -> str | None:
    """The space that, mixed in, explains the answer far better than any reference by itself.

    Sources of one family differ among themselves as much as by a fifth of another family, so the
    nearest one may hide a mix that two others lay open.
    """
    channels, space = len(half.rows), compared[0].reference.family.space
    own = [it for it in compared if it.reference.family.space == space]
    rest = 1 - compared[0].cosine ** 2
    if rest < 1e-4:
        return None
    for other in compared:
        if other.reference.family.space == space:
            continue
        for it in own:
            part = share(half.rows, it.rows, other.rows)
            if part > limit("blend_share", channels) and (
                _unexplained(it, other) < limit("blend_rest", channels) * rest
            ):
                return other.reference.family.space
    return None


def _unexplained(one: Likeness, other: Likeness) -> float:
    """1 - cosine ** 2 between an answer and the plane of two references."""
    between = cosine(one.rows, other.rows)
    both = one.cosine**2 + other.cosine**2 - 2 * between * one.cosine * other.cosine
    return 1 - both / max(1 - between**2, 1e-12)


def disorder(answer: Rows, own: Rows) -> tuple[float, tuple[int, ...]]:
    """The most that one channel's sign, or two channels' trading places, would add to the cosine.

    Below zero where every channel is best as it is. Two that trade places may change signs too.
    """
    size = max(length(answer) * length(own), 1e-12)
    table = [[math.fsum(map(operator.mul, a, b)) / size for b in own] for a in answer]
    found: list[tuple[float, tuple[int, ...]]] = []
    for k, line in enumerate(table):
        found.append((-2 * line[k], (k,)))
        for other in range(k):
            crossed = abs(line[other]) + abs(table[other][k])
            found.append((crossed - line[k] - table[other][other], (other, k)))
    return max(found)


# --- geometry of C x 3 numbers ---


def is_sound(rows: Rows) -> bool:
    """Whether every number is finite and within what the sums below can hold."""
    return all(abs(value) < _ABSURD for value in _flat(rows))


def cosine(one: Rows, other: Rows) -> float:
    """Cosine over all numbers; 0 where either is all zero."""
    size = length(one) * length(other)
    return (
        math.fsum(map(math.prod, zip(_flat(one), _flat(other), strict=True))) / size
        if size
        else 0.0
    )


def length(rows: Rows) -> float:
    """Root of the sum of squares."""
    return math.hypot(*_flat(rows))


def tint(rows: Rows) -> tuple[Rgb, ...]:
    """The rows less their own brightness."""
    return tuple((r - (m := (r + g + b) / 3), g - m, b - m) for r, g, b in rows)


def share(answer: Rows, own: Rows, other: Rows) -> float:
    """The other's part in the non-negative mix of two references that is nearest to the answer."""
    between = cosine(own, other)
    towards, aside = cosine(answer, own), cosine(answer, other)
    if between > 0.999:
        return 0.0
    first, second = max(0.0, towards - between * aside), max(0.0, aside - between * towards)
    return second / (first + second) if second else 0.0


def _colourfulness(rows: Rows) -> float:
    return length(tint(rows)) / max(length(rows), 1e-12)


def _flat(rows: Rows) -> list[float]:
    return [value for row in rows for value in row]
