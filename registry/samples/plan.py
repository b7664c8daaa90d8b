"""What a closed-form autoencoder is to be: its colours, normalisation, size and lineage."""

from __future__ import annotations

from dataclasses import dataclass

from ..measures import Scaling
from .autoencoder import Shapes, autoencoder_kl

ANCHOR = 10.0
"""The constants beside the colours, see ``closed_form``: the largest activations of a calm plan."""
COLOURS = 3
_RAW = Scaling()

Table = tuple[tuple[float, ...], ...]
"""RGB in [-1, 1] per unit of each normalised latent channel, one row a channel."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build; ``ValueError`` where the groups are too few or too narrow."""

    factors: Table
    scaling: Scaling = _RAW
    """From the raw latents that the VAE works in to the normalised ones of ``factors``."""
    widths: tuple[int, ...] = (96, 96, 96, 96)
    """Channels of each level, from the picture inwards; the spatial factor is 2 ** (levels - 1)."""
    groups: int = 32
    """Of GroupNorm; 32 in every published one, others must be told in config or metadata."""
    parts: tuple[str, ...] = ("encoder", "decoder")
    quant: bool = True
    """Whether it has quantisation convolutions."""
    seed: int = 0
    """The lineage: equal seeds share the encoder."""
    decoder_seed: int | None = None
    """None: the encoder's."""
    decoder_factors: Table | None = None
    """Where the decoder answers otherwise than the encoder expects; None: ``factors``."""
    vivid: float = 0.0
    """How much further from grey the decoder puts the colours, a little in every layer that carries
    them: a finetune."""
    peak: float = ANCHOR
    """Largest activation of the decoder; half precision ends at 65504."""

    def __post_init__(self) -> None:
        need = 2 + -(-COLOURS // min(COLOURS, self.groups))
        for width in self.widths:
            if width % self.groups or width // self.groups < need:
                raise ValueError(f"width {width}: not {self.groups} groups of {need} channels each")

    @property
    def shapes(self) -> Shapes:
        """Names in the LDM layout and shapes."""
        every = autoencoder_kl(len(self.factors), self.widths, self.quant)
        halves = {"quant_conv": "encoder", "post_quant_conv": "decoder"}
        return {
            name: shape
            for name, shape in every.items()
            if halves.get(stem := name.partition(".")[0], stem) in self.parts
        }
