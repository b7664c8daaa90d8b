"""Origins and declared pairs as users meet them: ``vaereg show`` and ``vaereg list``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Vaereg
from vaereg.db.store import open_store
from vaereg.registry.values import DeclaredPair, Origin

REF = "civitai:1@2"
UNSEEN = "ab" * 32
PAGE = Origin(
    "civitai", REF, None, "https://civitai.example/models/1", "Harbour XL", "SDXL 1.0\x1b[31m"
)
REPOSITORY = Origin("huggingface", "hf:ada/harbour/harbour_xl.safetensors", "f" * 40)


@pytest.fixture
def hashes(vaereg: Vaereg, library: Path, own_home: Path) -> dict[str, str]:
    """The library recorded, with what Civitai says of it; SHA-256s by name."""
    assert vaereg("scan", library).code == 0
    with open_store("", own_home) as store:
        found = {model.name: model.artifact.digests.sha256 for model in store.models()}
        harbour = found["harbour_xl"]
        store.keep_origin(harbour, PAGE)
        store.keep_origin(harbour, REPOSITORY)
        store.keep_pairs(
            [
                DeclaredPair(harbour, found["sdxl_vae"], REF),
                DeclaredPair(harbour, UNSEEN, REF),
                DeclaredPair(found["forest_v1"], found["ae"], "civitai:3@4"),
            ]
        )
    return found


def vaes(vaereg: Vaereg, checkpoint: str, *words: str) -> list[dict[str, Any]]:
    document = vaereg("list", "--compatible", "--model", checkpoint, "--json", *words).document
    return document[0]["vaes"]


def test_the_authors_choice_is_listed_as_such(vaereg: Vaereg, hashes: dict[str, str]) -> None:
    found = vaes(vaereg, "harbour_xl")
    chosen = next(fit for fit in found if fit["name"] == "sdxl_vae")
    assert set(chosen) == {"name", "path", "verdict", "reason", "baked", "level"}
    assert chosen["verdict"] == "compatible"
    assert chosen["reason"] == f"its author's choice ({REF}); its weights were not compared"
    assert found[0]["baked"]
    assert found.index(chosen) == 1
    # The same VAE for a checkpoint whose author says nothing of it stays open.
    elsewhere = {fit["name"]: fit["verdict"] for fit in vaes(vaereg, "forest_v1")}
    assert elsewhere["sdxl_vae"] == "unknown"
    # Sixteen channels do not fit, whoever says so.
    assert "ae" not in elsewhere
    assert f"its author's choice ({REF})" in vaereg("list", "--compatible").out
    paths = vaereg("list", "--compatible", "--model", "harbour_xl", "--paths").out.splitlines()
    assert paths == [], "a program gets what evidence proves, not what somebody says"


def test_a_plain_list_knows_the_published_name(vaereg: Vaereg, hashes: dict[str, str]) -> None:
    rows = {row["name"]: row for row in vaereg("list", "--json").document}
    assert rows["harbour_xl"]["known_as"] == "Harbour XL"
    assert vaereg("path", "harbour xl").code == 0


def test_show_tells_where_a_model_was_published_in_json(
    vaereg: Vaereg, hashes: dict[str, str]
) -> None:
    document = vaereg("show", "harbour_xl", "--json").document
    keys = ("source", "ref", "revision", "url", "name", "declared")
    assert document["origins"] == [
        {key: getattr(origin, key) for key in keys} for origin in (PAGE, REPOSITORY)
    ]
    assert document["declared_vaes"] == [
        {"sha256": sha256, "name": name, "ref": REF}
        for sha256, name in sorted([(hashes["sdxl_vae"], "sdxl_vae"), (UNSEEN, None)])
    ]
    assert document["declared_by"] == []
    vae = vaereg("show", "sdxl_vae", "--json").document
    assert vae["origins"] == vae["declared_vaes"] == []
    assert vae["declared_by"] == [
        {"sha256": hashes["harbour_xl"], "name": "harbour_xl", "ref": REF}
    ]


def test_show_tells_where_a_model_was_published_in_words(
    vaereg: Vaereg, hashes: dict[str, str]
) -> None:
    lines = vaereg("show", "harbour_xl").out.splitlines()
    assert "published as Harbour XL" in lines
    assert (
        f"origin: {REF} (civitai), its author declares SDXL 1.0\\u001b[31m, "
        "https://civitai.example/models/1"
    ) in lines
    assert f"origin: {REPOSITORY.ref} (huggingface), revision {'f' * 40}" in lines
    assert f"its author names the VAE sdxl_vae for it ({REF})" in lines
    assert f"its author names the VAE {UNSEEN[:10]} for it ({REF})" in lines
    seen = vaereg("show", "sdxl_vae").out
    assert f"the author of harbour_xl names it as the VAE for that ({REF})" in seen


def test_a_model_of_unknown_origin_says_nothing_of_it(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    document = vaereg("show", "ae", "--json").document
    assert document["origins"] == document["declared_vaes"] == document["declared_by"] == []
    assert "origin:" not in vaereg("show", "ae").out


def test_scanning_again_forgets_nothing_published(
    vaereg: Vaereg, library: Path, hashes: dict[str, str]
) -> None:
    (library / "checkpoints/harbour_xl.safetensors").touch()
    assert vaereg("scan", library).code == 0
    document = vaereg("show", "harbour_xl", "--json").document
    assert document["known_as"] == "Harbour XL"
    assert len(document["origins"]) == 2
    assert len(document["declared_vaes"]) == 2
