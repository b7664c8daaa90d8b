"""Memory that was freed serves again, and goes back to the system when asked or limited."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

pytest.importorskip("torch")

BLOCK = 256 << 20

FREED = f"""
import resource
import torch
from vaereg.probes import heap
from vaereg.probes.budget import resident

def round():
    torch.ones({BLOCK} // 4)

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
"""
"""Each tensor is larger than what glibc would keep by itself."""


def told(code: str) -> list[int]:
    """What a program of its own prints: the C library's settings last as long as the process."""
    command = [sys.executable, "-c", FREED + code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


@pytest.fixture(autouse=True)
def _glibc() -> None:
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library than glibc keeps and returns memory its own way")


def test_what_was_freed_serves_the_next_tensors() -> None:
    code = """
for keeping in (False, True):
    if keeping:
        heap.keep_freed()
    round()
    before = faults()
    for _ in range(8):
        round()
    print(faults() - before)
"""
    anew, kept = told(code)
    # A small object in the gap may push the block to another place once or twice.
    assert kept < anew / 3


def test_what_is_kept_goes_back_when_asked() -> None:
    code = """
heap.keep_freed()
before = resident()
round()
print(resident() - before)
heap.trim()
print(resident() - before)
"""
    kept, trimmed = told(code)
    assert kept > BLOCK * 0.9
    assert trimmed < BLOCK * 0.1


@pytest.mark.parametrize(("memory", "keeps"), [(None, True), (4 << 30, False)])
def test_a_prober_without_a_limit_keeps_what_it_frees(memory: int | None, keeps: bool) -> None:
    code = f"""
from vaereg.probes.prober import TorchProber
TorchProber("cpu", memory={memory})
before = resident()
round()
print(resident() - before)
"""
    (left,) = told(code)
    assert (left > BLOCK * 0.9) is keeps
