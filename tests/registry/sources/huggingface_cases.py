"""One published VAE on the hub for tests, and the source that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.servers.hub import Hub, point_library_at
from vaereg.registry.sources.huggingface.source import HuggingFace
from vaereg.registry.transfer.client import Client, Endpoint, Patience

CANARY = "hf_CanaryTokenThatNobodyMaySee"
VAE = "stabilityai/sdxl-vae"
CONFIG = b'{"_class_name": "AutoencoderKL"}'
WEIGHTS = b"weights of the folder" * 50
SINGLE = b"weights of the single file" * 50
FILES = {
    "README.md": b"# SDXL VAE",
    "config.json": CONFIG,
    "diffusion_pytorch_model.safetensors": WEIGHTS,
    "diffusion_pytorch_model.bin": b"pickle",
    "sdxl_vae.safetensors": SINGLE,
    "a folder/with space é.safetensors": SINGLE,
}
FILE = "sdxl_vae.safetensors"
QUICK = Patience(connect=1.0, read=0.4, tries=3, longest_wait=3.0)


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub with that repository, and a cache of the library's for the test alone."""
    import huggingface_hub

    point_library_at(monkeypatch, tmp_path / "huggingface")
    with Hub(token=CANARY) as server:
        server.put(VAE, FILES)
        yield server
    huggingface_hub.close_session()


@cache
def source(hub: Hub, token: str | None = None, patience: Patience = QUICK) -> HuggingFace:
    """The one source for this hub and token."""
    client = Client([Endpoint(hub.url, "Hugging Face", token)], patience)
    return HuggingFace(client, hub.url, token)
