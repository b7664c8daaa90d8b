"""A cross-decode with VAEs of real size: time and memory, on the CPU and on a GPU."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from measure import report

CPU_SECONDS, CPU_BYTES, GPU_SECONDS = 60.0, 2 << 30, 5.0
WIDTHS = (128, 256, 512, 512)


def crossing(folder: Path) -> bool:
    """Two KL autoencoders of Stable Diffusion's widths with random weights, strip included."""
    for seed in (0, 1):
        _write(folder / f"{seed}.safetensors", seed)
    held = [_of(device, folder) for device in _devices()]
    return all(held)


def _devices() -> list[str]:
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def _write(path: Path, seed: int) -> None:
    from vaereg.registry.samples.autoencoder import autoencoder_kl
    from vaereg.registry.samples.faults import random_weights
    from vaereg.registry.samples.files import safetensors

    path.write_bytes(safetensors(random_weights(autoencoder_kl(4, WIDTHS), seed), "float16"))


def _of(device: str, folder: Path) -> bool:
    """Its own process, so that the peak is the probe's."""
    command = [sys.executable, __file__, device, str(folder)]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    seconds, peak = float(said.split()[0]), int(said.split()[1])
    bar = GPU_SECONDS if device == "cuda" else CPU_SECONDS
    figure = f"{seconds:.1f} s"
    held = [report(f"cross-decode, SD-size VAEs, {device}", figure, f"{bar:g} s", seconds < bar)]
    if device == "cpu":
        figure = f"{peak / 2**20:,.0f} MiB"
        held.append(report("its process's peak memory", figure, "2 GiB", peak < CPU_BYTES))
    return all(held)


def _measure(device: str, folder: Path) -> tuple[float, int]:
    """Seconds of one cross-decode, files read included, and the process's peak in bytes."""
    import resource

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
    seconds = time.perf_counter() - started
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(*_measure(sys.argv[1], Path(sys.argv[2])))
