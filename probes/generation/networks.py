"""UNets and CLIP text encoders of diffusers and transformers, built bare and filled from a file."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...registry.errors import CannotRun, UnsupportedFormat
from ...registry.naming import shown
from ...registry.weights import Weights, decoder_of, open_weights
from ..runners.canonical import same
from .engine import libraries
from .parts import Checkpoint, Part

if TYPE_CHECKING:
    from .shipped import Config

_MEND = "download the file again, or use another copy of it"
_PLAIN = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_CPU = torch.device("cpu")
_LDM_UNET = "model.diffusion_model."
"""What diffusers' converter expects before an LDM UNet's names."""
_BARE_LDM = (
    "input_blocks.",
    "middle_block.",
    "output_blocks.",
    "time_embed.",
    "label_emb.",
    "out.",
)


def load_denoiser(
    checkpoint: Checkpoint, part: Part, device: torch.device, dtype: torch.dtype
) -> nn.Module:
    """The UNet on the device, each tensor read from the file straight to where it is used.

    Raises ``CannotRun`` (config and tensors do not fit, quantised), ``MissingDependency``,
    ``FileError`` and whatever torch raises where memory runs out.
    """
    with open_weights(checkpoint.path, part.prefix) as weights:
        names = unet_names(weights, part, checkpoint.name)
        network = bare_unet(part.config, checkpoint.name)
        shapes = {new: weights.tensors[old].shape for new, old in names.items()}
        _require_fit(network, shapes, checkpoint.name)
        _fill(network, lambda name: _read(weights, names[name], dtype, device), device)
    return network


def load_text_encoder(checkpoint: Checkpoint, part: Part, device: torch.device) -> nn.Module:
    """A CLIP text encoder on the device in float32; raises as ``load_denoiser`` does."""
    network = bare_text_encoder(part.config, checkpoint.name)
    with open_weights(checkpoint.path, part.prefix) as weights:
        read = {name: _read(weights, name, torch.float32, _CPU) for name in weights.pieces}
        tensors = text_tensors(read, part, network)
        own = {_bare(name): name for name in network.state_dict()}
        values = {own[_bare(name)]: it for name, it in tensors.items() if _bare(name) in own}
        shapes = {name: tuple(tensor.shape) for name, tensor in values.items()}
        _require_fit(network, shapes, checkpoint.name)
        _fill(network, lambda name: values.pop(name).to(device), device)
    return network


def bare_unet(config: Config, model: str) -> nn.Module:
    """A UNet2DConditionModel without values; raises ``CannotRun`` and ``MissingDependency``."""
    with libraries():
        import diffusers

        made: Any = diffusers.UNet2DConditionModel
    known = inspect.signature(made).parameters
    kept = {key: value for key, value in config.items() if key in known}
    return _built(lambda: made(**kept), model, "UNet")


def bare_text_encoder(config: Config, model: str) -> nn.Module:
    """A CLIPTextModel, with its projection where the config has one, without values; raises so."""
    with libraries("transformers"):
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection
    kept: dict[str, Any] = {key: config[key] for key in _TEXT_FIGURES if key in config}
    named = config.get("architectures")
    projected = isinstance(named, list) and "CLIPTextModelWithProjection" in named
    made = CLIPTextModelWithProjection if projected else CLIPTextModel
    return _built(lambda: made(CLIPTextConfig(**kept)), model, "text encoder")


_TEXT_FIGURES = (
    "vocab_size", "hidden_size", "intermediate_size", "projection_dim", "num_hidden_layers",
    "num_attention_heads", "max_position_embeddings", "hidden_act", "layer_norm_eps",
    "bos_token_id", "eos_token_id",
)  # fmt: skip
"""All that a text encoder's config says of its network."""


