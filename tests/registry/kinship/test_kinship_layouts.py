"""Kinship in every layout, width and architecture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.registry.kinship.kin_cases import (
    DISTURBED,
    SHAPES,
    Arrays,
    Change,
    disturbed,
    drift,
    drifted,
    relate,
    swap,
    times,
    trained,
    write,
)
from vaereg.registry.kinship.kinship import kinship
from vaereg.registry.samples.autoencoder import in_diffusers_layout
from vaereg.registry.weights import open_weights


@pytest.mark.parametrize("layout", ["ldm", "diffusers"])
@pytest.mark.parametrize("shape", [2, 4])
def test_names_layouts_and_the_rank_of_attention_make_no_difference(
    tmp_path: Path, layout: str, shape: int
) -> None:
    weights = trained(1)
    drift(weights, "decoder.")
    renamed = in_diffusers_layout(SHAPES) if layout == "diffusers" else {it: it for it in SHAPES}
    arrays = {new: weights[old] for new, old in renamed.items()}
    if shape == 2:
        flat = {name: it for name, it in arrays.items() if ".attn" in name or "attentions" in name}
        arrays |= {name: it.reshape(it.shape[:2]) for name, it in flat.items() if it.ndim == 4}
    one = write(tmp_path / "vae.safetensors", arrays)
    prefixed = {f"first_stage_model.{name}": it for name, it in trained(1).items()}
    other = write(tmp_path / "checkpoint.safetensors", prefixed)
    with (
        open_weights(str(one)) as mine,
        open_weights(str(other), "first_stage_model.") as theirs,
    ):
        found = kinship(mine, theirs)
    assert (found.relation, found.compared) == ("same-encoder", len(SHAPES))


@pytest.mark.parametrize(
    ("dtype", "says"),
    [
        ("float16", "same weights as x, which is kept in half precision"),
        ("bfloat16", "same weights as x, which is kept in half precision"),
        ("float8_e4m3fn", "same weights as x, which is kept in 8-bit floats"),
        ("float64", "same weights as x, in single precision"),
        ("float32", "same weights as x"),
    ],
)
def test_a_copy_in_another_width_is_the_same(tmp_path: Path, dtype: str, says: str) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    weights = trained(1)
    one = write(tmp_path / "y.safetensors", weights)
    kind = getattr(torch, dtype)
    cast = {name: torch.from_numpy(it).to(kind) for name, it in weights.items()}
    save_file(cast, tmp_path / "x.safetensors")
    with open_weights(str(one)) as mine, open_weights(str(tmp_path / "x.safetensors")) as theirs:
        found = kinship(mine, theirs)
    assert (found.relation, found.message) == ("same-weights", says)


def test_a_rescaled_copy_in_eight_bits_is_not_the_same(tmp_path: Path) -> None:
    """Its rounding is coarser than the change of scale."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    weights = trained(1)
    one = write(tmp_path / "y.safetensors", weights)
    times(1.06, "decoder.up.1.block.0.conv1.weight")(weights)
    cast = {name: torch.from_numpy(it).to(torch.float8_e4m3fn) for name, it in weights.items()}
    save_file(cast, tmp_path / "x.safetensors")
    with open_weights(str(one)) as mine, open_weights(str(tmp_path / "x.safetensors")) as theirs:
        assert kinship(mine, theirs).relation == "same-encoder"


def tiny_stem(layout: str, half: str, layer: int) -> str:
    """madebyollin/taesd counts the decoder's clamp as a layer, diffusers does not."""
    shift = 1 if layout == "diffusers" and half == "decoder" else 0
    before = {"original": "", "diffusers": f"{half}.layers.", "comfyui": f"taesd_{half}."}[layout]
    return f"{before}{layer - shift}"


