"""Which of a version's files a REF and a wish stand for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ...errors import Forbidden, NotFound
from ...naming import shown
from ..base import Wish
from ..ref_values import CivitaiRef
from .records import VAE_TYPES, WEIGHTS, File, Version

_BESIDE = ("VAE", "Config", "Archive", "Training Data", "Workflow", "Negative")
"""File types that never are what a page is about."""


def choose(version: Version, ref: CivitaiRef, wish: Wish) -> File:
    """The one file to fetch: the one asked for, else the best of the version's main weights.

    safetensors come before pickles, then the float type wished for, then the primary one. Raises
    ``NotFound`` with what is offered, ``Forbidden`` where a scan warns of the file.
    """
    files = _asked(version, ref, wish)
    if not files:
        raise NotFound(
            f"{version.ref} ({shown(version.title)}) has no {_asked_words(ref, wish)}; it offers "
            f"{listed(version, version.files) or 'none'}",
            _way_out("name one of them", version, version.files),
        )
    best = min(files, key=lambda file: _rank(file, wish.dtype))
    if best.danger:
        raise Forbidden(
            f"Civitai's scan calls {shown(best.name)} of {version.ref} dangerous: "
            f"{shown(best.danger)}",
            f"do not load it; {_way_out('choose another', version, _harmless(version))}",
        )
    return best


def best_of(version: Version) -> File | None:
    """The file that ``pull`` would fetch of a version; None where it offers none."""
    files = main_weights(version)
    return min(files, key=lambda file: _rank(file, "auto"), default=None)


def main_weights(version: Version) -> list[File]:
    """The files that are the model: of a VAE's page its VAEs, of others what is no extra."""
    types = WEIGHTS + (VAE_TYPES if version.model_type == "VAE" else ())
    main = [file for file in version.files if file.type in types]
    return main or [file for file in version.files if file.type not in _BESIDE]


def is_main(version: Version, file: File) -> bool:
    """Whether a file is what the version is about, and no extra beside it."""
    return file in main_weights(version)


def listed(version: Version, files: Sequence[File]) -> str:
    """Files of a version in words, each with the REF that stands for it; at most eight."""
    words = [_words(version, file) for file in files[:8]]
    return ", ".join(words) + (f" and {len(files) - 8} more" if len(files) > 8 else "")


def _asked(version: Version, ref: CivitaiRef, wish: Wish) -> list[File]:
    if wish.file is not None:
        return _named(version, wish.file)
    if ref.file is not None:
        return [file for file in version.files if file.id == ref.file]
    asks = dict(ref.asks)
    kind = asks.pop("type", None)
    files = main_weights(version) if kind is None else _of_type(version, kind)
    return [file for file in files if _fits(file, asks)]


def _named(version: Version, word: str) -> list[File]:
    """By id, else by name, else by type."""
    folded = word.casefold()
    return (
        [file for file in version.files if str(file.id) == word]
        or [file for file in version.files if file.name.casefold() == folded]
        or _of_type(version, word)
    )


def _of_type(version: Version, kind: str) -> list[File]:
    return [file for file in version.files if file.type.casefold() == kind.casefold()]


def _fits(file: File, asks: dict[str, str]) -> bool:
    stated = {key: file.metadata.get(key, "").casefold() for key in asks}
    return all(stated[key] == value.casefold() for key, value in asks.items())


def _rank(file: File, dtype: str) -> tuple[bool, bool, bool]:
    wished = dtype == "auto" or file.metadata.get("fp") == dtype
    return file.pickle, not wished, not file.primary


def _words(version: Version, file: File) -> str:
    stated = (file.type, file.metadata.get("fp"), file.metadata.get("size"))
    kind = ", ".join(shown(word) for word in stated if word)
    return f"{shown(PurePosixPath(file.name).name)} ({version.ref_of(file)}, {kind})"


def _asked_words(ref: CivitaiRef, wish: Wish) -> str:
    """What was asked for and is not there."""
    if wish.file is not None:
        return f"file {shown(wish.file)}"
    if ref.file is not None:
        return f"file {ref.file}"
    asks = ", ".join(f"{name} {shown(value)}" for name, value in ref.asks)
    return f"file of {asks}" if asks else "file of weights"


def _way_out(advice: str, version: Version, files: Sequence[File]) -> str:
    """What to do next; a REF works with every command, an option does not."""
    example = next((f", such as {version.ref_of(file)}" for file in files), None)
    return f"{advice}{example}" if example else "choose another version or another model"


def _harmless(version: Version) -> list[File]:
    """The main weights of which no scan warns."""
    return [file for file in main_weights(version) if not file.danger]
