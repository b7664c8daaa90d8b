"""The colour response of a VAE of real size: time and memory, on the CPU and on a GPU."""

from __future__ import annotations

import subprocess
import sys
import time

from measure import report

CPU_SECONDS, CPU_BYTES, GPU_SECONDS = 10.0, 2 << 30, 1.0


def response(_folder: object = None) -> bool:
    """A KL autoencoder of Stable Diffusion's widths with random weights, whole process."""
    held = [_of(device) for device in _devices()]
    return all(held)


def _devices() -> list[str]:
    import torch

    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def _of(device: str) -> bool:
    """Its own process, so that the peak is the probe's."""
    command = [sys.executable, __file__, device]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    seconds, peak = float(said.split()[0]), int(said.split()[1])
    bar = GPU_SECONDS if device == "cuda" else CPU_SECONDS
    figure = f"{seconds:.2f} s"
    held = [report(f"colour response, SD-size VAE, {device}", figure, f"{bar:g} s", seconds < bar)]
    if device == "cpu":
        figure = f"{peak / 2**20:,.0f} MiB"
        held.append(report("its process's peak memory", figure, "2 GiB", peak < CPU_BYTES))
    return all(held)


def _measure(device: str) -> tuple[float, int]:
    """Seconds of one response after the model is built, and the process's peak in bytes."""
    import resource

    import torch
    from diffusers import AutoencoderKL

    from vaereg.probes.measures.response import colour_response

    widths = (128, 256, 512, 512)
    model = AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
    )
    model.encoder = None
    decoder = _Decoder(model.eval().to(device))
    if device == "cuda":
        decoder.decode(torch.zeros(1, 4, 4, 4))
        torch.cuda.synchronize()
    started = time.perf_counter()
    colour_response(decoder, [6.6] * 4, [0.0] * 4)
    seconds = time.perf_counter() - started
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class _Decoder:
    channels, factor, scaled = 4, 8, False
    has_encoder, has_decoder = False, True

    def __init__(self, model) -> None:
        self.model = model
        self.device = next(model.parameters()).device

    def decode(self, latents):
        return self.model.decode(latents.to(self.device)).sample


if __name__ == "__main__":
    print(*_measure(sys.argv[1]))
