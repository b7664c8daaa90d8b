"""What every runner builds: a network of torch modules that encodes and decodes pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...registry.errors import CannotRun, VaeregError
from ...registry.naming import shown
from ..device import out_of_memory_told

HALVES = ("encoder", "decoder")


class Network(nn.Module):
    """A VAE's halves under their canonical names; pictures and latents as in ``Autoencoder``.

    Pictures have ``image_channels`` channels here: RGB, or RGBA.
    """

    encoder: nn.Module
    decoder: nn.Module
    channels: int
    factor: int
    image_channels: int = 3
    scaled: bool = False

    def encode(self, pictures: Tensor) -> Tensor:
        """The means of the latents."""
        raise NotImplementedError

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures in [-1, 1], not clamped."""
        raise NotImplementedError

    def blocks(self) -> Iterator[tuple[str, nn.Module]]:
        """Every module within the halves that makes an output, by canonical name."""
        for name, module in self.named_modules():
            if name and name not in HALVES:
                yield name, module


class Loaded:
    """A network with its weights on a device: fulfils ``Autoencoder``."""

    def __init__(
        self,
        network: Network,
        model: str,
        halves: tuple[str, ...],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._network = network.eval().requires_grad_(False)
        self._model = model
        self.device = device
        self.dtype = dtype
        self.channels = network.channels
        self.factor = network.factor
        self.scaled = network.scaled
        self.has_encoder = "encoder" in halves
        self.has_decoder = "decoder" in halves

    def encode(self, pictures: Tensor) -> Tensor:
        """As ``Autoencoder.encode``; raises ``CannotRun`` and ``OutOfMemory``."""
        self._need(self.has_encoder, "encoder")
        if self._network.image_channels == 4:
            pictures = torch.cat((pictures, torch.ones_like(pictures[:, :1])), 1)
        return self._run(self._network.encode, pictures)

    def decode(self, latents: Tensor) -> Tensor:
        """As ``Autoencoder.decode``; raises ``CannotRun`` and ``OutOfMemory``."""
        self._need(self.has_decoder, "decoder")
        return self._run(self._network.decode, latents)[:, :3]

    @contextmanager
    def watched(self, tell: Callable[[str, Tensor], None]) -> Iterator[None]:
        """As ``Autoencoder.watched``: leaves first, then the blocks that add them up."""

        def hook(name: str) -> Callable[[nn.Module, object, object], None]:
            def heard(_module: nn.Module, _given: object, made: object) -> None:
                if isinstance(made, Tensor):
                    tell(name, made)

            return heard

        handles = [
            module.register_forward_hook(hook(name)) for name, module in self._network.blocks()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _need(self, there: bool, half: str) -> None:
        if not there:
            raise CannotRun(f"{self._model} has no {half} to run")

    def _run(self, step: Callable[[Tensor], Tensor], given: Tensor) -> Tensor:
        given = given.to(self.device, self.dtype)
        try:
            with out_of_memory_told(self.device), torch.inference_mode():
                return step(given).float()
        except VaeregError:
            raise
        except Exception as error:
            said = shown(str(error).partition("\n")[0]) or type(error).__name__
            raise CannotRun(
                f"{self._model} cannot be run: its layers do not fit together ({said})",
                "use an undamaged copy of this VAE",
            ) from error
