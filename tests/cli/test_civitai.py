"""search, pull, inspect and scan --lookup against Civitai on loopback, by the real command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg
from tests.servers.civitai import Civitai, File, Model, Version

KEY = "civitai_canaryCANARYcanary"


@dataclass(frozen=True)
class Place:
    """The running service and what is up on it."""

    civitai: Civitai
    vae: Model
    checkpoint: Model
    other: Model

    def ref(self, model: Model) -> str:
        return f"civitai:{model.id}@{model.versions[0].id}"

    def fetched(self) -> int:
        return len(self.civitai.storage.log)


@pytest.fixture
def place(library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Two VAEs, and a checkpoint whose author links one of them."""
    checkpoint = next(library.rglob("harbour_xl.safetensors"))
    with Civitai() as civitai:
        civitai.switches.tokens.add(KEY)
        vae = civitai.add(
            "Sharp VAE",
            Version(
                "v2", "SDXL 1.0", (File("sharp.safetensors", library / "vae/sdxl_vae.safetensors"),)
            ),
        )
        other = civitai.add(
            "Flux AE",
            Version("v1", "Flux.1 D", (File("ae.safetensors", library / "vae/ae.safetensors"),)),
        )
        model = civitai.add(
            "Harbour",
            Version(
                "v1",
                "SDXL 1.0",
                (File("harbour.safetensors", checkpoint),),
                vae=vae.versions[0].id,
            ),
            type="Checkpoint",
        )
        monkeypatch.setenv("VAEREG_CIVITAI_ENDPOINT", civitai.url)
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        yield Place(civitai, vae, model, other)


def test_search_shows_the_author_s_claim_as_such(vaereg: Vaereg, place: Place) -> None:
    run = vaereg("search", "--source", "civitai", "--json")
    assert run.code == 0
    by_ref = {hit["ref"]: hit for hit in run.document}
    hit = by_ref[place.ref(place.vae)]
    assert (hit["declared"], hit["determined_by"]) == ("SDXL 1.0", "declared")
    assert "sdxl" in hit["families"]
    only = vaereg("search", "--source", "civitai", "--family", "flux1", "--json").document
    assert [hit["ref"] for hit in only] == [place.ref(place.other)]
    assert "author: " in vaereg("search", "--source", "civitai").out


def test_a_pull_needs_a_key_and_says_so(vaereg: Vaereg, place: Place, tmp_path: Path) -> None:
    refused = vaereg("pull", place.ref(place.vae), "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "needs_token")
    assert "CIVITAI_API_TOKEN" in refused.document["error"]["hint"]
    run = vaereg("pull", place.ref(place.vae), "--json", CIVITAI_API_TOKEN=KEY)
    assert run.code == 0, run.out
    assert run.document["verified"] is True
    assert run.document["declared"] == "SDXL 1.0"
    assert not any("authorization" in request.headers for request in place.civitai.storage.log)
    for path in (tmp_path / "home").rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    "form", ["{url}/models/{m}?modelVersionId={v}", "urn:air:sdxl:vae:civitai:{m}@{v}"]
)
def test_what_people_paste_works(vaereg: Vaereg, place: Place, form: str) -> None:
    text = form.format(url=place.civitai.url, m=place.vae.id, v=place.vae.versions[0].id)
    run = vaereg("pull", text, CIVITAI_API_TOKEN=KEY)
    assert run.code == 0, run.err
    assert Path(run.out.strip()).is_file()


def test_a_pasted_key_is_left_out(vaereg: Vaereg, place: Place) -> None:
    version = place.vae.versions[0].id
    address = f"{place.civitai.url}/api/download/models/{version}?token={KEY}"
    run = vaereg("pull", address, CIVITAI_API_TOKEN=KEY)
    assert run.code == 0
    assert "key in that address was left out" in run.err
    assert KEY not in run.out + run.err
    assert not any("token=" in request.target for request in place.civitai.log)


def test_the_author_s_vae_is_listed_as_such(vaereg: Vaereg, place: Place) -> None:
    refs = [place.ref(place.checkpoint), place.ref(place.vae)]
    assert vaereg("pull", *refs, CIVITAI_API_TOKEN=KEY).code == 0
    (row,) = vaereg("list", "--compatible", "--json").document
    named = next(fit for fit in row["vaes"] if not fit["baked"])
    assert named["verdict"] == "compatible"
    assert place.ref(place.checkpoint) in named["reason"]
    checked = vaereg("check", "--model", "harbour", "--vae", "sharp", "--probe", "none", "--json")
    assert any("author" in found["message"] for found in checked.document["evidence"])


def test_look_up_names_local_files_once(vaereg: Vaereg, place: Place, library: Path) -> None:
    assert vaereg("scan", library).code == 0
    assert not place.civitai.log, "asked only when told to"
    run = vaereg("scan", library, "--lookup", "--json")
    assert run.code == 0
    named = {Path(one["path"]).name: one for one in run.document["lookup"]["named"]}
    assert named["sdxl_vae.safetensors"]["ref"] == place.ref(place.vae)
    assert named["ae.safetensors"]["declared"] == "Flux.1 D"
    asked = len(place.civitai.log)
    again = vaereg("scan", "--lookup", "--json").document["lookup"]
    assert (again["asked"], again["named"]) == (0, [])
    assert len(place.civitai.log) == asked
    listed = {m["name"]: m["known_as"] for m in vaereg("list", "--json").document}
    assert "Flux AE" in listed["ae"]
    pairs = vaereg("show", "harbour_xl", "--json").document["declared_vaes"]
    assert [pair["name"] for pair in pairs] == ["sdxl_vae"]


def test_a_look_up_offline_keeps_the_scan(vaereg: Vaereg, place: Place, library: Path) -> None:
    run = vaereg("scan", library, "--lookup", "--json", VAEREG_OFFLINE="1")
    assert run.code == 1
    assert run.document["added"] > 0
    assert run.document["lookup"]["error"]["code"] == "offline"


def test_a_remote_checkpoint_is_looked_into(vaereg: Vaereg, place: Place) -> None:
    both = ["--model", place.ref(place.checkpoint), "--vae", place.ref(place.other)]
    run = vaereg("check", *both, "--json", CIVITAI_API_TOKEN=KEY)
    assert run.code == 3
    sizes = [request.headers.get("range", "") for request in place.civitai.storage.log]
    assert all(sizes), "ranges, never a whole file"
