"""A component's tensors under canonical names, on their way into a network of torch modules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from copy import copy

import torch
from torch import nn

from ...registry.errors import CannotRun, UnsupportedFormat
from ...registry.identify.vae_tables import QUANTISATION, QUANTISED
from ...registry.identify.view import View
from ...registry.layouts import canonical_names, diffusers_names
from ...registry.naming import shown
from ...registry.weights import Weights

Fill = Callable[[torch.device, torch.dtype], None]
"""Reads a network's values onto a device, in one float type."""

LARGEST = 4_000_000_000
"""Parameters beyond which a file is no VAE: the largest published one has 2.6 billion
(huggingface/diffusers src/diffusers/models/autoencoders/autoencoder_kl_minimax_h3.py)."""


class CanonicalWeights:
    """The tensors of one VAE by canonical name (``registry.layouts``), shapes known, values not."""

    def __init__(self, weights: Weights, model: str) -> None:
        self.model = model
        """What messages call the VAE."""
        self.weights = weights
        self.config = _config(weights)
        tensors = weights.tensors
        self._files = {new: old for old, new in canonical_names(View(tensors)).items()}
        self.shapes = {new: tensors[old].shape for new, old in self._files.items()}
        packed = (name for name in self._files if self._is_packed(name))
        if name := next(packed, None):
            dtype = tensors[self._files[name]].dtype
            raise self.unfit(f"its weights are quantised ({shown(name)} is {dtype})")

    def renamed(self, rename: Callable[[str], str]) -> CanonicalWeights:
        """The same tensors under other names; the first to get a name keeps it."""
        other = copy(self)
        other._files = {}
        for name, file in self._files.items():
            other._files.setdefault(rename(name), file)
        tensors = self.weights.tensors
        other.shapes = {name: tensors[file].shape for name, file in other._files.items()}
        return other

    def in_diffusers_names(self) -> CanonicalWeights:
        """The same tensors under diffusers' names, where their names can be told."""
        told = diffusers_names(View(self.weights.tensors))
        names = {new: told[file] for new, file in self._files.items()}
        return self.renamed(names.__getitem__)

    def _is_packed(self, name: str) -> bool:
        """Whether a tensor is a quantised weight, or goes with one."""
        dtype = self.weights.pieces[self._files[name]].tensor.dtype
        packed = dtype.startswith(QUANTISED) and not dtype.startswith("float8")
        return name.endswith(QUANTISATION) or packed

    def unfit(self, why: str) -> CannotRun:
        """The error that says why this VAE cannot be run."""
        return CannotRun(
            f"{self.model} cannot be run: {why}",
            "use the published, unquantised file of this VAE, best as safetensors",
        )

    def __contains__(self, name: str) -> bool:
        return name in self.shapes

    def has(self, start: str) -> bool:
        """Whether a name begins with ``start``."""
        return any(name.startswith(start) for name in self.shapes)

    def count(self, stem: str) -> int:
        """One more than the highest number that follows ``stem.`` in a name."""
        number = re.compile(re.escape(stem) + r"\.(\d{1,3})\.")
        found = (number.match(name) for name in self.shapes)
        return max((int(match[1]) + 1 for match in found if match), default=0)

    def shape(self, name: str, rank: int | None = None) -> tuple[int, ...]:
        """A tensor's shape; raises ``CannotRun`` where it is missing or of another rank."""
        shape = self.shapes.get(name)
        if shape is None:
            raise self.unfit(f"it lacks {shown(name)}")
        if (rank is not None and len(shape) != rank) or 0 in shape:
            raise self.unfit(f"{shown(name)} has the shape {list(shape)}")
        return shape

    def groups(self) -> int:
        """Groups of its group norms, as ``norm_num_groups`` beside the weights says; else 32.

        32 is what every published KL autoencoder has (CompVis/latent-diffusion
        ldm/modules/diffusionmodules/model.py, Normalize); the tensors do not tell.
        """
        groups = self.config.get("norm_num_groups", 32)
        if isinstance(groups, str) and groups.isdecimal() and len(groups) < 5:
            groups = int(groups)
        if not isinstance(groups, int) or isinstance(groups, bool) or groups < 1:
            raise self.unfit("its config names no number of groups (norm_num_groups)")
        return groups

    def fill(self, network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        """Read every tensor that a network on the meta device has onto the device.

        Raises ``CannotRun`` where one is missing or of another shape, ``FileError`` from reading.
        """
        wanted = network.state_dict()
        for name, tensor in wanted.items():
            if not same(self.shape(name), tuple(tensor.shape)):
                have, want = list(self.shapes[name]), list(tensor.shape)
                raise self.unfit(f"{shown(name)} has the shape {have} where {want} fits")
        self.require_bounded(wanted)
        filled = {
            name: self.read(name, device, dtype if tensor.is_floating_point() else tensor.dtype)
            .reshape(tensor.shape)
            .requires_grad_(False)
            for name, tensor in wanted.items()
        }
        network.load_state_dict(filled, assign=True)

    def refuse_unknown(self, network: nn.Module, starts: Iterable[str], apart: str = "") -> None:
        """Raise ``CannotRun`` for a tensor below one of ``starts`` that the network has not.

        A network that leaves out a part of the VAE would give pictures that are not its own.
        """
        known, starts = set(network.state_dict()), tuple(starts)
        for name in self.shapes:
            strange = name.startswith(starts) and name not in known
            if strange and not (apart and name.startswith(apart)):
                raise self.unfit(f"{shown(name)} has no place in the network that is known")

    def require_bounded(self, wanted: Mapping[str, torch.Tensor]) -> None:
        """Raise ``CannotRun`` for more parameters than any VAE has, before any of them is read."""
        if sum(tensor.numel() for tensor in wanted.values()) > LARGEST:
            raise self.unfit("it has more parameters than any VAE")

    def read(self, name: str, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """A tensor's values on the device; raises ``CannotRun`` and ``FileError``."""
        try:
            values = self.weights.read(self._files[name])
        except UnsupportedFormat as error:
            raise CannotRun(f"{self.model} cannot be run: {error.message}", error.hint) from error
        return torch.tensor(values, dtype=dtype, device=device)


def same(have: tuple[int, ...], want: tuple[int, ...]) -> bool:
    """Whether two shapes differ at most in trailing ones: a linear layer and a 1x1 convolution."""
    return _bare(have) == _bare(want)


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _config(weights: Weights) -> Mapping[str, object]:
    """What is said of the VAE beside its weights: ``config.json``, or texts in the file."""
    if weights.config:
        return weights.config
    merged: dict[str, object] = dict(weights.metadata)
    for key in ("config", "vae_config"):
        try:
            inner = json.loads(weights.metadata.get(key, "{}"))
        except (ValueError, RecursionError):
            continue
        if isinstance(inner, dict):
            merged |= inner
    return merged
