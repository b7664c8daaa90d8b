"""Search hits sifted by family: what nothing tells is looked into, and nothing there is fatal."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registry.sources.civitai.conftest import CANARY
from tests.servers.civitai import Civitai, File, Version
from vaereg.registry.samples import library
from vaereg.registry.sources.base import Hit
from vaereg.registry.sources.catalog import Sources
from vaereg.registry.sources.sifting import MOST, of_family


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    library.build(folder, widths=(24, 24, 24, 24), groups=8)
    return folder / "vae"


@pytest.fixture
def server() -> Iterator[Civitai]:
    with Civitai() as running:
        running.switches.tokens = {CANARY}
        yield running


def sources_of(server: Civitai) -> Sources:
    return Sources({"VAEREG_CIVITAI_ENDPOINT": server.url, "CIVITAI_API_TOKEN": CANARY})


def test_headers_tell_what_no_author_does(server: Civitai, samples: Path) -> None:
    """A search finds both unknown ones; the header of one says that it cannot be of the family."""
    for name in ("ae", "sdxl_vae"):
        path = samples / f"{name}.safetensors"
        server.add(name, Version("v1", "Other", (File(path.name, path),)))
    sources = sources_of(server)
    hits = sources.named("civitai").search("", 10, "sdxl")
    assert [hit.families for hit in hits] == [(), ()]
    kept, dark = of_family(sources, hits, "sdxl")
    assert [hit.name for hit in kept] == ["sdxl_vae - v1"]
    assert "sdxl" in kept[0].families
    assert kept[0].determined_by == "header"
    assert dark == 0


HOSTILE = {
    "no model": b"<html>",
    "empty": b"",
    "a header longer than the file": struct.pack("<Q", 100_000_000) + b'{"a":',
    "no header at all": struct.pack("<Q", 2**63) + b"{}",
}


def test_what_cannot_be_looked_into_is_counted_and_the_rest_is_kept(
    server: Civitai, samples: Path
) -> None:
    good = samples / "ae.safetensors"
    server.add("good", Version("v1", "Other", (File("ae.safetensors", good),)))
    for name, content in HOSTILE.items():
        server.add(name, Version("v1", "Other", (File("a.safetensors", content),)))
    sources = sources_of(server)
    hits = sources.named("civitai").search("", 20, "flux1")
    assert len(hits) == 1 + len(HOSTILE)
    odd = [Hit("civitai", ref, "odd") for ref in ("civitai:0@1", "nothing", "s3://a/b", "hf:")]
    kept, dark = of_family(sources, [*odd, *hits], "flux1")
    assert [hit.name for hit in kept] == ["good - v1"]
    assert dark == len(HOSTILE) + len(odd)


def test_beyond_the_bound_none_is_looked_into(server: Civitai) -> None:
    hits = [Hit("civitai", f"civitai:@{number}", "gone") for number in range(1, MOST + 21)]
    assert of_family(sources_of(server), hits, "sdxl") == ([], len(hits))
    assert len(server.log) == MOST
