"""A cross-decode with VAEs of real size: time and memory, on the CPU and on a GPU."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from measure import Bars, peak_bytes, report_probe

BARS = Bars(cpu_seconds=60, gpu_seconds=5, cpu_bytes=2 << 30)
WIDTHS = (128, 256, 512, 512)


def crossing(folder: Path) -> bool:
    """Two KL autoencoders of Stable Diffusion's widths with random weights, strip included."""
    for seed in (0, 1):
        _write(folder / f"{seed}.safetensors", seed)
    return report_probe("cross-decode, SD-size VAEs", __file__, [str(folder)], BARS)


def _write(path: Path, seed: int) -> None:
    from vaereg.registry.samples.autoencoder import autoencoder_kl
    from vaereg.registry.samples.faults import random_weights
    from vaereg.registry.samples.files import safetensors

    path.write_bytes(safetensors(random_weights(autoencoder_kl(4, WIDTHS), seed), "float16"))


def _measure(device: str, folder: Path) -> tuple[float, int]:
    """Seconds of one cross-decode, files read included, and the process's peak in bytes."""
    import torch

    from vaereg.probes.measures.crossing import cross
    from vaereg.probes.runners.catalog import load
    from vaereg.registry.measures import Convention, CrossTask, Scaling, VaeFile

    one, other = (
        VaeFile(
            str(seed),
            str(folder / f"{seed}.safetensors"),
            "",
            "autoencoder-kl",
            ("encoder", "decoder"),
            4,
            None,
        )
        for seed in (0, 1)
    )
    scaling = Scaling(0.18215)
    asked = (Convention("checkpoint", (), scaling),)
    picture = str(folder / "strip.png")
    started = time.perf_counter()
    task = CrossTask(one, one, other, scaling, asked, picture=picture)
    cross(task, load, torch.device(device), torch.float32)
    return time.perf_counter() - started, peak_bytes()


if __name__ == "__main__":
    print(*_measure(sys.argv[1], Path(sys.argv[2])))
