"""What is fetched of a repository: the rules, from the names and sizes of its files alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from ...errors import Ambiguous, NotFound, UnsupportedFormat
from ...formats.weight_files import foreign_kind
from ...naming import shown
from ..base import Wish
from ..refs import HfRef
from .weights import Choice, directly, folder, is_weights, single, singles, words_of

INDEX = "model_index.json"

Sizes = Mapping[str, int | None]
"""Path in the repository -> bytes."""

_DIFFUSERS_WEIGHTS = "diffusion_pytorch_model"
"""huggingface/diffusers, utils/constants.py; transformers' models are never autoencoders."""
_NOT_NEEDED = ("safety_checker", "feature_extractor", "tokenizer", "image_processor", "scheduler")
_SCHEDULER = "scheduler/scheduler_config.json"

_VAE_FOLDER = re.compile(r"(^|/)vaes?(_approx)?/", re.IGNORECASE)
_VAE_WORD = re.compile(r"vae\d*|ae|tae[a-z]*\d*|autoencoder(kl|tiny)?")
_VAE_NAME = re.compile(r"(^|[^a-z])kl-f\d")
"""``kl-f8-anime2`` of hakurei/waifu-diffusion-v1-4."""
_WITH_VAE = re.compile(
    r"(no|non|with|baked?|merged|included?)[-_. ]?(in[-_. ]?)?vae|vae[-_. ]?(baked|merged|included)"
)
"""Names of checkpoints that have a VAE inside, or none."""
_LARGEST = 4_000_000_000
"""Bytes; the largest VAE file published so far has some 2.8 GB (Wan-AI/Wan2.2-TI2V-5B)."""
_LARGEST_GLUED = 1_000_000_000
"""Bytes; ``clearvae`` is a VAE, ``v51VAE`` the ending of a checkpoint with one inside."""
_MOST_NAMED = 8


def choose(sizes: Sizes, ref: HfRef, wish: Wish) -> Choice:
    """The files that a repository, or a path in it, stands for.

    Raises ``NotFound`` (with names that are near), ``Ambiguous`` (with those to choose from) and
    ``UnsupportedFormat`` (weights of other programs only).
    """
    if wish.file:
        return _at(sizes, _meant(sizes, wish.file, ref), wish, ref)
    return _at(sizes, ref.path.strip("/"), wish, ref) if ref.path else _in(sizes, "", wish, ref)


def vaes(sizes: Sizes, ref: HfRef, dtype: str = "auto", root: str = "") -> list[Choice]:
    """Every VAE that the rules see in a repository, or below a folder of it; best guess first."""
    if (inner := folder(sizes, f"{root}vae/", dtype)) is not None:
        return [inner]
    alone = singles(_below(sizes, root), dtype)
    named = [one for one in alone if is_vae_name(one.paths[0], sizes[one.paths[0]])]
    whole = folder(sizes, root, dtype) if INDEX not in directly(sizes, root) else None
    if whole is not None and whole.paths[0][len(root) :].startswith(_DIFFUSERS_WEIGHTS):
        return [replace(whole, notes=(*whole.notes, *_copies(named, ref)))]
    place = f"{root.rstrip('/') or ref.repo}.safetensors"
    return alone if not named and len(alone) == 1 and is_vae_name(place, None) else named


def is_vae_name(path: str, size: int | None) -> bool:
    """Whether a file's name and size are those of a VAE: a guess at what to fetch, no evidence."""
    name = path.rpartition("/")[2].lower()
    if _WITH_VAE.search(name) or (size or 0) > _LARGEST:
        return False
    if _VAE_FOLDER.search(path) or _VAE_NAME.search(name):
        return True
    if any(_VAE_WORD.fullmatch(word) for word in words_of(name)):
        return True
    return "vae" in name and (size or 0) < _LARGEST_GLUED


def pipeline(sizes: Sizes, ref: HfRef, dtype: str, root: str = "") -> Choice | None:
    """A whole diffusers pipeline: every component's configuration and weights, no tokenizers."""
    if root + INDEX not in sizes:
        return None
    inner = {path[len(root) :].split("/")[0] for path in sizes if path.startswith(root)}
    found = [
        part
        for name in sorted(inner)
        if not name.startswith(_NOT_NEEDED) and (part := folder(sizes, f"{root}{name}/", dtype))
    ]
    if not found:
        return None
    rest = tuple(path for path in (root + INDEX, root + _SCHEDULER) if path in sizes)
    files = tuple(path for part in found for path in part.paths)
    notes = tuple(note for part in found for note in part.notes)
    copies = [one for one in singles(sizes, dtype) if "/" not in one.paths[0][len(root) :]]
    return Choice((*files, *rest), root, (*notes, *_copies(copies, ref)))


