"""Partial files: what a journal tells of them, and what is not believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.transfer.fetching import NAME, names
from vaereg.registry.transfer.partial import Partial, Version

VERSION = Version('"tag"', 1000)


def left_behind(folder: Path, *spans: tuple[int, int], size: int = 1000) -> Partial:
    """What a process left that was killed after writing these spans."""
    partial = Partial(str(folder), NAME, "key")
    partial.begin(VERSION)
    with partial.writer() as file:
        file.write(bytes(size))
    for start, end in spans:
        partial.note(start, end)
    partial.close()
    return partial


def loaded(folder: Path, key: str = "key") -> Partial:
    partial = Partial(str(folder), NAME, key)
    partial.load()
    partial.close()
    return partial


def journal_of(folder: Path) -> Path:
    return next(folder.glob(".*.log"))


def test_spans_in_any_order_are_found_again(tmp_path: Path) -> None:
    left_behind(tmp_path, (500, 700), (0, 100), (100, 200))
    found = loaded(tmp_path)
    assert found.version == VERSION
    assert list(found.there) == [(0, 200), (500, 700)]
    assert NAME not in names(tmp_path)


def test_taking_it_up_twice_changes_nothing(tmp_path: Path) -> None:
    left_behind(tmp_path, (0, 100))
    assert list(loaded(tmp_path).there) == list(loaded(tmp_path).there) == [(0, 100)]


@pytest.mark.parametrize("cut", range(1, 7))
def test_a_last_line_that_was_cut_short_is_no_line(tmp_path: Path, cut: int) -> None:
    left_behind(tmp_path, (0, 100), (500, 999))
    journal = journal_of(tmp_path)
    journal.write_bytes(journal.read_bytes()[:-cut])
    assert list(loaded(tmp_path).there) == [(0, 100)]


def test_more_than_the_file_holds_is_not_believed(tmp_path: Path) -> None:
    left_behind(tmp_path, (0, 900), size=300)
    assert list(loaded(tmp_path).there) == [(0, 300)]


@pytest.mark.parametrize(
    "line",
    [b"", b"-5 10", b"10 5", b"1 2 3", b"9" * 30 + b" 1", b"\xff\xfe 3", b"5000 6000", b"one two"],
)
def test_nonsense_lines_tell_nothing(tmp_path: Path, line: bytes) -> None:
    left_behind(tmp_path, (0, 100))
    with journal_of(tmp_path).open("ab") as journal:
        journal.write(line + b"\n")
    assert list(loaded(tmp_path).there) == [(0, 100)]


@pytest.mark.parametrize("head", [b"", b"{}", b"[1]", b"null", b"\0" * 50, b'{"key": "key"}'])
def test_a_journal_without_its_head_is_thrown_away(tmp_path: Path, head: bytes) -> None:
    left_behind(tmp_path, (0, 100))
    journal = journal_of(tmp_path)
    lines = journal.read_bytes().split(b"\n")
    journal.write_bytes(b"\n".join([head, *lines[1:]]))
    assert loaded(tmp_path).there.size == 0
    assert names(tmp_path) == set()


def test_another_content_of_the_name_has_a_partial_file_of_its_own(tmp_path: Path) -> None:
    left_behind(tmp_path, (0, 100))
    assert loaded(tmp_path, "other").there.size == 0
    assert loaded(tmp_path).there.size == 100


def test_a_partial_file_without_its_journal_is_thrown_away(tmp_path: Path) -> None:
    left_behind(tmp_path, (0, 100))
    journal_of(tmp_path).unlink()
    assert loaded(tmp_path).version is None
    assert names(tmp_path) == set()
