"""Which latent space a VAE's colour answers tell, and how sure that is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..families import Family, families
from ..measures import Reading
from .likeness import Half, Likeness, compare, cosine, fault, is_sound, leaders, limit
from .references import Reference, gains_of, means_of, references, spread_of


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A VAE of the registry whose family is known otherwise than by its colours."""

    name: str
    family: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Score:
    """How one half's answer compares with the nearest reference of one space."""

    space: str
    family: str
    source: str
    """Repository and path of the reference, or a recorded model's name."""
    half: str
    """``decoder`` | ``encoder``."""
    cosine: float
    chroma: float
    """Cosine of the rows' deviations from grey."""


@dataclass(frozen=True, slots=True)
class Match:
    """The latent space that a VAE's colours tell."""

    certainty: str
    """``certain`` | ``likely`` | ``unknown``."""
    space: str | None
    """Id of the space, which is a family's id; None while unknown."""
    why: str
    """One sentence with the figures that decided."""
    halves: str = "none"
    """What was judged: ``decoder`` | ``encoder`` | ``both`` | ``none``."""
    cosine: float = 0.0
    """To the nearest reference of all; the decoder's where both halves were read."""
    chroma: float = 0.0
    margin: float = 0.0
    """By how much the cosine is above that of the best other space."""
    reference: Score | None = None
    """The nearest reference, also where the answer is unknown."""
    agreement: float | None = None
    """Cosine between the encoder's fit and the decoder's answer."""
    contradicts: bool = False
    """The colours are far from every space that the header leaves open."""
    ranked: tuple[Score, ...] = ()
    """Every space compared, best first, the decoder's before the encoder's."""

    @property
    def family(self) -> str | None:
        """The family that the space is named after; which normalisation, the checkpoint says."""
        return self.space


