"""``vaereg list``: what is recorded, what fits what, and paths for pipes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg


@pytest.fixture
def recorded(vaereg: Vaereg, library: Path) -> Path:
    vaereg("scan", library)
    return library


def names(document: list[dict[str, str]]) -> list[str]:
    return [entry["name"] for entry in document]


def test_everything_by_name(vaereg: Vaereg, recorded: Path) -> None:
    document = vaereg("list", "--json").document
    assert names(document) == ["ae", "forest_v1", "harbour_xl", "sdxl_vae", "vae_final_FIXED"]
    by_name = {entry["name"]: entry for entry in document}
    assert by_name["forest_v1"]["baked_vae"] is True
    assert by_name["harbour_xl"]["baked_vae"] is True
    assert by_name["forest_v1"]["family"] == "sd1"
    assert by_name["harbour_xl"]["family"] == "sdxl"
    # The name says SDXL, the weights leave it open.
    assert by_name["sdxl_vae"]["family"] is None
    assert {"sd1", "sdxl"} <= set(by_name["sdxl_vae"]["candidates"])


def test_kinds_and_families(vaereg: Vaereg, recorded: Path) -> None:
    assert names(vaereg("list", "vaes", "--json").document) == ["ae", "sdxl_vae", "vae_final_FIXED"]
    assert names(vaereg("list", "checkpoints", "--json").document) == ["forest_v1", "harbour_xl"]
    assert names(vaereg("list", "--family", "sdxl", "--json").document) == ["harbour_xl"]
    wrong = vaereg("list", "--family", "sd9", "--json")
    assert wrong.code == 2
    assert "sdxl" in wrong.document["error"]["hint"]


def test_what_fits_best_first(vaereg: Vaereg, recorded: Path) -> None:
    document = vaereg("list", "--compatible", "--json").document
    assert [row["checkpoint"]["name"] for row in document] == ["forest_v1", "harbour_xl"]
    forest = document[0]["vaes"]
    assert (forest[0]["baked"], forest[0]["verdict"]) == (True, "compatible")
    for fit in forest:
        assert set(fit) == {"name", "path", "verdict", "reason", "baked", "level"}
        assert fit["reason"]
    # Sixteen channels fit neither of them.
    assert all(fit["name"] != "ae" for row in document for fit in row["vaes"])


def test_the_checkpoints_of_one_vae(vaereg: Vaereg, recorded: Path) -> None:
    vaereg("check", "--model", "forest_v1", "--vae", "vae_final_FIXED")
    run = vaereg("list", "--compatible", "--vae", "vae_final_FIXED", "--paths")
    assert run.out.splitlines() == [str(recorded / "checkpoints/forest_v1.safetensors")]


def test_paths_for_pipes(vaereg: Vaereg, recorded: Path) -> None:
    lines = vaereg("list", "vaes", "--paths").out.splitlines()
    assert lines == [str(recorded / "vae" / f"{name}.safetensors") for name in
                     ("ae", "sdxl_vae", "vae_final_FIXED")]  # fmt: skip
    assert vaereg("list", "vaes", "-0").out.split("\0")[:-1] == lines
    # Only what surely fits is fed to another program.
    assert vaereg("list", "--compatible", "--model", "harbour_xl", "--paths").out == ""


def test_an_empty_registry_says_what_to_do(vaereg: Vaereg) -> None:
    assert "vaereg scan" in vaereg("list").out
    assert vaereg("list", "--json").document == []


def test_names_hashes_and_mistakes(vaereg: Vaereg, recorded: Path) -> None:
    sha256 = vaereg("show", "ae", "--json").document["sha256"]
    path = str(recorded / "vae/ae.safetensors")
    for ref in (sha256[:8], sha256, "ae", "AE.safetensors", path):
        assert vaereg("path", ref).out.strip() == path
    lost = vaereg("path", "forest_v2", "--json")
    assert (lost.code, lost.document["error"]["code"]) == (1, "not_found")
    assert "forest_v1" in lost.document["error"]["hint"]


def test_one_name_for_two_contents_is_ambiguous(vaereg: Vaereg, recorded: Path) -> None:
    other = recorded / "other"
    other.mkdir()
    (recorded / "vae/sdxl_vae.safetensors").rename(other / "ae.safetensors")
    vaereg("scan", recorded)
    run = vaereg("path", "ae", "--json")
    assert (run.code, run.document["error"]["code"]) == (1, "ambiguous")
    doctor = vaereg("doctor", "--json").document
    assert any(
        found["check"] == "equal-names" and found["outcome"] == "warn"
        for found in doctor["findings"]
    )


def test_what_is_gone_is_told_and_not_offered(vaereg: Vaereg, recorded: Path) -> None:
    gone = recorded / "vae/sdxl_vae.safetensors"
    gone.unlink()
    vaereg("scan", recorded)
    states = {entry["name"]: entry["state"] for entry in vaereg("list", "--json").document}
    assert (states["sdxl_vae"], states["ae"]) == ("missing", "present")
    assert str(gone) not in vaereg("list", "vaes", "--paths").out
    offered = vaereg("list", "--compatible", "--json").document
    assert all(fit["name"] != "sdxl_vae" for row in offered for fit in row["vaes"])


def test_an_overwritten_content_is_listed_no_more(vaereg: Vaereg, recorded: Path) -> None:
    path = recorded / "vae/ae.safetensors"
    path.write_bytes((recorded / "vae/sdxl_vae.safetensors").read_bytes()[:-2] + b"\1\1")
    vaereg("scan", recorded)
    assert len(vaereg("list", "--json").document) == 5


def test_accents_may_be_typed_either_way(vaereg: Vaereg, recorded: Path) -> None:
    (recorded / "vae/ae.safetensors").rename(recorded / "vae/e\u0301te\u0301.safetensors")
    vaereg("scan", recorded)
    assert vaereg("path", "\u00e9t\u00e9").code == 0


def test_paths_are_one_json_list_when_asked(vaereg: Vaereg, recorded: Path) -> None:
    assert len(vaereg("list", "vaes", "--paths", "--json").document) == 3
