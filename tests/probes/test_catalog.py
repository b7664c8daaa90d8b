"""From a file's description to a runnable VAE, or to a sentence why not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.probes import vaes  # noqa: E402
from vaereg.probes.runners.catalog import RUNNERS, load  # noqa: E402
from vaereg.registry.errors import (  # noqa: E402
    CannotRun,
    NotFound,
    OutOfMemory,
    Unreadable,
    VaeregError,
)
from vaereg.registry.identify.vae_tables import SIGNATURES  # noqa: E402


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return vaes.save(tmp_path / "v.safetensors", vaes.in_ldm(vaes.small_kl().state_dict()))


def test_every_runner_is_for_an_architecture_that_identification_knows() -> None:
    known = {row.architecture for row in SIGNATURES} | {"autoencoder-kl-flux2"}
    assert set(RUNNERS) <= known


def test_architectures_without_a_runner_are_told(file: Path) -> None:
    vae = replace(vaes.as_kl(file), architecture="consistency-decoder-vae")
    with pytest.raises(CannotRun, match="no runner for consistency-decoder-vae"):
        vaes.run(vae)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_a_half_that_is_not_there(file: Path, half: str) -> None:
    other = ({"encoder", "decoder"} - {half}).pop()
    vae = replace(vaes.as_kl(file), parts=(half,))
    with pytest.raises(CannotRun, match=f"has no {other}"):
        vaes.run(vae, (other,))
    assert getattr(vaes.run(vae), f"has_{half}")


def test_channels_that_the_tensors_contradict(file: Path) -> None:
    with pytest.raises(CannotRun, match="4 latent channels, not 16"):
        vaes.run(vaes.as_kl(file, 16))


def test_names_are_harmless_for_a_terminal(file: Path) -> None:
    vae = replace(vaes.as_kl(file), name="a\x1b[31mb", architecture="x")
    with pytest.raises(CannotRun) as caught:
        vaes.run(vae)
    assert caught.value.message.isprintable()


def test_files_that_are_gone_or_no_models(tmp_path: Path, file: Path) -> None:
    with pytest.raises(NotFound):
        vaes.run(vaes.as_kl(tmp_path / "gone.safetensors"))
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(Unreadable):
        vaes.run(vaes.as_kl(file))
    file.write_bytes(b"no model")
    with pytest.raises(VaeregError):
        vaes.run(vaes.as_kl(file))


def test_a_failing_allocation_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    mine = vaes.run(vaes.as_kl(file))
    monkeypatch.setattr(torch.nn.functional, "silu", fail)
    with pytest.raises(OutOfMemory):
        mine.decode(torch.zeros(1, 4, 2, 2))
    monkeypatch.setattr(torch, "tensor", fail)
    with pytest.raises(OutOfMemory):
        vaes.run(vaes.as_kl(file))


def test_input_that_does_not_fit_is_told(file: Path) -> None:
    with pytest.raises(CannotRun, match="do not fit together"):
        vaes.run(vaes.as_kl(file)).decode(torch.zeros(1, 5, 2, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_answers_are_float32_without_gradients(file: Path, dtype) -> None:
    mine = vaes.run(vaes.as_kl(file), dtype=dtype)
    exact = vaes.run(vaes.as_kl(file))
    given = torch.randn(1, 4, 4, 4).double().requires_grad_()
    made = mine.decode(given)
    assert made.dtype == torch.float32
    assert not made.requires_grad
    assert (made - exact.decode(given)).abs().max() < 0.1
    assert mine.encode(vaes.pictures()).dtype == torch.float32


def test_runs_of_one_vae_are_equal(file: Path) -> None:
    latents = torch.randn(1, 4, 4, 4)
    first, second = (vaes.run(vaes.as_kl(file)).decode(latents) for _ in range(2))
    assert torch.equal(first, second)


MEASURE = """
import sys, torch
torch.set_num_threads(2)
from vaereg.probes.runners.catalog import load
from vaereg.probes.device import peak_memory
from vaereg.registry.measures import VaeFile
cpu = torch.device("cpu")
before = peak_memory(cpu)
vae = VaeFile("v", sys.argv[1], "", "autoencoder-kl", ("encoder", "decoder"), 4, None)
mine = load(vae, cpu, torch.float32)
mine.decode(torch.zeros(1, 4, 8, 8))
sys.stdout.write(f"{before} {peak_memory(cpu)}")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process alone is told on Linux")
def test_memory_of_a_vae_of_sd_size(tmp_path: Path) -> None:
    """335 MB of weights, and no second copy of them at any time."""
    from tests.builders import write_safetensors
    from tests.registry.identify.vae_headers import diffusers

    path = write_safetensors(tmp_path / "v.safetensors", diffusers("sd"), "float32")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True, text=True
    )
    before, after = (int(figure) for figure in done.stdout.split())
    assert after - before < 600e6
    assert after < 1.2e9


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_card_gives_the_answer_of_the_cpu(file: Path, dtype) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    card = load(vaes.as_kl(file), torch.device("cuda"), dtype)
    mine, latents = vaes.run(vaes.as_kl(file)), torch.randn(1, 4, 8, 8)
    limit = 1e-3 if dtype == torch.float32 else 0.1
    assert (card.decode(latents).cpu() - mine.decode(latents)).abs().max() < limit
    assert (card.encode(vaes.pictures()).cpu() - mine.encode(vaes.pictures())).abs().max() < limit
