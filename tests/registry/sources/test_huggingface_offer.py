"""Offers of Hugging Face over real sockets: pinned, counted, refused, and out of the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers.base import Reply, Request
from tests.servers.hub import Hub, error, point_library_at
from tests.servers.hub_files import git_oid
from vaereg.registry.errors import (
    Ambiguous,
    NotFound,
    Offline,
    UnsupportedFormat,
    VaeregError,
)
from vaereg.registry.sources.base import Offer, RemoteFile, Wish
from vaereg.registry.sources.refs import HfRef, parse

from .huggingface_cases import (
    CANARY,
    CONFIG,
    FILE,
    FILES,
    SINGLE,
    VAE,
    WEIGHTS,
    serving,
    source,
)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with serving(monkeypatch, tmp_path) as server:
        yield server


def offered(hub: Hub, path: str | None = None, token: str | None = None, **wish: str) -> Offer:
    revision = wish.pop("at", None)
    return source(hub, token).offer(HfRef(VAE, path, revision), Wish(**wish))


def bytes_of(file: RemoteFile, token: str | None, hub: Hub) -> bytes:
    with source(hub, token).client.open(file.locate()) as answer:
        assert answer.status == 200
        return answer.read(1 << 20)


def asked(hub: Hub) -> list[str]:
    return [f"{request.method} {request.target}" for request in hub.log]


def test_a_folder_is_offered_at_a_commit_for_one_request(hub: Hub) -> None:
    commit = hub.repos[VAE].refs["main"]
    offer = offered(hub)
    assert asked(hub) == [f"GET /api/models/{VAE}?blobs=true"]
    assert offer.ref == HfRef(VAE, None, commit)
    assert (offer.name, offer.root) == ("sdxl-vae", "")
    assert offer.origin.ref == f"hf:{VAE}"
    assert offer.origin.revision == commit
    assert offer.origin.url == f"{hub.url}/{VAE}/tree/{commit}"
    weights, config = offer.files
    assert (weights.path, weights.size) == ("diffusion_pytorch_model.safetensors", len(WEIGHTS))
    assert weights.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert weights.git_sha1 is None
    assert (config.sha256, config.git_sha1) == (None, git_oid(CONFIG))
    assert [bytes_of(one, None, hub) for one in offer.files] == [WEIGHTS, CONFIG]


def test_a_named_file_costs_one_head_and_no_listing(hub: Hub) -> None:
    offer = offered(hub, "sdxl_vae.safetensors")
    assert asked(hub) == [f"HEAD /{VAE}/resolve/main/sdxl_vae.safetensors"]
    commit = hub.repos[VAE].refs["main"]
    assert offer.ref == HfRef(VAE, "sdxl_vae.safetensors", commit)
    assert offer.origin.ref == f"hf:{VAE}/sdxl_vae.safetensors"
    assert offer.origin.url == f"{hub.url}/{VAE}/blob/{commit}/sdxl_vae.safetensors"
    (file,) = offer.files
    assert file.sha256 == hashlib.sha256(SINGLE).hexdigest()
    assert file.size == len(SINGLE)
    assert bytes_of(file, None, hub) == SINGLE
    assert (len(hub.log), len(hub.storage.log)) == (1, 1), "the head and the body"
    hub.storage.expire(hub.storage.log[0].path)
    assert bytes_of(file, None, hub) == SINGLE, "from another address, as the first has expired"


def test_what_is_offered_is_pinned_even_where_the_branch_moves_on(hub: Hub) -> None:
    folder, file = offered(hub), offered(hub, "sdxl_vae.safetensors")
    hub.put(VAE, {**FILES, "diffusion_pytorch_model.safetensors": b"new", "config.json": b"{}"})
    assert [bytes_of(one, None, hub) for one in folder.files] == [WEIGHTS, CONFIG]
    assert bytes_of(file.files[0], None, hub) == SINGLE


def test_revisions_with_slashes_and_names_with_spaces(hub: Hub) -> None:
    name = "a folder/with space é.safetensors"
    commit = hub.put(VAE, {name: b"of the request"}, revision="refs/pr/7")
    offer = offered(hub, name, at="refs/pr/7")
    assert offer.ref.revision == commit
    assert bytes_of(offer.files[0], None, hub) == b"of the request"
    assert parse(str(offer.ref)) == offer.ref
    by_wish = offered(hub, None, at="main", revision="refs/pr/7", role="model")
    assert by_wish.ref.revision == commit
    assert by_wish.files[0].path == name


def test_a_renamed_repository_is_recorded_under_its_present_name(hub: Hub) -> None:
    hub.rename(VAE, "stability-ai/sdxl-vae")
    for path in (None, "sdxl_vae.safetensors", "config.json"):
        offer = offered(hub, path)
        assert offer.ref.repo == "stability-ai/sdxl-vae"
        assert offer.origin.ref.startswith("hf:stability-ai/sdxl-vae")
        assert bytes_of(offer.files[0], None, hub)


@pytest.mark.parametrize("direct", [True, False])
def test_small_files_come_by_way_of_the_cache_or_at_once(hub: Hub, direct: bool) -> None:
    hub.mood.direct = direct
    (file,) = offered(hub, "config.json").files
    assert file.git_sha1 == git_oid(CONFIG)
    assert bytes_of(file, None, hub) == CONFIG


def test_names_that_lead_out_of_the_folder_are_never_offered(hub: Hub) -> None:
    hostile = ("../x_vae.pt", "/abs_vae.pt", "a/../b_vae.pt", "C:\\x_vae.pt", "a/./c_vae.pt")
    hub.put(
        "evil/vae", {**dict.fromkeys(hostile, b"x"), "ok.vae.safetensors": b"y", "n\n_vae.pt": b""}
    )
    offer = source(hub).offer(HfRef("evil/vae"), Wish())
    assert [file.path for file in offer.files] == ["ok.vae.safetensors"]


@pytest.mark.parametrize("path", [None, FILE])
def test_a_hub_that_is_busy_for_a_moment_is_asked_again(hub: Hub, path: str | None) -> None:
    hub.mood.busy = 1
    assert offered(hub, path).files
    hub.mood.limited, hub.mood.seconds = 1, 0
    assert offered(hub, path).files


def test_a_licence_is_told_of_before_anything_is_fetched(hub: Hub) -> None:
    hub.repos[VAE].gated = "auto"
    assert f"accept it at {hub.url}/{VAE}" in offered(hub).notes[-1]
    hub.repos[VAE].granted = True
    offer = offered(hub, token=CANARY)
    assert not [note for note in offer.notes if "licence" in note]
    assert bytes_of(offer.files[0], CANARY, hub) == WEIGHTS


def test_the_token_goes_to_the_hub_alone(hub: Hub) -> None:
    with Hub("localhost") as elsewhere:
        elsewhere.put(VAE, FILES)
        moved = Reply(307, {"Location": f"{elsewhere.url}/api/models/{VAE}?blobs=true"})
        hub.mood.say = lambda request: moved if "/api/models" in request.path else None
        assert offered(hub, token=CANARY).files
        assert elsewhere.log
        spread = [*elsewhere.log, *hub.storage.log]
    offer = offered(hub, FILE, token=CANARY)
    assert bytes_of(offer.files[0], CANARY, hub) == SINGLE
    assert CANARY in hub.log[0].headers["authorization"]
    assert CANARY not in repr([*spread, *hub.storage.log, offer, source(hub, CANARY)])


def test_no_redirect_takes_the_token_along(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even between hosts that the library itself takes for hubs."""
    from huggingface_hub.utils import _http

    with Hub("localhost") as elsewhere:
        elsewhere.put(VAE, FILES)
        origin = ("http", "localhost", elsewhere.port)
        monkeypatch.setattr(_http, "_HUB_ORIGINS", frozenset({origin}), raising=False)
        moved = Reply(307, {"Location": f"{elsewhere.url}/{VAE}/resolve/main/{FILE}"})
        hub.mood.say = lambda _: moved
        assert offered(hub, FILE, token=CANARY).files[0].size == len(SINGLE)
        assert [request.method for request in elsewhere.log] == ["HEAD"]
        assert CANARY not in repr(elsewhere.log)


