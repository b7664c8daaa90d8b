"""Values that a database cannot hold as they are: what comes back exactly, and what is changed."""

from __future__ import annotations

import math
import os
from dataclasses import replace

import pytest

from vaereg.registry.ports import Store
from vaereg.registry.values import Latent, Location, Notice, Rejection

from .samples import STAMP, at, sha, vae


@pytest.mark.parametrize(
    "figures",
    [
        {"inode": 2**64 - 1, "device": 2**64 - 1},
        {"inode": 2**128 - 1},
        {"mtime_ns": 2**63 + 1, "ctime_ns": -1},
        {"size": 0, "mtime_ns": 0},
    ],
)
def test_any_stamp_a_file_system_gives_round_trips(store: Store, figures: dict[str, int]) -> None:
    place = Location("/m/a.pt", replace(STAMP, **figures))
    store.remember([(vae(), place)])
    assert store.by_sha256(sha(0)).locations == (place,)


@pytest.mark.parametrize(
    "path",
    [
        os.fsdecode(b"/m/\xff\xfe broken.safetensors"),
        "/m/модель 模型 🎨.safetensors",
        "/m/new\nline\x1b[31m.safetensors",
        "/m/" + "long/" * 800 + "a.safetensors",
    ],
)
def test_any_path_round_trips(store: Store, path: str) -> None:
    store.remember([(vae(), at(path))])
    store.reject([(Rejection(path + "2", "unreadable_file", "cut short"), STAMP)])
    assert store.by_sha256(sha(0)).path == path
    assert set(store.places()) == {path, path + "2"}
    store.mark([path], "missing")
    assert store.by_sha256(sha(0)).locations[0].state == "missing"


def test_texts_that_a_database_refuses_are_escaped(store: Store) -> None:
    artifact = vae()
    part = replace(artifact.identity.components[0], prefix="a\0b\ud800.", dtypes=("f\0",))
    identity = replace(artifact.identity, components=(part,), notices=(Notice("n", "\0\udc80"),))
    store.remember([(replace(artifact, identity=identity, known_as="x\0"), at("/m/a.pt"))])
    store.reject([(Rejection("/m/b.pt", "unreadable_file", "bad \0 name \udcff"), STAMP)])
    found = store.by_sha256(sha(0)).artifact
    assert found.known_as == "x\\u0000"
    assert found.identity.components[0].prefix == "a\\u0000b\\ud800."
    assert found.identity.notices == (Notice("n", "\0\udc80"),)
    assert store.rejections()[0].message == "bad \\u0000 name \\udcff"


def test_figures_that_are_no_numbers_become_unknown(store: Store) -> None:
    latent = Latent(4, math.inf, 1, None, (), None, math.nan, math.nan, -math.inf)
    store.remember([(vae(latent=latent), at("/m/a.pt"))])
    assert store.by_sha256(sha(0)).artifact.identity.components[0].latent == Latent(4, None, 1)


def test_counts_beyond_64_bits_are_capped(store: Store) -> None:
    artifact = vae()
    part = replace(artifact.identity.components[0], parameters=2**200)
    identity = replace(artifact.identity, components=(part,))
    store.remember([(replace(artifact, identity=identity), at("/m/a.pt"))])
    assert store.by_sha256(sha(0)).artifact.identity.components[0].parameters == 2**63 - 1
