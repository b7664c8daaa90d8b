"""The words of the domain as immutable values; nothing here reads, writes or decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Tensor(NamedTuple):
    """One tensor as a header describes it (a named tuple: a header holds thousands)."""

    name: str
    """Name in the file, or below the stripped prefix in a ``View``."""
    dtype: str
    """torch's spelling without ``torch.``: ``float16``, ``bfloat16``, ``int8`` ...; GGUF quantised
    types in lower case (``q4_0``)."""
    shape: tuple[int, ...]
    """Dimensions in torch's order."""
    offset: int
    """First byte of the tensor's data in the file (0 in a file of zero-sized data)."""
    nbytes: int
    """Bytes of data; for a strided view the span it covers."""
    strides: tuple[int, ...] | None = None
    """Elements between neighbours along each dimension; None where rows follow one another."""

    @property
    def parameters(self) -> int:
        """Number of elements."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning about a file that does not stop it from being used."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Header:
    """What a weights file says of itself without its weights."""

    format: str
    """``safetensors`` | ``torch-zip`` | ``torch-legacy`` | ``gguf``."""
    size: int
    """Bytes of the whole file."""
    tensors: Mapping[str, Tensor]
    """By name, containers such as ``state_dict`` already opened."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """safetensors ``__metadata__``, GGUF scalars, plain values beside a pickle's tensors."""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderPart:
    """A component's folder in a diffusers model, or the folder itself where it is one component."""

    name: str
    """Sub-folder (``vae``, ``unet`` ...), empty for the folder itself."""
    config: Mapping[str, object]
    """``config.json`` as parsed; empty where there is none."""
    header: Header | None
    """The weights' header, shards merged; None where the folder has no weights."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What a diffusers folder says of itself without its weights."""

    index: Mapping[str, object]
    """``model_index.json`` as parsed; empty for the folder of a single component."""
    parts: tuple[FolderPart, ...]
    size: int
    """Bytes of all files that belong to the model."""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Latent:
    """The latent space a component works in, and how that is known (its fingerprint)."""

    channels: int | None = None
    spatial_factor: float | None = None
    temporal_factor: int | None = None
    family: str | None = None
    candidates: tuple[str, ...] = ()
    """Every family that the known facts allow; the family alone once it is settled."""
    determined_by: str | None = None
    """``header`` | ``config`` | ``known-hash`` | ``kinship`` | ``weights``; None while open."""
    confidence: float = 0.0
    scaling_factor: float | None = None
    shift_factor: float | None = None
    scaling_determined_by: str | None = None
    """``config`` (read from the model), ``file`` (statistics in the weights) or ``family``."""


@dataclass(frozen=True, slots=True)
class Component:
    """A part found inside a model file or folder."""

    role: str
    """``vae`` | ``denoiser`` | ``text_encoder``."""
    architecture: str
    """``autoencoder-kl``, ``unet-sdxl``, ``clip-l`` ..."""
    layout: str
    """Whose tensor names: ``ldm``, ``diffusers``, ``transformers``, ``original``, ``comfyui``."""
    prefix: str
    """What stands before its tensor names in the file, or its sub-folder and a slash."""
    parts: tuple[str, ...]
    """For a VAE ``encoder`` and ``decoder``, whichever it has; empty for other roles."""
    dtypes: tuple[str, ...]
    """Sorted by the number of parameters, most first."""
    tensors: int
    parameters: int
    latent: Latent | None = None
    """None for text encoders."""
    notices: tuple[Notice, ...] = ()
    content: str | None = None
    """Digest of the weights themselves, see ``content``; None where they were not read."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file or folder is: the answer of ``identify``."""

    format: str
    kind: str
    """``vae`` | ``checkpoint`` | ``text_encoder`` | ``lora`` | ... | ``unknown``."""
    components: tuple[Component, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def all_notices(self) -> tuple[Notice, ...]:
        """The notices of the whole and of its components."""
        return (*self.notices, *(note for part in self.components for note in part.notices))

    @property
    def leading(self) -> Component | None:
        """The component that a model is listed by: the denoiser, else the VAE."""
        return self.component("denoiser") or self.component("vae")

    def component(self, role: str) -> Component | None:
        """The first component of that role."""
        return next((part for part in self.components if part.role == role), None)


@dataclass(frozen=True, slots=True)
class Digests:
    """The hashes of one content: hexadecimal, lower case; see ``digests`` for what each is."""

    sha256: str
    autov1: str | None = None
    autov2: str | None = None
    autov3: str | None = None
    blake3: str | None = None
    crc32: str | None = None
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the file system says of a file: while it stays the same, so does the content."""

    size: int
    mtime_ns: int
    ctime_ns: int
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Location:
    """A place on disk where an artifact lies."""

    path: str
    """Absolute; undecodable bytes as surrogate escapes (``os.fsencode`` gives the real path)."""
    stamp: Stamp
    state: str = "present"
    """``present`` | ``missing`` | ``offline`` (its root folder is gone or empty)."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One content, wherever it lies: digests and identity."""

    digests: Digests
    size: int
    identity: Identity
    known_as: str | None = None
    """Its published name, when the hash is a known one."""


@dataclass(frozen=True, slots=True)
class Model:
    """An artifact as the registry holds it."""

    id: int
    name: str
    artifact: Artifact
    locations: tuple[Location, ...]

    @property
    def state(self) -> str | None:
        """``present`` if it is anywhere, else the first place's state; None without a place."""
        states = [place.state for place in self.locations]
        return "present" if "present" in states else next(iter(states), None)

    @property
    def path(self) -> str | None:
        """The first present location, else the first recorded one."""
        present = [place.path for place in self.locations if place.state == "present"]
        return next(iter(present or [place.path for place in self.locations]), None)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a content was published, as its source says."""

    source: str
    """``huggingface`` | ``civitai`` | ``url``."""
    ref: str
    """The REF without its revision: ``hf:owner/repo/path``, ``civitai:1@2``, an address."""
    revision: str | None = None
    """The commit, where the source has any."""
    url: str | None = None
    """A page for people or the file's address, without any query."""
    name: str | None = None
    """What the source calls it."""
    declared: str | None = None
    """The base model that its author declares, verbatim: a claim, never evidence."""


@dataclass(frozen=True, slots=True)
class DeclaredPair:
    """A checkpoint whose author names a VAE for it."""

    model_sha256: str
    vae_sha256: str
    ref: str
    """Who says so: the REF of the checkpoint's page, such as ``civitai:1@2``."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A file that a scan could not take in, and why."""

    path: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """One check of a verdict."""

    check: str
    """``latent-channels`` | ``spatial-factor`` | ... as the contract lists them."""
    outcome: str
    """``pass`` | ``warn`` | ``fail`` | ``unknown``."""
    expected: str | None
    found: str | None
    message: str
    """One sentence that a user understands."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a VAE fits a checkpoint, and every check that says so."""

    verdict: str
    """``compatible`` | ``degraded`` | ``incompatible`` | ``unknown``."""
    confidence: float
    evidence: tuple[Evidence, ...]
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a look at the registry's state turned up."""

    check: str
    outcome: str
    """``pass`` | ``warn`` | ``fail``."""
    message: str
