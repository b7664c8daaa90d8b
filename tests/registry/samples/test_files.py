"""The sample files in every spelling: taken for what they are, their numbers come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vaereg.registry.errors import VaeregError
from vaereg.registry.intake import look
from vaereg.registry.samples.closed_form import weights
from vaereg.registry.samples.colours import scaling_of, table_of
from vaereg.registry.samples.faults import with_zeroed_tail
from vaereg.registry.samples.files import (
    config_of,
    metadata_of,
    renamed,
    safetensors,
    write_folder,
)
from vaereg.registry.samples.plan import Plan
from vaereg.registry.weights import open_weights

FOUR = {"sd1", "sdxl", "playground-v2.5"}


def plan_of(family: str, **changes: object) -> Plan:
    form = {"widths": (8, 8, 8, 8), "groups": 2, "quant": family not in ("sd3", "flux1")}
    return Plan(table_of(family), scaling_of(family), **{**form, **changes})


def written(path: Path, plan: Plan, dtype: str = "float16", **spelling: object) -> Path:
    tensors = renamed(weights(plan), **spelling)
    path.write_bytes(safetensors(tensors, dtype, metadata_of(plan)))
    return path


@pytest.mark.parametrize("prefix", ["", "first_stage_model.", "vae."])
@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("layout", ["ldm", "diffusers"])
def test_every_spelling_is_one_vae_of_all_families_of_its_shape(
    tmp_path: Path, layout: str, linear: bool, prefix: str
) -> None:
    path = written(
        tmp_path / "x.safetensors", plan_of("sdxl"), layout=layout, prefix=prefix, linear=linear
    )
    identity, _, _ = look(str(path))
    (vae,) = identity.components
    assert (vae.role, vae.architecture, vae.layout) == ("vae", "autoencoder-kl", layout)
    assert (vae.prefix, vae.parts) == (prefix, ("encoder", "decoder"))
    assert vae.latent is not None
    assert vae.latent.family is None
    assert set(vae.latent.candidates) >= FOUR
    assert (vae.latent.channels, vae.latent.spatial_factor) == (4, 8)


@pytest.mark.parametrize(
    ("family", "changes", "expected"),
    [
        ("sd3", {"widths": (128, 256, 512, 512), "groups": 32}, {"sd3", "flux1"}),
        ("flux2", {}, {"flux2"}),
        ("sd-x4-upscaler", {"widths": (8, 8, 8)}, {"sd-x4-upscaler"}),
    ],
)
def test_other_shapes_have_other_candidates(
    tmp_path: Path, family: str, changes: dict, expected: set[str]
) -> None:
    from tests.builders import header_of
    from vaereg.registry.identify.identify import identify

    plan = plan_of(family, **changes)
    (vae,) = identify(header_of(plan.shapes)).components
    assert vae.latent is not None
    assert set(vae.latent.candidates) >= expected
    assert not FOUR & set(vae.latent.candidates)


@pytest.mark.parametrize("parts", [("encoder",), ("decoder",)])
def test_one_half_is_told_as_one_half(tmp_path: Path, parts: tuple[str, ...]) -> None:
    path = written(tmp_path / "half.safetensors", plan_of("sd1", parts=parts))
    (vae,) = look(str(path))[0].components
    assert vae.parts == parts


@pytest.mark.parametrize(
    ("dtype", "error"), [("float32", 0.0), ("float16", 2**-11), ("bfloat16", 2**-8)]
)
def test_numbers_come_back_as_near_as_their_width_allows(
    tmp_path: Path, dtype: str, error: float
) -> None:
    plan = plan_of("sdxl")
    built = weights(plan)
    path = written(tmp_path / "x.safetensors", plan, dtype, prefix="vae.")
    with open_weights(str(path), "vae.") as file:
        assert file.metadata["norm_num_groups"] == "2"
        assert set(file.pieces) == set(built)
        for name, tensor in built.items():
            found = file.read(name)
            assert found.shape == tensor.shape
            assert np.abs(found - tensor).max() <= error * np.abs(tensor).max()


def test_bfloat16_is_rounded_as_torch_rounds_it() -> None:
    torch = pytest.importorskip("torch")
    values = np.float32([1.0, 1.00390625, 1.01171875, -3.14159, 1e-20, 65504, np.inf, np.nan])
    told = safetensors({"x": values}, "bfloat16")[-2 * values.size :]
    expected = torch.from_numpy(values).bfloat16().view(torch.int16).numpy().tobytes()
    assert told[:-2] == expected[:-2]
    assert np.isnan((np.frombuffer(told[-2:], "<u2").astype(np.uint32) << 16).view(np.float32))


def test_the_safetensors_library_reads_the_same(tmp_path: Path) -> None:
    reader = pytest.importorskip("safetensors.numpy")
    plan = plan_of("sd1")
    path = written(tmp_path / "x.safetensors", plan, "float32")
    found = reader.load_file(path)
    assert all(np.array_equal(found[name], tensor) for name, tensor in weights(plan).items())


def test_usual_groups_need_no_word() -> None:
    assert metadata_of(plan_of("sd1", widths=(96, 96), groups=32)) == {}


def test_a_diffusers_folder_says_what_its_latents_are(tmp_path: Path) -> None:
    plan = plan_of("sdxl")
    write_folder(tmp_path / "vae", plan, weights(plan))
    identity = look(str(tmp_path / "vae"))[0]
    (vae,) = identity.components
    assert identity.format == "diffusers"
    assert vae.latent is not None
    assert (vae.latent.family, vae.latent.determined_by) == ("sdxl", "config")
    assert vae.latent.scaling_factor == pytest.approx(0.13025)
    assert config_of(plan)["norm_num_groups"] == 2
    assert config_of(plan_of("flux1"))["shift_factor"] == pytest.approx(0.1159)


def test_diffusers_itself_loads_the_folder(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    diffusers = pytest.importorskip("diffusers")
    plan = plan_of("playground-v2.5", widths=(8, 16), groups=2)
    write_folder(tmp_path / "vae", plan, weights(plan))
    model = diffusers.AutoencoderKL.from_pretrained(tmp_path / "vae", local_files_only=True)
    assert model.config.latents_mean == list(plan.scaling.mean)
    name = "decoder.mid_block.attentions.0.to_q.weight"
    expected = weights(plan)["decoder.mid.attn_1.q.weight"][:, :, 0, 0]
    assert np.array_equal(model.state_dict()[name].numpy(), expected)


def test_torch_archives_hold_the_same_vae(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    plan = plan_of("sd1")
    built = renamed(weights(plan), prefix="first_stage_model.")
    state = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in built.items()}
    torch.save({"state_dict": state, **metadata_of(plan)}, tmp_path / "x.ckpt")
    (vae,) = look(str(tmp_path / "x.ckpt"))[0].components
    assert vae.architecture == "autoencoder-kl"
    with open_weights(str(tmp_path / "x.ckpt"), vae.prefix) as file:
        name = "decoder.conv_in.weight"
        assert np.array_equal(file.read(name), built[f"first_stage_model.{name}"])
        assert file.metadata.get("norm_num_groups") == "2"


def test_a_zeroed_tail_leaves_size_and_header(tmp_path: Path) -> None:
    whole = safetensors(weights(plan_of("sd1")), "float16")
    holed = with_zeroed_tail(whole, 0.25)
    assert len(holed) == len(whole)
    assert holed[: len(whole) // 2] == whole[: len(whole) // 2]
    assert not any(holed[-len(whole) // 5 :])
    assert with_zeroed_tail(whole, 0.0) == whole
    path = tmp_path / "x.safetensors"
    path.write_bytes(holed)
    assert look(str(path))[0].kind == "vae"
    path.write_bytes(holed[:-100])
    with pytest.raises(VaeregError):
        look(str(path))
