"""The configs that ship make just the models that real checkpoints have the tensors of."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.probes.generation_cases import CPU, described  # noqa: E402
from vaereg.probes.generation import networks  # noqa: E402
from vaereg.probes.generation.defaults import recipe_for  # noqa: E402
from vaereg.probes.generation.engine import libraries  # noqa: E402
from vaereg.probes.generation.parts import FACTOR, parts_of  # noqa: E402
from vaereg.probes.generation.recipes import MULTIPLE, framed, padded  # noqa: E402
from vaereg.registry.errors import CannotRun  # noqa: E402
from vaereg.registry.weights import open_weights  # noqa: E402

HEADERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "headers"


def header_true(name: str, folder: Path) -> Path:
    """A file with a real header and nothing but zeros behind it, which take no room on the disk."""
    packed = HEADERS / f"{name}.json.gz"
    if not packed.exists():
        pytest.skip("the folder of shared headers is not there")
    header = gzip.decompress(packed.read_bytes())
    path = folder / f"{name}.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + end_of(header))
    return path


def end_of(header: bytes) -> int:
    import json

    entries = json.loads(header)
    return max(it["data_offsets"][1] for key, it in entries.items() if key != "__metadata__")


def shapes_of(network) -> dict[str, tuple[int, ...]]:
    return {name: tuple(it.shape) for name, it in network.state_dict().items()}


def bare(shapes) -> dict[str, tuple[int, ...]]:
    """Without the outer module that some versions of transformers have, and without trailing 1s."""
    found = {}
    for name, shape in shapes.items():
        while shape and shape[-1] == 1:
            shape = shape[:-1]
        found[name.removeprefix("text_model.")] = tuple(shape)
    return found


CASES = {
    # header: parameters of the denoiser (millions), size, guidance
    "ck-sd15-fp16": (859, 512, 7.5),
    "ck-sd15-no-vae": (859, 512, 7.5),
    "ck-sd21-v": (865, 512, 7.5),
    "ck-sdxl-base": (2567, 1024, 5.0),
}


@pytest.mark.parametrize("name", CASES)
def test_denoisers_have_every_tensor_of_the_real_ones(name: str, tmp_path: Path) -> None:
    told = described(header_true(name, tmp_path))
    part = parts_of(told).denoiser
    with libraries(), open_weights(told.path, part.prefix) as weights:
        network = networks.bare_unet(part.config, name)
        names = networks.unet_names(weights, part, name)
        have = {new: weights.tensors[old].shape for new, old in names.items()}
        assert have == shapes_of(network)
        assert set(names.values()) == set(weights.tensors)
    assert sum(it.numel() for it in network.parameters()) // 10**6 == CASES[name][0]


@pytest.mark.parametrize("name", CASES)
def test_text_encoders_have_every_tensor_of_the_real_ones(name: str, tmp_path: Path) -> None:
    told = described(header_true(name, tmp_path))
    for part in parts_of(told).texts:
        with libraries(), open_weights(told.path, part.prefix) as weights:
            network = networks.bare_text_encoder(part.config, name)
            given = {
                key: torch.empty(it.shape, device="meta") for key, it in weights.tensors.items()
            }
            made = networks.text_tensors(given, part, network)
        have = bare({key: tuple(it.shape) for key, it in made.items()})
        wanted = bare(shapes_of(network))
        assert {key: have.get(key) for key in wanted} == wanted
        left = {key for key in set(have) - set(wanted) if not key.endswith("position_ids")}
        # SD2 was trained on the last layer but one: the last one is not run
        # (stabilityai/stable-diffusion-2-1 text_encoder/config.json has 23 of 24).
        assert all("layers.23." in key or key == "text_projection.weight" for key in left), left


@pytest.mark.parametrize("name", CASES)
def test_default_recipes(name: str, tmp_path: Path) -> None:
    told = described(header_true(name, tmp_path))
    card, slow = recipe_for(told, torch.device("cuda")), recipe_for(told, CPU)
    assert (card.width, card.height, card.guidance) == (CASES[name][1],) * 2 + (CASES[name][2],)
    assert (slow.width, slow.height, slow.steps) == (256, 256, 4)
    assert len(card.ids) == len(card.negative_ids) == 77
    assert MULTIPLE % FACTOR == 0


@pytest.mark.parametrize(
    ("architecture", "after"), [("clip-l", 49407), ("open-clip-h", 0), ("open-clip-bigg", 0)]
)
def test_what_stands_after_the_end_of_a_prompt(architecture: str, after: int) -> None:
    ids = padded(framed(320, 2368), architecture)
    assert ids == (49406, 320, 2368, 49407) + (after,) * 73
    assert len(framed(*range(200))) == 77


@pytest.mark.parametrize("name", ["ck-flux-dev", "ck-sd3-medium"])
def test_transformers_in_one_file_say_what_they_want(name: str, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="diffusers folder with its text encoders") as caught:
        recipe_for(described(header_true(name, tmp_path)), CPU)
    assert "--probe decode" in str(caught.value.hint)
