"""The colour response of a VAE of real size: time and memory, on the CPU and on a GPU."""

from __future__ import annotations

import sys
import time

from measure import Bars, peak_bytes, report_probe

BARS = Bars(cpu_seconds=10, gpu_seconds=1, cpu_bytes=2 << 30)


def response(_folder: object = None) -> bool:
    """A KL autoencoder of Stable Diffusion's widths with random weights, whole process."""
    return report_probe("colour response, SD-size VAE", __file__, [], BARS)


def _measure(device: str) -> tuple[float, int]:
    """Seconds of one response after the model is built, and the process's peak in bytes."""
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
    return time.perf_counter() - started, peak_bytes()


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
