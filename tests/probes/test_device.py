"""Devices and float types by word, and failing allocations told as such."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from vaereg.probes import device  # noqa: E402
from vaereg.registry.errors import NoDevice, OutOfMemory, UsageError  # noqa: E402

CPU = torch.device("cpu")


def _machine(monkeypatch: pytest.MonkeyPatch, cards: int = 0, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cards", "mps", "asked", "chosen"),
    [
        (0, False, "auto", "cpu"),
        (0, True, "auto", "mps"),
        (2, True, "auto", "cuda"),
        (2, True, "cuda:1", "cuda:1"),
        (2, True, "mps", "mps"),
        (2, False, "cpu", "cpu"),
        (1, False, " CUDA ", "cuda"),
    ],
)
def test_chosen_device(monkeypatch, cards: int, mps: bool, asked: str, chosen: str) -> None:
    _machine(monkeypatch, cards, mps)
    assert str(device.choose_device(asked)) == chosen


@pytest.mark.parametrize(
    ("cards", "asked", "sees"),
    [(0, "cuda", "only cpu"), (0, "mps", "only cpu"), (1, "cuda:7", "cpu, cuda, cuda:0")],
)
def test_device_that_is_not_there(monkeypatch, cards: int, asked: str, sees: str) -> None:
    _machine(monkeypatch, cards)
    with pytest.raises(NoDevice, match=sees) as caught:
        device.choose_device(asked)
    assert asked in caught.value.message
    assert "--device cpu" in str(caught.value.hint)


@pytest.mark.parametrize("asked", ["", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:²", "0"])
def test_words_that_name_no_device(monkeypatch, asked: str) -> None:
    _machine(monkeypatch, 1)
    with pytest.raises((UsageError, NoDevice)):
        device.choose_device(asked)


def test_float_types() -> None:
    chosen = [device.choose_dtype(word, CPU) for word in ("auto", "fp32", "fp16", "bf16")]
    assert chosen == [torch.float32, torch.float32, torch.float16, torch.bfloat16]
    with pytest.raises(UsageError, match="int8"):
        device.choose_dtype("int8", CPU)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
    ],
)
def test_failing_allocations(error: Exception) -> None:
    with pytest.raises(OutOfMemory, match="cpu has too little memory") as caught:  # noqa: SIM117
        with device.out_of_memory_told(CPU):
            raise error
    assert caught.value.hint
    with pytest.raises(OutOfMemory) as caught, device.out_of_memory_told(torch.device("mps")):
        raise error
    assert caught.value.hint == "use --device cpu"


def test_a_real_allocation_that_fails() -> None:
    with pytest.raises(OutOfMemory), device.out_of_memory_told(CPU):
        torch.empty(1 << 60, dtype=torch.uint8)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"), device.out_of_memory_told(CPU):
        raise RuntimeError("shapes do not match")


def test_peak_memory_of_the_process() -> None:
    held = torch.ones(8_000_000)
    assert device.peak_memory(CPU) > held.nbytes


@pytest.mark.gpu
def test_peak_memory_of_a_card() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    card = device.choose_device("cuda")
    device.reset_peak_memory(card)
    held = torch.ones(1 << 20, device=card)
    assert device.peak_memory(card) >= held.nbytes
    del held
    assert not torch.backends.cuda.matmul.allow_tf32
