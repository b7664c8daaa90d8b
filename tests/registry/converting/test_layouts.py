"""A VAE keeps its numbers, and gets the names and shapes of the layout asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.registry.converting.cases import (
    arrays,
    converted,
    left_behind,
    metadata,
    raw,
    side_at,
    write_vae,
)
from tests.registry.identify.vae_originals import old_attention
from vaereg.registry.converting.convert import Order, convert
from vaereg.registry.converting.placing import Place
from vaereg.registry.errors import FileError, UnsupportedFormat
from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.files import renamed, safetensors
from vaereg.registry.samples.library import SAMPLES, build

from .cases import plan_of

ATTENTION = {
    "ldm": ("encoder.mid.attn_1.q.weight", (32, 32, 1, 1)),
    "diffusers": ("encoder.mid_block.attentions.0.to_q.weight", (32, 32)),
}
FILES = pytest.mark.parametrize("layout", ["ldm", "diffusers"])


@FILES
@pytest.mark.parametrize("family", ["sd1", "flux1"])
def test_there_and_back_gives_the_same_bytes(tmp_path: Path, layout: str, family: str) -> None:
    source = write_vae(tmp_path / "vae.safetensors", family, layout, "float16")
    other = "ldm" if layout == "diffusers" else "diffusers"
    there = converted(source, tmp_path / "there.safetensors", other)
    back = converted(Path(there.path), tmp_path / "back.safetensors", layout)
    assert raw(Path(back.path)) == raw(source)
    assert raw(Path(there.path)).keys() != raw(source).keys()
    assert there.vae.content == back.vae.content == there.source.content
    assert there.vae.layout == other


@FILES
@pytest.mark.parametrize("linear", [True, False])
def test_attention_gets_the_shape_of_its_layout(tmp_path: Path, layout: str, linear: bool) -> None:
    """Files mix them: LDM's names with linear layers, diffusers' with 1x1 convolutions."""
    for have in ("ldm", "diffusers"):
        source = write_vae(tmp_path / f"{have}.safetensors", layout=have, linear=linear)
        done = converted(source, tmp_path / f"{have}-made.safetensors", layout)
        name, shape = ATTENTION[layout]
        assert raw(Path(done.path))[name][1] == shape
        assert done.vae.content == done.source.content


@FILES
def test_old_attention_names_are_put_right(tmp_path: Path, layout: str) -> None:
    """Those that diffusers used before 0.17: query, key, value, proj_attn."""
    tensors = renamed(weights(plan_of()), "diffusers")
    names = old_attention({name: tensor.shape for name, tensor in tensors.items()})
    old = dict(zip(names, tensors.values(), strict=True))
    assert any(".proj_attn." in name for name in old)
    (tmp_path / "old.safetensors").write_bytes(safetensors(old, "float32"))
    done = converted(tmp_path / "old.safetensors", tmp_path / "made.safetensors", layout)
    wanted = write_vae(tmp_path / "plain.safetensors", layout=layout)
    assert raw(Path(done.path)) == raw(wanted)


def test_a_baked_vae_is_taken_out_alone(tmp_path: Path) -> None:
    forest = [sample for sample in SAMPLES if "forest_v1" in sample.path]
    build(tmp_path, (8, 16, 32, 32), 2, forest)
    checkpoint = tmp_path / "checkpoints/forest_v1.safetensors"
    done = converted(checkpoint, tmp_path / "vae.safetensors")
    baked = arrays(checkpoint, "first_stage_model.")
    made = arrays(Path(done.path))
    assert len(made) == len(baked) == 248
    assert all(np.array_equal(made[name], baked[name]) for name in baked)
    assert done.left_out == ()
    assert done.taken.artifact.identity.kind == "vae"


def test_what_is_no_vae_is_left_out_and_named(tmp_path: Path) -> None:
    extra = {
        "loss.discriminator.main.0.weight": np.ones((4, 3, 4, 4), np.float32),
        "loss.discriminator.main.3.num_batches_tracked": np.ones((1,), np.float32),
        "model_ema.decay": np.ones((1,), np.float32),
        "betas": np.ones((9,), np.float32),
    }
    source = write_vae(tmp_path / "trained.safetensors", extra=extra)
    done = converted(source, tmp_path / "vae.safetensors")
    assert set(done.left_out) == set(extra)
    assert len(raw(Path(done.path))) == 248


def test_declarations_stay_but_a_checkpoints_are_not_its_vaes(tmp_path: Path) -> None:
    told = {
        "modelspec.title": "Forest",
        "modelspec.architecture": "stable-diffusion-v1/vae",
        "modelspec.hash_sha256": "0x0",
        "ss_notes": "x",
    }
    source = write_vae(tmp_path / "vae.safetensors", metadata=told)
    done = converted(source, tmp_path / "made.safetensors", dtype="bf16")
    said = metadata(Path(done.path))
    assert said["modelspec.title"] == "Forest"
    assert said["norm_num_groups"] == "2"
    assert said["vaereg.source_sha256"] == side_at(source).artifact.digests.sha256
    assert (said["vaereg.layout"], said["vaereg.dtype"]) == ("ldm", "bf16")
    assert not {"ss_notes", "modelspec.hash_sha256"} & said.keys()


def test_the_same_again_makes_the_same_bytes(tmp_path: Path) -> None:
    source = write_vae(tmp_path / "vae.safetensors")
    one = converted(source, tmp_path / "one.safetensors", "diffusers")
    two = converted(source, tmp_path / "two.safetensors", "diffusers")
    assert Path(one.path).read_bytes() == Path(two.path).read_bytes()


def test_the_library_itself_reads_it_aligned(tmp_path: Path) -> None:
    safe = pytest.importorskip("safetensors.numpy")
    source = write_vae(tmp_path / "vae.safetensors")
    done = converted(source, tmp_path / "made.safetensors", dtype="fp16")
    loaded = safe.load_file(done.path)
    assert {tensor.dtype for tensor in loaded.values()} == {np.dtype("float16")}
    data = Path(done.path).read_bytes()
    assert int.from_bytes(data[:8], "little") % 8 == 0


WRONG = {
    "a LoRA": {
        f"lora_unet_{n}.{part}.weight": np.ones((4, 4), np.float32)
        for n in range(6)
        for part in ("lora_up", "lora_down")
    },
    "a language encoder": {
        "shared.weight": np.ones((8, 8), np.float32),
        **{
            f"encoder.block.{n}.layer.0.SelfAttention.{part}.weight": np.ones((8, 8), np.float32)
            for n in range(2)
            for part in "qkvo"
        },
    },
    "half a VAE": {
        name: tensor
        for name, tensor in weights(plan_of()).items()
        if "mid" not in name and "decoder.up.0" not in name
    },
}


@pytest.mark.parametrize("what", WRONG)
def test_what_holds_no_vae_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors(WRONG[what], "float32"))
    with pytest.raises(UnsupportedFormat, match="no VAE to convert"):
        converted(path, tmp_path / "made.safetensors")
    assert left_behind(tmp_path) == ["model.safetensors"]


def test_quantised_weights_are_refused(tmp_path: Path) -> None:
    extra = {"decoder.conv_in.weight_scale": np.ones((1,), np.float32)}
    source = write_vae(tmp_path / "vae.safetensors", extra=extra)
    with pytest.raises(UnsupportedFormat, match="quantised"):
        converted(source, tmp_path / "made.safetensors")


def test_a_cut_file_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_vae(tmp_path / "vae.safetensors")
    side = side_at(source)
    source.write_bytes(source.read_bytes()[:-1000])
    with pytest.raises(FileError):
        convert(side, Order("ldm", Place(str(tmp_path / "made.safetensors"))))
    assert left_behind(tmp_path) == ["vae.safetensors"]


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_one_half_alone_is_written_as_one(tmp_path: Path, half: str) -> None:
    source = write_vae(tmp_path / "vae.safetensors", parts=(half,))
    done = converted(source, tmp_path / "made.safetensors", "diffusers")
    assert done.vae.parts == (half,)
    assert done.vae.content == done.source.content
    with pytest.raises(UnsupportedFormat, match=f"only its {half}"):
        converted(source, tmp_path / "folder", "diffusers", family="sd1")
