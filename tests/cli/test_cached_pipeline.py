"""A pipeline in Hugging Face's cache draws by its REF; nobody is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("diffusers")

from vaereg.probes.shapes.checkpoint import write_folder
from vaereg.probes.shapes.vaes import write_vae

from .conftest import Vaereg

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The snapshot of ``maker/shapes``, as the library lays it: links to blobs."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    write_folder(tmp_path / "shapes")
    repository = tmp_path / "hf/hub/models--maker--shapes"
    for folder in ("refs", "blobs"):
        (repository / folder).mkdir(parents=True)
    (repository / "refs/main").write_text(COMMIT)
    snapshot = repository / "snapshots" / COMMIT
    for file in (path for path in (tmp_path / "shapes").rglob("*") if path.is_file()):
        blob = repository / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        file.rename(blob)
        link = snapshot / file.relative_to(tmp_path / "shapes")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    write_vae(tmp_path / "foreign.safetensors", "foreign")
    return snapshot


def test_it_draws(alone: Vaereg, cached: Path, tmp_path: Path) -> None:
    words = ("--vae", tmp_path / "foreign.safetensors", "--probe", "generate", "--json")
    run = alone("check", "--model", f"hf:maker/shapes@{COMMIT}", *words)
    assert (run.code, run.document["probe"]["level"]) == (3, "generate")
    assert run.document["model"]["name"] == "maker/shapes"
    assert run.document["model"]["path"] == str(cached)
    assert f"is here already: {cached}" in run.err


def test_it_is_compared_and_swept(alone: Vaereg, cached: Path, tmp_path: Path) -> None:
    vae = tmp_path / "foreign.safetensors"
    compared = alone("compare", "--model", "maker/shapes", "--vae", vae, "--json")
    assert compared.code == 0
    assert Path(compared.document["images"][0]).is_file()
    swept = alone("clip", "--model", "maker/shapes", "--sweep", "--json")
    assert swept.code == 0
    assert len(swept.document["pictures"]) > 1


def no_model(snapshot: Path) -> None:
    (snapshot / "unet/diffusion_pytorch_model.safetensors").unlink()


def no_blob(snapshot: Path) -> None:
    (snapshot / "unet/diffusion_pytorch_model.safetensors").resolve().unlink()


def no_index(snapshot: Path) -> None:
    (snapshot / "model_index.json").unlink()


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (no_model, "shapes holds nothing that is a denoiser"),
        (no_blob, "shapes holds nothing that is a denoiser"),
        (no_index, "maker/shapes is not in its cache"),
    ],
)
def test_what_is_not_whole_is_not_drawn_with(
    alone: Vaereg, cached: Path, tmp_path: Path, harm: Callable[[Path], None], says: str
) -> None:
    harm(cached)
    words = ("--vae", tmp_path / "foreign.safetensors", "--probe", "generate", "--json")
    run = alone("check", "--model", "maker/shapes", *words)
    assert run.code == 1
    assert says in run.document["error"]["message"]
