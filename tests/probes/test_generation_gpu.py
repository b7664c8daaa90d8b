"""Checkpoints as large as the published ones, random inside, draw on a card and are compared."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.builders import write_safetensors  # noqa: E402
from tests.probes.generation_cases import described  # noqa: E402
from vaereg.probes.generation import networks  # noqa: E402
from vaereg.probes.generation.engine import libraries  # noqa: E402
from vaereg.probes.generation.kept import load_latents  # noqa: E402
from vaereg.probes.generation.parts import parts_of  # noqa: E402
from vaereg.probes.prober import TorchProber  # noqa: E402
from vaereg.registry.drawing import (  # noqa: E402
    CheckpointFile,
    CompareTask,
    DrawTask,
    Shown,
)
from vaereg.registry.measures import VaeFile  # noqa: E402
from vaereg.registry.samples.colours import scaling_of  # noqa: E402
from vaereg.registry.weights import open_weights  # noqa: E402

KINDS = {"sd1": (859, 1), "sdxl": (2567, 2)}
"""Millions of the denoiser's parameters, and text encoders."""
HALVES = {"fp16": "float16", "bf16": "bfloat16"}
STEPS, VAES = 4, 6


@pytest.fixture(scope="module")
def real_size():
    """The benchmarks' writer of random checkpoints; they are no package."""
    path = Path(__file__).parents[2] / "benchmarks" / "real_size.py"
    spec = importlib.util.spec_from_file_location("real_size", path)
    made = importlib.util.module_from_spec(spec)
    sys.modules["real_size"] = made
    spec.loader.exec_module(made)
    yield made
    del sys.modules["real_size"]


@pytest.mark.parametrize("kind", KINDS)
def test_random_checkpoints_are_as_large_as_the_real_ones(real_size, tmp_path, kind) -> None:
    told = described(write_safetensors(tmp_path / "random.safetensors", real_size.shapes_of(kind)))
    parts = parts_of(told)
    assert parts.denoiser.architecture == f"unet-{kind}"
    assert len(parts.texts) == KINDS[kind][1]
    with libraries(), open_weights(told.path, parts.denoiser.prefix) as weights:
        network = networks.bare_unet(parts.denoiser.config, kind)
        names = networks.unet_names(weights, parts.denoiser, kind)
        have = {new: weights.tensors[old].shape for new, old in names.items()}
    assert have == {name: tuple(it.shape) for name, it in network.state_dict().items()}
    assert sum(it.numel() for it in network.parameters()) // 10**6 == KINDS[kind][0]
    for part in parts.texts:
        with libraries(), open_weights(told.path, part.prefix) as weights:
            network = networks.bare_text_encoder(part.config, kind)
            given = {
                name: torch.empty(it.shape, device="meta") for name, it in weights.tensors.items()
            }
            made = networks.text_tensors(given, part, network)
        wanted = {networks._bare(name) for name in network.state_dict()}
        assert wanted <= {networks._bare(name) for name in made}


@pytest.fixture(scope="module", params=KINDS)
def models(request, real_size, tmp_path_factory) -> tuple[str, Path, list[Path]]:
    """A checkpoint of a kind and six VAEs, written only where a card can draw with them."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    folder = tmp_path_factory.mktemp(request.param)
    vaes = real_size.write_vaes(folder, request.param, VAES)
    model = real_size.write_random(folder / "model.safetensors", request.param)
    yield request.param, model, vaes
    for path in (model, *vaes):
        path.unlink()


def task(model: Path, folder: Path, **wishes: object) -> DrawTask:
    told = CheckpointFile(model.name, str(model), "0" * 64, described(model).identity)
    return DrawTask(told, str(folder), steps=STEPS, **wishes)


def vae_file(path: Path, name: str) -> VaeFile:
    part = described(path).identity.component("vae")
    return VaeFile(
        name, str(path), part.prefix, part.architecture, part.parts, part.latent.channels, None
    )


@pytest.mark.gpu
@pytest.mark.parametrize("size", [512, 1024])
@pytest.mark.parametrize("dtype", HALVES)
def test_a_card_draws_at_real_size(models, tmp_path: Path, size: int, dtype: str) -> None:
    _, model, _ = models
    prober = TorchProber("cuda", dtype)
    made = prober.draw(task(model, tmp_path, size=size))
    latents = load_latents(made.path)
    assert latents.shape == (1, 4, made.height // 8, made.width // 8)
    assert (made.width, made.height) == (size, size) or "too little memory" in " ".join(made.notes)
    assert bool(np.isfinite(latents).all()) == made.finite
    assert (made.failed_at is None) == made.finite
    half = HALVES[dtype]
    if made.overflowed:
        assert made.overflowed == half
        assert made.dtype != half
    elif made.finite:
        assert made.dtype == half
    assert prober.cost().peak_memory_bytes > 1 << 30
    assert prober.draw(task(model, tmp_path, size=size)).kept


@pytest.mark.gpu
def test_six_vaes_are_compared_in_one_sampling(models, tmp_path: Path) -> None:
    kind, model, vaes = models
    prober, steps = TorchProber("cuda", "auto"), []
    drawn = prober.draw(task(model, tmp_path, size=512), lambda step, _all: steps.append(step))
    sampled = list(steps)
    scaling = scaling_of(kind)
    shown = (
        Shown(vae_file(model, "own"), scaling, "checkpoint's own VAE"),
        *(Shown(vae_file(path, path.stem), scaling) for path in vaes),
    )
    sheet = tmp_path / "sheet.png"
    made = prober.compare(CompareTask(drawn, shown, family=kind, sheet=str(sheet)))
    assert steps == sampled
    assert [it.name for it in made.pictures if it.name != "own"][-VAES:] == [
        path.stem for path in vaes
    ]
    assert [it.trouble for it in made.pictures] == [None] * len(made.pictures)
    assert sheet.stat().st_size > 10_000
    assert prober.cost().peak_memory_bytes > 0
