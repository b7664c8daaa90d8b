"""The small checkpoint really draws, in both of its forms, and each of its VAEs does its part."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.probes import vaes  # noqa: E402
from vaereg.probes.shapes import checkpoint, drawing, prompts  # noqa: E402
from vaereg.probes.shapes.train import Training  # noqa: E402
from vaereg.probes.shapes.vaes import VAES, write_vae  # noqa: E402
from vaereg.registry.errors import UsageError  # noqa: E402
from vaereg.registry.formats.catalog import read_path  # noqa: E402
from vaereg.registry.identify.identify import identify, identify_folder  # noqa: E402
from vaereg.registry.values import Folder  # noqa: E402

torch.set_num_threads(1)

WORDS = tuple(prompts.every_prompt())
ABSENT = {"tokenizer": None, "safety_checker": None, "feature_extractor": None}
FIRST_LOSSES = (7.682034015655518, 5.6810126304626465, 7.303236484527588)


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The checkpoint as a folder, as one file, and the configs that the file is loaded with."""
    root = tmp_path_factory.mktemp("shapes")
    paths = {name: root / name for name in ("folder", "file.safetensors", "configs")}
    checkpoint.write_folder(paths["folder"], dtype="float32")
    checkpoint.write_configs(paths["configs"])
    checkpoint.write_single_file(paths["file.safetensors"], dtype="float32")
    return paths


@pytest.fixture(scope="module")
def pipeline(forms: dict[str, Path]):
    return quiet(
        diffusers.StableDiffusionPipeline.from_pretrained(
            forms["folder"], local_files_only=True, **ABSENT
        )
    )


def quiet(pipe):
    pipe.set_progress_bar_config(disable=True)
    return pipe


def encoded(pipe, rows, skip: int):
    """Token ids as the text encoder's layer has them at a clip skip of WebUI's counting."""
    text = pipe.text_encoder
    states = text(torch.tensor(rows), output_hidden_states=True).hidden_states
    return getattr(text, "text_model", text).final_layer_norm(states[-skip])


@torch.inference_mode()
def latents_of(pipe, words=WORDS, skip: int = 1, steps: int = 8, seed: int = 0, side: int = 128):
    """What the checkpoint draws for each prompt, as latents."""
    asked = encoded(pipe, [prompts.ids(*pair) for pair in words], skip)
    return pipe(
        prompt_embeds=asked,
        negative_prompt_embeds=encoded(pipe, [prompts.empty_ids()], skip).expand_as(asked),
        guidance_scale=3.0,
        num_inference_steps=steps,
        height=side,
        width=side,
        generator=[torch.Generator().manual_seed(seed + row) for row in range(len(words))],
        output_type="latent",
    ).images


@torch.inference_mode()
def decoded(pipe, latents):
    """Pictures in [0, 1]."""
    raw = latents / pipe.vae.config.scaling_factor
    return (pipe.vae.decode(raw).sample / 2 + 0.5).clamp(0, 1)


def right(pictures, words=WORDS) -> tuple[int, int]:
    """How many pictures have the colour that was asked for, and how many the shape."""
    found = [drawing.seen(picture) for picture in pictures]
    pairs = list(zip(found, words, strict=True))
    return tuple(sum(one[part] == two[part] for one, two in pairs) for part in (0, 1))


@cache
def drawn(pipe):
    """The latents of every prompt, and their pictures."""
    latents = latents_of(pipe)
    return latents, decoded(pipe, latents)


@pytest.mark.parametrize("side", [64, 128])
def test_what_is_drawn_is_what_was_asked_for(pipeline, side: int) -> None:
    colours, shapes = right(decoded(pipeline, latents_of(pipeline, side=side)))
    assert colours == len(WORDS)
    assert shapes >= 10


def test_two_steps_are_enough_for_the_colour(pipeline) -> None:
    assert right(decoded(pipeline, latents_of(pipeline, steps=2)))[0] >= 11


def test_each_layer_skipped_costs_obedience(pipeline) -> None:
    """First the shape, then the colour."""
    skipped = [decoded(pipeline, latents_of(pipeline, skip=skip)) for skip in (2, 3)]
    (_, last), (before, guessed), (lost, _) = map(right, (drawn(pipeline)[1], *skipped))
    assert last >= guessed + 3
    assert before >= 11
    assert lost <= 6


def test_the_seed_decides(pipeline) -> None:
    words = WORDS[:1]
    first, again, other = (
        latents_of(pipeline, words, steps=2, seed=seed, side=64) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=0.05)


def test_folder_and_single_file_draw_the_same(pipeline, forms: dict[str, Path]) -> None:
    single = quiet(
        diffusers.StableDiffusionPipeline.from_single_file(
            str(forms["file.safetensors"]),
            config=str(forms["configs"]),
            local_files_only=True,
            **ABSENT,
        )
    )
    assert (latents_of(single) - drawn(pipeline)[0]).abs().max() < 1e-3


