"""Published hashes name files and settle what headers leave open, and nothing else."""

from __future__ import annotations

import re

import pytest

from tests.registry.components import denoiser, open_between, settled, vae
from vaereg.registry.families import families
from vaereg.registry.known import known_files, recognise
from vaereg.registry.values import Identity

MSE = "735e4c3a447a3255760d7f86845f09f937809baa529c17370d83e4c3758f3c75"
SDXL_FP16_FIX = "235745af8d86"


def test_the_table_is_whole() -> None:
    for sha256, entry in known_files().items():
        assert re.fullmatch("[0-9a-f]{64}", sha256)
        assert entry.kind in ("vae", "checkpoint")
        assert entry.family is None or entry.family in families()
        assert entry.sources
        assert entry.name


def test_a_known_vae_gets_its_name_and_family() -> None:
    open_vae = vae(open_between("sd1", "sdxl", "playground-v2.5", "eq-sdxl"))
    identity, name = recognise(Identity("safetensors", "vae", (open_vae,)), MSE)
    latent = identity.components[0].latent
    assert name is not None
    assert "ft-MSE" in name
    assert latent is not None
    assert (latent.family, latent.determined_by) == ("sd1", "known-hash")
    assert latent.scaling_factor == pytest.approx(0.18215)


def test_half_precision_facts_come_with_the_hash() -> None:
    entry = next(e for sha, e in known_files().items() if sha.startswith(SDXL_FP16_FIX))
    assert entry.fp16_safe is True


def test_an_unknown_hash_changes_nothing() -> None:
    before = Identity("safetensors", "vae", (vae(open_between("sd1", "sdxl")),))
    assert recognise(before, "0" * 64) == (before, None)


def test_the_baked_vae_of_a_known_checkpoint_is_not_settled_by_the_checkpoints_hash() -> None:
    sha256 = next(e.sha256 for e in known_files().values() if e.kind == "checkpoint" and e.family)
    parts = (
        denoiser(settled("sd1")),
        vae(open_between("sd1", "sdxl"), prefix="first_stage_model."),
    )
    identity, _ = recognise(Identity("safetensors", "checkpoint", parts), sha256)
    assert identity.components[1] == parts[1]


def test_a_hash_never_overrules_the_header_but_says_so() -> None:
    identity, _ = recognise(Identity("safetensors", "vae", (vae(settled("flux1")),)), MSE)
    latent = identity.components[0].latent
    assert latent is not None
    assert latent.family == "flux1"
    assert [note.code for note in identity.notices] == ["known_hash_disagrees"]
