"""VAEs of one training and what may be done to them: the cases of the tests on kinship."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from vaereg.registry.kinship.kinship import Kinship, kinship
from vaereg.registry.samples.autoencoder import autoencoder_kl
from vaereg.registry.weights import open_weights

Arrays = dict[str, np.ndarray]
Change = Callable[[Arrays], None]

SHAPES = autoencoder_kl(4)


def trained(seed: int, channels: int = 4, quant: bool = True) -> Arrays:
    """Weights of one training: what two seeds share is nothing but the shapes."""
    source = np.random.default_rng(seed)
    return {
        name: (
            source.normal(0, 0.1, shape)
            if len(shape) > 1
            else 1.0 + source.normal(0, 0.1, shape)
            if name.endswith("weight")
            else source.normal(0, 0.02, shape)
        ).astype(np.float32)
        for name, shape in autoencoder_kl(channels, quant=quant).items()
    }


def drift(weights: Arrays, *starts: str, size: float = 0.07, seed: int = 9) -> None:
    """Finetunes the tensors whose names start so: cosine .9975 at a size of .07."""
    source = np.random.default_rng(seed)
    for name, values in weights.items():
        if name.startswith(starts):
            moved = values + source.normal(0, size * max(values.std(), 1e-3), values.shape)
            weights[name] = moved.astype(np.float32)


def write(path: Path, weights: Mapping[str, np.ndarray]) -> Path:
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(values) for name, values in weights.items()}, path)
    return path


def relate(folder: Path, one: Arrays, other: Arrays, thorough: bool = True) -> Kinship:
    """How VAE ``y`` is related to VAE ``x``, both written below the folder."""
    paths = [
        write(folder / name, it) for name, it in (("y.safetensors", one), ("x.safetensors", other))
    ]
    with open_weights(str(paths[0])) as mine, open_weights(str(paths[1])) as theirs:
        return kinship(mine, theirs, thorough)


def narrow(dtype: str) -> Change:
    def change(weights: Arrays) -> None:
        weights.update({name: values.astype(dtype) for name, values in weights.items()})

    return change


def swap(name: str, axis: int, one: int = 0, other: int = 2) -> Change:
    def change(weights: Arrays) -> None:
        order = list(range(weights[name].shape[axis]))
        order[one], order[other] = order[other], order[one]
        weights[name] = weights[name].take(order, axis)

    return change


def times(factor: float, *names: str, channel: tuple[int, int] | None = None) -> Change:
    """Multiplies tensors, or the one channel of them at (axis, place)."""

    def change(weights: Arrays) -> None:
        for name in names:
            place = [slice(None)] * weights[name].ndim
            if channel:
                place[channel[0]] = slice(channel[1], channel[1] + 1)
            weights[name] = weights[name].copy()
            weights[name][tuple(place)] *= np.float32(factor)

    return change


def put(name: str, value: float) -> Change:
    def change(weights: Arrays) -> None:
        weights[name] = weights[name].copy()
        weights[name].flat[3] = value

    return change


def shift_a_channel(weights: Arrays) -> None:
    weights["quant_conv.bias"] = weights["quant_conv.bias"] + np.float32([2, 0, 0, 0, 0, 0, 0, 0])


def without(*starts: str) -> Change:
    def change(weights: Arrays) -> None:
        for name in [name for name in weights if name.startswith(starts)]:
            del weights[name]

    return change


def another(*starts: str) -> Change:
    """Puts tensors of another training in place of some."""

    def change(weights: Arrays) -> None:
        strange = trained(77)
        weights.update({name: strange[name] for name in weights if name.startswith(starts)})

    return change


def mix(share: float) -> Change:
    def change(weights: Arrays) -> None:
        strange = trained(77)
        for name in [name for name in weights if name.startswith(("decoder", "post_quant"))]:
            weights[name] = (1 - share) * weights[name] + share * strange[name]
            weights[name] = weights[name].astype(np.float32)

    return change


def drifted(*starts: str) -> Change:
    return lambda weights: drift(weights, *starts)


DECODER = ("decoder.", "post_quant_conv.")
ENCODER = ("encoder.", "quant_conv.")


DISTURBED = "swapped or altered"
"""Of latents that are another space's: plainly swapped or negated ones are called so."""


def disturbed(relation: str | None) -> str | None:
    """The relation, or ``DISTURBED`` for either word of a disturbed latent space."""
    return DISTURBED if relation in ("swapped-latents", "altered-latents") else relation