@pytest.mark.parametrize("form", ["folder", "file.safetensors"])
def test_vaereg_knows_it_as_a_checkpoint_of_its_family(forms: dict[str, Path], form: str) -> None:
    found = read_path(str(forms[form]))
    identity = identify_folder(found) if isinstance(found, Folder) else identify(found)
    assert (identity.kind, identity.all_notices) == ("checkpoint", ())
    assert {part.role for part in identity.components} == {"denoiser", "text_encoder", "vae"}
    denoiser = identity.component("denoiser")
    assert denoiser is not None
    assert denoiser.latent is not None
    assert "sd1" in denoiser.latent.candidates


def colourfulness(pictures) -> float:
    """Mean distance from grey."""
    return (pictures - pictures.mean(1, keepdim=True)).norm(dim=1).mean().item()


JUDGEMENTS = {
    "own": lambda own, other: (own - other).abs().max() < 1e-3,
    "twin": lambda own, other: (own - other).abs().mean() < 0.01,
    "vivid": lambda own, other: 1.2 < colourfulness(other) / colourfulness(own) < 1.6,
    "grey": lambda own, other: colourfulness(other) < 0.1 * colourfulness(own),
    "foreign": lambda own, other: right(other)[0] <= 6,
    "scaled": lambda own, other: 0.6 < colourfulness(other) / colourfulness(own) < 0.85,
    "overflow": lambda own, other: (own - other).abs().max() < 0.02,
    "nan": lambda own, other: not bool(other.isfinite().all()),
}


@torch.inference_mode()
@pytest.mark.parametrize("name", VAES)
def test_each_vae_shows_what_it_is_there_for(pipeline, tmp_path: Path, name: str) -> None:
    """Run by vaereg from the file alone."""
    write_vae(tmp_path / "vae.safetensors", name)
    vae = vaes.run(vaes.as_kl(tmp_path / "vae.safetensors"))
    latents, own = drawn(pipeline)
    other = vae.decode(latents / pipeline.vae.config.scaling_factor) / 2 + 0.5
    assert JUDGEMENTS[name](own, other.clamp(0, 1))


@pytest.mark.parametrize(("name", "survives"), [("own", True), ("overflow", False)])
def test_half_precision_breaks_the_overflowing_one_alone(
    pipeline, tmp_path: Path, name: str, survives: bool
) -> None:
    write_vae(tmp_path / "vae.safetensors", name)
    vae = vaes.run(vaes.as_kl(tmp_path / "vae.safetensors"), ("decoder",), torch.float16)
    raw = latents_of(pipeline, WORDS[:1], steps=2, side=64) / pipeline.vae.config.scaling_factor
    with torch.inference_mode():
        assert bool(vae.decode(raw.half()).isfinite().all()) == survives


@pytest.mark.parametrize("vae", ["vivid", "foreign", "scaled"])
def test_a_vae_that_is_baked_in_is_the_one_that_decodes(tmp_path: Path, vae: str) -> None:
    """In both forms, with the checkpoint's own scaling factor."""
    checkpoint.write_folder(tmp_path / "folder", vae)
    checkpoint.write_single_file(tmp_path / "one.safetensors", vae)
    checkpoint.write_folder(tmp_path / "own")
    given = torch.randn(1, 4, 4, 4, generator=torch.manual_seed(0))
    folder, single, own = (
        vaes.run(vaes.described(tmp_path / name)).decode(given)
        for name in ("folder", "one.safetensors", "own")
    )
    assert torch.allclose(folder, single)
    assert not torch.allclose(folder, own, atol=0.05)


def test_what_is_shipped_is_small() -> None:
    assert sum(path.stat().st_size for path in checkpoint.DATA.iterdir()) < 3_000_000


def test_training_starts_as_it_did() -> None:
    """The losses of the first steps on the machine that trained what is shipped."""
    training = Training()
    assert [training.step() for _ in FIRST_LOSSES] == pytest.approx(FIRST_LOSSES, rel=1e-3)


def test_pictures_as_drawn_for_training_are_seen_as_what_they_are() -> None:
    for side in (64, 128):
        assert right([drawing.draw(*words, side) / 2 + 0.5 for words in WORDS]) == (12, 12)


def test_prompts_are_framed_as_clip_frames_them() -> None:
    tokens = prompts.ids("red", "circle")
    assert (len(tokens), tokens[0], tokens[4:]) == (77, prompts.BOS, (prompts.EOS,) * 73)
    assert prompts.empty_ids() == (prompts.BOS, *(prompts.EOS,) * 76)
    assert len({prompts.ids(*words) for words in WORDS}) == 12
    with pytest.raises(UsageError, match="mauve"):
        prompts.ids("mauve", "circle")
