"""Prompts as the text encoders have them, at every layer: no tokenizer is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...registry.errors import CannotRun, UsageError
from ...registry.naming import shown
from .engine import fitting, libraries, room_for
from .networks import load_text_encoder
from .parts import INSTEAD, Checkpoint, Part, Parts, number, parts_of
from .recipes import LENGTH, VOCABULARY, Recipe, padded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CPU = torch.device("cpu")
"""Prompts are encoded here in float32: 77 tokens take a second, and every device gets the same."""
_HINT = "close other programs, or run it on a machine with more memory"


@dataclass(frozen=True, slots=True)
class Layers:
    """One text encoder's output for a prompt at each of its layers."""

    architecture: str
    states: tuple[NDArray[np.float32], ...]
    """[tokens, width] each: the embeddings of the tokens, then every layer; the last one last.
    Clip skip k of diffusers takes the one k (SDXL: k + 1) before the last."""
    prefix: str = ""
    """As in ``Part``."""
    tensors: int = 0
    """How many the network has."""
    spoilt: tuple[str, ...] = ()
    """Names of those with numbers that are not finite."""
    zero: tuple[str, ...] = ()
    """Names of matrices that hold nothing but zeros."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the denoiser is given for one prompt."""

    states: Tensor
    """[1, tokens, width], float32; the widths of several text encoders add up."""
    pooled: Tensor | None
    """[1, width], for SDXL's kind alone."""


def layers(
    checkpoint: Checkpoint,
    ids: tuple[int, ...],
    texts: tuple[Part, ...] | None = None,
    xl: bool = False,
) -> tuple[Layers, ...]:
    """Every layer's output for a prompt, one entry a text encoder, normalised as it is used.

    By default the encoders that draw; others are given as ``texts``, with whether they are used
    as SDXL uses its own. Draws nothing, so diffusers is needed for open_clip's names alone. Raises
    ``CannotRun`` for an encoder that does not know the ids, else as ``parts_of`` and
    ``load_text_encoder`` do.
    """
    if texts is None:
        parts = parts_of(checkpoint)
        texts, xl = parts.texts, parts.xl
    with (
        libraries("transformers"),
        fitting(checkpoint.name),
        room_for("the text encoder", _CPU, _HINT),
    ):
        return tuple(
            _layers(network, ids, part, xl) for part, network in _loaded(checkpoint, texts)
        )


def _layers(network: nn.Module, ids: tuple[int, ...], part: Part, xl: bool) -> Layers:
    states = tuple(state[0].numpy() for state in _seen(network, ids, part, xl).states)
    weights = dict(network.named_parameters())
    return Layers(
        part.architecture,
        states,
        part.prefix,
        len(weights),
        tuple(name for name, it in weights.items() if not bool(torch.isfinite(it).all())),
        tuple(name for name, it in weights.items() if it.dim() > 1 and not bool(it.any())),
    )


def encode(
    checkpoint: Checkpoint, parts: Parts, recipes: tuple[Recipe, ...]
) -> tuple[tuple[Prompt, Prompt], ...]:
    """The prompt and the negative prompt of each recipe; each text encoder is loaded once.

    Raises as ``layers`` does, and ``UsageError`` for a clip skip beyond the layers.
    """
    asked = [(ids, r.clip_skip or 0) for r in recipes for ids in (r.ids, r.negative_ids)]
    made: list[list[Prompt]] = [[] for _ in asked]
    for part, network in _loaded(checkpoint, parts.texts):
        for row, (ids, skip) in zip(made, asked, strict=True):
            row.append(_prompt(network, ids, skip, part, parts.xl))
    joined = [_joined(row) for row in made]
    return tuple(zip(joined[::2], joined[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class _Seen:
    states: tuple[Tensor, ...]
    pooled: Tensor | None


def _loaded(checkpoint: Checkpoint, texts: tuple[Part, ...]) -> Iterator[tuple[Part, nn.Module]]:
    """Each text encoder in turn; the one before is let go first."""
    for part in texts:
        yield part, load_text_encoder(checkpoint, part, _CPU)


def _prompt(network: nn.Module, ids: tuple[int, ...], skip: int, part: Part, xl: bool) -> Prompt:
    """One encoder's share of a prompt at a clip skip, which SDXL counts from the last but one."""
    seen = _seen(network, ids, part, xl)
    back = skip + (2 if xl else 1)
    most = len(seen.states) - (2 if xl else 1)
    if most < 0:
        raise CannotRun(f"{shown(part.architecture)} has too few layers to be drawn with", INSTEAD)
    if not 0 <= skip <= most:
        raise UsageError(
            f"{shown(part.architecture)} has no layer at clip skip {skip}", f"use 0 to {most}"
        )
    return Prompt(seen.states[-back], seen.pooled)


def _joined(row: list[Prompt]) -> Prompt:
    pooled = [prompt.pooled for prompt in row if prompt.pooled is not None]
    return Prompt(
        torch.cat([prompt.states for prompt in row], dim=-1), pooled[-1] if pooled else None
    )


def _seen(network: nn.Module, ids: tuple[int, ...], part: Part, xl: bool) -> _Seen:
    """All layers; normalised but for SDXL's kind, whose denoiser was trained on them as they are
    (huggingface/diffusers src/diffusers/pipelines/stable_diffusion*/, encode_prompt)."""
    _require_known(ids, part)
    given = torch.tensor([padded(ids, part.architecture)], device=_CPU)
    with torch.inference_mode():
        out: Any = network(input_ids=given, output_hidden_states=True)
        if xl:
            return _Seen(tuple(out.hidden_states), getattr(out, "text_embeds", None))
        norm: Any = getattr(network, "text_model", network)
        return _Seen(tuple(norm.final_layer_norm(state) for state in out.hidden_states), None)


def _require_known(ids: tuple[int, ...], part: Part) -> None:
    words = number(part.config, "vocab_size", VOCABULARY)
    room = number(part.config, "max_position_embeddings", LENGTH)
    if not ids or len(ids) > room or not all(0 <= token < words for token in ids):
        raise CannotRun(
            f"{shown(part.architecture)} knows {words} tokens and reads {room} of them: no prompt "
            "that ships is for it",
            INSTEAD,
        )
