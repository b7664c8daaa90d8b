"""What a source offers, as values: files that can be fetched, search hits, what authors declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..values import Origin

if TYPE_CHECKING:
    from .refs import Ref

Locate = Callable[[], str]
"""Gives an address to fetch from; asked again where a signed one has expired. May raise
``SourceError``."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file that can be fetched; all of it is the source's claim until it was verified."""

    path: str
    """Path in its repository, or the server's name for it; untrusted."""
    size: int | None
    locate: Locate = field(repr=False, compare=False)
    sha256: str | None = None
    """Lower case; None where the source states none."""
    git_sha1: str | None = None
    """Git's blob hash, for small files of a repository that have no SHA-256."""
    hashes: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Other published hashes by the names of ``Digests``, lower case."""
    connections: int = 4
    """How many ranges may be fetched at once."""
    fetch_cached: Callable[[], str | None] | None = field(default=None, repr=False, compare=False)
    """Gives the path of a copy in the source's own cache, None where it has none; no request."""
    fetch_by_library: Callable[[], str] | None = field(default=None, repr=False, compare=False)
    """Has the source's own library fetch it, for what only it can fetch; gives a path."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a REF stands for at its source: one file, or the files of a diffusers folder."""

    ref: Ref
    """Revision and version resolved."""
    name: str
    """What to call it on disk: a file name with its extension, or a folder's; untrusted."""
    files: tuple[RemoteFile, ...]
    origin: Origin
    root: str | None = None
    """For a diffusers folder the path in the repository that ``files`` lie below (``vae/``, or
    empty); None for a single file."""
    declared_vaes: tuple[str, ...] = ()
    """SHA-256 of VAEs that the author names for this checkpoint."""
    notes: tuple[str, ...] = ()
    """What a user should know of the choice, as sentences."""

    @property
    def size(self) -> int | None:
        """Bytes of all files; None where one is unknown."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for behind a REF that leaves a choice."""

    role: str = "vae"
    """``vae``: the VAE alone; ``model``: all there is, as ``inspect`` and ``--model`` want it."""
    file: str | None = None
    """A path in the repository, or a file's name or id."""
    dtype: str = "auto"
    """``auto`` | ``fp32`` | ``fp16`` | ``bf16``, where a source offers several."""
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One VAE that a search found."""

    source: str
    """``huggingface`` | ``civitai``."""
    ref: str
    """A REF that ``pull`` takes."""
    name: str
    author: str | None = None
    file: str | None = None
    """The file that ``pull`` would fetch, or the folder with a slash behind."""
    size: int | None = None
    sha256: str | None = None
    declared: str | None = None
    """The base model that the author declares, verbatim."""
    families: tuple[str, ...] = ()
    """Latent families that the declaration or a published hash allows."""
    determined_by: str | None = None
    """``known-hash`` | ``declared`` | ``header`` | ``config``; None where nothing tells."""
    downloads: int | None = None
    likes: int | None = None
    updated_at: str | None = None
    """RFC 3339."""
    pickle: bool = False
    """Only pickles are offered."""
    gated: bool = False
    """A licence or a purchase stands before the download."""
    url: str | None = None
    """The page for people."""


class Source(Protocol):
    """One place that models come from; a row in ``catalog.SOURCES``."""

    def offer(self, ref: Ref, wish: Wish) -> Offer:
        """What the REF stands for; raises ``SourceError``, ``NotFound``, ``Ambiguous``."""
        ...

    def search(self, words: str, limit: int, family: str | None) -> list[Hit]:
        """VAEs that the words find, best first; raises ``SourceError``."""
        ...
