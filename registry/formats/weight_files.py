"""Which of the files beside a ``config.json`` hold its weights, by the names their writers give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_STEMS = {"diffusion_pytorch_model", "model", "pytorch_model"}
"""huggingface/diffusers utils/constants.py and huggingface/transformers utils/__init__.py."""
_SUFFIXES = {"safetensors", "bin"}
_FOREIGN = (
    (".onnx", "ONNX"),
    (".xml", "OpenVINO"),
    (".msgpack", "Flax"),
    (".h5", "TensorFlow"),
    (".gguf", "GGUF"),
)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file of weights, or the index of one that was split into shards."""

    name: str
    pickled: bool
    variant: str
    """``fp16`` in ``model.fp16.safetensors``; empty for the plain one."""
    sharded: bool

    @property
    def rank(self) -> tuple[bool, bool, bool, bool, str]:
        """The lower, the sooner it is chosen: safetensors, no variant, fp16, in one piece."""
        plain, half = not self.variant, self.variant == "fp16"
        return (self.pickled, not plain, not half, self.sharded, self.name)


def choose(names: Iterable[str]) -> WeightFile | None:
    """The weights among the files of one folder.

    None where no name is a usual one, unless there is a single file in safetensors format.
    """
    names = list(names)
    usual = [file for file in map(_described, names) if file]
    if usual:
        return min(usual, key=lambda file: file.rank)
    others = [name for name in names if name.endswith(".safetensors") and not _is_shard(name)]
    return WeightFile(others[0], False, "", False) if len(others) == 1 else None


def foreign_kind(names: Iterable[str]) -> str | None:
    """What program the weights are for where vaereg does not read them."""
    names = list(names)
    return next((kind for end, kind in _FOREIGN if any(n.endswith(end) for n in names)), None)


def _described(name: str) -> WeightFile | None:
    stem, *rest = name.split(".")
    suffix = next((part for part in rest if part in _SUFFIXES), None)
    sharded = rest[-1:] == ["json"] and "index" in rest
    if stem not in _STEMS or suffix is None or _is_shard(name):
        return None
    if not sharded and rest[-1] != suffix:
        return None
    variant = ".".join(part for part in rest if part not in {suffix, "index", "json"})
    return WeightFile(name, suffix == "bin", variant, sharded)


def _is_shard(name: str) -> bool:
    return "-of-" in name
