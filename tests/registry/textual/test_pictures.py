"""Sample pictures change the advice by a clear majority alone, never against the file itself."""

from __future__ import annotations

import pytest

from vaereg.registry.identify.identify import identify
from vaereg.registry.textual.contents import of_header
from vaereg.registry.textual.pictures import agreed, beside, said
from vaereg.registry.textual.study import study
from vaereg.registry.textual.values import Advice, SamplePictures

from ...builders import header_of
from . import models
from .models import Shapes


def seen(made: int, *counts: tuple[int, int]) -> SamplePictures:
    """Pictures of one page."""
    return SamplePictures("civitai:1@2", made, counts)


def advice(
    shapes: Shapes, pictures: SamplePictures, metadata: dict[str, str] | None = None
) -> Advice:
    header = header_of(shapes, metadata=metadata)
    return study("model", identify(header), of_header(header), pictures).advice


RULE = [
    ("clear", seen(22, (2, 18), (1, 1)), 2),
    ("just enough", seen(10, (2, 7)), 2),
    ("just too few", seen(100, (2, 69)), None),
    ("five", seen(5, (2, 5)), 2),
    ("four", seen(4, (2, 4)), None),
    ("silent ones count against it", seen(60, (2, 18)), None),
    ("torn", seen(20, (2, 10), (1, 10)), None),
    ("one layer", seen(8, (1, 8)), 1),
    ("nothing stated", seen(30), None),
    ("nothing at all", seen(0), None),
]


@pytest.mark.parametrize(
    ("pictures", "count"), [row[1:] for row in RULE], ids=[row[0] for row in RULE]
)
def test_the_rule(pictures: SamplePictures, count: int | None) -> None:
    assert agreed(pictures) == count
    found = advice(models.sd1(), pictures)
    by = "sample-pictures" if count else "family"
    assert (found.clip_skip, found.determined_by) == (count or 1, by)
    assert found.settings


def test_the_reason_names_the_page_and_the_figures() -> None:
    found = advice(models.sd1(), seen(22, (2, 18), (3, 1)))
    assert found.reason == (
        "18 of 22 sample pictures used clip skip 2, 1 used clip skip 3, 3 state none"
        " (Civitai, civitai:1@2)"
    )
    typed = {row.frontend: row.value for row in found.settings}
    assert (typed["A1111"], typed["ComfyUI"], typed["diffusers"]) == (2, -2, 1)


def test_the_file_s_own_word_stands() -> None:
    pictures = seen(22, (2, 20))
    found = advice(models.sd1(), pictures, {"ss_clip_skip": "1"})
    assert (found.clip_skip, found.determined_by) == (1, "metadata")
    assert "contradicts" in beside(pictures, found)
    same = advice(models.sd1(), pictures, {"ss_clip_skip": "2"})
    assert beside(pictures, same).endswith("which is what is advised")


def test_what_pictures_cannot_change_is_said() -> None:
    pictures = seen(22, (1, 22))
    found = advice(models.sdxl(), pictures)
    assert (found.clip_skip, found.determined_by) == (2, "family")
    assert "does not change what this model reads" in beside(pictures, found)


def test_novelai_s_names_need_no_hint_where_pictures_tell() -> None:
    header = header_of(models.sd1(models.clip(root="")))
    found = study("model", identify(header), of_header(header), seen(9, (2, 9)))
    assert (found.advice.clip_skip, found.notices) == (2, ())


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        (seen(0), "no sample picture says how it was made"),
        (seen(4, (2, 4)), "4 of 4 sample pictures used clip skip 2: too few to go by"),
        (seen(30), "30 of 30 sample pictures state none: no clear majority for one that is stated"),
        (seen(9, (1, 9)), "9 of 9 sample pictures used clip skip 1, which is what is advised"),
    ],
)
def test_the_words(pictures: SamplePictures, words: str) -> None:
    default = Advice(1, "SD1", "family")
    assert beside(pictures, default) == words
    assert words.startswith(said(pictures))
