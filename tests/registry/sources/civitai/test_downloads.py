"""A file of Civitai fetched to its end: refusals, redirects, fallbacks, secrets."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from tests.registry.sources.civitai.conftest import CANARY, REMEDY, Site, weights
from tests.servers.civitai import File, Version
from vaereg.registry.errors import (
    Forbidden,
    NeedsToken,
    NotFound,
    RateLimited,
    SourceError,
    VaeregError,
)
from vaereg.registry.sources.base import Offer
from vaereg.registry.transfer.download import Fetched, fetch


def put_up(site: Site, **stated: object) -> str:
    """A VAE of one file, as a REF."""
    version = Version("v1", files=(File("a.safetensors", weights(1)),), **stated)
    model = site.server.add("VAE", version)
    return f"civitai:{model.id}@{model.versions[0].id}"


def pulled(site: Site, offer: Offer, folder: Path) -> Fetched:
    return fetch(site.client, offer.files[0], offer.name, str(folder))


def test_a_file_arrives_verified_and_no_token_goes_to_the_storage(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password somewhat\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    done = pulled(site, site.offer(put_up(site)), tmp_path / "vae")
    assert done.verified
    assert Path(done.path).read_bytes() == weights(1)
    asked = [request for request in site.server.log if "/download/" in request.path]
    assert all(request.headers["authorization"] == f"Bearer {CANARY}" for request in asked)
    assert site.server.storage.log
    for request in site.server.storage.log:
        assert "authorization" not in request.headers
        assert CANARY not in request.target + repr(request.headers)
    assert all(request.method in ("GET", "POST") for request in site.server.log)
    left = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert CANARY.encode() not in b"".join(left)
    assert CANARY not in caplog.text


def test_the_account_s_taste_does_not_change_what_is_fetched(site: Site, tmp_path: Path) -> None:
    site.server.switches.prefers = "fp32"
    half = File("half.safetensors", weights(1), fp="fp16")
    whole = File("whole.safetensors", weights(2), fp="fp32")
    model = site.server.add("VAE", Version("v1", files=(half, whole)))
    done = pulled(site, site.offer(f"civitai:{model.id}"), tmp_path)
    assert Path(done.path).read_bytes() == weights(1)
    assert len(site.server.storage.log) == 1


def test_a_linked_vae_is_fetched_by_the_address_that_its_page_gives(
    site: Site, tmp_path: Path
) -> None:
    """By its id it belongs to another version: 404; the plain address gives the checkpoint."""
    vae = site.server.add("VAE", Version("v1", files=(File("v.safetensors", weights(9)),)))
    checkpoint = Version("v1", files=(File("c.ckpt", weights(1)),), vae=vae.versions[0].id)
    model = site.server.add("Forest", checkpoint, type="Checkpoint")
    done = pulled(site, site.offer(f"civitai:{model.id}", file="VAE"), tmp_path)
    assert done.sha256 == hashlib.sha256(weights(9)).hexdigest()
    downloads = [request.target for request in site.server.log if "/download/" in request.path]
    assert "fileId=" in downloads[0]
    assert "type=VAE" in downloads[1]
    assert len(downloads) == 2


REFUSALS = [
    ({"usage": "Generation"}, {}, NeedsToken, "disabled downloads"),
    ({"availability": "EarlyAccess", "early_until": "2099-01-01"}, {}, Forbidden, "2099"),
    ({"availability": "Private"}, {}, Forbidden, "do not have access"),
    ({"status": "Draft"}, {}, NotFound, "a.safetensors"),
    ({}, {"quota": 0}, RateLimited, "unusual amount"),
    ({}, {"blocked": True}, Forbidden, "does not allow"),
]


@pytest.mark.parametrize(("version", "switches", "error", "says"), REFUSALS)
def test_refusals_are_sentences_and_come_at_once(
    site: Site,
    tmp_path: Path,
    version: dict[str, str],
    switches: dict[str, object],
    error: type[VaeregError],
    says: str,
) -> None:
    """The offer was made before the service changed its mind."""
    ref = put_up(site)
    offer = site.offer(ref)
    model = site.server.catalogue.models[int(ref.partition(":")[2].partition("@")[0])]
    changed = replace(model.versions[0], **version)
    site.server.catalogue.models[model.id] = replace(model, versions=(changed,))
    for name, value in switches.items():
        setattr(site.server.switches, name, value)
    with pytest.raises(error) as caught:
        pulled(site, offer, tmp_path)
    assert says in f"{caught.value.message} {caught.value.hint}"
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".safetensors"]
    assert not site.server.storage.log


def test_an_archived_model_is_said_to_be_one(site: Site, tmp_path: Path) -> None:
    ref = put_up(site)
    offer = site.offer(ref)
    (model,) = site.server.catalogue.models.values()
    site.server.catalogue.models[model.id] = replace(model, mode="Archived")
    with pytest.raises(NotFound, match="archived"):
        pulled(site, offer, tmp_path)


def test_without_a_token_the_remedy_is_told(anonymous: Site, tmp_path: Path) -> None:
    offer = anonymous.offer(put_up(anonymous))
    with pytest.raises(NeedsToken) as caught:
        pulled(anonymous, offer, tmp_path)
    assert caught.value.hint == REMEDY
    assert "logged in" in caught.value.message


def test_a_bad_token_shows_at_the_download(site: Site, tmp_path: Path) -> None:
    """The API takes an unknown key for nobody, silently."""
    offer = site.offer(put_up(site))
    site.server.switches.tokens = set()
    with pytest.raises(NeedsToken, match="does not accept the token"):
        pulled(site, offer, tmp_path)


@pytest.mark.parametrize(
    "fault",
    [{"login_page": True}, {"flip": 40}, {"length": 20}, {"cut_after": 20}, {"gzipped": True}],
)
def test_what_arrives_in_place_of_the_file_gets_no_name(
    site: Site, tmp_path: Path, fault: dict[str, object]
) -> None:
    offer = site.offer(put_up(site))
    file = offer.ref.file
    path = f"/civitai-delivery-worker-prod/model/{file}"
    site.server.storage.put(path, weights(1), **fault)
    with pytest.raises(SourceError):
        pulled(site, offer, tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_hostile_name_stays_in_the_folder(site: Site, tmp_path: Path) -> None:
    version = Version("v1", files=(File("../../etc/a\u202e.safetensors", weights(1)),))
    model = site.server.add("VAE", version)
    done = pulled(site, site.offer(f"civitai:{model.id}"), tmp_path / "vae")
    assert Path(done.path).parent == tmp_path / "vae"
    assert "\u202e" not in done.path


def test_addresses_stay_on_the_endpoint_whatever_the_api_says(site: Site) -> None:
    """Absolute addresses of answers may name another host, none, or repeat a token."""
    from vaereg.registry.sources.civitai.records import version_of
    from vaereg.registry.sources.civitai.routes import Routes

    routes = Routes("https://civ.example/base")
    for given in (
        "https://civitai.red/api/download/models/2?type=VAE&token=" + CANARY,
        "https://undefined/api/download/models/2?type=VAE",
    ):
        row = {"id": 3, "name": "a", "type": "VAE", "downloadUrl": given}
        version = version_of({"id": 2, "modelId": 1, "files": [row]})
        assert routes.downloads(version, version.files[0]) == (
            "https://civ.example/base/api/download/models/2?fileId=3",
            "https://civ.example/base/api/download/models/2?type=VAE",
        )
    for given in ("https://evil.example/x", "file:///etc/passwd", "//[", "\x00", 7):
        row = {"id": 3, "name": "a", "type": "VAE", "downloadUrl": given}
        version = version_of({"id": 2, "modelId": 1, "files": [row]})
        assert len(routes.downloads(version, version.files[0])) == 1
