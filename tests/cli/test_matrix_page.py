"""The matrix page holds all it needs, believes no name, and is written whole or not at all."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest

Image = pytest.importorskip("PIL.Image")

from tests.cli.matrix_cases import (  # noqa: E402
    CHECKPOINTS,
    HOSTILE,
    VAES,
    VERDICTS,
    checked,
    eight_thousand,
    matrix,
    painted,
)
from tests.db.samples import STAMP, checkpoint, vae  # noqa: E402
from tests.pages import Outline  # noqa: E402
from vaereg.cli.matrix_sheet import page_of  # noqa: E402
from vaereg.cli.pages.album import Album  # noqa: E402
from vaereg.cli.pages.matrix_page import (  # noqa: E402
    Cell,
    Column,
    MatrixPage,
    Row,
    matrix_page,
    write_matrix_page,
)
from vaereg.registry.errors import NoSpace, Unreadable  # noqa: E402
from vaereg.registry.surveying.values import Cell as Judged  # noqa: E402
from vaereg.registry.surveying.values import Failure, Surveyed  # noqa: E402
from vaereg.registry.values import Evidence, Location, Model, Verdict  # noqa: E402


def data_of(text: str):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def blocks(text: str) -> list[str]:
    return re.findall(r'<script type="text/plain" id="picture-\d+">(.*?)</script>', text)


# --- the text of the page


def test_the_page_is_well_nested_and_says_every_verdict_in_words() -> None:
    outline = Outline(matrix_page(matrix()))
    assert outline.open == []
    assert outline.held["h1"] == outline.held["title"] == ["A headline"]
    cells = outline.all("td")
    assert len(cells) == len(CHECKPOINTS) * len(VAES)
    assert [cell.get("title") for cell in cells[:2]] == ["because of 0", "because of 1"]
    assert [cell["class"] for cell in cells[:5]] == ["c b", "d", "i", "u", "c"]
    told = "".join(outline.held["span"])
    for words in (*VERDICTS, "compatible, baked in", "not judged", *CHECKPOINTS, *VAES):
        assert words in told
    assert [text for text in outline.held["span"] if text.isdigit()] == ["7", "7", "7", "6"]
    for _, attributes in outline.tags:
        assert not attributes.keys() & {"href", "srcset", "src", "style", "action"}
        assert not any(name.startswith("on") for name in attributes)


@pytest.mark.parametrize(
    "place", ["title", "row", "column", "family", "reason", "advice", "evidence", "path", "image"]
)
def test_no_text_becomes_anything_but_text(place: str) -> None:
    def page(word: str) -> str:
        words = {"title": "t", "row": "r", "column": "c", "family": "f", "reason": "w"}
        words |= {"advice": "a", "evidence": "e", "path": "p", "image": "/no/picture"}
        words[place] = word
        found = Evidence(*[words["evidence"]] * 5)
        cell = Cell(
            "compatible", words["reason"], 1, "none", evidence=(found,), advice=(words["advice"],),
            images=(words["image"],), dtype=words["evidence"],
        )  # fmt: skip
        row = Row(words["row"], words["family"], words["path"], "0")
        column = Column(words["column"], words["family"], words["path"], "0")
        made = MatrixPage(words["title"], (words["title"],), (row,), (column,), {(0, 0): cell})
        return matrix_page(made)

    plainly, hostile = page("plain"), page(HOSTILE)
    assert [tag for tag, _ in Outline(hostile).tags] == [tag for tag, _ in Outline(plainly).tags]
    assert "\x1b" not in hostile
    text = json.dumps(data_of(hostile)) + "".join(chain(*Outline(hostile).held.values()))
    text += "".join(str(cell.get("title")) for cell in Outline(hostile).all("td"))
    assert "</script></script x<!--" in text


def test_figures_that_json_does_not_know() -> None:
    odd = replace(checked("compatible"), confidence=float("nan"), seconds=float("inf"))
    text = matrix_page(matrix(cells={(0, 0): odd}))
    assert data_of(text)["cells"][0][0][1:3] == [None, None]


def test_a_verdict_of_a_later_version_is_no_fit() -> None:
    outline = Outline(matrix_page(matrix(cells={(0, 0): checked("splendid")})))
    assert outline.all("td")[0]["class"] == "u"
    assert "splendid" not in "".join(outline.held["span"])


def test_a_pair_that_failed_is_no_open_question() -> None:
    text = matrix_page(matrix(cells={(0, 0): checked("failed"), (0, 1): checked("unknown")}))
    outline = Outline(text)
    assert [cell["class"] for cell in outline.all("td")[:2]] == ["f", "u"]
    assert outline.held["span"].count(" failed") == 1
    assert [one["value"] for one in outline.all("input") if "value" in one] == [*"cdiuf"]
    usual = Outline(matrix_page(matrix()))
    assert [one["value"] for one in usual.all("input") if "value" in one] == [*"cdiu"]


def test_the_caption_tells_what_answered_beside_what_was_asked() -> None:
    model = Model(1, "painter", checkpoint(), (Location("/p", STAMP),))
    decoder = Model(2, "twin", vae(), (Location("/v", STAMP),))
    ids = [one.artifact.digests.sha256 for one in (model, decoder)]
    broken = Failure("unreadable_file", "it broke", None)
    open_verdict = Verdict("unknown", 0.0, ())
    cells = (
        Judged((ids[0], ids[1]), Verdict("compatible", 0.9, ()), "fits", "decode"),
        Judged((ids[0], ids[0]), open_verdict, "it broke", "none", failure=broken),
    )
    page = page_of([model], [decoder], Surveyed(cells, (broken,)), "generate", 1.0)
    assert [cell.verdict for cell in page.cells.values()] == ["compatible", "failed"]
    assert page.captions[1] == (
        "asked: by pictures that each checkpoint drew itself; "
        "done: 1 by decoding latents of a known VAE, 1 failed"
    )


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (1, 0), (0, 1)])
def test_an_empty_library_has_a_page_too(rows: int, columns: int) -> None:
    page = matrix()
    outline = Outline(
        matrix_page(MatrixPage("none", (), page.rows[:rows], page.columns[:columns], {}))
    )
    assert outline.open == []
    assert outline.all("td") == []


def test_eight_thousand_pairs_stay_a_few_megabytes() -> None:
    text = matrix_page(eight_thousand())
    assert len(text) < 2_500_000
    assert len(Outline(text).all("td")) == 8000


# --- its pictures


def test_pictures_are_shrunk_and_each_held_once(tmp_path: Path) -> None:
    path = painted(tmp_path, "wide", "red")
    page = matrix()
    cells = dict(page.cells)
    for place in ((0, 0), (1, 1)):
        cells[place] = replace(cells[place], images=(path,))
    [source] = blocks(matrix_page(replace(page, cells=cells)))
    kind, _, encoded = source.partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        assert image.size == (768, 230)
        assert image.getpixel((9, 9))[0] > 200


@pytest.mark.parametrize("kind", ["gone", "folder", "text", "cut", "bomb"])
def test_what_is_no_picture_is_named_by_its_path(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "it.png"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("<svg onload=alert(1)>")
    elif kind == "cut":
        noise = Image.effect_noise((300, 300), 90)
        noise.save(path)
        path.write_bytes(path.read_bytes()[:20_000])
    elif kind == "bomb":
        Image.new("1", (20_000, 20_000)).save(path)
    text = matrix_page(matrix(cells={(0, 0): checked("unknown", images=(str(path),))}))
    assert blocks(text) == []
    assert data_of(text)["pictures"] == [[str(path), "it is gone, or no picture"]]
    assert "1 of 1 pictures are named by their path" in text


def test_pictures_beyond_the_room_are_named_by_their_path(tmp_path: Path) -> None:
    paths = [painted(tmp_path, str(at), "green", (64, 64)) for at in range(4)]
    size = len(blocks_of(Album(), paths[:1])[0])
    album = Album(room=2 * size + 100)
    assert len(blocks_of(album, paths)) == 2
    assert [bool(one.missing) for one in album.pictures()] == [False, False, True, True]
    [note] = album.notes()
    assert note.startswith("2 of 4 pictures are named by their path: the page's room")


def test_once_the_room_is_used_up_no_more_are_shrunk(tmp_path: Path) -> None:
    noise = tmp_path / "noise.png"
    Image.effect_noise((600, 600), 90).save(noise)
    album = Album(room=20_000)
    assert blocks_of(album, [str(noise), painted(tmp_path, "small", "green", (8, 8))]) == []
    assert {one.missing for one in album.pictures()} == {"the page's room for pictures is used up"}


def blocks_of(album: Album, paths: list[str]) -> list[str]:
    for path in paths:
        album.number(path)
    return [one.source for one in album.pictures() if one.source]


def test_without_pillow_pictures_are_named_by_their_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = painted(tmp_path, "one", "red")
    monkeypatch.setitem(sys.modules, "PIL", None)
    text = matrix_page(matrix(cells={(0, 0): checked("unknown", images=(path,))}))
    assert data_of(text)["pictures"] == [[path, "pillow is not installed"]]


# --- where it is written


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreadable, match="cannot be written"):
        write_matrix_page(str(tmp_path / "file" / "page.html"), matrix())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_leaves_the_old_page(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    write_matrix_page(str(path), matrix())
    before = path.read_bytes()
    path.with_name(f"page.html.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(NoSpace, match="full"):
        write_matrix_page(str(path), matrix(title="another"))
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["page.html"]