def _at(sizes: Sizes, path: str, wish: Wish, ref: HfRef) -> Choice:
    if path in sizes:
        return single(path)
    if not any(one.startswith(f"{path}/") for one in sizes):
        raise no_such_file(sizes, path, ref.repo)
    return _in(sizes, f"{path}/", wish, ref)


def _in(sizes: Sizes, root: str, wish: Wish, ref: HfRef) -> Choice:
    """The choice below a folder that the user named, or in the whole repository."""
    whole = folder(sizes, root, wish.dtype) if root else None
    if whole is not None and root + INDEX not in sizes:
        return whole
    found = list(_LOOK[wish.role](sizes, root, wish, ref))
    if len(found) == 1:
        return found[0]
    where = shown(f"{ref.repo}/{root}".rstrip("/"))
    if found:
        names = [one.paths[0] for one in found]
        what = "VAEs" if wish.role == "vae" else "models"
        raise Ambiguous(
            f"{where} holds {len(names)} {what}: {_listed(names)}",
            f"Name one of them: {_named(ref, names[0])}",
        )
    raise _nothing(_below(sizes, root), where, ref)


def _vaes(sizes: Sizes, root: str, wish: Wish, ref: HfRef) -> Sequence[Choice]:
    return vaes(sizes, ref, wish.dtype, root)


def _models(sizes: Sizes, root: str, wish: Wish, ref: HfRef) -> Sequence[Choice]:
    whole = pipeline(sizes, ref, wish.dtype, root) or folder(sizes, root, wish.dtype)
    return [whole] if whole else singles(_below(sizes, root), wish.dtype)


_LOOK: Mapping[str, Callable[[Sizes, str, Wish, HfRef], Sequence[Choice]]] = {
    "vae": _vaes,
    "model": _models,
}


def _meant(sizes: Sizes, name: str, ref: HfRef) -> str:
    """The path that a wish means: a path in the repository or the REF's folder, or a name."""
    name = name.strip("/")
    for whole in (f"{ref.path}/{name}" if ref.path else name, name):
        if whole in sizes or any(one.startswith(f"{whole}/") for one in sizes):
            return whole
    found = [one for one in sizes if one.rpartition("/")[2] == name]
    if len(found) > 1:
        raise Ambiguous(
            f"{shown(ref.repo)} holds {len(found)} files called {shown(name)}: {_listed(found)}",
            f"Give the whole path: {_named(ref, found[0])}",
        )
    if not found:
        raise no_such_file(sizes, name, ref.repo)
    return found[0]


def no_such_file(sizes: Sizes, path: str, repo: str) -> NotFound:
    """The error for a path that is not there, with those that are spelt alike."""
    near = get_close_matches(path, sizes, 3, 0.6)
    names = {one.rpartition("/")[2]: one for one in sizes}
    near += [names[one] for one in get_close_matches(path.rpartition("/")[2], names, 3, 0.6)]
    near = list(dict.fromkeys(near))[:3] or [one for one in sizes if is_weights(one)]
    hint = f"It has {_listed(near)}." if near else "It holds no weights at all."
    return NotFound(f"there is no {shown(path)} in {shown(repo)}", hint)


def _nothing(names: Sequence[str], where: str, ref: HfRef) -> NotFound | UnsupportedFormat:
    weights = [name for name in names if is_weights(name)]
    if weights:
        return NotFound(
            f"{where} holds no file that is named as a VAE; its weights are {_listed(weights)}",
            f"Name one to have it all the same: {_named(ref, weights[0])}",
        )
    if foreign := foreign_kind(names):
        return UnsupportedFormat(
            f"{where} holds {foreign} weights, which vaereg does not read",
            "Look for a safetensors copy with vaereg search.",
        )
    return NotFound(f"{where} holds no weights", "Look for another repository: vaereg search.")


def _copies(found: Sequence[Choice], ref: HfRef) -> tuple[str, ...]:
    if not found:
        return ()
    names = [one.paths[0] for one in found]
    return (f"single files are there too: {_listed(names)}; name one as {_named(ref, names[0])}",)


def _named(ref: HfRef, path: str) -> str:
    """A REF of a file in the same repository, which every command takes."""
    return shown(str(replace(ref, path=path)), 400)


def _below(sizes: Sizes, root: str) -> list[str]:
    return [path for path in sizes if path.startswith(root)]


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMED
    listed = ", ".join(shown(name, 120) for name in names[:_MOST_NAMED])
    return f"{listed} and {rest} more" if rest > 0 else listed
