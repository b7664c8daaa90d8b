"""Downloads taken up again: nothing fetched twice, nothing wrong built upon."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.registry.transfer.fetching import (
    MIB,
    NAME,
    half_done,
    names,
    pulled,
    remote,
    weights,
)
from tests.servers.storage import Storage
from vaereg.registry.errors import DownloadBroken, NeedsToken, NoSpace
from vaereg.registry.transfer.client import Patience
from vaereg.registry.transfer.partial import PIECE

PATH = "/" + NAME
CONTENT = weights(6 * MIB + 11)
OTHER = weights(6 * MIB + 11, seed=1)
KEPT = 3 * MIB + 7
pytestmark = pytest.mark.usefixtures("quick")

HASHED = {"hashed": {}, "not hashed": {"sha256": None}, "size unknown": {"size": None}}


@pytest.mark.parametrize("stated", HASHED.values(), ids=HASHED)
def test_only_what_is_missing_is_fetched(storage: Storage, tmp_path: Path, stated: dict) -> None:
    url = half_done(storage, CONTENT, tmp_path, **stated)
    steps: list[int] = []
    done = pulled(storage, remote(url, CONTENT, **stated), tmp_path, progress=steps.append)
    assert Path(done.path).read_bytes() == CONTENT
    assert (done.resumed, done.fetched) == (KEPT, len(CONTENT) - KEPT)
    assert storage.sent[PATH] == done.fetched
    assert (steps[0], sum(steps)) == (KEPT, len(CONTENT))
    (request,) = storage.log
    assert request.headers["range"] == f"bytes={KEPT}-"
    assert request.headers["if-range"].startswith('"')
    assert names(tmp_path) == {NAME}


@pytest.mark.parametrize("hashed", [True, False])
def test_a_file_that_changed_is_begun_anew(storage: Storage, tmp_path: Path, hashed: bool) -> None:
    """The partial file is of the old content; the source states the hash of the new one."""
    url = half_done(storage, OTHER, tmp_path, sha256=None)
    if hashed:
        url = half_done(storage, CONTENT, tmp_path)
        storage.misbehave(PATH, etag='"another"')
    storage.put(PATH, CONTENT, etag='"another"')
    stated = {} if hashed else {"sha256": None}
    done = pulled(storage, remote(url, CONTENT, **stated), tmp_path)
    assert Path(done.path).read_bytes() == CONTENT
    assert (done.resumed, len(storage.log)) == (0, 1)


def test_a_server_that_heeds_no_condition_is_found_out(storage: Storage, tmp_path: Path) -> None:
    """206 with another ETag, although If-Range named the old one."""
    url = half_done(storage, OTHER, tmp_path, sha256=None)
    storage.put(PATH, CONTENT)
    reply = storage.reply
    storage.reply = lambda request: reply(
        replace(request, headers={k: v for k, v in request.headers.items() if k != "if-range"})
    )
    done = pulled(storage, remote(url, CONTENT, sha256=None), tmp_path)
    assert Path(done.path).read_bytes() == CONTENT
    assert (done.verified, done.resumed) == (False, 0)


UNSURE = {"none": "", "weak": 'W/"1"'}


@pytest.mark.parametrize("etag", UNSURE.values(), ids=UNSURE)
def test_without_a_strong_etag_only_a_hash_allows_to_go_on(
    storage: Storage, tmp_path: Path, etag: str
) -> None:
    storage.put(PATH, CONTENT)
    for folder, stated, kept in ((tmp_path / "a", {}, KEPT), (tmp_path / "b", {"sha256": None}, 0)):
        folder.mkdir()
        storage.put(PATH, CONTENT, etag=etag)
        url = half_done(storage, CONTENT, folder, **stated)
        for journal in folder.glob(".*.log"):
            text = journal.read_text()
            journal.write_text(text.replace(text.split('"etag": ')[1].split(', "total')[0], "null"))
        storage.misbehave(PATH, etag=etag)
        done = pulled(storage, remote(url, CONTENT, **stated), folder)
        assert Path(done.path).read_bytes() == CONTENT
        assert done.resumed == kept
        assert all("if-range" not in request.headers for request in storage.log)


def test_bytes_that_do_not_fit_cost_one_more_try(storage: Storage, tmp_path: Path) -> None:
    """A disk that lost what was written, as after a power cut; the hash tells."""
    url = half_done(storage, CONTENT, tmp_path)
    (part,) = tmp_path.glob(".*.part")
    part.write_bytes(bytes(PIECE) + part.read_bytes()[PIECE:])
    done = pulled(storage, remote(url, CONTENT), tmp_path)
    assert Path(done.path).read_bytes() == CONTENT
    assert (done.verified, done.resumed) == (True, 0)
    assert storage.sent[PATH] == 2 * len(CONTENT) - KEPT
    url = half_done(storage, CONTENT, tmp_path / "b")
    (part,) = (tmp_path / "b").glob(".*.part")
    storage.misbehave(PATH, flip=5 * MIB)
    with pytest.raises(DownloadBroken, match="SHA-256"):
        pulled(storage, remote(url, CONTENT), tmp_path / "b")
    assert names(tmp_path / "b") == set()


def test_416_where_something_is_missing_means_to_begin_anew(
    storage: Storage, tmp_path: Path
) -> None:
    url = half_done(storage, CONTENT, tmp_path)
    storage.misbehave(PATH, unsatisfiable=True)
    done = pulled(storage, remote(url, CONTENT), tmp_path)
    assert Path(done.path).read_bytes() == CONTENT
    assert done.resumed == 0


@pytest.mark.parametrize("hashed", [True, False])
def test_a_whole_file_that_was_not_published_yet(
    storage: Storage, tmp_path: Path, hashed: bool
) -> None:
    """Killed after the last byte: only a server can confirm what has no hash (416)."""

    def killed(path: str) -> None:
        raise KeyboardInterrupt

    stated = {} if hashed else {"sha256": None}
    file = remote(storage.put(PATH, CONTENT), CONTENT, **stated)
    with pytest.raises(KeyboardInterrupt):
        pulled(storage, file, tmp_path, check=killed)
    storage.log.clear()
    done = pulled(storage, file, tmp_path)
    assert (done.fetched, done.resumed) == (0, len(CONTENT))
    assert Path(done.path).read_bytes() == CONTENT
    assert len(storage.log) == (0 if hashed else 1)


def test_a_server_that_forgot_ranges_sends_all_of_it(storage: Storage, tmp_path: Path) -> None:
    url = half_done(storage, CONTENT, tmp_path)
    storage.misbehave(PATH, ignore_ranges=True)
    done = pulled(storage, remote(url, CONTENT), tmp_path)
    assert (done.resumed, done.fetched, len(storage.log)) == (0, len(CONTENT), 1)


def test_a_sign_in_page_does_not_cost_what_is_there(storage: Storage, tmp_path: Path) -> None:
    url = half_done(storage, CONTENT, tmp_path)
    storage.misbehave(PATH, login_page=True)
    with pytest.raises(NeedsToken):
        pulled(storage, remote(url, CONTENT), tmp_path)
    storage.put(PATH, CONTENT)
    assert pulled(storage, remote(url, CONTENT), tmp_path).resumed == KEPT


def test_an_address_that_expired_meanwhile_is_asked_for_anew(
    storage: Storage, tmp_path: Path
) -> None:
    half_done(storage, CONTENT, tmp_path)
    old = storage.signed(PATH)
    storage.expire(PATH)
    addresses = iter([old, storage.signed(PATH)])
    done = pulled(storage, remote("", CONTENT, locate=lambda: next(addresses)), tmp_path)
    assert (done.verified, done.resumed) == (True, KEPT)


def test_no_address_is_kept_on_the_disk(storage: Storage, tmp_path: Path) -> None:
    storage.signed(PATH)
    storage.put(PATH, CONTENT, cut_after=KEPT)
    file = remote(storage.signed(PATH), CONTENT, connections=1)
    with pytest.raises(DownloadBroken):
        pulled(storage, file, tmp_path, patience=Patience(tries=1))
    text = b"".join(path.read_bytes() for path in tmp_path.glob(".*.log*"))
    assert b"Signature" not in text
    assert b"http" not in text


def test_a_file_too_large_for_the_disk_is_not_begun(storage: Storage, tmp_path: Path) -> None:
    file = remote(storage.url_of(PATH), CONTENT, size=1 << 60)
    with pytest.raises(NoSpace, match="free"):
        pulled(storage, file, tmp_path)
    assert storage.log == []
    assert names(tmp_path) == set()
