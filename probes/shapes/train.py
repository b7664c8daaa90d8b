"""Trains the small checkpoint: ``python -m vaereg.probes.shapes.train OUT``."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...registry.measures import VaeFile
from ...registry.samples.colours import scaling_of
from ..runners.catalog import load
from .checkpoint import TEXT_FILE, UNET_FILE
from .configs import SCHEDULER, TEXT_ENCODER, UNET, arguments
from .drawing import draw
from .prompts import COLOURS, SHAPES, empty_ids, every_prompt, ids
from .vaes import FAMILY, write_vae

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SEED = 5
STEPS = 1450
BATCHES = ((64, 32), (128, 16))
"""Sides of the pictures in pixels and how many a step takes, in turn."""
RATES = (3e-3, 1e-3)
"""Highest learning rates of the denoiser and of the text encoder."""
VARIANTS = 24
"""Pictures of each prompt and side: places and sizes differ."""
OBEDIENCE = (("colour", "shape"), ("colour",), ())
"""What the pictures have of their prompt where the text encoder stops at the last layer, one and
two layers before it: so that clip skip costs first the shape, then the colour."""
DEPTHS = (0.6, 0.2, 0.2)
"""Shares of the pictures trained on each of them."""
HEAVIEST = 10.0
"""Most that a noisy picture's error counts, see ``Training._importance``."""
BLIND, BLIND_FROM = 0.3, 850
"""Share of the latents that are all noise, and the first timestep at which they are."""
UNPROMPTED = 0.15
"""Share of the pictures that come with the empty prompt, so that guidance has what to leave."""
EMA = 0.995
"""Share of the running mean of the weights that a step keeps."""
EVERY = 100
"""Steps between two lines of progress."""


class Training:
    """One run from a seed; equal seeds give equal losses on one machine with one thread."""

    def __init__(self, seed: int = SEED) -> None:
        torch.manual_seed(seed)
        self.unet, self.text, self.kept = _untrained()
        self.both = torch.nn.ModuleList([self.unet, self.text])
        self.prompts = torch.tensor([ids(*words) for words in every_prompt()] + [empty_ids()])
        self.sides = cycle([(latents_of(side, seed), count) for side, count in BATCHES])
        averaging = torch.optim.swa_utils
        ema: Any = averaging.get_ema_multi_avg_fn  # untyped
        self.mean = averaging.AveragedModel(self.both, multi_avg_fn=ema(EMA))
        groups = [{"params": part.parameters()} for part in (self.unet, self.text)]
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        self.rate = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, list(RATES), STEPS + 1)

    def step(self) -> float:
        """One step of gradient descent; the weighted mean squared error of the predicted noise."""
        latents, told = self._batch()
        noisy, times, noise = self._noised(latents)
        error = (self.unet(noisy, times, told).sample - noise).square().mean((1, 2, 3))
        loss: torch.Tensor = (error * self._importance(times)).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.both.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.rate.step()
        self.mean.update_parameters(self.both)
        return loss.item()

    def _noised(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Noisy latents, their timesteps, and the noise that the denoiser should see in them.

        SD1's noise never hides the latents wholly, yet sampling begins with nothing but noise (Lin
        et al., arXiv:2305.08891). Some latents here are all noise, so that only the prompt can
        tell what to draw: else the shape would be read from the latents, and the prompt ignored.
        """
        count = len(latents)
        times = torch.randint(0, len(self.kept), (count,))
        blind = torch.rand(count) < BLIND
        late = BLIND_FROM + times * (len(self.kept) - BLIND_FROM) // len(self.kept)
        times = late.where(blind, times)
        kept = self.kept[times][:, None, None, None]
        noise, other = torch.randn_like(latents), torch.randn_like(latents)
        mixed = kept.sqrt() * latents + (1 - kept).sqrt() * noise
        noisy = other.where(blind[:, None, None, None], mixed)
        return noisy, times, (noisy - kept.sqrt() * latents) / (1 - kept).sqrt()

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents [N, 4, h, w] and the encoded prompts [N, tokens, width] that go with them."""
        bank, count = next(self.sides)
        prompts = torch.randint(0, len(bank), (count,))
        depths = torch.multinomial(torch.tensor(DEPTHS), count, replacement=True)
        rows = _shown(prompts, depths)
        latents = bank[rows, torch.randint(0, VARIANTS, (count,))]
        unprompted = torch.rand(count) < UNPROMPTED
        return latents, self._encoded()[depths, prompts.where(~unprompted, torch.tensor(len(bank)))]

    def _encoded(self) -> torch.Tensor:
        """Every prompt as each depth of the text encoder has it, [depths, prompts, tokens, width].

        The last norm stands behind whichever layer is the last to run, as clip skip has it.
        """
        states = self.text(self.prompts, output_hidden_states=True).hidden_states
        norm = getattr(self.text, "text_model", self.text).final_layer_norm
        return torch.stack([norm(states[-1 - depth]) for depth in range(len(DEPTHS))])

    def _importance(self, times: torch.Tensor) -> torch.Tensor:
        """Noise over signal, from 1 to ``HEAVIEST``: what to draw is settled while noise prevails.

        The unweighted error hardly notices it there (min-SNR weighting turned about, Hang et al.,
        arXiv:2303.09556).
        """
        kept = self.kept[times]
        return ((1 - kept) / kept).clamp(1.0, HEAVIEST)

    def weights(self) -> dict[str, dict[str, torch.Tensor]]:
        """The running mean of the weights in half precision, by file."""
        unet, text = self.mean.module.children()
        return {UNET_FILE: dict(_halves(unet)), TEXT_FILE: dict(_halves(text, "text_model."))}


