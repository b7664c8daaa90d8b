"""A memory limit is kept: what does not fit is refused before it is loaded, and said plainly."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.probes.test_crossing import CPU, plan_of, written  # noqa: E402
from vaereg.probes import needs  # noqa: E402
from vaereg.probes.budget import Budget, give_back, resident  # noqa: E402
from vaereg.registry.errors import NotFound, OutOfMemory, UsageError  # noqa: E402
from vaereg.registry.values import Component, Identity  # noqa: E402

MIB = 1 << 20


def room(mib: int) -> Budget:
    """A budget with that much left."""
    give_back(CPU)
    return Budget(resident() + mib * MIB, CPU)


def advised(hint: str) -> int:
    """The bytes that a hint names."""
    return int(float(re.search(r"--memory at least ([\d.]+)G", hint)[1]) * (1 << 30))


def test_no_limit_refuses_nothing() -> None:
    budget = Budget(None, CPU)
    budget.require(1 << 60, "everything")
    assert budget.share is None


@pytest.mark.parametrize("limit", [-1, 0, 1, 50 * MIB])
def test_less_than_the_libraries_hold_is_a_wrong_usage(limit: int) -> None:
    with pytest.raises(UsageError, match=r"libraries alone hold .* [MG]iB") as raised:
        Budget(limit, CPU)
    least = advised(raised.value.hint)
    assert least > resident()
    Budget(least, CPU)


def test_what_fits_is_allowed_and_what_does_not_is_told() -> None:
    budget = room(200)
    budget.require(150 * MIB, "a small VAE")
    with pytest.raises(
        OutOfMemory, match=r"a large VAE takes about 2\.0 GiB, but .* cpu"
    ) as raised:
        budget.require(2 << 30, "a large VAE")
    Budget(advised(raised.value.hint), CPU).require(2 << 30, "a large VAE")


def test_what_is_held_counts_until_it_is_let_go() -> None:
    budget = room(400)
    held = torch.ones(300 * MIB // 4)
    assert not budget.fits(200 * MIB)
    del held
    assert budget.fits(200 * MIB)


def test_many_small_pieces_are_given_back_too() -> None:
    """The C library keeps them for itself unless asked."""
    budget = room(400)
    held = [bytearray(60_000) for _ in range(5000)]
    assert not budget.fits(200 * MIB)
    held.clear()
    assert budget.fits(200 * MIB)


def test_half_of_what_the_libraries_leave_may_be_kept() -> None:
    assert room(100).share == pytest.approx(50 * MIB, abs=MIB)


@pytest.fixture
def vae(tmp_path: Path):
    return written(tmp_path, "vae", plan_of("sd1", widths=(32, 32, 64, 64)))


def test_a_half_takes_the_bytes_of_its_weights(vae) -> None:
    both, decoder, half = (
        needs.to_load(vae, dtype, halves)
        for dtype, halves in (
            (torch.float32, ("encoder", "decoder")),
            (torch.float32, ("decoder",)),
            (torch.float16, ("decoder",)),
        )
    )
    size = Path(vae.path).stat().st_size
    assert size < both < 1.3 * size
    assert 0.4 * both < decoder < 0.7 * both
    assert half == pytest.approx(decoder / 2, abs=1)
    with pytest.raises(NotFound):
        needs.to_load(replace(vae, path=vae.path + ".gone"), torch.float32, ("decoder",))


def test_pictures_and_types_and_kinds_of_vae_make_the_rest() -> None:
    def run(architecture: str, half: str, side: int, dtype=torch.float32) -> int:
        return needs.to_run(architecture, dtype, half, side * side, 189 * MIB)

    # An AutoencoderKL of SD1's size took 1005 MiB beside its weights to decode 512 pixels.
    assert 1005 * MIB < run("autoencoder-kl", "decoder", 512) < 1400 * MIB
    assert run("autoencoder-kl", "decoder", 512, torch.bfloat16) < 1005 * MIB
    assert run("autoencoder-kl", "encoder", 512) < run("autoencoder-kl", "decoder", 512)
    assert run("autoencoder-tiny", "decoder", 512) < run("autoencoder-kl", "decoder", 512)
    assert run("a new one", "decoder", 512) == run("autoencoder-kl", "decoder", 512)


def test_a_checkpoint_takes_its_denoiser_and_its_text_encoders() -> None:
    def part(role: str, architecture: str, parameters: int) -> Component:
        return Component(role, architecture, "ldm", "", (), ("float16",), 1, parameters)

    parts = (
        part("denoiser", "unet-sd1", 859_520_964),
        part("vae", "autoencoder-kl", 83_653_863),
        part("text_encoder", "clip-l", 123_060_480),
    )
    single, half = (
        needs.to_draw(Identity("safetensors", "checkpoint", parts), dtype, 512 * 512)
        for dtype in (torch.float32, torch.float16)
    )
    # SD1's UNet takes 3.2 GiB in float32, CLIP .46.
    assert 3.7 * (1 << 30) < single < 5 * (1 << 30)
    assert 2.0 * (1 << 30) < half < 3 * (1 << 30)


@pytest.mark.gpu
def test_torch_is_held_to_the_limit_on_a_card() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    device = torch.device("cuda")
    torch.cuda.empty_cache()
    budget = Budget(torch.cuda.memory_allocated() + 256 * MIB, device)
    try:
        with pytest.raises(OutOfMemory, match="allowed on cuda"):
            budget.require(512 * MIB, "a VAE")
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(512 * MIB, dtype=torch.uint8, device=device)
        assert torch.empty(64 * MIB, dtype=torch.uint8, device=device).numel()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
