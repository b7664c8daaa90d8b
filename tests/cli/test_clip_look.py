"""``vaereg clip --look``: what a model's pictures on Civitai were made with, asked only then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg
from tests.registry.textual import models
from tests.servers.civitai import Civitai, File, Model, Picture, Version

KEY = "civitai_canaryCANARYcanary"


@dataclass(frozen=True)
class Place:
    """The running service, and the model on it that also lies here."""

    civitai: Civitai
    model: Model
    path: Path

    @property
    def version(self) -> int:
        return self.model.versions[0].id

    @property
    def ref(self) -> str:
        return f"civitai:{self.model.id}@{self.version}"

    def post(self, skips: list[object]) -> None:
        self.civitai.pictures += [Picture.by_webui(self.version, skip) for skip in skips]

    def asked(self) -> list[str]:
        return [request.path for request in self.civitai.log]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    path = models.write(tmp_path / "anime.safetensors", models.sd1())
    with Civitai() as civitai:
        civitai.switches.tokens.add(KEY)
        version = Version("v1", "SD 1.5", (File("anime.safetensors", path),))
        model = civitai.add("Anime", version, type="Checkpoint")
        monkeypatch.setenv("VAEREG_CIVITAI_ENDPOINT", civitai.url)
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        monkeypatch.setenv("CIVITAI_API_TOKEN", KEY)
        yield Place(civitai, model, path)


TWOS: list[object] = ["2"] * 18 + [None] * 3 + [1]


def test_nothing_is_asked_without_the_option(vaereg: Vaereg, place: Place) -> None:
    run = vaereg("clip", "--model", place.path, "--json")
    assert run.document["advised"]["determined_by"] == "family"
    assert "sample_pictures" not in run.document
    assert not place.civitai.log


def test_a_local_file_is_found_by_its_hash(vaereg: Vaereg, place: Place, tmp_path: Path) -> None:
    place.post(TWOS)
    run = vaereg("clip", "--model", place.path, "--look", "--json", "--verbose")
    assert run.code == 0, run.out
    document = run.document
    assert document["advised"]["clip_skip"] == 2
    assert document["advised"]["determined_by"] == "sample-pictures"
    assert "18 of 22 sample pictures used clip skip 2" in document["advised"]["reason"]
    assert document["sample_pictures"] | {"message": ""} == {
        "ref": place.ref,
        "made": 22,
        "silent": 3,
        "counts": [{"clip_skip": 2, "pictures": 18}, {"clip_skip": 1, "pictures": 1}],
        "message": "",
    }
    assert document["warnings"] == []
    assert KEY not in run.out + run.err
    assert any(KEY in request.headers.get("authorization", "") for request in place.civitai.log)
    for path in (tmp_path / "home").rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def test_a_file_is_hashed_only_where_no_page_is_known(
    vaereg: Vaereg, place: Place, tmp_path: Path
) -> None:
    place.post(TWOS)
    models.padded(place.path)
    run = vaereg("clip", "--model", place.path, "--look", "--json", VAEREG_OFFLINE="1")
    assert [note["code"] for note in run.document["warnings"]] == ["offline"]
    assert "hashing" not in run.err
    own = models.write(tmp_path / "own.safetensors", models.sd1(), metadata={"a": "b"})
    first, second = (vaereg("clip", "--model", own, "--look") for _ in range(2))
    assert "note: hashing the file" in first.err
    assert "hashing" not in second.err, "what was hashed is recorded"


def test_the_same_in_words(vaereg: Vaereg, place: Place) -> None:
    place.post(TWOS)
    run = vaereg("clip", "--model", place.path, "--look")
    assert "clip skip: 2 (by sample-pictures): 18 of 22 sample pictures used" in run.out
    place.civitai.pictures.clear()
    place.post(["2", None, None, None, None, None])
    run = vaereg("clip", "--model", place.path, "--look")
    assert "clip skip: 1 (by family)" in run.out
    assert "sample pictures: 1 of 6 sample pictures used clip skip 2, 5 state none" in run.out


def test_the_page_of_a_ref_and_of_a_recorded_origin(
    vaereg: Vaereg, place: Place, tmp_path: Path
) -> None:
    place.post(TWOS)
    remote = vaereg("clip", "--model", place.ref, "--look", "--json")
    assert remote.document["advised"]["determined_by"] == "sample-pictures"
    assert not any("by-hash" in path for path in place.asked())
    assert vaereg("pull", place.ref, "--to", tmp_path / "pulled").code == 0
    place.civitai.log.clear()
    again = vaereg("clip", "--model", place.ref, "--look", "--json").document
    assert again["model"]["path"]
    assert again["sample_pictures"]["ref"] == place.ref
    assert place.asked() == ["/api/v1/images"], "where it came from is recorded"


def test_a_model_that_civitai_does_not_know(vaereg: Vaereg, place: Place, tmp_path: Path) -> None:
    other = models.write(tmp_path / "own.safetensors", models.sd1(), metadata={"a": "b"})
    run = vaereg("clip", "--model", other, "--look", "--json")
    assert run.code == 0
    assert [note["code"] for note in run.document["warnings"]] == ["not_on_civitai"]
    assert run.document["sample_pictures"] is None


@pytest.mark.parametrize("how", ["switch", "dead", "challenge"])
def test_the_rest_of_the_answer_stands_without_civitai(
    vaereg: Vaereg, place: Place, how: str
) -> None:
    env = {
        "switch": {"VAEREG_OFFLINE": "1"},
        "dead": {"VAEREG_CIVITAI_ENDPOINT": "http://127.0.0.1:9"},
    }
    place.civitai.switches.challenge = 403
    run = vaereg("clip", "--model", place.path, "--look", "--json", **env.get(how, {}))
    assert run.code == 0
    assert run.document["advised"]["clip_skip"] == 1
    (note,) = run.document["warnings"]
    assert note["code"] == ("forbidden" if how == "challenge" else "offline")
    assert "not counted" in note["message"]


def test_what_uploaders_write_cannot_reach_the_terminal(vaereg: Vaereg, place: Place) -> None:
    place.post(["\x1b[2J2", {"a": ["\x1b"]}, "9" * 4000, 10**400, *["2"] * 3])
    run = vaereg("clip", "--model", place.path, "--look")
    assert run.code == 0
    assert "\x1b" not in run.out + run.err
    assert "3 of 7 sample pictures used clip skip 2, 4 state none" in run.out
