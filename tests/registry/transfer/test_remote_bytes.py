"""A remote file's header by byte ranges: how little is asked, and whom not to believe."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.registry.transfer.scripted import QUICK, TOKEN, Scripted, redirect
from tests.servers.base import Reply
from tests.servers.storage import Storage
from vaereg.registry.errors import (
    DownloadBroken,
    Forbidden,
    NeedsToken,
    NotFound,
    Offline,
    OfflineMode,
    RateLimited,
    SourceError,
    Unreadable,
    UnsupportedFormat,
)
from vaereg.registry.formats.catalog import read_header
from vaereg.registry.sources.base import RemoteFile
from vaereg.registry.transfer.client import Client, Endpoint
from vaereg.registry.transfer.remote_bytes import RemoteBytes

KIB = 1024
CONTENT = random.Random(6).randbytes(900_001)
PATH = "/f.safetensors"
DEEP = "up_blocks.2.attentions.1.transformer_blocks.0"


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage() as server:
        yield server


@pytest.fixture
def service() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server


def remote(storage: Storage, size: int | None = len(CONTENT), **faults: object) -> RemoteBytes:
    url = storage.put(PATH, CONTENT, **faults)
    client = Client([Endpoint(storage.url, "Storage")], QUICK)
    return RemoteBytes(client, RemoteFile("f.safetensors", size, lambda: url))


def sparse(path: Path, tensors: int, name: str, nbytes: int) -> Path:
    """A safetensors file of so many equal tensors, without its data taking room on the disk."""
    header = {
        name.format(number): {
            "dtype": "F16",
            "shape": [nbytes // 2],
            "data_offsets": [number * nbytes, (number + 1) * nbytes],
        }
        for number in range(tensors)
    }
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + tensors * nbytes)
    return path


@pytest.mark.parametrize(
    ("tensors", "name", "nbytes", "requests", "most"),
    [
        (248, f"decoder.{DEEP}.{{}}.weight", 1_350_000, 1, 64 * KIB),
        (2515, f"model.diffusion_model.{DEEP}.{{}}.to_k.weight", 2_744_000, 2, 520 * KIB),
    ],
    ids=["a VAE of 335 MB", "a checkpoint of 6.9 GB"],
)
def test_a_header_costs_little(
    storage: Storage,
    service: Scripted,
    tmp_path: Path,
    tensors: int,
    name: str,
    nbytes: int,
    requests: int,
    most: int,
) -> None:
    path = sparse(tmp_path / "f", tensors, name, nbytes)
    where = storage.put(PATH, path)
    url = service.put("/resolve/f", redirect(where))
    file = RemoteFile("f.safetensors", path.stat().st_size, lambda: url)
    source = RemoteBytes(service.client(), file)
    assert not storage.log, "nothing is asked before it is needed"
    header = read_header(source)
    assert len(header.tensors) == tensors
    assert (source.requests, len(storage.log), len(service.log)) == (requests, requests, 1)
    assert source.bytes_read == sum(storage.sent.values()) <= most
    assert all("authorization" not in request.headers for request in storage.log)


@pytest.mark.parametrize("tensors", [250, 1000])
def test_a_pickle_costs_little_too(storage: Storage, tmp_path: Path, tensors: int) -> None:
    torch = pytest.importorskip("torch")
    name = "model.diffusion_model.input_blocks.{}.in_layers.{}.weight"
    weights = {name.format(i // 10, i % 10): torch.zeros(64, 640) for i in range(tensors)}
    torch.save({"state_dict": weights}, tmp_path / "f.ckpt")
    url = storage.put("/f.ckpt", tmp_path / "f.ckpt")
    size = (tmp_path / "f.ckpt").stat().st_size
    client = Client([Endpoint(storage.url, "Storage")], QUICK)
    source = RemoteBytes(client, RemoteFile("f.ckpt", size, lambda: url))
    assert len(read_header(source).tensors) == tensors
    assert source.requests <= 4
    assert source.bytes_read == sum(storage.sent.values()) < 512 * KIB


def test_any_bytes_are_the_right_ones(storage: Storage) -> None:
    source, chance = remote(storage), random.Random(1)
    for _ in range(60):
        start = chance.randrange(len(CONTENT))
        length = min(chance.choice([0, 1, 50, 5_000, 200_000]), len(CONTENT) - start)
        assert source.read(start, length) == CONTENT[start : start + length]
    assert source.read(0, len(CONTENT)) == CONTENT
    assert source.bytes_read == sum(storage.sent.values())


def test_an_unknown_size_comes_with_the_first_bytes(storage: Storage) -> None:
    source = remote(storage, size=None)
    assert source.size == len(CONTENT)
    assert source.read(0, 64 * KIB) == CONTENT[: 64 * KIB]
    assert len(storage.log) == 1


@pytest.mark.parametrize("size", [0, 1, 100])
def test_short_files(storage: Storage, size: int) -> None:
    url = storage.put(PATH, CONTENT[:size])
    client = Client([Endpoint(storage.url, "Storage")], QUICK)
    for known in (size, None):
        source = RemoteBytes(client, RemoteFile("f", known, lambda: url))
        assert source.size == size
        assert source.read(0, size) == CONTENT[:size]


@pytest.mark.parametrize(("offset", "length"), [(-1, 5), (0, len(CONTENT) + 1), (5, -1)])
def test_ranges_outside_the_file(storage: Storage, offset: int, length: int) -> None:
    with pytest.raises(Unreadable, match=r"f\.safetensors ends before"):
        remote(storage).read(offset, length)


@pytest.mark.parametrize(
    ("faults", "error", "says"),
    [
        ({"range_start": 7}, DownloadBroken, "the server sends 7 to"),
        ({"headers": {"Content-Range": "bytes 0-65535/5"}}, SourceError, r"f\.safetensors"),
        ({"headers": {"Content-Range": "pages 1-2"}}, DownloadBroken, "which bytes it sends"),
        ({"login_page": True}, NeedsToken, "sign-in page"),
        ({"headers": {"Content-Type": "text/html"}}, DownloadBroken, "web page"),
        ({"headers": {"Content-Type": "application/json"}}, DownloadBroken, "JSON text"),
        ({"gzipped": True}, DownloadBroken, "packed"),
        ({"status": 404}, NotFound, "has no"),
        ({"expired": True}, Forbidden, "Request has expired"),
        ({"too_many": 9}, RateLimited, "come back later"),
        ({"too_many": 9, "retry_after": "3600"}, RateLimited, "60 minutes"),
        ({"errors": 9}, DownloadBroken, "fault of its own"),
        ({"cut_after": 100}, DownloadBroken, "too early"),
        ({"drip": 300}, DownloadBroken, "slower than"),
        ({"hang": True}, Offline, "does not answer"),
        ({"redirect": PATH}, DownloadBroken, "in a circle"),
    ],
)
def test_servers_that_misbehave(
    storage: Storage, faults: dict, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        read_header(remote(storage, **faults))


@pytest.mark.parametrize(
    "faults",
    [
        {"errors": 1},
        {"too_many": 1, "retry_after": "0"},
        {"cut_once_after": 1000},
        {"etag": ""},
        {"etag": 'W/"weak"'},
        {"chunked": True},
        {"ignore_ranges": True},
    ],
)
def test_what_can_be_overcome(storage: Storage, faults: dict) -> None:
    source = remote(storage, **faults)
    assert source.read(0, 10) == CONTENT[:10]
    assert source.read(500_000, 10) == CONTENT[500_000:500_010]
    assert source.bytes_read <= sum(storage.sent.values())


def test_without_ranges_only_the_beginning_can_be_read(storage: Storage, tmp_path: Path) -> None:
    path = sparse(tmp_path / "f", 3, "t{}", 50_000_000)
    url = storage.put(PATH, path, ignore_ranges=True)
    client = Client([Endpoint(storage.url, "Storage")], QUICK)
    source = RemoteBytes(client, RemoteFile("f", path.stat().st_size, lambda: url))
    assert len(read_header(source).tensors) == 3
    assert source.bytes_read <= 64 * KIB
    with pytest.raises(UnsupportedFormat, match="no byte ranges"):
        source.read(100_000_000, 10)


@pytest.mark.parametrize("change", [{"etag": '"another"'}, {"content": CONTENT + b"more"}])
def test_a_file_that_changes_meanwhile_is_noticed(storage: Storage, change: dict) -> None:
    source = remote(storage)
    source.read(0, 10)
    storage.put(PATH, change.pop("content", CONTENT), **change)
    with pytest.raises((Unreadable, DownloadBroken), match=r"changed|by its listing"):
        source.read(500_000, 10)


def test_a_listing_that_lies_about_the_size_is_noticed(storage: Storage) -> None:
    with pytest.raises(DownloadBroken, match="900,002 bytes by its listing, but 900,001"):
        remote(storage, size=len(CONTENT) + 1).read(0, 10)


def test_an_expired_address_is_asked_for_anew(storage: Storage, service: Scripted) -> None:
    storage.put(PATH, CONTENT)
    url = service.put("/f", redirect(storage.signed(PATH)))
    located = []

    def locate() -> str:
        located.append(url)
        service.put("/f", redirect(storage.signed(PATH)))
        return url

    source = RemoteBytes(service.client(), RemoteFile("f", len(CONTENT), locate))
    assert source.read(0, 10) == CONTENT[:10]
    storage.expire(PATH)
    service.put("/f", redirect(storage.signed(PATH)))
    assert source.read(500_000, 10) == CONTENT[500_000:500_010]
    assert len(service.log) == 2
    # the third answer comes from the new address at once
    assert source.read(700_000, 10) == CONTENT[700_000:700_010]
    assert len(service.log) == 2


def test_a_gated_file_says_what_to_do(service: Scripted) -> None:
    answer = Reply(401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
    url = service.put("/f", answer)
    client = service.client(token=None)
    source = RemoteBytes(client, RemoteFile("ae.safetensors", 100, lambda: url))
    with pytest.raises(NeedsToken, match=r"ae\.safetensors.*licence") as caught:
        source.read(0, 10)
    assert caught.value.hint


def test_patience_with_an_error_is_bounded(storage: Storage) -> None:
    source = remote(storage, errors=99)
    with pytest.raises(DownloadBroken):
        source.read(0, 10)
    assert len(storage.log) == QUICK.tries


def test_nobody_there(storage: Storage) -> None:
    file = RemoteFile("f", 100, lambda: "http://127.0.0.1:9/f?sig=canary")
    endpoint = Endpoint("http://127.0.0.1:9", "Service", TOKEN)
    source = RemoteBytes(Client([endpoint], replace(QUICK, tries=2)), file)
    with pytest.raises(Offline) as caught:
        source.read(0, 10)
    assert "canary" not in caught.value.message


def test_what_lies_in_the_source_s_own_cache_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(CONTENT)

    def locate() -> str:
        pytest.fail("asked")

    file = RemoteFile("f", None, locate, fetch_cached=lambda: str(tmp_path / "blob"))
    source = RemoteBytes(Client([], QUICK), file)
    assert source.size == len(CONTENT)
    assert source.read(700_000, 200_001) == CONTENT[700_000:]
    assert (source.requests, source.bytes_read) == (0, 0)


def test_nobody_waits_where_nobody_may_be_asked() -> None:
    def locate() -> str:
        asked.append(1)
        raise OfflineMode("HF_HUB_OFFLINE is set")

    asked: list[int] = []
    source = RemoteBytes(Client([], QUICK), RemoteFile("f", 100, locate))
    with pytest.raises(OfflineMode):
        source.read(0, 10)
    assert asked == [1]
