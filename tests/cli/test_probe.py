"""``check`` and ``inspect`` with probes: the verdict from the weights, on the demo's library."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import THIN, Vaereg
from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.colours import grey, scaling_of, swapped, table_of
from vaereg.registry.samples.faults import random_weights
from vaereg.registry.samples.files import metadata_of, safetensors, write_folder
from vaereg.registry.samples.library import SAMPLES, build
from vaereg.registry.samples.plan import Plan

pytest.importorskip("torch")
pytest.importorskip("PIL")

WIDTHS, GROUPS = THIN
TWIN, OTHER = "vae/sdxl_vae.safetensors", "vae/mirror/sdxl_vae.safetensors"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def shop(tmp_path: Path, vaereg: Vaereg) -> Path:
    """The whole library in narrow copies, scanned."""
    build(tmp_path / "models", WIDTHS, GROUPS, SAMPLES)
    assert vaereg("scan", tmp_path / "models").code == 0
    return tmp_path / "models"


def evidence(document: dict, check: str) -> dict:
    """The last evidence of one check."""
    return [found for found in document["evidence"] if found["check"] == check][-1]


def plan(family: str, **changes: object) -> Plan:
    """A closed-form VAE of a family, narrow."""
    settings = {"widths": WIDTHS, "groups": GROUPS, "quant": family in ("sd1", "sdxl")}
    return Plan(table_of(family), scaling_of(family), **(settings | changes))  # type: ignore[arg-type]


def written(path: Path, made: Plan) -> Path:
    """The closed-form VAE as a safetensors file."""
    path.write_bytes(safetensors(weights(made), "float32", metadata_of(made)))
    return path


def test_of_two_files_alike_one_fits_and_one_does_not(vaereg: Vaereg, shop: Path) -> None:
    """Equal names, shapes and sizes: only the weights tell."""
    assert (shop / TWIN).stat().st_size == (shop / OTHER).stat().st_size
    fits = vaereg("check", "--model", "harbour_xl", "--vae", shop / TWIN, "--json")
    fails = vaereg("check", "--model", "harbour_xl", "--vae", shop / OTHER, "--json")
    assert (fits.code, fits.document["verdict"]) == (0, "compatible")
    assert (fails.code, fails.document["verdict"]) == (3, "incompatible")
    assert evidence(fits.document, "cross-decode")["outcome"] == "pass"
    assert evidence(fails.document, "colour-response")["outcome"] == "fail"
    assert fails.document["vae"]["family"] == "sd1"
    assert fits.document["vae"]["family"] == "sdxl"
    probe = fits.document["probe"]
    assert (probe["level"], probe["device"], probe["dtype"]) == ("decode", "cpu", "float32")
    assert probe["seconds"] > 0
    assert probe["peak_memory_bytes"] > 1e7
    listed = vaereg("list", "--compatible", "--model", "harbour_xl", "--json").document[0]["vaes"]
    assert [fit["verdict"] for fit in listed if fit["path"] == str(shop / TWIN)] == ["compatible"]
    assert str(shop / OTHER) not in {fit["path"] for fit in listed}


def test_a_probe_is_not_run_twice_and_leaves_its_picture(vaereg: Vaereg, shop: Path) -> None:
    words = ["check", "--model", "harbour_xl", "--vae", shop / TWIN, "--probe", "decode"]
    first = vaereg(*words, "--json").document
    (picture,) = first["images"]
    assert Path(picture).read_bytes().startswith(b"\x89PNG")
    again = vaereg(*words)
    assert "recalled" in again.out
    assert vaereg(*words, "--json").document["probe"] == first["probe"]
    Path(picture).unlink()
    assert "recalled" not in vaereg(*words).out
    assert Path(picture).exists()


@pytest.mark.parametrize(
    ("model", "vae", "check", "outcome", "says"),
    [
        ("forest_v1", "forest_vivid", "cross-decode", "pass", "stronger colours"),
        ("harbour_xl", "harbour_v0", "fp16-range", "warn", "--no-half-vae"),
        ("forest_v1", "forest_backup", "health", "fail", "damaged"),
        ("harbour_xl", TWIN, "normalisation", "warn", "InvokeAI"),
    ],
)
def test_what_is_wrong_is_named(
    vaereg: Vaereg, shop: Path, model: str, vae: str, check: str, outcome: str, says: str
) -> None:
    ref = shop / vae if "/" in vae else vae
    run = vaereg("check", "--model", model, "--vae", ref, "--probe", "decode", "--json")
    found = evidence(run.document, check)
    assert found["outcome"] == outcome
    assert says in found["message"]
    assert run.code == (3 if outcome == "fail" else 0)


def test_swapped_channels_are_caught_though_the_encoder_is_kin(
    vaereg: Vaereg, shop: Path, tmp_path: Path
) -> None:
    """Colours alone can miss a swap of SD1's first two channels; the pictures do not."""
    table = table_of("sd1")
    made = plan("sd1", seed=1, decoder_factors=swapped(table, 0, 1))
    vae = written(tmp_path / "ft.safetensors", made)
    run = vaereg("check", "--model", "forest_v1", "--vae", vae, "--json")
    assert run.document["verdict"] in ("incompatible", "degraded", "unknown")
    assert evidence(run.document, "cross-decode")["outcome"] in ("warn", "fail")


