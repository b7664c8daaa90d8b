"""The libraries' own exceptions, raised here and now, are explained as what they are."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from vaereg.registry.explaining.explain import explain

torch = pytest.importorskip("torch", reason="torch is not installed")

Provoke = Callable[[Path], object]


def conv(taken: int, out: int, kernel: int, *given: int) -> object:
    kind = torch.nn.Conv3d if len(given) == 5 else torch.nn.Conv2d
    return kind(taken, out, kernel)(torch.zeros(*given))


class Half(torch.nn.Module):
    """One named convolution of a VAE."""

    def __init__(self, name: str, layer: object) -> None:
        super().__init__()
        inner = torch.nn.Module()
        inner.add_module(name.partition(".")[2] or "x", layer)
        self.add_module(name.partition(".")[0], inner)


class AutoencoderKL(Half):
    """Under the name that the message has of it."""


def load(name: str, file: object, built: object) -> object:
    return AutoencoderKL(name, built).load_state_dict(AutoencoderKL(name, file).state_dict())


def missing(_: Path) -> object:
    built = AutoencoderKL("decoder.conv_in", torch.nn.Conv2d(4, 8, 3))
    return built.load_state_dict({"model.diffusion_model.x": torch.zeros(1)})


def safetensors_of(data: bytes) -> Provoke:
    def provoke(folder: Path) -> object:
        from safetensors import safe_open

        path = folder / "vae.safetensors"
        path.write_bytes(data)
        return safe_open(path, "pt").__enter__()

    return provoke


def torch_of(data: bytes) -> Provoke:
    def provoke(folder: Path) -> object:
        path = folder / "vae.pt"
        path.write_bytes(data)
        return torch.load(path, weights_only=True)

    return provoke


def diffusers_of(file: int, built: int) -> Provoke:
    """A folder whose config says other channels than its weights have."""

    def provoke(folder: Path) -> object:
        diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed")
        small = {"block_out_channels": (8,), "norm_num_groups": 2}
        kind = diffusers.AutoencoderKL
        kind(latent_channels=file, **small).save_pretrained(folder / "vae")
        kind(latent_channels=built, **small).save_config(folder / "vae")
        return kind.from_pretrained(folder / "vae")

    return provoke


def not_there(folder: Path) -> object:
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed")
    diffusers.AutoencoderKL(block_out_channels=(8,), norm_num_groups=2).save_config(folder)
    return diffusers.AutoencoderKL.from_pretrained(folder)


def cast(_: Path) -> object:
    import numpy

    return numpy.array([float("nan")]).astype(numpy.uint8)


CASES: dict[str, tuple[str, Provoke]] = {
    "decoder": ("vae-of-other-channels", lambda _: conv(16, 512, 3, 1, 4, 8, 8)),
    "post-quant": ("vae-of-other-channels", lambda _: conv(4, 4, 1, 1, 16, 8, 8)),
    "tiny": ("tiny-vae-of-other-channels", lambda _: conv(4, 64, 3, 1, 16, 8, 8)),
    "video": ("video-vae-of-other-channels", lambda _: conv(48, 48, 1, 1, 16, 1, 8, 8)),
    "unet": ("denoiser-of-other-channels", lambda _: conv(4, 320, 3, 2, 16, 8, 8)),
    "transformer": ("denoiser-of-other-channels", lambda _: conv(16, 1536, 2, 2, 4, 8, 8)),
    "inpainting": ("denoiser-inputs", lambda _: conv(9, 320, 3, 2, 4, 8, 8)),
    "alpha": ("picture-with-alpha", lambda _: conv(3, 128, 3, 1, 4, 8, 8)),
    "time axis": (
        "video-latents-in-image-vae",
        lambda _: torch.nn.Conv2d(16, 8, 3)(torch.zeros(1, 16, 1, 8, 8)),
    ),
    "no time axis": (
        "image-latents-in-video-vae",
        lambda _: torch.nn.Conv3d(16, 16, 1)(torch.zeros(1, 4, 8, 8)),
    ),
    "sizes": ("latents-of-two-kinds", lambda _: torch.zeros(1, 4, 8, 8) + torch.zeros(1, 16, 8, 8)),
    "batch": (
        "latents-of-two-kinds",
        lambda _: torch.cat((torch.zeros(1, 4, 8, 8), torch.zeros(1, 16, 8, 8))),
    ),
    "text": ("text-of-other-width", lambda _: torch.zeros(77, 2048) @ torch.zeros(768, 320)),
    "precisions": (
        "two-precisions",
        lambda _: torch.nn.Conv2d(4, 8, 1).to(torch.bfloat16)(torch.zeros(1, 4, 2, 2)),
    ),
    "load": (
        "vae-of-other-channels-refused",
        lambda _: load("encoder.conv_out", torch.nn.Conv2d(8, 32, 3), torch.nn.Conv2d(8, 8, 3)),
    ),
    "load 3-D": (
        "video-vae-in-image-class",
        lambda _: load("encoder.conv_in", torch.nn.Conv3d(3, 96, 3), torch.nn.Conv2d(3, 128, 3)),
    ),
    "attention": (
        "vae-attention-shape",
        lambda _: load("decoder.mid_q", torch.nn.Conv2d(8, 8, 1), torch.nn.Linear(8, 8)),
    ),
    "width": (
        "vae-shapes-refused",
        lambda _: load("decoder.conv_in", torch.nn.Conv2d(4, 8, 3), torch.nn.Conv2d(4, 16, 3)),
    ),
    "keys": ("not-this-kind-of-vae", missing),
    "meta": ("meta-tensor", lambda _: torch.zeros(1, device="meta").to("cpu")),
    "web page .pt": ("web-page-for-weights", torch_of(b"<!doctype html>")),
    "pointer .pt": ("lfs-pointer-for-weights", torch_of(b"version https://git-lfs.github.com")),
    "code .pt": ("pickle-weights-only", torch_of(pickle.dumps(pytest.fail, protocol=2))),
    "cut .pt": ("torch-file-cut-short", torch_of(b"PK\x03\x04" + bytes(60))),
    "cut .safetensors": (
        "safetensors-cut-short",
        safetensors_of(
            (64).to_bytes(8, "little")
            + b'{"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'.ljust(64)
        ),
    ),
    "web page .safetensors": ("not-safetensors", safetensors_of(b"<!doctype html><title>x")),
    "diffusers channels": ("diffusers-built-other-channels", diffusers_of(16, 4)),
    "diffusers no weights": ("diffusers-file-not-there", not_there),
    "cast": ("nan-decoded", cast),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_real_exception(name: str, tmp_path: Path) -> None:
    expected, provoke = CASES[name]
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        provoke(tmp_path)
    if isinstance(caught.value, pytest.skip.Exception):
        raise caught.value
    told = explain(f"{type(caught.value).__name__}: {caught.value}")
    assert [one.failure.id for one in told] == [expected], str(caught.value)[:500]
