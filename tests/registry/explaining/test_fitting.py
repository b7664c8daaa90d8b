"""Which recorded models a text names."""

from __future__ import annotations

import pytest

from vaereg.registry.explaining.fitting import named_in
from vaereg.registry.values import Artifact, Digests, Identity, Location, Model, Stamp

STAMP = Stamp(1, 1, 1, 1, 1)


def model(number: int, path: str, sha256: str) -> Model:
    name = path.rpartition("/")[2].rpartition(".")[0]
    digests = Digests(sha256, autov1=sha256[::-1][:8])
    artifact = Artifact(digests, 1, Identity("safetensors", "vae"))
    return Model(number, name, artifact, (Location(path, STAMP),))


MODELS = (
    model(1, "/m/vae/sdxl_vae.safetensors", "ab12cd34ef" + "1" * 54),
    model(2, "/m/vae/mirror/sdxl_vae.safetensors", "2" * 64),
    model(3, "/m/vae/ae.safetensors", "3" * 64),
    model(4, "/m/checkpoints/Häuser v2.ckpt", "4" * 64),
    model(5, "/m/checkpoints/anything.safetensors", "5" * 64),
    model(6, "/m/x/diffusion_pytorch_model.safetensors", "6" * 64),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("load C:\\m\\ae.safetensors failed", [3]),
        ("'AE.SAFETENSORS'", [3]),
        ("ae", []),
        ("my-ae.safetensors or taeae.safetensors or ae.safetensors.bak", []),
        ("loading Häuser v2.ckpt.", [4]),
        ("Häuser v2", [4]),
        ("I tried anything", []),
        ("anything.safetensors", [5]),
        ("anything.vae.pt", []),
        ("vae/diffusion_pytorch_model.safetensors", []),
        ("/m/x/diffusion_pytorch_model.safetensors", [6]),
        ("sdxl_vae", [1, 2]),
        ("Loading weights from /m/vae/mirror/sdxl_vae.safetensors", [2]),
        ("Loading weights [ab12cd34ef] from elsewhere", [1]),
        ("hash 11111111", [1]),
        ("hash ab12cd34e", []),
        ("hash 2222222222222", []),
        ("xab12cd34efx", []),
    ],
)
def test_only_whole_telling_names_and_hashes_count(text: str, expected: list[int]) -> None:
    assert [found.id for found in named_in(text, MODELS)] == expected
