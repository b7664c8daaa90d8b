"""Searching Hugging Face for VAEs over real sockets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers.base import Reply, Request
from tests.servers.hub import Hub, error
from vaereg.registry.errors import DownloadBroken, NeedsToken, Offline, VaeregError
from vaereg.registry.known import KnownFile, known_files
from vaereg.registry.sources.base import Hit
from vaereg.registry.sources.refs import HfRef, parse

from .huggingface_cases import VAE, WEIGHTS, serving, source

ROOT = "diffusion_pytorch_model.safetensors"
SMALL = b"x" * 64


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serving(monkeypatch, tmp_path) as server:
        server.repos[VAE].downloads = 500
        server.put("speech/vae-tts", {"config.json": b"{}", "model.safetensors": SMALL})
        server.put("lab/controlnet-sdxl", {"config.json": b"{}", ROOT: SMALL}, downloads=900)
        pipeline = {"model_index.json": b"{}", "vae/config.json": b"{}", f"vae/{ROOT}": SMALL}
        pipeline |= {"unet/config.json": b"{}", f"unet/{ROOT}": SMALL}
        server.put("lab/sdxl-base", pipeline, downloads=700, likes=3, gated="auto")
        wan = {"vae/wan_2.1_vae.safetensors": SMALL, "vae/wan2.2_vae.safetensors": b"y"}
        server.put("repacks/wan", wan, downloads=600)
        server.put("old/anime-vae", {"anime.vae.pt": SMALL}, downloads=400)
        yield server


def found(hub: Hub, words: str, limit: int = 10, family: str | None = None) -> dict[str, Hit]:
    return {hit.ref: hit for hit in source(hub).search(words, limit, family)}


def test_only_repositories_with_a_vae_are_hits_most_downloads_first(hub: Hub) -> None:
    assert list(found(hub, "vae")) == [f"hf:{VAE}", "hf:old/anime-vae/anime.vae.pt"]
    assert list(found(hub, "sdxl")) == ["hf:lab/sdxl-base/vae", f"hf:{VAE}"]
    assert list(found(hub, "wan")) == [
        "hf:repacks/wan/vae/wan_2.1_vae.safetensors",
        "hf:repacks/wan/vae/wan2.2_vae.safetensors",
    ]
    assert found(hub, "nothing of the kind") == {}


def test_without_words_the_most_downloaded_vaes(hub: Hub) -> None:
    assert list(found(hub, "")) == [f"hf:{VAE}", "hf:old/anime-vae/anime.vae.pt"]


def test_a_hit_says_what_pull_would_fetch(hub: Hub) -> None:
    inner = found(hub, "sdxl-base")["hf:lab/sdxl-base/vae"]
    assert (inner.name, inner.author, inner.file) == ("sdxl-base-vae", "lab", "vae/")
    assert (inner.size, inner.downloads, inner.likes) == (66, 700, 3)
    assert (inner.gated, inner.pickle) == (True, False)
    assert inner.sha256 == hashlib.sha256(SMALL).hexdigest()
    assert inner.updated_at == "2024-05-06T07:08:09Z"
    assert inner.url == f"{hub.url}/lab/sdxl-base"
    assert (inner.families, inner.determined_by) == ((), None), "a name tells no family"
    old = found(hub, "anime")["hf:old/anime-vae/anime.vae.pt"]
    assert (old.name, old.pickle) == ("anime.vae.pt", True)
    assert all(isinstance(parse(ref), HfRef) for ref in found(hub, "vae"))


def test_a_published_hash_settles_the_family(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    row = KnownFile(sha256, "vae", "SDXL VAE", "sdxl", None, None, "pinned", ("test",))
    monkeypatch.setitem(known_files(), sha256, row)
    hit = found(hub, "sdxl")[f"hf:{VAE}"]
    assert (hit.families, hit.determined_by) == (("sdxl",), "known-hash")
    assert f"hf:{VAE}" in found(hub, "vae", family="sdxl")
    assert f"hf:{VAE}" not in found(hub, "vae", family="sd1"), "a hash settles it"


def test_questions_are_few(hub: Hub) -> None:
    found(hub, "sdxl")
    questions = [request for request in hub.log if request.path == "/api/models"]
    listings = [request.path for request in hub.log if request.path != "/api/models"]
    assert [request.query["search"] for request in questions] == [["sdxl vae"], ["sdxl"]]
    assert all(request.query["sort"] == ["downloads"] for request in questions)
    assert sorted(listings) == ["/api/models/lab/sdxl-base", f"/api/models/{VAE}"]


def test_further_pages_are_read_until_there_is_enough(hub: Hub) -> None:
    for number in range(30):
        hub.put(
            f"many/vae-{number}", {f"{number}_vae.safetensors": b"%d" % number}, downloads=number
        )
    hub.page_size = 7
    hits = found(hub, "many/vae", limit=12)
    assert list(hits)[:2] == [
        "hf:many/vae-29/29_vae.safetensors",
        "hf:many/vae-28/28_vae.safetensors",
    ]
    assert len(hits) == 12
    cursors = [parse_qs(urlsplit(request.target).query).get("cursor") for request in hub.log]
    assert ["7"] in cursors


def test_a_repository_that_is_refused_is_left_out(hub: Hub) -> None:
    gone = error(403, "GatedRepo", "Access is restricted.")
    hub.mood.say = lambda request: gone if request.path == f"/api/models/{VAE}" else None
    assert list(found(hub, "vae")) == ["hf:old/anime-vae/anime.vae.pt"]


def test_a_repository_that_does_not_answer_just_now_is_a_hit_of_unknown_size(hub: Hub) -> None:
    busy = Reply(503, {"Retry-After": "0"})
    hub.mood.say = lambda request: busy if request.path == f"/api/models/{VAE}" else None
    hits = found(hub, "vae")
    assert list(hits) == [f"hf:{VAE}", "hf:old/anime-vae/anime.vae.pt"]
    assert [(hit.size, hit.sha256 is None) for hit in hits.values()] == [(None, True), (64, False)]


def test_a_hub_that_falls_silent_is_not_asked_for_each_repository(hub: Hub) -> None:
    for number in range(30):
        hub.put(f"many/vae-{number}", {f"{number}_vae.safetensors": b"%d" % number})
    late = Reply(429, {"Retry-After": "3600"})
    hub.mood.say = lambda request: late if request.path.startswith("/api/models/") else None
    assert len(found(hub, "many/vae", limit=20)) == 20
    assert len(hub.log) < 20, "the question, and those that were on their way already"


GOOD = {"id": VAE, "downloads": 5, "siblings": [{"rfilename": "sdxl_vae.safetensors"}]}
ODD: dict[str, object] = {
    "name that leads out": {"id": "../../x"},
    "hidden letters": {"id": "bad\u202eid/x"},
    "no name": {"downloads": 1},
    "null name": {"id": None},
    "null": None,
    "number": 7,
    "list": [],
    "text": "row",
    "file without a name": {"id": "t/vae", "siblings": [{}]},
    "files that are none": {"id": "t/vae", "siblings": "many"},
    "null file": {"id": "t/vae", "siblings": [{"rfilename": None}], "downloads": "many"},
    "no date": {"id": "t/vae", "lastModified": "yesterday"},
    "other words": {"id": "t/vae", "self": 1, "cardData": 3},
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_row_spoils_no_other(hub: Hub, odd: str) -> None:
    rows = [ODD[odd], GOOD]
    hub.mood.say = lambda one: Reply.of_json(rows) if one.path == "/api/models" else None
    assert f"hf:{VAE}" in found(hub, "vae")


@pytest.mark.parametrize("page", [[None], {"error": "x"}, 7, "text"])
def test_a_page_without_a_single_row_is_no_hub_s(hub: Hub, page: object) -> None:
    hub.mood.say = lambda _: Reply.of_json(page)
    with pytest.raises(DownloadBroken, match="something else than a hub's answer for a search"):
        found(hub, "vae")


def test_where_all_fail_the_reason_is_told(hub: Hub) -> None:
    def no(request: Request) -> Reply | None:
        deep = request.path.count("/") > 2
        return error(401, "GatedRepo", "Access is restricted.") if deep else None

    hub.mood.say = no
    with pytest.raises(NeedsToken):
        found(hub, "vae")


@pytest.mark.parametrize(("mood", "kind"), [("page", VaeregError), ("hang", Offline)])
def test_a_hub_that_cannot_be_searched_is_an_error(
    hub: Hub, mood: str, kind: type[VaeregError]
) -> None:
    setattr(hub.mood, mood, True)
    with pytest.raises(kind, match="a search"):
        found(hub, "vae")