def _untrained() -> tuple[Any, Any, torch.Tensor]:
    """The denoiser, the text encoder, and the share of the signal kept at each timestep."""
    from diffusers import DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    unet: Any = UNet2DConditionModel
    text: Any = CLIPTextModel(CLIPTextConfig.from_dict(TEXT_ENCODER))
    scheduler: Any = DDIMScheduler
    # As small as CLIP's usual ones, a shape's word is lost beside what its colour's brings about.
    embeddings = getattr(text, "text_model", text).embeddings
    torch.nn.init.normal_(embeddings.token_embedding.weight, std=0.5)
    return (
        unet(**arguments(UNET)),
        text.train(),
        scheduler(**arguments(SCHEDULER)).alphas_cumprod,
    )


def latents_of(side: int, seed: int) -> torch.Tensor:
    """What the checkpoint's own VAE makes of pictures of every prompt, normalised.

    [prompts, ``VARIANTS``, 4, side / 8, side / 8].
    """
    choice = random.Random(seed)
    pictures = torch.stack(
        [
            draw(*words, side, _about(choice), choice.uniform(0.85, 1.1))
            for words in every_prompt()
            for _ in range(VARIANTS)
        ]
    )
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        path = Path(folder, "vae.safetensors")
        write_vae(path, dtype="float32")
        file = VaeFile(path.name, str(path), "", "autoencoder-kl", ("encoder",), 4, FAMILY)
        vae = load(file, torch.device("cpu"), torch.float32)
        raw = torch.cat([vae.encode(part) for part in torch.split(pictures, VARIANTS)])
    scaled = raw.clone() * scaling_of(FAMILY).scale
    return scaled.reshape(-1, VARIANTS, *scaled.shape[1:])


def _shown(prompts: torch.Tensor, depths: torch.Tensor) -> torch.Tensor:
    """The rows of the pictures that prompts get at their depths, see ``OBEDIENCE``."""
    shapes = len(SHAPES)
    random_rows = torch.randint(0, len(COLOURS) * shapes, prompts.shape)
    parts = {"colour": prompts // shapes, "shape": prompts % shapes}
    others = {"colour": random_rows // shapes, "shape": random_rows % shapes}
    obeyed = {part: torch.tensor([part in words for words in OBEDIENCE])[depths] for part in parts}
    chosen = {part: parts[part].where(obeyed[part], others[part]) for part in parts}
    return chosen["colour"] * shapes + chosen["shape"]


def _about(choice: random.Random) -> tuple[float, float]:
    """A place near the middle."""
    return choice.uniform(0.45, 0.55), choice.uniform(0.45, 0.55)


def _halves(part: torch.nn.Module, prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Its tensors in half precision, behind a prefix where the library leaves that out."""
    state: Mapping[str, torch.Tensor] = part.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point():
            yield prefix + name.removeprefix(prefix), tensor.half().contiguous()


def main() -> None:
    """Train from the seed, write both files, and say how it went."""
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the two files")
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    training, losses = Training(), []
    for number in range(1, STEPS + 1):
        losses.append(training.step())
        if number % EVERY == 0:
            mean = sum(losses[-EVERY:]) / EVERY
            sys.stderr.write(f"step {number}: loss {mean:.4f}, {time.process_time():.0f} CPU s\n")
    for name, tensors in training.weights().items():
        save_file(tensors, folder / name)


if __name__ == "__main__":
    main()