def test_a_file_in_the_cache_of_the_library_needs_no_request(hub: Hub) -> None:
    import huggingface_hub

    path = huggingface_hub.hf_hub_download(VAE, FILE, endpoint=hub.url)
    file = offered(hub, FILE).files[0]
    before = len(hub.log)
    assert file.fetch_cached
    assert file.fetch_cached() == str(Path(path).resolve())
    assert len(hub.log) == before
    weights = offered(hub).files[0]
    assert weights.fetch_cached
    assert weights.fetch_cached() is None


def test_a_file_of_an_older_commit_is_found_by_its_hash(hub: Hub) -> None:
    import huggingface_hub

    huggingface_hub.hf_hub_download(VAE, FILE, endpoint=hub.url)
    hub.put(VAE, {**FILES, "README.md": b"# changed"})
    (file,) = offered(hub, FILE).files
    assert file.fetch_cached
    found = file.fetch_cached()
    assert found
    assert Path(found).read_bytes() == SINGLE


def test_a_renamed_repository_is_found_under_the_cache_s_old_name(hub: Hub) -> None:
    import huggingface_hub

    huggingface_hub.hf_hub_download(VAE, FILE, endpoint=hub.url)
    weights = "diffusion_pytorch_model.safetensors"
    huggingface_hub.hf_hub_download(VAE, weights, endpoint=hub.url)
    hub.rename(VAE, "stability-ai/sdxl-vae")
    for offer, content in ((offered(hub, FILE), SINGLE), (offered(hub), WEIGHTS)):
        assert offer.files[0].fetch_cached
        found = offer.files[0].fetch_cached()
        assert found
        assert Path(found).read_bytes() == content


