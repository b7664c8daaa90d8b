"""Colours tell the latent space, and nothing that is not a family's decoder passes for one."""

from __future__ import annotations

import itertools
import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from vaereg.registry import thresholds as thresholds_module
from vaereg.registry.colours.references import Reference, gains_of, references
from vaereg.registry.colours.response import Match, Neighbour, match, probe_point
from vaereg.registry.families import families, same_shape
from vaereg.registry.measures import EncoderFit, Reading, Response
from vaereg.registry.samples.colours import grey, mixed, negated, swapped, vivid
from vaereg.registry.thresholds import thresholds

FOUR = same_shape(4, 8, 1)
SIXTEEN = same_shape(16, 8, 1)
Table = tuple[tuple[float, ...], ...]


def tables(family: str, trusted: bool = True) -> list[Table]:
    """The tables of a family on normalised latents, measured ones included."""
    return [it.rows for it in references([family]) if it.trusted == trusted]


def times(table: Table, gain: float) -> Table:
    """All numbers of a table multiplied."""
    return tuple(tuple(value * gain for value in row) for row in table)


def size(table: Table) -> float:
    """Root of the sum of squares."""
    return math.hypot(*itertools.chain.from_iterable(table))


def decoder(table: Table, scaled: bool = True, contrast: float = 0.3) -> Reading:
    """What is read of a decoder that answers like this."""
    return Reading(Response(table, scaled), None, contrast=contrast)


def both(answer: Table, fit: Table) -> Reading:
    """What is read of a whole VAE with that decoder and that encoder."""
    return replace(decoder(answer), fit=EncoderFit(fit, 1.0, scaled=True))


def asked(reading: Reading, candidates: tuple[str, ...] = FOUR, channels: int = 4) -> Match:
    return match(reading, channels, candidates)


SOURCES = [
    pytest.param(row.id, it, id=f"{row.id}-{it.source.split()[0]}-{number}")
    for row in families().values()
    for number, it in enumerate(references([row.id]))
]


@pytest.mark.parametrize(("family", "reference"), SOURCES)
def test_every_source_is_told_as_its_own_space(family: str, reference: Reference) -> None:
    row = families()[family]
    found = match(decoder(reference.rows), row.channels, same_shape(*row.shape))
    assert found.space == row.space
    proven = any(it.trusted for it in references([row.space]))
    assert found.certainty == ("certain" if proven else "likely"), found.why


@pytest.mark.parametrize("family", ["sd1", "sdxl", "sd3", "flux1", "flux2", "wan21", "cosmos"])
def test_raw_latents_are_told_like_normalised_ones(family: str) -> None:
    row = families()[family]
    gains = gains_of(row)
    assert gains
    raw = tuple(
        times((line,), gain)[0] for line, gain in zip(tables(family)[0], gains, strict=True)
    )
    found = match(decoder(raw, scaled=False), row.channels, same_shape(*row.shape))
    assert (found.certainty, found.space) == ("certain", row.space), found.why


