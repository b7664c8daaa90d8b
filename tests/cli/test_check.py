"""``vaereg check``: verdict, evidence and exit code on real files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import write_safetensors
from tests.cli.conftest import THIN, Vaereg
from vaereg.registry.samples.autoencoder import autoencoder_kl
from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.files import metadata_of, safetensors
from vaereg.registry.samples.library import SAMPLES, plan_of

CHECKS = {
    "latent-channels", "spatial-factor", "temporal-factor", "latent-family", "normalisation",
    "parts", "health", "kinship", "colour-response", "cross-decode", "fp16-range", "generation",
    "frontend-support",
}  # fmt: skip


def test_a_renamed_copy_of_the_baked_vae_fits(vaereg: Vaereg, library: Path) -> None:
    run = vaereg(
        "check",
        "--model", library / "checkpoints/forest_v1.safetensors",
        "--vae", library / "vae/vae_final_FIXED.safetensors",
        "--json",
    )  # fmt: skip
    assert run.code == 0
    document = run.document
    assert document["verdict"] == "compatible"
    assert document["model"]["family"] == "sd1"
    assert document["model"]["path"] == str(library / "checkpoints/forest_v1.safetensors")
    assert len(document["vae"]["sha256"]) == 64
    outcomes = {found["check"]: found["outcome"] for found in document["evidence"]}
    assert outcomes["kinship"] == "pass"
    assert set(outcomes) <= CHECKS
    for found in document["evidence"]:
        assert set(found) == {"check", "outcome", "expected", "found", "message"}
    assert set(document["probe"]) == {"level", "device", "dtype", "seconds", "peak_memory_bytes"}
    assert document["images"] == []


def test_a_vae_of_other_channels_does_not_fit(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    run = vaereg("check", "--model", "forest_v1", "--vae", "ae")
    assert run.code == 3
    assert "expected 16 channels, got 4" in run.out


def test_where_shapes_leave_it_open_the_code_is_4(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    run = vaereg("check", "--model", "harbour_xl", "--vae", "sdxl_vae", "--probe", "none", "--json")
    assert run.code == 4
    assert run.document["verdict"] == "unknown"
    assert any("probe" in line for line in run.document["advice"])


def test_a_finetuned_decoder_is_kin_by_its_encoder(
    vaereg: Vaereg, library: Path, tmp_path: Path
) -> None:
    own = plan_of(SAMPLES[0], *THIN)
    tuned = replace(own, vivid=0.4)
    data = safetensors(weights(tuned), metadata=metadata_of(tuned))
    (tmp_path / "tuned.safetensors").write_bytes(data)
    run = vaereg(
        "check", "--model", library / "checkpoints/forest_v1.safetensors",
        "--vae", tmp_path / "tuned.safetensors", "--probe", "weights", "--json",
    )  # fmt: skip
    assert run.code == 0
    kinship = next(f for f in run.document["evidence"] if f["check"] == "kinship")
    assert kinship["found"] == "same-encoder"


def test_weights_of_nothing_but_zeros_prove_no_kinship(
    vaereg: Vaereg, library: Path, tmp_path: Path
) -> None:
    shapes = autoencoder_kl(4)
    zeros = write_safetensors(tmp_path / "zeros.safetensors", shapes)
    run = vaereg(
        "check", "--model", library / "checkpoints/forest_v1.safetensors", "--vae", zeros,
        "--probe", "none", "--json",
    )  # fmt: skip
    assert run.code == 4
    assert all(found["check"] != "kinship" for found in run.document["evidence"])


@pytest.mark.parametrize(
    ("model", "vae", "says"),
    [
        ("ae", "ae", "not a checkpoint"),
        ("forest_v1", "lora", "not a VAE"),
        ("lora", "ae", "not a checkpoint"),
    ],
)
def test_what_is_no_checkpoint_or_no_vae_is_refused_by_name(
    vaereg: Vaereg, library: Path, model: str, vae: str, says: str
) -> None:
    lora = {f"lora_unet_b{n}.lora_{way}.weight": (4, 8) for n in range(9) for way in ("up", "down")}
    write_safetensors(library / "lora.safetensors", lora)
    vaereg("scan", library)
    run = vaereg("check", "--model", model, "--vae", vae, "--json")
    assert run.code == 1
    assert says in run.document["error"]["message"]


def test_a_broken_file_is_one_sentence(vaereg: Vaereg, library: Path) -> None:
    run = vaereg(
        "check", "--model", library / "checkpoints/forest_v1.safetensors",
        "--vae", library / "vae/pony_vae.safetensors",
    )  # fmt: skip
    assert run.code == 1
    assert run.out == ""
    assert "web page" in run.err


def test_a_copy_is_named_by_its_weights(vaereg: Vaereg, library: Path) -> None:
    """In another layout and float width, under another name."""
    said = vaereg("scan", library).out
    assert "vae_final_FIXED holds the same weights as the VAE baked into forest_v1" in said
    shown = vaereg("show", "forest_v1", "--json").document
    assert [twin["name"] for twin in shown["same_weights"]] == ["vae_final_FIXED"]
    assert vaereg("show", "vae_final_FIXED", "--json").document["same_weights"][0]["baked"] is True


def test_the_verdict_is_recorded_and_listed(vaereg: Vaereg, library: Path) -> None:
    vaereg("scan", library)
    vaereg("check", "--model", "forest_v1", "--vae", "vae_final_FIXED")
    shown = vaereg("show", "forest_v1", "--json").document
    assert shown["verdicts"][0]["verdict"] == "compatible"
