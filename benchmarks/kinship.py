"""How long it takes to tell how two VAEs of real size are related, beside reading their bytes."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
from measure import call_seconds, report
from safetensors.numpy import save_file

from vaereg.registry.kinship.kinship import Kinship, kinship
from vaereg.registry.samples.autoencoder import autoencoder_kl
from vaereg.registry.weights import open_weights

WIDTHS = (128, 256, 512, 512)
"""Stable Diffusion's VAE: 248 tensors, 83.7 million numbers."""


def related(folder: Path) -> bool:
    """A 335 MB float32 VAE beside its float16 copy, a finetune of its decoder and a stranger."""
    own = _trained(1)
    finetuned = {
        name: it * np.float32(1.01) if name.startswith("decoder") else it
        for name, it in own.items()
    }
    first = _write(folder / "own.safetensors", own, np.float32)
    copy = _write(folder / "copy.safetensors", own, np.float16)
    tuned = _write(folder / "tuned.safetensors", finetuned, np.float16)
    stranger = _write(folder / "stranger.safetensors", _trained(2), np.float16)
    plain = call_seconds(lambda: [_read(path) for path in (first, copy)], 5)
    return all(
        (
            _figure(
                "thorough: the same in half precision", first, copy, "same-weights", 1.0, plain
            ),
            _figure("thorough: decoder finetuned", first, tuned, "same-encoder", 1.0, plain),
            _figure("unrelated", first, stranger, "unrelated", 0.1, plain),
            _figure("quick: the same", first, copy, "same-weights", 0.1, plain, thorough=False),
            _memory(first, copy),
        )
    )


def _figure(
    what: str, one: Path, other: Path, wanted: str, bar: float, plain: float, thorough: bool = True
) -> bool:
    found = _related(one, other, thorough)
    seconds = call_seconds(lambda: _related(one, other, thorough), 5)
    figure = f"{seconds:.3f} s, {seconds / plain:.2f} x read, {found.bytes_read / 1e6:.1f} MB"
    return report(
        f"kinship of 335 and 167 MB, {what}",
        figure,
        f"{bar:g} s",
        seconds < bar and found.relation == wanted,
    )


def _memory(one: Path, other: Path) -> bool:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _related(one, other, True)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return report("memory grown by another comparison", f"{grown:,} kB", "50,000 kB", grown < 50000)


def _related(one: Path, other: Path, thorough: bool) -> Kinship:
    with open_weights(str(one)) as mine, open_weights(str(other)) as theirs:
        return kinship(mine, theirs, thorough)


def _read(path: Path) -> int:
    with path.open("rb") as file:
        return sum(len(block) for block in iter(lambda: file.read(1 << 20), b""))


def _trained(seed: int) -> dict[str, np.ndarray]:
    source = np.random.default_rng(seed)
    shapes = autoencoder_kl(4, WIDTHS)
    return {
        name: 0.05 * source.standard_normal(shape, np.float32) for name, shape in shapes.items()
    }


def _write(path: Path, weights: dict[str, np.ndarray], dtype: type) -> Path:
    save_file({name: it.astype(dtype) for name, it in weights.items()}, path)
    return path
