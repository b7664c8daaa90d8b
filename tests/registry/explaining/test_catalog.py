"""The failure catalogue: whole, sourced, and unable to blow up on any text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.explaining.messages import MESSAGES
from vaereg.registry.errors import UsageError
from vaereg.registry.explaining import catalog
from vaereg.registry.explaining.catalog import failures, frontends, require_frontend
from vaereg.registry.explaining.values import Failure
from vaereg.registry.frontends.catalog import FRONTENDS
from vaereg.registry.frontends.support import SUPPORT
from vaereg.registry.verdicts.half_precision import DENOISER_SWITCHES, SWITCHES

ROWS = failures()
SOURCE = re.compile(r"[\w.-]+/[\w.-]+(?:#\d+| [\w./-]+\.(?:py|cpp|h|md))")


def test_every_failure_has_a_message_that_shows_it() -> None:
    assert {message.id for message in MESSAGES} == {row.id for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_names_a_public_source_and_a_cure(row: Failure) -> None:
    assert row.sources
    assert all(SOURCE.fullmatch(source) for source in row.sources), row.sources
    assert row.cures or row.switches
    assert {cure.frontend for cure in row.cures} - {None} <= set(frontends())
    assert set(row.frontends) <= set(frontends())
    assert row.title
    assert row.cause.endswith(".")


def test_the_switches_of_half_precision_are_for_known_frontends() -> None:
    assert {name for name, _ in (*SWITCHES, *DENOISER_SWITCHES)} <= set(frontends())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_no_pattern_can_take_more_than_its_bounds(row: Failure) -> None:
    for pattern in row.patterns:
        assert len(pattern.starts) >= 8
        for depth, most in repeats(re._parser.parse(pattern.whole)):  # type: ignore[attr-defined]
            assert most <= 300, pattern.whole
            assert depth == 0 or most <= 1, f"a repeat within a repeat: {pattern.whole}"


def repeats(parsed: object, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Each repeat of a parsed pattern: how many stand around it, and how often it may occur."""
    if isinstance(parsed, tuple) and len(parsed) == 2 and str(parsed[0]).endswith("_REPEAT"):
        _, most, inner = parsed[1]
        yield depth, int(most)
        yield from repeats(inner, depth + (int(most) > 1))
    elif isinstance(parsed, list | tuple) or hasattr(parsed, "data"):
        for part in getattr(parsed, "data", parsed):
            yield from repeats(part, depth)


@pytest.mark.parametrize("name", sorted({*FRONTENDS, *SUPPORT}))
def test_a_frontend_has_the_names_of_the_other_commands(name: str) -> None:
    assert require_frontend(name) in frontends()


@pytest.mark.parametrize(
    "typed", ["ComfyUI", "comfyui", "Comfy", "sd.next", "SDNext", "Forge Neo", "sd-scripts"]
)
def test_a_frontend_is_known_by_what_people_call_it(typed: str) -> None:
    assert require_frontend(typed) in frontends()


def test_an_unknown_frontend_is_refused_with_all_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        require_frontend("\x1b[2Jpaint")
    assert "ComfyUI" in str(caught.value.hint)
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    "change",
    [{"sources": []}, {"unless": ["no-such-row"]}, {"families": {"vae": ["sd9"]}}, {"id": "A b"}],
)
def test_a_faulty_row_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    row = {"id": "x", "title": "X", "cause": "Y.", "patterns": [["Some error", ""]],
           "sources": ["owner/repo#1"]}  # fmt: skip
    (tmp_path / "failures.json").write_text(json.dumps([row | change]), "utf-8")
    monkeypatch.setattr(catalog, "_ROOM", tmp_path)
    catalog._rows.cache_clear()
    catalog.failures.cache_clear()
    try:
        with pytest.raises(ValueError, match="failure"):
            catalog.failures()
    finally:
        catalog._rows.cache_clear()
        catalog.failures.cache_clear()