def test_sources_left_out_are_told_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDXL decoder of madebyollin/taesd needs its own reference, no other source does."""
    untold = []
    for name, it in ((n, it) for n in ("sd1", "sdxl", "playground-v2.5") for it in references([n])):
        rest = tuple(other for other in references(FOUR) if other != it)
        monkeypatch.setattr(
            "vaereg.registry.colours.response.references", lambda _names, rest=rest: rest
        )
        found = asked(decoder(it.rows))
        assert found.space in (families()[name].space, None)
        if found.certainty != "certain":
            untold.append(it.source)
    assert untold == ["madebyollin/taesd taesdxl_decoder.safetensors"]


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
@pytest.mark.parametrize("more", [0.4, 0.2, -0.2])
def test_a_vivid_or_dull_finetune_stays_of_its_family(family: str, more: float) -> None:
    for table in tables(family):
        found = asked(decoder(vivid(table, more)))
        assert found.space == family, found.why


@pytest.mark.parametrize("share", [0.5, 0.6, 0.7, 0.8])
@pytest.mark.parametrize(
    ("one", "other"), [("sd1", "sdxl"), ("sdxl", "sd1"), ("sd3", "flux1"), ("flux1", "sd3")]
)
def test_no_mix_of_two_families_passes_for_either(one: str, other: str, share: float) -> None:
    row = families()[one]
    for first, second in itertools.product(tables(one), tables(other)):
        blend = mixed(times(first, 1 / size(first)), times(second, 1 / size(second)), share)
        found = match(decoder(blend), row.channels, same_shape(*row.shape))
        assert found.certainty == "unknown", (share, found.why)


@pytest.mark.parametrize(("one", "other"), [("sd1", "sdxl"), ("sdxl", "sd1")])
def test_mixes_of_decoders_that_are_no_references_hardly_pass(
    monkeypatch: pytest.MonkeyPatch, one: str, other: str
) -> None:
    """Two parts to one, both sources left out of the references: none passes of 20."""
    passed = []
    for first, second in itertools.product(references([one]), references([other])):
        rest = tuple(it for it in references(FOUR) if it not in (first, second))
        monkeypatch.setattr(
            "vaereg.registry.colours.response.references", lambda _names, rest=rest: rest
        )
        parts = (times(it.rows, 1 / size(it.rows)) for it in (first, second))
        found = asked(decoder(mixed(*parts, 0.67)))
        if found.certainty != "unknown":
            passed.append((first.source, second.source, found.certainty, found.why))
    assert not passed


def test_grey_is_told_even_where_one_family_alone_has_the_shape() -> None:
    dull = vivid(tables("sdxl")[0], -0.9)
    found = asked(decoder(dull), ("sdxl",))
    assert (found.certainty, found.cosine > 0.95) == ("unknown", True)
    assert "hardly any colour" in found.why


def test_a_recorded_mix_does_not_make_its_copies_a_family() -> None:
    blend = mixed(tables("sd1")[0], tables("sdxl")[0], 0.7)
    neighbour = Neighbour("claims to be sd1", "sd1", decoder(blend))
    assert match(decoder(blend), 4, FOUR, [neighbour]).certainty == "unknown"


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_channels_in_disorder_are_never_certain(family: str) -> None:
    """All 384 orders and signs of the four channels, for every source."""
    likely = 0
    for table in tables(family):
        assert asked(decoder(swapped(table, 0, 1))).certainty == "unknown"
        for order in itertools.permutations(range(4)):
            for signs in itertools.product((1, -1), repeat=4):
                changed = tuple(times((table[k],), s)[0] for k, s in zip(order, signs, strict=True))
                if changed != table:
                    certainty = asked(decoder(changed)).certainty
                    assert certainty != "certain", (order, signs)
                    likely += certainty == "likely"
    assert likely <= 5


@pytest.mark.parametrize(
    "reading",
    [
        decoder(grey(tables("sd1")[0])),
        decoder(grey(tables("sdxl")[0])),
        decoder(vivid(tables("sdxl")[0], -0.95)),
        decoder(negated(tables("sd1")[0], 2)),
        decoder(times(tables("sdxl")[0], -1)),
        decoder(times(tables("sd1")[0], 40)),
        decoder(times(tables("sd1")[0], 0.05)),
        decoder(tables("sd1")[0], contrast=0.001),
        decoder(times(tables("sd1")[0], 0)),
        decoder(times(tables("sd1")[0], math.inf)),
        decoder(times(tables("sd1")[0], math.nan)),
        decoder(times(tables("sd1")[0], 1e300)),
        Reading(None, None, finite=False),
        Reading(Response(tables("sd1")[0], True), None, finite=False),
        Reading(None, None),
        Reading(None, None, trouble="there is no runner for it"),
    ],
)
def test_broken_decoders_are_of_no_family(reading: Reading) -> None:
    found = asked(reading)
    assert (found.certainty, found.space) == ("unknown", None)
    assert len(found.why) > 15
    assert reading.trouble is None or found.why == reading.trouble


def random_rotation(table: Table, chance: random.Random) -> Table:
    """The table with its channels mixed by a random orthogonal matrix (Gram and Schmidt's)."""
    basis: list[list[float]] = []
    while len(basis) < len(table):
        line = [chance.gauss(0, 1) for _ in table]
        for own in basis:
            along = math.fsum(map(float.__mul__, line, own))
            line = [x - along * y for x, y in zip(line, own, strict=True)]
        norm = math.hypot(*line)
        basis.append([x / norm for x in line])
    return tuple(
        tuple(math.fsum(w * row[c] for w, row in zip(line, table, strict=True)) for c in range(3))
        for line in basis
    )


@pytest.mark.parametrize(
    ("candidates", "channels", "allowed"), [(FOUR, 4, 1), (SIXTEEN, 16, 0)], ids=["4", "16"]
)
def test_random_rotations_of_real_tables_are_of_no_family(
    candidates: tuple[str, ...], channels: int, allowed: int
) -> None:
    """Of 200,000 with 4 channels .03 % come out certain and .09 % likely; of 50,000 with 16 none
    certain and one likely (the cosine's rule alone: .36 % certain)."""
    chance = random.Random(5)
    known = references(candidates)
    passed = 0
    for number in range(800):
        table = random_rotation(known[number % len(known)].rows, chance)
        passed += asked(decoder(table), candidates, channels).certainty != "unknown"
    assert passed <= allowed


def test_halves_that_disagree_settle_nothing() -> None:
    sd1, sdxl = tables("sd1")[0], tables("sdxl")[0]
    whole = asked(both(sd1, tables("sd1")[1]))
    assert (whole.certainty, whole.space, whole.halves) == ("certain", "sd1", "both")
    assert whole.agreement is not None
    assert whole.agreement > 0.9
    torn = asked(both(sd1, sdxl))
    assert torn.certainty == "unknown"
    assert "do not belong together" in torn.why
    alone = asked(Reading(None, EncoderFit(sdxl, 1.0, scaled=True)))
    assert (alone.certainty, alone.space, alone.halves) == ("certain", "sdxl", "encoder")


def test_an_encoder_that_tells_nothing_weakens_the_answer() -> None:
    sd1 = tables("sd1")[0]
    found = asked(both(sd1, swapped(sd1, 0, 1)))
    assert (found.certainty, found.space) == ("likely", "sd1")


def test_families_of_one_space_are_told_as_one() -> None:
    found = asked(decoder(tables("playground-v2.5")[0]))
    assert (found.space, found.family) == ("sdxl", "sdxl")
    assert found.reference is not None
    assert found.reference.family == "playground-v2.5"
    assert [score.space for score in found.ranked] == ["sdxl", "sd1"]


@pytest.mark.parametrize(
    ("family", "contradicted"),
    [("flux2", True), ("wan22", True), ("flux1", True), ("ltx2", False), ("sana-dcae", False)],
)
def test_a_header_is_contradicted_only_where_a_table_can_be_trusted(
    family: str, contradicted: bool
) -> None:
    row = families()[family]
    chance = random.Random(1)
    noise = tuple(tuple(chance.gauss(0, 0.1) for _ in range(3)) for _ in range(row.channels))
    found = match(decoder(noise), row.channels, [family])
    assert (found.certainty, found.contradicts) == ("unknown", contradicted)
    assert found.why


def test_neighbours_support_and_never_prove() -> None:
    """A family without a table is at most likely by a recorded VAE of it."""
    chance = random.Random(2)
    rows = tuple(tuple(chance.gauss(0, 0.2) for _ in range(3)) for _ in range(32))
    known = Neighbour("sana", "sana-dcae", decoder(rows))
    found = match(decoder(rows), 32, ["sana-dcae", "dcae-f32c32-in"], [known])
    assert (found.certainty, found.space) == ("likely", "sana-dcae")
    assert "sana" in found.why
    lies = Neighbour("wrongly named", "sdxl", decoder(tables("sd1")[0]))
    assert match(decoder(tables("sd1")[0]), 4, FOUR, [lies]).space in ("sd1", None)
    assert match(decoder(tables("sdxl")[0]), 4, FOUR, [lies]).space in ("sdxl", None)


@pytest.mark.parametrize(
    ("channels", "candidates"),
    [(4, ()), (4, ("movq",)), (16, FOUR), (4, ("no such family",)), (3, ("sd1",))],
)
def test_without_anything_to_compare_the_answer_is_unknown(
    channels: int, candidates: tuple[str, ...]
) -> None:
    found = match(decoder(tables("sd1")[0]), channels, candidates)
    assert (found.certainty, found.contradicts) == ("unknown", False)
    assert found.why


def test_hostile_names_are_made_harmless() -> None:
    neighbour = Neighbour("\x1b[31mred", "sd1", decoder(tables("sd1")[0]))
    shifted = replace(neighbour, reading=decoder(vivid(tables("sd1")[0], 0.3)))
    found = match(decoder(vivid(tables("sd1")[0], 0.3)), 4, FOUR, [shifted])
    assert found.reference is not None
    assert found.reference.source == "\x1b[31mred"
    assert "\x1b" not in found.why


def test_the_probe_point_lies_among_the_families() -> None:
    rows = [families()[name] for name in FOUR]
    unit, base = probe_point(rows, 4, scaled=False)
    assert all(5 < value < 10 for value in unit)
    assert base == (0.0,) * 4
    assert probe_point(rows, 4, scaled=True) == ((1.0,) * 4, (0.0,) * 4)
    assert probe_point([], 3, scaled=False) == ((1.0,) * 3, (0.0,) * 3)
    unit, base = probe_point([families()["wan21"]], 16, scaled=False)
    assert (unit, base) == (families()["wan21"].latents_std, families()["wan21"].latents_mean)
    unit, base = probe_point([families()["flux1"]], 16, scaled=False)
    assert unit == pytest.approx([1 / 0.3611] * 16)
    assert base == (0.1159,) * 16
    unit, _ = probe_point([families()["flux2"]], 32, scaled=False)
    assert all(1.7 < value < 1.9 for value in unit)


def test_every_threshold_names_its_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for section in ("colour_response", "kinship", "scaling", "cross_decode", "half_precision"):
        assert all(isinstance(value, int | float) for value in thresholds(section).values())
    table = tmp_path / "thresholds.json"
    table.write_text(json.dumps({"scaling": {"limit": {"value": 1.0}}}))
    monkeypatch.setattr(thresholds_module, "_TABLE", table)
    thresholds.cache_clear()
    with pytest.raises(ValueError, match=r"scaling\.limit"):
        thresholds("scaling")
    thresholds.cache_clear()