def unet_names(weights: Weights, part: Part, model: str) -> Mapping[str, str]:
    """diffusers' name -> the file's, for every tensor of the UNet."""
    if part.layout != "ldm":
        return {name: name for name in weights.pieces}
    from diffusers.loaders import single_file_utils

    convert: Any = single_file_utils.convert_ldm_unet_checkpoint
    names = {_LDM_UNET + name: name for name in weights.pieces}
    try:
        # The converter moves values and never looks at them: names serve.
        converted: dict[str, str] = convert(names, dict(part.config))
    except Exception as error:
        raise _unfit(
            model, f"its UNet is not laid out as its config says ({error!r:.80})"
        ) from error
    moved = set(converted.values())
    left = (name for name in weights.pieces if name.startswith(_BARE_LDM) and name not in moved)
    if stray := next(left, None):
        raise _unfit(model, f"{shown(stray)} has no place in the UNet of its config")
    return converted


def text_tensors(
    tensors: Mapping[str, Tensor], part: Part, network: nn.Module
) -> Mapping[str, Tensor]:
    """A text encoder's tensors under transformers' names, its own layout's taken apart."""
    if part.layout != "ldm":
        return tensors
    from diffusers.loaders import single_file_utils

    convert: Any = single_file_utils.convert_open_clip_checkpoint
    converted: dict[str, Tensor] = convert(network, dict(tensors), prefix="")
    return converted


def _built(make: Callable[[], nn.Module], model: str, what: str) -> nn.Module:
    try:
        with torch.device("meta"), warnings.catch_warnings():
            # What torch thinks of odd figures is told by the tensors, which then do not fit.
            warnings.simplefilter("ignore")
            return make().eval().requires_grad_(False)
    except MemoryError:
        raise
    except Exception as error:
        said = shown(str(error).partition("\n")[0], 120) or type(error).__name__
        raise _unfit(model, f"its config makes no {what} ({said})") from error


def _require_fit(network: nn.Module, shapes: Mapping[str, tuple[int, ...]], model: str) -> None:
    """Raise ``CannotRun`` unless the file has every tensor of the network, in its shape."""
    for name, tensor in network.state_dict().items():
        have, want = shapes.get(name), tuple(tensor.shape)
        if have is None:
            raise _unfit(model, f"it lacks {shown(name)}")
        if not same(have, want):
            wide, fits = list(have), list(want)
            raise _unfit(model, f"{shown(name)} has the shape {wide} where {fits} fits")


def _fill(network: nn.Module, read: Callable[[str], Tensor], device: torch.device) -> None:
    wanted = network.state_dict()
    filled = {
        name: read(name).reshape(it.shape).requires_grad_(False) for name, it in wanted.items()
    }
    network.load_state_dict(filled, assign=True)
    for module in network.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.device.type == "meta":
                # Positions, which files of merges have rounded or shifted: they only count up.
                counted = torch.arange(buffer.numel(), device=device).reshape(buffer.shape)
                module.register_buffer(name, counted, persistent=False)


def _read(weights: Weights, name: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor's values on the device; raises ``CannotRun`` for quantised ones, ``FileError``."""
    piece = weights.pieces[name]
    tensor = piece.tensor
    try:
        decoder_of(tensor, weights.name)
        plain = _PLAIN.get(tensor.dtype)
        if plain is None or tensor.strides is not None or not tensor.nbytes:
            return torch.tensor(weights.read(name)).to(device, dtype)
    except UnsupportedFormat as error:
        model = shown(weights.name)
        raise CannotRun(f"{model} cannot be drawn with: {error.message}", error.hint) from error
    # Not by way of float32: a denoiser has gigabytes.
    data = bytearray(piece.source.read(tensor.offset, tensor.nbytes))
    return torch.frombuffer(data, dtype=plain).reshape(tensor.shape).to(device, dtype)


def _bare(name: str) -> str:
    """A name as every version of transformers has it, with or without its outer module."""
    return name.removeprefix("text_model.")


def _unfit(model: str, why: str) -> CannotRun:
    return CannotRun(f"{shown(model)} cannot be drawn with: {why}", _MEND)
