"""Amounts of memory as people type them."""

from __future__ import annotations

import pytest

from vaereg.cli.sizes import size_of
from vaereg.registry.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("6G", 6 * 1024**3),
        ("800M", 800 * 1024**2),
        ("2.5 GiB", 5 * 1024**3 // 2),
        ("2gb", 2 * 1000**3),
        ("1t", 1024**4),
        ("4096", 4096),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize(
    "text", ["", "G", "-1G", "0", "1e9", "6X", "6 G G", "9" * 40, "1Gi", "\x1b[2J"]
)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        size_of(text)
    assert "\x1b" not in refused.value.message
