"""The demo's library is what its table says, always the same, and small."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vaereg.registry.errors import Unreadable
from vaereg.registry.intake import look
from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.colours import vivid
from vaereg.registry.samples.library import LOGIN_PAGE, SAMPLES, Sample, build, plan_of
from vaereg.registry.values import Component
from vaereg.registry.weights import open_weights

THIN = ((8, 16, 32, 32), 2)
TWINS = ("vae/sdxl_vae.safetensors", "vae/mirror/sdxl_vae.safetensors")
BY_PATH = {sample.path: sample for sample in SAMPLES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    build(folder, *THIN)
    return folder


def vae_of(path: Path) -> Component:
    vae = look(str(path))[0].component("vae")
    assert vae is not None
    return vae


def read(folder: Path, sample: Sample, name: str) -> np.ndarray:
    path = folder / sample.path
    with open_weights(str(path), vae_of(path).prefix) as file:
        return file.read(name)


def test_it_is_built_in_seconds_and_fits_a_small_disk(tmp_path: Path) -> None:
    started = time.perf_counter()
    build(tmp_path)
    assert time.perf_counter() - started < 10
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path).as_posix() for path in files} == {*BY_PATH, LOGIN_PAGE}
    assert sum(path.stat().st_size for path in files) < 120e6
    one, other = (tmp_path / path for path in TWINS)
    assert one.stat().st_size == other.stat().st_size


def test_it_is_always_the_same(folder: Path, tmp_path: Path) -> None:
    """In another process too, whose sets and dictionaries come in another order."""
    script = "import sys, pathlib; from vaereg.registry.samples.library import build"
    script += f"; build(pathlib.Path(sys.argv[1]), *{THIN})"
    run = [sys.executable, "-c", script, str(tmp_path)]
    subprocess.run(run, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    for path in [*BY_PATH, LOGIN_PAGE]:
        assert (tmp_path / path).read_bytes() == (folder / path).read_bytes(), path


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path)
def test_every_model_is_taken_for_what_it_is(folder: Path, sample: Sample) -> None:
    identity = look(str(folder / sample.path))[0]
    assert identity.kind == ("checkpoint" if sample.unet else "vae")
    vae = identity.component("vae")
    assert vae is not None
    assert (vae.architecture, vae.layout) == ("autoencoder-kl", sample.layout)
    assert vae.parts == ("encoder", "decoder")
    assert vae.dtypes == (sample.dtype,)
    assert vae.latent is not None
    # Names and shapes leave the family open: that is what the weights are read for.
    assert vae.latent.family is None
    if vae.latent.channels == 4:
        assert {"sd1", "sdxl"} <= set(vae.latent.candidates)
    if sample.unet:
        denoiser = identity.component("denoiser")
        assert denoiser is not None
        assert denoiser.latent is not None
        assert denoiser.latent.family == sample.family
    assert sample.what
    assert sample.why


def test_the_page_is_refused_as_a_page(folder: Path) -> None:
    with pytest.raises(Unreadable, match="web page"):
        look(str(folder / LOGIN_PAGE))


def test_the_twins_differ_in_nothing_but_their_numbers(folder: Path) -> None:
    one, other = (folder / path for path in TWINS)
    assert one.name == other.name
    head = 8 + int.from_bytes(one.read_bytes()[:8], "little")
    assert one.read_bytes()[:head] == other.read_bytes()[:head]
    assert one.read_bytes() != other.read_bytes()


def test_the_renamed_copy_holds_the_baked_numbers(folder: Path) -> None:
    baked = BY_PATH["checkpoints/forest_v1.safetensors"]
    copy = BY_PATH["vae/vae_final_FIXED.safetensors"]
    own = read(folder, baked, "encoder.mid.attn_1.q.weight")[:, :, 0, 0]
    theirs = read(folder, copy, "encoder.mid_block.attentions.0.to_q.weight")
    assert np.array_equal(own, theirs.astype(np.float16).astype(np.float32))


def test_the_lost_quarter_is_the_decoders(folder: Path) -> None:
    whole = BY_PATH["checkpoints/forest_v1.safetensors"]
    holed = BY_PATH["vae/forest_backup.safetensors"]
    for name, kept in (("encoder.conv_in.weight", True), ("decoder.conv_out.weight", False)):
        numbers = read(folder, holed, name)
        assert np.array_equal(numbers, read(folder, whole, name)) is kept
        assert numbers.any() == kept


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.path)
def test_every_decoder_answers_in_its_familys_colours(sample: Sample) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    from .runs import cosine, load, response

    plan = plan_of(sample, *THIN)
    model = load(plan, weights(plan))
    assert cosine(response(plan, model), vivid(plan.factors, sample.vivid)) > 0.9999
