"""Origins, declared pairs and look-ups in the registry, on both databases."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from vaereg.db.address import database_of
from vaereg.db.store import open_store
from vaereg.registry.errors import NotFound
from vaereg.registry.ports import Store
from vaereg.registry.values import DeclaredPair, Origin

from .samples import at, checkpoint, origin, sha, vae
from .test_processes import finish, start

CANARY = "canary-5e1f7a"


@pytest.fixture
def filled(store: Store) -> Store:
    store.remember([(checkpoint(), at("/m/c.pt")), (vae(), at("/m/v.pt"))])
    return store


def called(store: Store, sha256: str) -> str | None:
    model = store.by_sha256(sha256)
    assert model
    return model.artifact.known_as


def everything(url: str, home: Path) -> str:
    """Every value of the tables that hold words from elsewhere, and a SQLite file's own bytes."""
    database = database_of(url)
    with database.reading() as query:
        rows = [query(f"SELECT * FROM {name}") for name in ("origins", "declared_pairs")]
    database.close()
    files = b"".join(path.read_bytes() for path in home.glob("registry.db*"))
    return str(rows) + files.decode("latin-1")


def test_a_new_registry_knows_nothing_published(store: Store) -> None:
    assert (store.origins(), store.pairs(), store.lookups("civitai")) == ({}, (), {})


def test_origins_come_back_exactly_in_the_order_they_were_recorded(filled: Store) -> None:
    bare = Origin("huggingface", "hf:ada/forest/forest.safetensors", "f" * 40)
    pages = (origin(9, url="https://civitai.example/models/1"), bare)
    for page in pages:
        filled.keep_origin(sha(0).upper(), page)
    assert filled.origins() == {sha(0): pages}


def test_a_newer_word_of_the_same_ref_replaces_the_older(filled: Store) -> None:
    filled.keep_origin(sha(0), origin(url=None))
    filled.keep_origin(sha("model"), origin(url=None))
    newer = origin(url=None, revision="abc", declared="Pony", name=None)
    filled.keep_origin(sha(0), newer)
    assert filled.origins() == {sha(0): (newer,), sha("model"): (origin(url=None),)}


def test_the_name_of_an_origin_names_a_model_without_one(filled: Store) -> None:
    filled.keep_origin(sha(0), origin(name=None))
    filled.keep_origin(sha(0), origin(name=""))
    assert called(filled, sha(0)) is None
    filled.keep_origin(sha(0), origin(3, name="Forest v1"))
    filled.keep_origin(sha(0), origin(4, name="Another name"))
    assert called(filled, sha(0)) == "Forest v1"
    assert called(filled, sha("model")) is None


def test_scanning_again_keeps_that_name_until_a_table_knows_a_better_one(filled: Store) -> None:
    filled.keep_origin(sha(0), origin())
    filled.remember([(vae(), at("/m/v.pt", mtime_ns=7))])
    assert called(filled, sha(0)) == "Forest v1"
    assert filled.origins()[sha(0)]
    filled.remember([(replace(vae(), known_as="vae-ft-mse"), at("/m/v.pt"))])
    filled.keep_origin(sha(0), origin())
    assert called(filled, sha(0)) == "vae-ft-mse"


def test_an_origin_of_an_unknown_model_is_refused(filled: Store) -> None:
    with pytest.raises(NotFound, match=sha("never seen")):
        filled.keep_origin(sha("never seen"), origin())
    assert filled.origins() == {}


def test_forgetting_a_model_forgets_its_origins_but_no_pair(filled: Store) -> None:
    filled.keep_origin(sha(0), origin(url=None))
    filled.keep_origin(sha("model"), origin(url=None))
    pair = DeclaredPair(sha("model"), sha(0), "civitai:1@2")
    filled.keep_pairs([pair])
    filled.forget(sha(0))
    assert list(filled.origins()) == [sha("model")]
    assert filled.pairs() == (pair,)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        (f"https://a.example/f.pt?token={CANARY}&x=1", "https://a.example/f.pt"),
        (f"https://ada:{CANARY}@a.example:8443/f.pt", "https://a.example:8443/f.pt"),
        (f"https://a.example/f.pt#{CANARY}", "https://a.example/f.pt"),
        (f"https://{CANARY}@a.example/@f?{CANARY}", "https://a.example/@f"),
        (f"HTTPS://A.example/?{CANARY}", "HTTPS://A.example/"),
    ],
)
def test_no_secret_of_an_address_is_stored(
    filled: Store, url: str, tmp_path: Path, address: str, kept: str
) -> None:
    filled.keep_origin(sha(0), Origin("url", address, url=address))
    filled.keep_pairs([DeclaredPair(sha(1), sha(2), address)])
    (found,) = filled.origins()[sha(0)]
    assert (found.url, found.ref) == (kept, kept)
    assert filled.pairs()[0].ref == kept
    assert CANARY not in everything(url, tmp_path)


