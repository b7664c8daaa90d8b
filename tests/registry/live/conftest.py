"""Frontends on loopback, and model files that they show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import write_safetensors
from tests.servers.frontends import FakeA1111, FakeComfy, FakeForge, FakeInvoke
from vaereg.registry.live.address import TOKEN
from vaereg.registry.samples.autoencoder import autoencoder_kl
from vaereg.registry.transfer.endpoints import Patience

QUICK = Patience(connect=2, read=2, slowest=2000, window=1, tries=1)
XL = "xl.safetensors [0123456789]"


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sign-in of the one who runs the tests."""
    monkeypatch.delenv(TOKEN, raising=False)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with files of several names."""
    folder = tmp_path / "models"
    for name in ("VAE/good.safetensors", "VAE/other.safetensors", "elsewhere/good.safetensors"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_safetensors(path, autoencoder_kl(4))
    return folder


@pytest.fixture
def a1111(models: Path) -> Iterator[FakeA1111]:
    with FakeA1111() as server:
        for name in ("good", "other"):
            server.files[f"{name}.safetensors"] = str(models / f"VAE/{name}.safetensors")
        server.checkpoints = {XL: "/m/xl.safetensors", "sub/photo.safetensors": "/m/photo"}
        server.settings["sd_model_checkpoint"] = XL
        yield server


@pytest.fixture
def forge(models: Path) -> Iterator[FakeForge]:
    with FakeForge() as server:
        for name in ("good", "other"):
            server.files[f"{name}.safetensors"] = str(models / f"VAE/{name}.safetensors")
        for name in ("clip_l.safetensors", "t5.safetensors"):
            server.files[name] = f"/m/text_encoder/{name}"
        server.checkpoints = {XL: "/m/xl.safetensors", "sub/photo.safetensors": "/m/photo"}
        server.settings["sd_model_checkpoint"] = XL
        yield server


@pytest.fixture
def comfy(models: Path) -> Iterator[FakeComfy]:
    with FakeComfy() as server:
        server.folders["vae"] = [str(models / "VAE")]
        server.names["vae"] = ["good.safetensors", "sub\\deep.safetensors"]
        yield server


@pytest.fixture
def invoke(tmp_path: Path) -> Iterator[FakeInvoke]:
    root = tmp_path / "invoke-models"
    root.mkdir()
    with FakeInvoke(root) as server:
        server.add("main-xl", default_settings={"steps": 30, "vae": None, "vae_precision": "fp32"})
        server.add("main-sd", base="sd-1", default_settings=None)
        yield server
