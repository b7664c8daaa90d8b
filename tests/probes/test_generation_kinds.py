"""SDXL, SD3 and FLUX.1 draw from folders as diffusers' own pipelines do, or say why not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.probes import generation_folders  # noqa: E402
from tests.probes.generation_cases import CPU, copied, described  # noqa: E402
from vaereg.probes.generation.defaults import recipe_for  # noqa: E402
from vaereg.probes.generation.encoded import encode  # noqa: E402
from vaereg.probes.generation.parts import parts_of  # noqa: E402
from vaereg.probes.generation.sampling import sample  # noqa: E402
from vaereg.registry.errors import CannotRun, VaeregError  # noqa: E402

KINDS = ("xl", "sd3", "flux")
WORDS = "a photo of a red cat"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("kinds")
    return {kind: getattr(generation_folders, kind)(root / kind) for kind in KINDS}


def pipeline_of(path: Path):
    made = diffusers.DiffusionPipeline.from_pretrained(path, local_files_only=True)
    made.set_progress_bar_config(disable=True)
    return made


def recipe(path: Path, pipeline, steps: int = 2, side: int = 64):
    """A recipe of the words above, in the ids of the folder's own tokenizer."""

    def ids(words: str) -> tuple[int, ...]:
        row = pipeline.tokenizer(words, padding="max_length", max_length=77, truncation=True)
        return tuple(row.input_ids)

    default = recipe_for(described(path), CPU)
    return replace(
        default, ids=ids(WORDS), negative_ids=ids(""), text=WORDS,
        steps=steps, width=side, height=side, guidance=4.0,
    )  # fmt: skip


@pytest.mark.parametrize("skip", [None, 1])
def test_prompts_of_xl_are_what_diffusers_makes_of_them(folders, skip) -> None:
    path = folders["xl"]
    pipeline, told = pipeline_of(path), described(path)
    wanted = replace(recipe(path, pipeline), clip_skip=skip)
    ((asked, _),) = encode(told, parts_of(told), (wanted,))
    states, _, pooled, _ = pipeline.encode_prompt(WORDS, device=CPU, clip_skip=skip)
    torch.testing.assert_close(asked.states, states)
    torch.testing.assert_close(asked.pooled, pooled)


def test_xl_draws_what_diffusers_draws(folders) -> None:
    path = folders["xl"]
    pipeline, told = pipeline_of(path), described(path)
    wanted = recipe(path, pipeline)
    made = sample(told, wanted, CPU, torch.float32)
    negative, _, pooled, _ = pipeline.encode_prompt("", device=CPU)
    direct = pipeline(
        WORDS,
        negative_prompt_embeds=negative,
        negative_pooled_prompt_embeds=pooled,
        guidance_scale=4.0,
        num_inference_steps=2,
        height=64,
        width=64,
        latents=torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(0)),
        output_type="latent",
    ).images
    np.testing.assert_allclose(made.latents, direct.detach().numpy(), atol=1e-4)


@pytest.mark.parametrize(("kind", "channels"), [("sd3", 16), ("flux", 4)])
def test_whole_folders_draw(folders, kind: str, channels: int) -> None:
    path = folders[kind]
    pipeline, told, steps = pipeline_of(path), described(path), []
    pipeline.vae = None
    wanted = recipe(path, pipeline)
    made = sample(told, wanted, CPU, torch.float32, lambda step, of: steps.append((step, of)))
    assert made.latents.shape == (1, channels, 8, 8)
    assert made.finite
    assert steps == [(1, 2), (2, 2)]
    again = sample(told, wanted, CPU, torch.float32)
    np.testing.assert_array_equal(again.latents, made.latents)
    other = sample(told, replace(wanted, seed=1), CPU, torch.float32)
    assert np.abs(other.latents - made.latents).max() > 0.1


@pytest.mark.parametrize("part", ["tokenizer_2", "text_encoder_2", "scheduler"])
def test_whole_folders_with_parts_missing(folders, tmp_path: Path, part: str) -> None:
    import shutil

    path = copied(folders["flux"], tmp_path / "broken")
    shutil.rmtree(path / part)
    with pytest.raises(CannotRun, match=f"lacks {part}") as caught:
        recipe_for(described(path), CPU)
    assert "--probe decode" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("part", "listed"),
    [
        ("text_encoder", ["os", "system"]),
        ("text_encoder", ["transformers", "AutoModelForCausalLM"]),
        ("tokenizer", ["my_code", "CLIPTokenizer"]),
        ("scheduler", ["diffusers", "DDIMScheduler"]),
        ("transformer", ["diffusers", ["FluxTransformer2DModel"]]),
    ],
)
def test_classes_that_an_index_may_not_name(folders, tmp_path: Path, part: str, listed) -> None:
    path = copied(folders["flux"], tmp_path / "broken")
    index = json.loads((path / "model_index.json").read_text())
    (path / "model_index.json").write_text(json.dumps(index | {part: listed}))
    told = replace(described(folders["flux"]), path=str(path))
    with pytest.raises(CannotRun, match=f"as its {part}"):
        recipe_for(told, CPU)


def test_pickled_weights_of_whole_folders_are_not_loaded(folders, tmp_path: Path) -> None:
    path = copied(folders["flux"], tmp_path / "pickled")
    weights = path / "text_encoder" / "model.safetensors"
    weights.rename(path / "text_encoder" / "pytorch_model.bin")
    told = replace(described(folders["flux"]), path=str(path))
    with pytest.raises(VaeregError):
        sample(told, recipe_for(told, CPU), CPU, torch.float32)


def test_a_pipeline_that_is_not_known(folders, tmp_path: Path) -> None:
    path = copied(folders["flux"], tmp_path / "other")
    index = json.loads((path / "model_index.json").read_text())
    index["_class_name"] = "EvilPipeline"
    (path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(CannotRun, match="EvilPipeline"):
        recipe_for(replace(described(folders["flux"]), path=str(path)), CPU)
