"""Which files of a folder or of a set of single files are taken: formats, float widths, shards."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ...formats import weight_files
from ...naming import MODEL_SUFFIXES, shown

CONFIG = "config.json"

_WIDTHS = {
    "fp16": ("fp16", "f16", "half", "float16"),
    "bf16": ("bf16", "bfloat16"),
    "fp32": ("fp32", "f32", "float32", "full"),
}
"""Words in file names that state a float width."""
_PREFERRED = {
    "auto": ("", "fp16", "fp32", "bf16"),
    "fp32": ("fp32", "", "bf16", "fp16"),
    "fp16": ("fp16", "", "bf16", "fp32"),
    "bf16": ("bf16", "", "fp16", "fp32"),
}
"""``--dtype`` -> which mark is taken first; the empty one stands for a plain name."""
_FORMATS = ((".safetensors", ".sft"), (".gguf",), (".ckpt", ".pt", ".pth", ".bin"))
_NO_MODEL = re.compile(
    r"(^|/)(training_args|optimizer|scheduler|scaler|random_states[^/]*|rng_state[^/]*)\.[^/]*$"
)
"""What training leaves behind (huggingface/accelerate, utils/constants.py)."""
_SHARD = re.compile(r"-\d{5}-of-\d{5}")
_WORDS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Choice:
    """The files that a repository's part consists of."""

    paths: tuple[str, ...]
    """In the repository; the weights, or the index of their shards, stand first."""
    root: str | None = None
    """For a folder its path and a slash, or an empty text; None for a single file."""
    notes: tuple[str, ...] = ()


def single(path: str, dtype: str = "auto") -> Choice:
    """One file by itself."""
    return Choice((path,), None, _notes(path, dtype))


def folder(paths: Iterable[str], root: str, dtype: str) -> Choice | None:
    """A component's folder: its ``config.json`` and the weights chosen; None where it is none."""
    names = directly(paths, root)
    taken = _weights(names, dtype) if CONFIG in names else ()
    if not taken:
        return None
    files = (*(root + name for name in taken), root + CONFIG)
    return Choice(files, root, _notes(root + taken[0], dtype))


def singles(paths: Iterable[str], dtype: str) -> list[Choice]:
    """The files of weights that stand for themselves, one of each set of copies.

    Copies are files of one folder whose names differ in suffix and float width alone. What lies in
    a component's folder is part of that component.
    """
    paths = list(paths)
    components = {path.removesuffix(CONFIG) for path in paths if path.endswith(f"/{CONFIG}")}
    copies: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for path in paths:
        parent, name = _split(path)
        if is_weights(path) and parent not in components and not _belongs_to_config(path, paths):
            copies[parent, _plain_words(name)].append(path)
    return [single(min(same, key=_rank(dtype)), dtype) for same in copies.values()]


def is_weights(path: str) -> bool:
    """Whether a name is that of a whole file of weights."""
    lower = path.lower()
    return (
        lower.endswith(MODEL_SUFFIXES)
        and _SHARD.search(lower) is None
        and _NO_MODEL.search(lower) is None
    )


def is_pickle(path: str) -> bool:
    """Whether a name is that of a pickle."""
    return path.lower().endswith((*_FORMATS[-1], ".bin.index.json"))


def width(name: str) -> str:
    """The float width that a file's name states: ``fp16``, ``bf16``, ``fp32``, or nothing."""
    words = set(words_of(name))
    return next((mark for mark, names in _WIDTHS.items() if words & set(names)), "")


def words_of(name: str) -> list[str]:
    """The words of a file's name, its suffix left out."""
    lower = name.rpartition("/")[2].lower()
    suffix = next((end for end in MODEL_SUFFIXES if lower.endswith(end)), "")
    return [word for word in _WORDS.split(lower.removesuffix(suffix)) if word]


def directly(paths: Iterable[str], root: str) -> list[str]:
    """Names of the files that lie in a folder itself, not deeper."""
    below = (path[len(root) :] for path in paths if path.startswith(root))
    return [name for name in below if "/" not in name]


def _weights(names: Sequence[str], dtype: str) -> tuple[str, ...]:
    """The usual choice, or the one of the wanted width where that is no worse a format."""
    usual = weight_files.choose(names)
    if usual is None:
        return ()
    alike = [name for name in names if name.split(".")[0] == usual.name.split(".")[0]]
    marks = (dtype, "") if dtype == "fp32" else (dtype,)
    wanted = [weight_files.choose([n for n in alike if width(n) == mark]) for mark in marks]
    chosen = next((one for one in wanted if one and one.pickled <= usual.pickled), usual)
    return (chosen.name, *(_shards(chosen.name, names) if chosen.sharded else ()))


def _shards(index: str, names: Iterable[str]) -> list[str]:
    """The shards of an index, by the names of huggingface/diffusers, models/modeling_utils.py."""
    stem, mark = index.split(".")[0], width(index)
    kind = ".bin" if is_pickle(index) else ".safetensors"
    return sorted(
        name
        for name in names
        if _SHARD.search(name)
        and name.startswith(stem)
        and name.endswith(kind)
        and width(_SHARD.sub("", name)) == mark
    )


def _belongs_to_config(path: str, paths: Sequence[str]) -> bool:
    """Whether a file at the root is the weights that go with the root's ``config.json``."""
    if "/" in path or CONFIG not in paths:
        return False
    return path.split(".")[0] in ("diffusion_pytorch_model", "pytorch_model", "model")


def _rank(dtype: str) -> Callable[[str], tuple[int, int, int, str]]:
    widths = _PREFERRED[dtype]

    def rank(path: str) -> tuple[int, int, int, str]:
        lower = path.lower()
        kind = next(place for place, ends in enumerate(_FORMATS) if lower.endswith(ends))
        return kind, widths.index(width(path)), len(path), path

    return rank


def _plain_words(name: str) -> tuple[str, ...]:
    marks = {word for words in _WIDTHS.values() for word in words}
    return tuple(word for word in words_of(name) if word not in marks)


def _split(path: str) -> tuple[str, str]:
    cut = path.rfind("/") + 1
    return path[:cut], path[cut:]


def _notes(path: str, dtype: str) -> tuple[str, ...]:
    notes = []
    if is_pickle(path):
        notes.append(f"{shown(path)} is a pickle, and there is no safetensors copy of it")
    mark = width(path)
    if dtype != "auto" and mark != dtype and not (dtype == "fp32" and not mark):
        says = f"is marked {mark}" if mark else "states no float width"
        notes.append(f"{dtype} was asked for, and {shown(path)} {says}")
    return tuple(notes)
