"""What reading or running weights tells, as immutable values; the rules on them stand elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PROBES_VERSION = 1
"""Raised whenever a probe measures otherwise: recorded readings of older probes are made again."""

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Health:
    """What one pass over the weights says of their soundness."""

    finite: bool
    nan_tensors: tuple[str, ...] = ()
    """Names in the file of tensors with a NaN."""
    inf_tensors: tuple[str, ...] = ()
    zero_tensors: int = 0
    """Weight tensors (two and more dimensions) whose every number is zero."""
    zeroed_tails: tuple[str, ...] = ()
    """Tensors with a run of zero bytes that training does not leave: a hole of a download."""
    huge_tensors: tuple[str, ...] = ()
    """Tensors with finite numbers beyond any that a working VAE or denoiser holds."""
    archive_crc: str = "n/a"
    """``ok`` | ``bad`` | ``n/a``: a zip archive's checksums."""
    fp16_safe: bool | None = None
    """Whether a decode stayed within half precision's range; None where nothing was run."""


@dataclass(frozen=True, slots=True)
class Response:
    """A decoder's colour answer to its latents: mean RGB in [-1, 1] per unit of each channel."""

    jacobian: tuple[Rgb, ...]
    """One row a latent channel."""
    scaled: bool
    """The decoder takes normalised latents (tiny autoencoders); False: raw ones (n = norm(z))."""


@dataclass(frozen=True, slots=True)
class EncoderFit:
    """An encoder's latents explained by the picture's colours, on the test card."""

    factors: tuple[Rgb, ...]
    """Least-squares RGB in [-1, 1] per unit of each latent channel."""
    deviation: float
    """Standard deviation of the latents over the test card, the root mean square of channels."""
    scaled: bool
    """As in ``Response``: the latents' units."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What running one VAE alone tells; kept in the registry, keyed by its weights."""

    response: Response | None
    """None without a decoder, or where it cannot be run (``trouble`` says why)."""
    fit: EncoderFit | None
    """None without an encoder."""
    finite: bool = True
    """False: the decoder or encoder gave NaN or infinity for ordinary input."""
    contrast: float | None = None
    """Spread of RGB over the constant latents that were decoded; about 0 for a grey decoder."""
    trouble: str | None = None
    """Why the VAE could not be run, as a sentence: an architecture without a runner, for one."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How one decode compares with the reference's, medians over the tiles; contract of 2c.

    Clamped pictures in [0, 1]; luma and chroma after 8 x 8 average pooling.
    """

    luma_correlation: float
    chroma_correlation: float
    luma_slope: float
    chroma_slope: float
    contrast_ratio: float
    """Standard deviation of luma over the reference's."""
    mean_shift: float
    """Largest shift of a colour channel's mean, signed, in units of the [0, 1] range."""
    added_clipping: float
    """Share of clipped pixels beyond the reference's."""
    sharpness_ratio: float
    """Variance of the Laplacian over the reference's."""
    psnr: float
    """dB; 99 for equal pictures."""
    ssim: float
    colourfulness_ratio: float
    """Hasler and Suesstrunk's measure over the reference's; shown, not judged."""
    finite: bool = True
    channel_agreement: float = 1.0
    """Least cosine between what a latent channel adds to the reference's picture and to this one:
    about 0 or below where channels are swapped or negated. 1 where it was not measured."""


@dataclass(frozen=True, slots=True)
class HalfRange:
    """The largest activations of a decode beside what half precision can hold."""

    largest: float
    """Largest absolute activation of the fp32 decode, over the card and its latents x 1.5."""
    block: str
    """Canonical name of the block that made it (``decoder.up.1.block.0.conv1``)."""
    overflowing: int | None = None
    """Non-finite numbers of a real decode in ``dtype``; None where none was run."""
    dtype: str = "float16"


@dataclass(frozen=True, slots=True)
class Scaling:
    """A normalisation: n = (z - shift) * scale, or per channel n = (z - mean) * scale / std."""

    scale: float = 1.0
    shift: float = 0.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Convention:
    """One way in which frontends turn the denoiser's latents back into the VAE's."""

    name: str
    """``checkpoint`` (divide by the checkpoint's constant) | ``config`` (by the VAE config's)."""
    frontends: tuple[str, ...]
    scaling: Scaling
    """What the frontend undoes before it decodes."""


@dataclass(frozen=True, slots=True)
class Look:
    """A VAE's decode of the reference's latents under one convention."""

    convention: str
    scores: Scores


@dataclass(frozen=True, slots=True)
class Crossing:
    """A cross-decode: the reference's latents through the VAE in question."""

    looks: tuple[Look, ...]
    """One a convention, in the order asked."""
    own: Scores | None
    """The reference's own decode against the test card: says whether the reference works."""
    half: HalfRange | None
    picture: str | None = None
    """Absolute path of the strip that was written."""
    notes: tuple[str, ...] = ()
    """What was done otherwise for want of memory."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a probe took."""

    device: str
    dtype: str
    seconds: float
    peak_memory_bytes: int
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the libraries that ran it: ``torch``, and ``diffusers`` where it drew a picture."""
    asked: str = ""
    """What was asked otherwise than by default (``steps=20, seed=1``): ``Request.asked``."""


@dataclass(frozen=True, slots=True)
class VaeFile:
    """A VAE as a prober is told of it: where its weights lie, and what the header says."""

    name: str
    path: str
    prefix: str
    architecture: str
    parts: tuple[str, ...]
    channels: int
    family: str | None
    """Settled family, None while open."""
    candidates: tuple[str, ...] = ()
    mates: tuple[str, ...] = ()
    """Every family of that shape: what its colours are compared with, whatever a config claims."""


@dataclass(frozen=True, slots=True)
class CrossTask:
    """What a cross-decode needs; encoder and decoder of the reference may be two files."""

    encoder: VaeFile
    decoder: VaeFile
    vae: VaeFile
    normalisation: Scaling
    """The checkpoint's: what its denoiser was trained under."""
    conventions: tuple[Convention, ...]
    image: str | None = None
    """A user's own picture instead of the test card."""
    picture: str | None = None
    """Where to write the strip; None for none."""
    captions: tuple[str, ...] = field(default=())