def tiny(layout: str, half: str, seed: int) -> Arrays:
    """Convolutions of one half of a TAESD (madebyollin/taesd taesd.py) in one of its layouts."""
    source = np.random.default_rng(seed)
    widths = {
        "encoder": [(0, 64, 3), *((n, 64, 64) for n in (2, 6, 10)), (14, 4, 64)],
        "decoder": [(1, 64, 4), *((n, 64, 64) for n in (7, 12, 17)), (19, 3, 64)],
    }[half]
    arrays: Arrays = {}
    for layer, out, into in widths:
        stem = tiny_stem(layout, half, layer)
        arrays[f"{stem}.weight"] = source.normal(0, 0.1, (out, into, 3, 3)).astype(np.float32)
        arrays[f"{stem}.bias"] = source.normal(0, 0.1, out).astype(np.float32)
    return arrays


TINY = ("original", "diffusers", "comfyui")


@pytest.mark.parametrize("one", TINY)
@pytest.mark.parametrize("other", TINY)
@pytest.mark.parametrize(("half", "layer", "axis"), [("decoder", 1, 1), ("encoder", 14, 0)])
def test_tiny_autoencoders_of_every_layout(
    tmp_path: Path, one: str, other: str, half: str, layer: int, axis: int
) -> None:
    found = relate(tmp_path, tiny(one, half, 1), tiny(other, half, 1))
    assert found.relation == "same-weights"
    assert f"(only the {half}s were compared)" in found.message
    swapped = tiny(one, half, 1)
    swap(f"{tiny_stem(one, half, layer)}.weight", axis)(swapped)
    assert relate(tmp_path, swapped, tiny(other, half, 1)).relation == "swapped-latents"
    assert relate(tmp_path, tiny(one, half, 1), tiny(other, half, 2)).relation == "unrelated"
    assert relate(tmp_path, tiny(one, "encoder", 1), tiny(other, "decoder", 1)).relation is None


def wan(seed: int) -> Arrays:
    """The ends of Wan 2.1's VAE and a block of each half (Wan-Video/Wan2.1 wan/modules/vae.py)."""
    source = np.random.default_rng(seed)
    shapes = {
        "encoder.conv1.weight": (96, 3, 3, 3, 3),
        "encoder.middle.0.residual.2.weight": (96, 96, 3, 3, 3),
        "encoder.middle.0.residual.0.gamma": (96, 1, 1, 1),
        "encoder.head.2.weight": (32, 96, 3, 3, 3),
        "conv1.weight": (32, 32, 1, 1, 1),
        "conv2.weight": (16, 16, 1, 1, 1),
        "decoder.conv1.weight": (96, 16, 3, 3, 3),
        "decoder.middle.0.residual.2.weight": (96, 96, 3, 3, 3),
        "decoder.head.2.weight": (3, 96, 3, 3, 3),
    }
    made = {name: source.normal(0, 0.1, shape) for name, shape in shapes.items()}
    return {name: values.astype(np.float32) for name, values in made.items()}


@pytest.mark.parametrize(
    ("changes", "relation"),
    [
        ([drifted("decoder.")], "same-encoder"),
        ([swap("conv1.weight", 0)], DISTURBED),
        ([swap("conv2.weight", 1)], DISTURBED),
        ([swap("encoder.head.2.weight", 0)], DISTURBED),
        ([times(-1, "decoder.conv1.weight", channel=(1, 5))], DISTURBED),
    ],
)
def test_video_autoencoders(tmp_path: Path, changes: list[Change], relation: str) -> None:
    weights = wan(1)
    for change in changes:
        change(weights)
    found = relate(tmp_path, weights, wan(1)).relation
    assert relation in (found, disturbed(found))


def test_an_architecture_whose_border_is_unknown_is_kin_only_to_its_copy(tmp_path: Path) -> None:
    def odd(seed: int) -> Arrays:
        source = np.random.default_rng(seed)
        names = ("encoder.a", "encoder.b", "decoder.a", "decoder.b")
        return {name: source.normal(0, 1, (32, 64)).astype(np.float32) for name in names}

    near = odd(1)
    drift(near, "decoder.")
    assert relate(tmp_path, odd(1), odd(1)).relation == "same-weights"
    assert relate(tmp_path, near, odd(1)).relation == "altered-latents"
    assert relate(tmp_path, odd(2), odd(1)).relation == "unrelated"