def probe_point(
    rows: Sequence[Family], channels: int, scaled: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """One standard deviation and the mean of a VAE's own latents, channel by channel.

    Medians over the families that it may be of and that have colours to compare with (geometric
    between two deviations). Normalised latents, and raw ones of families without published
    figures, have deviation 1 and mean 0.
    """
    known = [row for row in rows if row.channels == channels and row.rgb_tables and gains_of(row)]
    if scaled or not known:
        return (1.0,) * channels, (0.0,) * channels
    units = [[math.log(unit) for unit in spread_of(row)] for row in known]
    bases = [means_of(row) for row in known]
    return tuple(math.exp(middle) for middle in _medians(units)), _medians(bases)


def match(
    reading: Reading,
    channels: int,
    candidates: Sequence[str],
    neighbours: Sequence[Neighbour] = (),
) -> Match:
    """Judge what was read against every candidate family of that many channels.

    Each half is judged by itself: cosine to the nearest reference of a space, margin to the best
    other space, chroma cosine, and the share of another space in the best mix of two references.
    Two halves must agree with each other and on the space. Recorded VAEs (``neighbours``) raise a
    cosine, but the answer is certain only where a published or measured reference points the same
    way. Never raises: what cannot be judged is ``unknown`` and says why.
    """
    halves = _halves(reading)
    if not (reading.finite and all(is_sound(half.rows) for half in halves)):
        return Match("unknown", None, "it gives NaN or infinity for ordinary input")
    if not halves:
        return Match("unknown", None, reading.trouble or "neither half of it could be read")
    if any(len(half.rows) != channels for half in halves):
        return Match("unknown", None, f"it does not answer to {channels} latent channels")
    names = [name for name in candidates if _counts(name) == channels]
    known = (*references(names), *_recorded(neighbours, names, channels))
    if not known:
        return Match("unknown", None, "no colour table is known for a family of its shape")
    found = _joined(tuple(_judged(half, known) for half in halves), halves)
    if not _covers(known, names):
        found = replace(found, contradicts=False)
    if reading.contrast is not None and reading.contrast < limit("grey_contrast", channels):
        return _withdrawn(found, "its pictures hardly change with the latents")
    return found


def _judged(half: Half, known: Sequence[Reference]) -> Match:
    """The answer of one half, by itself."""
    compared = compare(half, known)
    first, *others = leaders(compared)
    ranked = tuple(_score(it, half) for it in (first, *others))
    found = Match(
        "unknown",
        None,
        "",
        half.name,
        first.cosine,
        first.chroma,
        first.cosine - (others[0].cosine if others else 0.0),
        ranked[0],
        contradicts=first.cosine < limit("contradiction_cosine", len(half.rows)),
        ranked=ranked,
    )
    certainty = _certainty(found, compared)
    obstacle = fault(half, compared) if certainty else "that is not near enough to tell"
    if certainty is None or obstacle:
        return replace(found, why=f"{_figures(found, 'come nearest to')}: {obstacle}")
    why = _figures(found, "are those of" if certainty == "certain" else "are like those of")
    return replace(found, certainty=certainty, space=ranked[0].space, why=why)


def _certainty(found: Match, compared: Sequence[Likeness]) -> str | None:
    """``certain`` | ``likely`` | None, by the figures alone."""
    channels = len(compared[0].rows)
    space = compared[0].reference.family.space
    trusted = [
        it.cosine for it in compared if it.reference.trusted and it.reference.family.space == space
    ]
    if found.margin < limit("margin", channels) or found.chroma < limit("chroma", channels):
        return None
    likely, certain = limit("likely_cosine", channels), limit("certain_cosine", channels)
    if found.cosine >= certain and max(trusted, default=0.0) >= likely:
        return "certain"
    return "likely" if found.cosine >= likely else None


def _covers(known: Sequence[Reference], names: Sequence[str]) -> bool:
    """Whether every space that may be has a trusted reference."""
    trusted = {it.family.space for it in known if it.trusted}
    return {families()[name].space for name in names} <= trusted


def _joined(found: Sequence[Match], halves: Sequence[Half]) -> Match:
    """The answer of the whole VAE: its only half's, or what both say together."""
    if len(found) == 1:
        return found[0]
    decoder, encoder = found
    agreement = cosine(halves[0].rows, halves[1].rows)
    both = replace(
        decoder,
        halves="both",
        agreement=agreement,
        contradicts=decoder.contradicts and encoder.contradicts,
        ranked=(*decoder.ranked, *encoder.ranked),
    )
    if agreement < limit("agreement", len(halves[0].rows)):
        why = f"the halves do not belong together: their colours agree by {agreement:.2f} only"
        return _withdrawn(both, why)
    if decoder.space is None:
        return both
    assert decoder.reference is not None
    assert encoder.reference is not None
    if encoder.reference.space != decoder.space:
        why = f"decoder and encoder disagree: {decoder.why}; {encoder.why}"
        return _withdrawn(both, why)
    why = f"{decoder.why}; the encoder's too ({encoder.cosine:.3f})"
    if encoder.space is None:
        why = f"{decoder.why}; {encoder.why}"
    return replace(both, why=why, certainty="likely" if encoder.space is None else both.certainty)


def _withdrawn(found: Match, why: str) -> Match:
    return replace(found, certainty="unknown", space=None, why=why)


# --- what goes in and out ---


def _halves(reading: Reading) -> tuple[Half, ...]:
    halves = []
    if reading.response:
        halves.append(Half("decoder", reading.response.jacobian, reading.response.scaled))
    if reading.fit:
        halves.append(Half("encoder", reading.fit.factors, reading.fit.scaled))
    return tuple(halves)


def _recorded(
    neighbours: Sequence[Neighbour], names: Sequence[str], channels: int
) -> tuple[Reference, ...]:
    """The decoders' answers of the recorded VAEs of those families."""
    return tuple(
        Reference(
            families()[it.family],
            it.name,
            it.reading.response.jacobian,
            it.reading.response.scaled,
            trusted=False,
        )
        for it in neighbours
        if it.family in names
        and it.reading.finite
        and it.reading.response
        and len(it.reading.response.jacobian) == channels
        and is_sound(it.reading.response.jacobian)
    )


def _counts(name: str) -> int | None:
    row = families().get(name)
    return row.channels if row else None


def _score(it: Likeness, half: Half) -> Score:
    row = it.reference.family
    return Score(row.space, row.id, it.reference.source, half.name, it.cosine, it.chroma)


def _figures(found: Match, are: str) -> str:
    assert found.reference is not None
    return (
        f"the {found.halves}'s colours {are} {found.reference.family} (cosine {found.cosine:.3f}, "
        f"{found.margin:.2f} above any other space, hue {found.chroma:.2f})"
    )


def _medians(columns: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(statistics.median(values) for values in zip(*columns, strict=True))
