"""Downloads from servers that behave: whole files, ranges, copies on the disk, names, locks."""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from blake3 import blake3

from tests.registry.transfer.fetching import (
    MIB,
    NAME,
    SOON,
    names,
    pulled,
    remote,
    unhashed,
    weights,
)
from tests.servers.storage import Storage
from vaereg.registry.digests import Digester
from vaereg.registry.errors import DownloadBroken, NoSpace, UnsafePickle
from vaereg.registry.transfer.client import Client, Endpoint
from vaereg.registry.transfer.download import fetch
from vaereg.registry.transfer.sink import HashSink

SMALL = weights(MIB + 5)
LARGE = weights(20 * MIB + 3)
PATH = "/" + NAME


class Told:
    """A progress callback that adds up."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def __call__(self, count: int) -> None:
        self.steps.append(count)


def test_a_file_arrives_whole_and_verified(storage: Storage, tmp_path: Path) -> None:
    file = remote(storage.put(PATH, SMALL), SMALL)
    told = Told()
    done = pulled(storage, file, tmp_path / "new" / "folder", progress=told)
    assert Path(done.path).read_bytes() == SMALL
    assert (done.size, done.sha256, done.verified) == (len(SMALL), file.sha256, True)
    assert (done.fetched, done.resumed, done.via) == (len(SMALL), 0, "network")
    assert sum(told.steps) == len(SMALL)
    assert names(tmp_path / "new" / "folder") == {NAME}
    assert len(storage.log) == 1


@pytest.mark.parametrize("connections", [1, 2, 4, 16])
def test_ranges_make_the_same_file(storage: Storage, tmp_path: Path, connections: int) -> None:
    storage.put(PATH, LARGE, drip=100e6 / connections)
    file = remote(storage.url_of(PATH), LARGE, connections=connections)
    done = pulled(storage, file, tmp_path)
    assert Path(done.path).read_bytes() == LARGE
    assert storage.sent[PATH] == done.fetched == len(LARGE)
    ranges = {request.headers["range"] for request in storage.log}
    assert len(ranges) == len(storage.log)
    assert (len(ranges) > 1) == (connections > 1)


def test_slow_connections_are_joined_by_others(storage: Storage, tmp_path: Path) -> None:
    storage.put(PATH, LARGE, drip=6e6)
    peak = [0, 0]
    deliver = storage._deliver

    def counted(*arguments: object) -> None:
        peak[0] += 1
        peak[1] = max(peak)
        deliver(*arguments)
        peak[0] -= 1

    storage._deliver = counted
    pulled(storage, remote(storage.url_of(PATH), LARGE, connections=3), tmp_path)
    assert peak[1] == 3


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_later_ranges_go_straight_to_where_the_first_was_sent(tmp_path: Path, host: str) -> None:
    with Storage("localhost") as storage, Storage("127.0.0.1") as service:
        service.put(PATH, b"", redirect=storage.put(PATH, LARGE))
        done = pulled(service, remote(service.url_of(PATH), LARGE), tmp_path)
    assert done.verified
    assert len(service.log) == 1
    assert len(storage.log) > 1


def test_a_sink_sees_every_byte_in_order(storage: Storage, tmp_path: Path) -> None:
    storage.put(PATH, LARGE, drip=100e6)
    digester = Digester()

    class Sink:
        buffer, commit, close = digester.buffer, digester.commit, digester.close

        def finish(self) -> str:
            self.digests = digester.finish()
            return self.digests.sha256

    sink = Sink()
    pulled(storage, remote(storage.url_of(PATH), LARGE), tmp_path, make_sink=lambda *_: sink)
    assert sink.digests.blake3 == blake3(LARGE).hexdigest()


def test_a_sink_that_fails_ends_the_download(storage: Storage, tmp_path: Path) -> None:
    class Failing(HashSink):
        def commit(self, count: int) -> None:
            raise NoSpace("the sink has had enough")

    before = threading.active_count()
    storage.put(PATH, LARGE, drip=50e6)
    with pytest.raises(NoSpace, match="had enough"):
        pulled(storage, remote(storage.url_of(PATH), LARGE), tmp_path, make_sink=Failing)
    assert NAME not in names(tmp_path)
    assert threading.active_count() <= before + 2
    assert pulled(storage, remote(storage.put(PATH, LARGE), LARGE), tmp_path).resumed > 0


def test_a_file_that_is_there_is_not_fetched(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(SMALL)
    seen: list[str] = []
    done = pulled(
        storage, remote(storage.url_of(PATH), SMALL), tmp_path, check=seen.append, progress=Told()
    )
    assert (done.via, done.verified, done.fetched) == ("here", True, 0)
    assert seen == [done.path]
    assert storage.log == []


def test_force_fetches_it_again(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(SMALL)
    before = (tmp_path / NAME).stat().st_ino
    done = pulled(storage, remote(storage.put(PATH, SMALL), SMALL), tmp_path, force=True)
    assert (done.via, done.path) == ("network", str(tmp_path / NAME))
    assert (tmp_path / NAME).stat().st_ino != before


def test_another_file_keeps_its_name(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"x" * len(SMALL))
    file = remote(storage.put(PATH, SMALL), SMALL)
    done = pulled(storage, file, tmp_path)
    assert done.path == str(tmp_path / f"a-{done.sha256[:8]}.safetensors")
    assert (tmp_path / NAME).read_bytes() == b"x" * len(SMALL)
    assert pulled(storage, file, tmp_path).via == "here"


def test_the_same_file_without_a_stated_hash_is_not_kept_twice(
    storage: Storage, tmp_path: Path
) -> None:
    file = unhashed(storage.put(PATH, SMALL), SMALL)
    paths = {pulled(storage, file, tmp_path).path for _ in range(2)}
    assert paths == {str(tmp_path / NAME)}
    assert names(tmp_path) == {NAME}


@pytest.mark.parametrize("linked", [True, False])
def test_a_cached_copy_is_verified_and_linked(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    if not linked:
        monkeypatch.delattr(os, "link")
        monkeypatch.setattr(os, "link", os.symlink, raising=False)
    blob = tmp_path / "blob"
    blob.write_bytes(SMALL)
    (tmp_path / "snapshot").symlink_to(blob)
    file = remote(storage.url_of(PATH), SMALL, fetch_cached=lambda: str(tmp_path / "snapshot"))
    seen: list[str] = []
    done = pulled(storage, file, tmp_path / "vae", check=seen.append)
    assert (done.via, done.verified, done.fetched) == ("cache", True, 0)
    assert Path(done.path).samefile(blob)
    assert len(seen) == 1
    assert names(tmp_path / "vae") == {NAME}
    assert storage.log == []


def test_a_damaged_cached_copy_is_fetched_instead(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"x" * len(SMALL))
    file = remote(storage.put(PATH, SMALL), SMALL, fetch_cached=lambda: str(tmp_path / "blob"))
    told = Told()
    done = pulled(storage, file, tmp_path / "vae", progress=told)
    assert (done.via, done.verified) == ("network", True)
    assert sum(told.steps) == len(SMALL)


def test_what_only_the_library_can_fetch_is_verified_too(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(SMALL)
    file = remote("", SMALL, fetch_by_library=lambda: str(tmp_path / "blob"))
    done = pulled(storage, file, tmp_path / "vae")
    assert (done.via, done.verified, done.fetched) == ("network", True, len(SMALL))
    wrong = replace(file, sha256="0" * 64)
    with pytest.raises(DownloadBroken, match="SHA-256"):
        pulled(storage, wrong, tmp_path / "other")
    assert names(tmp_path / "other") == set()


def crc32(content: bytes) -> str:
    import zlib

    return zlib.crc32(content).to_bytes(4, "little").hex()


GIT = hashlib.sha1(b"blob %d\0" % len(SMALL) + SMALL).hexdigest()
STATED = {
    "git": {"git_sha1": GIT},
    "blake3": {"hashes": {"blake3": blake3(SMALL).hexdigest()}},
    "crc32": {"hashes": {"crc32": crc32(SMALL).upper()}},
    "autov2": {"hashes": {"autov2": hashlib.sha256(SMALL).hexdigest()[:10]}},
}


@pytest.mark.parametrize("kind", STATED)
@pytest.mark.parametrize("right", [True, False])
def test_other_hashes_verify_too(storage: Storage, tmp_path: Path, kind: str, right: bool) -> None:
    url = storage.put(PATH, SMALL, **({} if right else {"flip": 5000}))
    file = unhashed(url, SMALL, **STATED[kind])
    if right:
        assert pulled(storage, file, tmp_path).verified
    else:
        with pytest.raises(DownloadBroken, match="its source states"):
            pulled(storage, file, tmp_path)
        assert names(tmp_path) == set()


def test_without_any_stated_hash_nothing_is_claimed(storage: Storage, tmp_path: Path) -> None:
    file = unhashed(storage.put(PATH, LARGE), LARGE, size=None)
    done = pulled(storage, file, tmp_path)
    assert not done.verified
    assert Path(done.path).read_bytes() == LARGE


def test_what_a_check_refuses_is_not_published(storage: Storage, tmp_path: Path) -> None:
    def refuse(path: str) -> None:
        assert Path(path).read_bytes() == SMALL
        raise UnsafePickle("no")

    with pytest.raises(UnsafePickle):
        pulled(storage, remote(storage.put(PATH, SMALL), SMALL), tmp_path, check=refuse)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("name", ["config.json", "merges.txt"])
def test_small_files_of_folders_come_through(storage: Storage, tmp_path: Path, name: str) -> None:
    content = b'{"a": 1}'
    kind = {"Content-Type": "application/json" if name.endswith("json") else "text/plain"}
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    file = unhashed(storage.put("/" + name, content, headers=kind), content, git_sha1=git)
    assert pulled(storage, file, tmp_path, name=name).verified
    empty = hashlib.sha1(b"blob 0\0").hexdigest()
    file = unhashed(storage.put("/empty", b""), b"", git_sha1=empty)
    assert pulled(storage, file, tmp_path, name="empty.txt").size == 0


def test_threads_that_want_one_file_fetch_it_once(storage: Storage, tmp_path: Path) -> None:
    file = remote(storage.put(PATH, SMALL, drip=5e6), SMALL)
    client = Client([Endpoint(storage.url, "Storage")], SOON)
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(fetch, client, file, NAME, str(tmp_path)) for _ in range(4)]
    assert sorted(run.result().via for run in runs) == ["here", "here", "here", "network"]
    assert storage.sent[PATH] == len(SMALL)
    assert names(tmp_path) == {NAME}


HOSTILE = {
    "../../escape.safetensors": "escape.safetensors",
    "/etc/passwd.safetensors": "passwd.safetensors",
    "..\\..\\con.safetensors": "_con.safetensors",
    "a\u202e\x1b[2J.safetensors": "a[2J.safetensors",
}


@pytest.mark.parametrize(("name", "clean"), HOSTILE.items(), ids=[ascii(name) for name in HOSTILE])
def test_hostile_names_stay_in_their_folder(
    storage: Storage, tmp_path: Path, name: str, clean: str
) -> None:
    folder = tmp_path / "models"
    file = remote(storage.put(PATH, SMALL, disposition=f'attachment; filename="{name!a}"'), SMALL)
    done = pulled(storage, file, folder, name=name)
    assert done.path == str(folder / clean)
    assert names(tmp_path) - {"home"} == {"models"}
