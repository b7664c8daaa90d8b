"""A snapshot answers as the registry does, reads it once, and shows what is written through it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.db.samples import STAMP, checkpoint, vae
from vaereg.db.store import RegistryStore, open_store
from vaereg.registry.measures import Reading
from vaereg.registry.ports import StoredVerdict
from vaereg.registry.surveying.snapshot import Snapshot
from vaereg.registry.values import DeclaredPair, Location, Verdict

MODEL, VAE = checkpoint(), vae()
PAIR = (MODEL.digests.sha256, VAE.digests.sha256)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RegistryStore]:
    """A registry of a checkpoint and a VAE."""
    opened = open_store("", tmp_path)
    places = [Location("/models/model.safetensors", STAMP), Location("/models/v.pt", STAMP)]
    opened.remember(list(zip((MODEL, VAE), places, strict=True)))
    yield opened
    opened.close()


def stored(level: str, verdict: str = "compatible") -> StoredVerdict:
    return StoredVerdict(*PAIR, Verdict(verdict, 0.9, ()), 2, level, "2026-01-01T00:00:00Z")


def test_it_reads_once(store: RegistryStore) -> None:
    asked: Counter[str] = Counter()

    class Counting:
        def __getattr__(self, name: str) -> object:
            asked[name] += 1
            return getattr(store, name)

    snapshot = Snapshot(Counting())  # type: ignore[arg-type]
    for _ in range(5):
        assert len(snapshot.models()) == 2
        assert snapshot.by_sha256(PAIR[1]) is not None
        assert snapshot.readings() == {}
        assert snapshot.verdicts() == snapshot.of_pair(*PAIR) == ()
        assert snapshot.pairs() == ()
    assert asked == {"models": 1, "readings": 1, "verdicts": 1, "pairs": 1}


def test_what_is_written_shows_in_both(store: RegistryStore) -> None:
    snapshot = Snapshot(store)
    model = snapshot.by_sha256(PAIR[1])
    assert model is not None
    latent = replace(VAE.identity.components[0].latent, family="sd1")  # type: ignore[type-var]
    part = replace(VAE.identity.components[0], latent=latent)
    settled = replace(model.artifact, identity=replace(VAE.identity, components=(part,)))
    reading = Reading(None, None)
    # All of it is read before anything is written.
    assert (snapshot.readings(), snapshot.verdicts(), snapshot.pairs()) == ({}, (), ())
    snapshot.remember([(settled, model.locations[0])])
    snapshot.keep_reading(PAIR[1], reading)
    snapshot.keep_verdict(stored("weights", "unknown"))
    snapshot.keep_verdict(stored("weights"))
    snapshot.keep_verdict(stored("decode"))
    snapshot.keep_pairs([DeclaredPair(*PAIR, "civitai:1@2")])
    for one in (snapshot, store):
        assert [m.artifact.identity for m in one.models() if m.name == "v"] == [settled.identity]
        assert one.readings() == {PAIR[1]: reading}
        assert {row.level for row in one.verdicts()} == {"weights", "decode"}
        assert {row.verdict.verdict for row in one.verdicts()} == {"compatible"}
        assert len(one.pairs()) == 1
    assert len(snapshot.of_pair(*PAIR)) == 2
    assert snapshot.learnt == 1


def test_a_new_or_forgotten_model_shows(store: RegistryStore) -> None:
    snapshot = Snapshot(store)
    assert (len(snapshot.models()), snapshot.verdicts()) == (2, ())
    snapshot.remember([(vae("new"), Location("/models/new.pt", STAMP))])
    assert len(snapshot.models()) == 3
    snapshot.keep_verdict(stored("weights"))
    snapshot.forget(PAIR[0])
    assert len(snapshot.models()) == 2
    assert snapshot.verdicts() == ()


def test_readings_may_be_hidden_so_that_they_are_made_anew_once(store: RegistryStore) -> None:
    store.keep_reading(PAIR[1], Reading(None, None))
    snapshot = Snapshot(store, unread=True)
    assert snapshot.readings() == {}
    snapshot.keep_reading(PAIR[1], Reading(None, None, contrast=0.5))
    assert snapshot.readings()[PAIR[1]].contrast == 0.5
