"""Plain addresses: the name, the size and the hash that a server states, as far as it does."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.storage import Storage
from vaereg.registry.errors import DownloadBroken, NotFound, UsageError, VaeregError
from vaereg.registry.sources.base import Offer, Wish
from vaereg.registry.sources.plain import Plain
from vaereg.registry.sources.refs import HfRef, UrlRef, parse
from vaereg.registry.transfer.client import Client, Endpoint, Patience
from vaereg.registry.transfer.download import fetch

DATA = (8).to_bytes(8, "little") + b'{"": {}}' + bytes(range(200))
SHA256 = hashlib.sha256(DATA).hexdigest()
BASE64 = base64.b64encode(bytes.fromhex(SHA256)).decode()
OTHER = base64.b64encode(hashlib.sha256(b"one byte").digest()).decode()
CANARY = "canary-91c2"


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as server:
        yield server


def client_of(storage: Storage) -> Client:
    patience = Patience(connect=2.0, read=5.0, window=5.0, tries=2)
    return Client([Endpoint(storage.url, "localhost")], patience)


def offer_of(storage: Storage, url: str) -> Offer:
    ref = parse(url)
    assert isinstance(ref, UrlRef)
    return Plain(client_of(storage)).offer(ref, Wish())


def test_one_request_for_one_byte_tells_name_and_size(storage: Storage) -> None:
    url = storage.put("/models/my%20vae.safetensors".replace("%20", " "), DATA)
    offer = offer_of(storage, url)
    assert (offer.name, offer.size) == ("my vae.safetensors", len(DATA))
    assert offer.files[0].sha256 is None
    assert any("cannot be verified" in note for note in offer.notes)
    assert [request.headers["range"] for request in storage.log] == ["bytes=0-0"]
    assert offer.origin.source == "url"
    assert offer.origin.url == f"{storage.url}/models/my%20vae.safetensors"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a b.ckpt"', "a b.ckpt"),
        ("attachment; filename=plain.pt", "plain.pt"),
        ("attachment; filename=x.pt; filename*=UTF-8''gr%C3%BCn.pt", "grün.pt"),
        ("attachment; filename*=utf-8'de'gr%C3%BCn.pt; filename=x.pt", "grün.pt"),
        ("attachment; filename*=iso-8859-1''gr%FCn.pt", "grün.pt"),
        ("inline", "v.safetensors"),
        ("", "v.safetensors"),
        ("attachment; filename=", "v.safetensors"),
        ('attachment; filename="../../x.pt"', "../../x.pt"),
    ],
)
def test_the_name_that_the_server_states(storage: Storage, disposition: str, name: str) -> None:
    """Untrusted: the download cleans it."""
    url = storage.put("/v.safetensors", DATA, disposition=disposition)
    assert offer_of(storage, url).name == name


@pytest.mark.parametrize(
    ("headers", "ranged", "sha256"),
    [
        ({"X-Linked-Etag": f'"{SHA256}"'}, True, SHA256),
        ({"X-Linked-Etag": '"no hash"'}, True, None),
        ({"Repr-Digest": f"sha-256=:{BASE64}:"}, True, SHA256),
        ({"Repr-Digest": f"sha-512=:AAAA:, sha-256=:{BASE64}:"}, True, SHA256),
        ({"Digest": f"sha-256={BASE64}"}, True, SHA256),
        ({"Digest": f"SHA-256={BASE64},md5=x"}, True, SHA256),
        ({"Content-Digest": f"sha-256=:{OTHER}:"}, True, None),
        ({"Content-Digest": f"sha-256=:{BASE64}:"}, False, SHA256),
        ({"Repr-Digest": "sha-256=:AAAA:"}, True, None),
        ({"Repr-Digest": "sha-256=:A:"}, True, None),
        ({"ETag": f'"{SHA256}"'}, True, None),
    ],
)
def test_hashes_that_a_server_states(
    storage: Storage, headers: dict[str, str], ranged: bool, sha256: str | None
) -> None:
    url = storage.put("/v.safetensors", DATA, headers=headers, ignore_ranges=not ranged)
    offer = offer_of(storage, url)
    assert offer.files[0].sha256 == sha256
    assert offer.size == len(DATA)
    assert bool(offer.notes) is (sha256 is None)


def test_the_file_behind_it_is_fetched_and_verified(storage: Storage, tmp_path: Path) -> None:
    stated = {"Repr-Digest": f"sha-256=:{BASE64}:"}
    url = storage.put("/v.safetensors", DATA, headers=stated)
    offer = offer_of(storage, url)
    done = fetch(client_of(storage), offer.files[0], offer.name, str(tmp_path))
    assert done.verified
    assert Path(done.path).read_bytes() == DATA


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 404}, NotFound),
        ({"status": 403}, VaeregError),
        ({"login_page": True}, DownloadBroken),
        ({"expired": True}, VaeregError),
    ],
)
def test_refusals_show_no_query(
    storage: Storage, fault: dict[str, object], error: type[VaeregError]
) -> None:
    url = storage.put("/v.safetensors", DATA, **fault)
    with pytest.raises(error) as caught:
        offer_of(storage, f"{url}?token={CANARY}&X-Amz-Signature={CANARY}")
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"
    assert f"token={CANARY}" not in storage.log[0].target


def test_a_signed_address_is_asked_whole_and_recorded_without_its_query(storage: Storage) -> None:
    storage.put("/v.safetensors", DATA)
    offer = offer_of(storage, storage.signed("/v.safetensors"))
    assert storage.log[0].target.endswith("?X-Amz-Expires=86400&X-Amz-Signature=s%2F1")
    assert "Amz" not in repr(offer.origin)


def test_an_empty_file_has_no_first_byte(storage: Storage) -> None:
    offer = offer_of(storage, storage.put("/v.safetensors", b""))
    assert offer.size == 0


def test_addresses_have_no_list(storage: Storage) -> None:
    source = Plain(client_of(storage))
    assert source.search("vae", 10, None) == []
    with pytest.raises(UsageError):
        source.offer(HfRef("a/b"), Wish())
