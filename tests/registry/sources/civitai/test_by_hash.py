"""Local files that Civitai knows: few requests, every trap of the bulk route, declared VAEs."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.registry.sources.civitai.conftest import CANARY, Site, weights
from tests.servers.base import Reply, Request
from tests.servers.civitai import File, Version
from vaereg.registry.errors import DownloadBroken


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_names_and_claims_of_what_is_known(site: Site) -> None:
    data = weights(1)
    model = site.server.add("Forest VAE", Version("v1", "SDXL 1.0", (File("a.ckpt", data),)))
    asked = [sha256(data).upper(), sha256(b"unknown"), "no hash", ""]
    found = site.source.by_hashes(asked)
    assert list(found) == [sha256(data)]
    origin = found[sha256(data)].origin
    assert (origin.source, origin.name) == ("civitai", "Forest VAE - v1")
    assert origin.ref == f"civitai:{model.id}@{model.versions[0].id}"
    assert origin.declared == "SDXL 1.0"
    assert origin.url is not None
    assert origin.url.startswith(site.server.url)
    assert "undefined" not in repr(found)
    assert CANARY not in repr(found)


def test_nothing_to_ask_is_no_request(site: Site) -> None:
    assert site.source.by_hashes([]) == {}
    assert site.source.by_hashes(["abc", "x" * 64]) == {}
    assert site.server.log == []
    assert site.source.by_hashes([sha256(b"unknown")]) == {}


def test_a_folder_of_250_files_with_links_takes_eight_requests(site: Site) -> None:
    """Three batches of hashes, three of models, one for each VAE that no record shows."""
    site.server.switches.shows_links = False
    vaes = [
        site.server.add(f"VAE {each}", Version("v1", files=(File("v.ckpt", weights(each)),)))
        for each in (1, 2)
    ]
    digests = []
    for number in range(250):
        data = b"checkpoint %d" % number
        digests.append(sha256(data))
        link = vaes[number % 2].versions[0].id
        version = Version("v1", files=(File("c.ckpt", data),), vae=link)
        site.server.add(f"Checkpoint {number}", version, type="Checkpoint")
    found = site.source.by_hashes(digests)
    assert len(site.server.log) == 3 + 3 + 2
    assert set(found) == set(digests)
    for number, digest in enumerate(digests):
        assert found[digest].declared_vaes == (sha256(weights(1 + number % 2)),)


@pytest.mark.parametrize("shows_links", [True, False])
def test_linked_and_own_vaes_of_a_checkpoint(site: Site, shows_links: bool) -> None:
    site.server.switches.shows_links = shows_links
    vae = site.server.add("VAE", Version("v1", files=(File("v.safetensors", weights(7)),)))
    files = (File("c.safetensors", weights(1)), File("own.pt", weights(8), type="VAE"))
    site.server.add("Forest", Version("v1", files=files, vae=vae.versions[0].id), type="Checkpoint")
    asked = [sha256(weights(seed)) for seed in (1, 7, 8)]
    found = site.source.by_hashes(asked)
    checkpoint, linked, own = (found[digest] for digest in asked)
    assert set(checkpoint.declared_vaes) == {asked[1], asked[2]}
    assert (linked.declared_vaes, own.declared_vaes) == ((), ())
    assert linked.origin.name == "VAE - v1"
    assert own.origin.name == "Forest - v1 (VAE)"
    assert len(site.server.log) == (2 if shows_links else 3)


def test_a_vae_named_by_a_page_of_its_own_before_one_that_has_it_beside(site: Site) -> None:
    data = weights(1)
    beside = (File("c.safetensors", weights(2)), File("v.pt", data, type="VAE"))
    site.server.add("Forest", Version("v1", files=beside), type="Checkpoint")
    site.server.add("Old upload", Version("v1", files=(File("a.pt", data),), id=9000))
    site.server.add("Older upload", Version("v1", files=(File("b.pt", data),), id=8000))
    found = site.source.by_hashes([sha256(data)])
    assert found[sha256(data)].origin.name == "Older upload - v1"


def test_a_linked_vae_that_is_gone_is_left_out(site: Site) -> None:
    site.server.switches.shows_links = False
    linked = Version("v1", files=(File("c.ckpt", weights(1)),), vae=424242)
    site.server.add("Forest", linked, type="Checkpoint")
    (found,) = site.source.by_hashes([sha256(weights(1))]).values()
    assert found.declared_vaes == ()


ODD_ROWS: list[object] = [
    {},
    5,
    "x",
    [],
    {"id": None},
    {"id": "8", "modelId": 3},
    {"id": True, "modelId": 3},
    {"id": 2**60, "modelId": 3},
    {"id": 9, "modelId": "x", "files": []},
    {"id": 9, "modelId": None, "model": 7, "files": None},
    {"id": 9, "modelId": 3, "name": {}, "files": [None, {"id": 1, "hashes": None}, {"id": "1"}]},
    {"id": 9, "modelId": 3, "files": {"id": 1}, "stats": 7, "paidAccess": [], "baseModel": 1},
]


@pytest.mark.parametrize("row", ODD_ROWS)
def test_an_odd_row_is_left_out_and_the_others_count(
    site: Site, row: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the answer to the hashes, and of the models that it leads to."""
    site.server.add("Forest", Version("v1", files=(File("c.ckpt", weights(1)),)), type="Checkpoint")
    answer = site.server.reply

    def reply(request: Request) -> Reply:
        document = json.loads(answer(request).body)
        rows = document if isinstance(document, list) else document["items"]
        rows.insert(0, row)
        return Reply.of_json(document)

    monkeypatch.setattr(site.server, "reply", reply)
    (found,) = site.source.by_hashes([sha256(weights(1))]).values()
    assert found.origin.name == "Forest - v1"
    assert len(site.server.log) == 2


def test_an_odd_linked_vae_is_left_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.server.switches.shows_links = False
    linked = Version("v1", files=(File("c.ckpt", weights(1)),), vae=424242)
    site.server.add("Forest", linked, type="Checkpoint")
    answer = site.server.reply
    monkeypatch.setattr(
        site.server,
        "reply",
        lambda request: (
            Reply.of_json({"id": "424242"}) if "424242" in request.path else answer(request)
        ),
    )
    (found,) = site.source.by_hashes([sha256(weights(1))]).values()
    assert found.declared_vaes == ()


def test_no_list_is_an_error_in_words(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site.server, "reply", lambda request: Reply.of_json({"error": "?"}))
    with pytest.raises(DownloadBroken, match="Civitai"):
        site.source.by_hashes([sha256(b"")])