@pytest.fixture
def offline(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    """A hub that the library has fetched from, and may not ask any more."""
    import huggingface_hub

    for name in ("config.json", "diffusion_pytorch_model.safetensors"):
        huggingface_hub.hf_hub_download(VAE, name, endpoint=hub.url)
    point_library_at(monkeypatch, tmp_path / "huggingface", offline=True)
    hub.log.clear()
    return hub


def test_offline_mode_answers_from_the_cache(offline: Hub) -> None:
    commit = offline.repos[VAE].refs["main"]
    for revision in (None, "main", commit):
        offer = offered(offline, at=revision) if revision else offered(offline)
        assert offer.ref.revision == commit
        assert "HF_HUB_OFFLINE" in offer.notes[-1]
    weights, config = offer.files
    assert weights.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert config.git_sha1 == git_oid(CONFIG)
    assert weights.fetch_cached
    assert Path(weights.fetch_cached() or "").read_bytes() == WEIGHTS
    with pytest.raises(Offline):
        weights.locate()
    assert not offline.log


@pytest.mark.parametrize("ref", [HfRef("no/body"), HfRef(VAE, FILE), HfRef(VAE, None, "v2")])
def test_offline_mode_says_so_where_the_cache_has_nothing(offline: Hub, ref: HfRef) -> None:
    with pytest.raises(Offline, match="HF_HUB_OFFLINE is set") as caught:
        source(offline).offer(ref, Wish())
    assert "Unset HF_HUB_OFFLINE" in (caught.value.hint or "")
    with pytest.raises(Offline, match="HF_HUB_OFFLINE"):
        source(offline).search("sdxl", 5, None)
    assert not offline.log


def test_what_only_the_library_can_fetch_it_fetches(hub: Hub) -> None:
    by_library = replace(source(hub, CANARY), only_by_library=1000)
    (file,) = by_library.offer(HfRef(VAE, FILE), Wish()).files
    assert file.fetch_by_library
    assert Path(file.fetch_by_library()).read_bytes() == SINGLE
    assert offered(hub, FILE).files[0].fetch_by_library is None
    hub.mood.say = _no_large_files
    Path(file.fetch_cached() or "" if file.fetch_cached else "").unlink()
    with pytest.raises(NotFound, match="no sdxl_vae"):
        file.fetch_by_library()


def _no_large_files(request: Request) -> Reply | None:
    gone = error(404, "EntryNotFound", "Entry not found", "0" * 40)
    return gone if "/resolve/" in request.path else None


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"a_vae.safetensors": b"a", "b_vae.safetensors": b"b"}, Ambiguous),
        ({"README.md": b""}, NotFound),
        ({"model.onnx": b"", "config.json": b"{}"}, UnsupportedFormat),
    ],
)
def test_what_cannot_be_chosen_is_an_error(
    hub: Hub, files: dict[str, bytes], kind: type[VaeregError]
) -> None:
    hub.put("some/models", files)
    with pytest.raises(kind, match="some/models"):
        source(hub).offer(HfRef("some/models"), Wish())
