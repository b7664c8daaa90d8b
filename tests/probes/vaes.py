"""Small random VAEs of diffusers, saved in every layout and container, and loaded by vaereg."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from diffusers.models import autoencoders  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from tests.registry.identify.vae_originals import ldm, old_attention  # noqa: E402
from vaereg.probes.runners.catalog import load  # noqa: E402
from vaereg.registry.formats.catalog import read_path  # noqa: E402
from vaereg.registry.identify.identify import identify, identify_folder  # noqa: E402
from vaereg.registry.measures import VaeFile  # noqa: E402
from vaereg.registry.values import Folder  # noqa: E402

torch.set_num_threads(1)
"""The tests run on every core as it is: more threads would wait for one another."""

CPU = torch.device("cpu")
State = Mapping[str, torch.Tensor]


def kl_config(*widths: int, layers: int = 1, channels: int = 4, quant: bool = True) -> dict:
    """The config of an AutoencoderKL with those widths."""
    return {
        "block_out_channels": widths,
        "down_block_types": ["DownEncoderBlock2D"] * len(widths),
        "up_block_types": ["UpDecoderBlock2D"] * len(widths),
        "layers_per_block": layers,
        "latent_channels": channels,
        "use_quant_conv": quant,
        "use_post_quant_conv": quant,
    }


def model(name: str, **config: object):
    """A model of diffusers with random weights, always the same."""
    torch.manual_seed(0)
    made = getattr(autoencoders, name)(**config).eval()
    # Scales and shifts that do something: fresh norms have ones and zeros.
    for tensor in made.parameters():
        if tensor.ndim == 1:
            torch.nn.init.normal_(tensor, tensor.mean().item(), 0.1)
    return made.requires_grad_(False)


@cache
def small_kl():
    """The smallest AutoencoderKL: two levels, one block each."""
    return model("AutoencoderKL", **kl_config(32, 64))


def in_ldm(state: State, rank: int = 4) -> dict[str, torch.Tensor]:
    """The tensors of an AutoencoderKL as latent-diffusion names and shapes them."""
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    return {
        new: state[old].reshape(shape)
        for old, (new, shape) in zip(shapes, ldm(shapes, rank).items(), strict=True)
    }


def in_old_names(state: State) -> dict[str, torch.Tensor]:
    """The tensors of an AutoencoderKL as diffusers named its attention before 0.17."""
    names = old_attention({name: tuple(tensor.shape) for name, tensor in state.items()})
    return dict(zip(names, state.values(), strict=True))


def save(path: Path, state: State, dtype=None, metadata=None) -> Path:
    """A safetensors file, or a torch archive where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = {name: tensor.to(dtype or tensor.dtype).contiguous() for name, tensor in state.items()}
    if path.suffix == ".ckpt":
        torch.save({"state_dict": held}, path)
    else:
        save_file(held, path, metadata)
    return path


def described(path: Path) -> VaeFile:
    """What a prober is told of the VAE of a file or folder, by identification alone."""
    found = read_path(str(path))
    identity = identify_folder(found) if isinstance(found, Folder) else identify(found)
    vae = identity.component("vae")
    assert vae is not None, identity.all_notices
    assert vae.latent is not None
    channels = vae.latent.channels
    assert channels is not None
    return VaeFile(
        path.name, str(path), vae.prefix, vae.architecture, vae.parts, channels, vae.latent.family
    )


def as_kl(path: Path, channels: int = 4, parts=("encoder", "decoder")) -> VaeFile:
    """A KL autoencoder that identification would refuse."""
    return VaeFile(path.name, str(path), "", "autoencoder-kl", parts, channels, None)


def run(vae: VaeFile, halves=("encoder", "decoder"), dtype=torch.float32):
    """The VAE on the CPU."""
    return load(vae, CPU, dtype, halves)


def pictures(side: int = 32, count: int = 2):
    """Random pictures in [-1, 1]."""
    return torch.rand(count, 3, side, side, generator=torch.manual_seed(1)) * 2 - 1


def latents_like(given):
    """Random latents of a shape."""
    return torch.randn(given.shape, generator=torch.manual_seed(2))