def test_random_weights_are_no_family(vaereg: Vaereg, shop: Path, tmp_path: Path) -> None:
    vae = tmp_path / "sd1_official.safetensors"
    made = plan("sd1")
    vae.write_bytes(safetensors(random_weights(made.shapes, 5), "float16", metadata_of(made)))
    told = vaereg("inspect", "--weights", vae, "--json").document
    latent = told["components"][0]["latent"]
    assert latent["family"] is None
    assert "sd1" in latent["candidates"]
    run = vaereg("check", "--model", "forest_v1", "--vae", vae, "--probe", "weights", "--json")
    assert (run.code, run.document["verdict"]) == (4, "unknown")
    assert evidence(run.document, "colour-response")["outcome"] == "unknown"


@pytest.mark.parametrize("family", ["sd1", "sdxl", "sd3", "flux1", "flux2"])
def test_a_family_is_told_by_weights_whatever_the_name_says(
    vaereg: Vaereg, tmp_path: Path, family: str
) -> None:
    vae = written(tmp_path / "pony_sd3_vae.safetensors", plan(family))
    latent = vaereg("inspect", "--weights", vae, "--json").document["components"][0]["latent"]
    assert latent["family"] == family
    assert latent["determined_by"] in ("weights", "header")


@pytest.mark.parametrize(
    ("file", "family"),
    [
        ("taesd_decoder.safetensors", "sd1"),
        ("taesd_encoder.safetensors", "sd1"),
        ("taesdxl_decoder.safetensors", "sdxl"),
        ("taesdxl_encoder.safetensors", "sdxl"),
        ("taef2_decoder.pth", "flux2"),
    ],
)
def test_real_weights_are_told_under_a_name_that_says_nothing(
    vaereg: Vaereg, tmp_path: Path, file: str, family: str
) -> None:
    if not (SHARED / file).exists():
        pytest.skip("the real weights are not beside this checkout")
    path = tmp_path / "x.bin"
    path.symlink_to(SHARED / file)
    latent = vaereg("inspect", "--weights", path, "--json").document["components"][0]["latent"]
    assert latent["family"] == family
    assert latent["candidates"] == [family]


@pytest.mark.parametrize("change", ["config", "grey", "bias"])
def test_nobody_is_believed_before_the_weights_were_run(
    vaereg: Vaereg, shop: Path, tmp_path: Path, change: str
) -> None:
    """A config that lies, a decoder of no family under a config, a finetune with a dead picture."""
    if change == "bias":
        made = weights(plan("sd1", seed=1))
        made["decoder.conv_out.bias"] = made["decoder.conv_out.bias"] + 5
        vae = tmp_path / "finetune.safetensors"
        vae.write_bytes(safetensors(made, "float32", metadata_of(plan("sd1"))))
    else:
        lying = (
            plan("sdxl")
            if change == "config"
            else plan("sd1", decoder_factors=grey(table_of("sd1")))
        )
        vae = tmp_path / "vae"
        write_folder(vae, lying, weights(lying), "float32")
        told = json.loads((vae / "config.json").read_text()) | {"scaling_factor": 0.18215}
        (vae / "config.json").write_text(json.dumps(told))
        inspected = vaereg("inspect", "--weights", vae, "--json").document
        family = inspected["components"][0]["latent"]["family"]
        assert family == ("sdxl" if change == "config" else None)
    run = vaereg("check", "--model", "forest_v1", "--vae", vae, "--json")
    assert (run.code, run.document["verdict"]) == (3, "incompatible")


def test_a_copy_of_a_foreign_baked_vae_is_no_fit(
    vaereg: Vaereg, shop: Path, tmp_path: Path
) -> None:
    """The VAE baked into this SD1 checkpoint is SDXL's: kinship with it proves nothing."""
    sample = next(one for one in SAMPLES if one.path.endswith("forest_v1.safetensors"))
    wrong = replace(sample, path="wrong.safetensors", family="sdxl", seed=7)
    build(tmp_path, WIDTHS, GROUPS, [wrong])
    copy = written(tmp_path / "copy.safetensors", plan("sdxl", seed=7))
    run = vaereg("check", "--model", tmp_path / "wrong.safetensors", "--vae", copy, "--json")
    assert evidence(run.document, "kinship")["outcome"] == "pass"
    assert (run.code, run.document["verdict"]) == (3, "incompatible")


def test_a_device_that_is_not_there_is_one_sentence(vaereg: Vaereg, shop: Path) -> None:
    run = vaereg(
        "check", "--model", "harbour_xl", "--vae", shop / TWIN, "--device", "cuda:7", "--json"
    )
    assert (run.code, run.document["error"]["code"]) == (1, "no_device")


def test_without_torch_the_rest_works_and_says_how_to_get_it(
    vaereg: Vaereg, shop: Path, tmp_path: Path
) -> None:
    hidden = tmp_path / "without_torch"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
    )
    bare = {"PYTHONPATH": str(hidden)}
    words = ["check", "--model", "harbour_xl", "--vae", shop / TWIN, "--json"]
    auto = vaereg(*words, **bare)
    assert (auto.code, auto.document["verdict"]) == (4, "unknown")
    assert "pip install 'vaereg[probe]'" in auto.document["advice"][0]
    asked = vaereg(*words, "--probe", "weights", **bare)
    assert (asked.code, asked.document["error"]["code"]) == (1, "missing_dependency")
    told = vaereg("inspect", "--weights", shop / TWIN, "--json", **bare)
    assert told.code == 0
    assert told.document["health"]["finite"] is True
    assert any("vaereg[probe]" in note["message"] for note in told.document["warnings"])


def test_a_family_told_by_weights_survives_a_fresh_scan(vaereg: Vaereg, shop: Path) -> None:
    vaereg("check", "--model", "harbour_xl", "--vae", shop / TWIN, "--probe", "weights")
    vaereg("scan", "--fresh", shop)
    shown = vaereg("show", shop / TWIN, "--json").document
    assert (shown["family"], shown["determined_by"]) == ("sdxl", "weights")
