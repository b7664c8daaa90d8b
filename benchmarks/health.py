"""Health and content digest of a full-size VAE against reading it once with SHA-256."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from measure import report

from vaereg.registry.intake import examine
from vaereg.registry.samples.autoencoder import autoencoder_kl
from vaereg.registry.samples.faults import random_weights
from vaereg.registry.samples.files import safetensors

WIDTHS = (128, 256, 512, 512)
"""Of SD1's and SDXL's VAEs: 83.6 million parameters."""
RUNS = 7
BAR = 2.0


def health(folder: Path) -> bool:
    """335 MB of float32 and 167 MB of float16, in the page cache, both ways in turn."""
    weights = random_weights(autoencoder_kl(4, WIDTHS), seed=1)
    held = []
    for dtype in ("float32", "float16"):
        path = folder / f"{dtype}.safetensors"
        path.write_bytes(safetensors(weights, dtype))
        held.append(_measured(path, dtype))
        path.unlink()
    return all(held)


def _measured(path: Path, dtype: str) -> bool:
    size = path.stat().st_size / 1e6
    pairs = [(_seconds(examine, path), _seconds(_plain_sha256, path)) for _ in range(RUNS + 1)][1:]
    ratio = statistics.median(ours / plain for ours, plain in pairs)
    wall = statistics.median(ours for ours, _ in pairs)
    return report(
        f"health and content, {size:.0f} MB {dtype} / plain SHA-256",
        f"{wall * 1000:.0f} ms, ratio {ratio:.2f}",
        f"{BAR:.0f}",
        ratio < BAR,
    )


def _seconds(call: Callable[[str], object], path: Path) -> float:
    started = time.perf_counter()
    call(str(path))
    return time.perf_counter() - started


def _plain_sha256(path: str) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(4 << 20))
    with Path(path).open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()