def test_a_question_mark_in_a_path_of_a_repository_is_no_query(filled: Store) -> None:
    page = Origin("huggingface", "hf:ada/forest/what?.safetensors")
    filled.keep_origin(sha(0), page)
    assert filled.origins()[sha(0)] == (page,)


def test_pairs_need_no_recorded_model_and_are_kept_once(store: Store) -> None:
    one = DeclaredPair(sha(1), sha(2), "civitai:1@2")
    other = DeclaredPair(sha(1), sha(2), "civitai:7@8")
    third = DeclaredPair(sha(3), sha(2), "civitai:1@2")
    loud = DeclaredPair(sha(1).upper(), sha(2).upper(), "civitai:1@2")
    store.keep_pairs([third, one, one])
    store.keep_pairs([other, loud])
    store.keep_pairs([])
    assert set(store.pairs()) == {one, other, third}
    assert len(store.pairs()) == 3


def test_texts_that_a_database_refuses_or_cannot_index_are_kept(filled: Store) -> None:
    long = "https://a.example/" + "".join(f"{number:06d}" for number in range(2000))
    odd = "https://a.example/\0\ud800.pt"
    for ref in (long, odd):
        filled.keep_origin(sha(0), Origin("url", ref, "\0", ref, "na\0me", "\udcff"))
        filled.keep_pairs([DeclaredPair(sha(1), sha(2), ref)])
    first, second = filled.origins()[sha(0)]
    assert (first.ref, first.url) == (long, long)
    assert second.ref == "https://a.example/\\u0000\\ud800.pt"
    assert (second.revision, second.name, second.declared) == ("\\u0000", "na\\u0000me", "\\udcff")
    assert {pair.ref for pair in filled.pairs()} == {first.ref, second.ref}


def test_the_last_answer_of_each_source_counts(store: Store) -> None:
    store.keep_lookups("civitai", {sha(1): False, sha(2).upper(): True})
    store.keep_lookups("huggingface", {sha(1): False})
    store.keep_lookups("civitai", {sha(1): True})
    store.keep_lookups("civitai", {})
    found = store.lookups("civitai")
    assert {sha256: known for sha256, (known, _) in found.items()} == {sha(1): True, sha(2): True}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", when) for _, when in found.values())
    assert store.lookups("huggingface")[sha(1)][0] is False
    assert store.lookups("elsewhere") == {}


def test_a_whole_library_of_answers_is_kept_quickly(store: Store) -> None:
    answers = {sha(number): number % 3 == 0 for number in range(10_000)}
    store.lookups("civitai")
    store.keep_lookups("civitai", {})
    started = time.perf_counter()
    store.keep_lookups("civitai", answers)
    found = store.lookups("civitai")
    assert time.perf_counter() - started < 5
    assert {sha256: known for sha256, (known, _) in found.items()} == answers


TELL = """
from tests.db.samples import origin, sha
from vaereg.registry.values import DeclaredPair
for turn in range(20):
    store.remember([(vae(), at("/m/v.pt"))])
    store.keep_origin(sha(0), origin(number, url=None))
    store.keep_origin(sha(0), origin(99, url=None))
    pairs = [DeclaredPair(sha(n), sha(0), "civitai:1@2") for n in range(30)]
    store.keep_pairs(pairs if number % 2 else pairs[::-1])
    store.keep_lookups("civitai", {sha(n): True for n in range(30)})
"""


def test_several_processes_tell_of_one_model(url: str, tmp_path: Path) -> None:
    finish([start(TELL, url, tmp_path, number) for number in range(4)])
    with open_store(url, tmp_path) as store:
        pages = store.origins()[sha(0)]
        assert sorted(page.ref for page in pages) == sorted(
            f"civitai:1@{version}" for version in (0, 1, 2, 3, 99)
        )
        assert len(store.pairs()) == len(store.lookups("civitai")) == 30
        assert called(store, sha(0)) == "Forest v1"


def test_asking_makes_no_registry(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/new/registry.db", tmp_path) as store:
        assert (store.origins(), store.pairs(), store.lookups("civitai")) == ({}, (), {})
    assert list(tmp_path.iterdir()) == []
