"""A checkpoint draws without its VAE: once, the same from every form, as its prompt asks."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.probes import vaes  # noqa: E402
from tests.probes.generation_cases import CPU, DENOISER, described, drawn, rewritten  # noqa: E402
from vaereg.probes.generation.defaults import recipe_for, sampling_dtype  # noqa: E402
from vaereg.probes.generation.encoded import layers  # noqa: E402
from vaereg.probes.generation.sampling import sample, sample_all  # noqa: E402
from vaereg.probes.shapes import checkpoint, drawing, prompts  # noqa: E402
from vaereg.registry.errors import CannotRun, OutOfMemory, UsageError  # noqa: E402


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The checkpoint as a folder, as one file, and as a pickle of the same tensors."""
    from safetensors.torch import load_file

    root = tmp_path_factory.mktemp("generation")
    paths = {name: root / name for name in ("folder", "file.safetensors", "old.ckpt")}
    checkpoint.write_folder(paths["folder"])
    checkpoint.write_single_file(paths["file.safetensors"])
    torch.save({"state_dict": load_file(paths["file.safetensors"])}, paths["old.ckpt"])
    return paths


@pytest.fixture(scope="module")
def usual(forms):
    """What the folder draws by its default recipe."""
    return drawn(forms["folder"])


def seen(path: Path, sampled) -> tuple[str, str]:
    """The colour and shape in the picture that the checkpoint's own VAE makes of the latents."""
    vae = vaes.run(vaes.described(path), ("decoder",))
    picture = vae.decode(torch.from_numpy(sampled.latents) / 0.18215)[0]
    return drawing.seen((picture / 2 + 0.5).clamp(0, 1))


@pytest.mark.parametrize("form", ["file.safetensors", "old.ckpt"])
def test_every_form_draws_the_same(forms, usual, form: str) -> None:
    other = drawn(forms[form])
    np.testing.assert_array_equal(other.latents, usual.latents)


def test_what_is_told_of_a_drawing(usual) -> None:
    assert usual.latents.shape == (1, 4, 16, 16)
    assert usual.latents.dtype == np.float32
    assert usual.finite
    assert usual.failed_at is None
    assert (usual.device, usual.dtype) == ("cpu", "float32")
    assert usual.seconds > 0
    assert usual.peak_memory_bytes > 0
    assert usual.notes == ()


@pytest.mark.parametrize("words", [("red", "circle"), ("green", "cross"), ("blue", "circle")])
def test_the_prompt_is_drawn(forms, words: tuple[str, str]) -> None:
    path = forms["file.safetensors"]
    assert seen(path, drawn(path, ids=prompts.ids(*words))) == words


def test_a_seed_means_the_same_every_time(forms, usual) -> None:
    np.testing.assert_array_equal(drawn(forms["folder"]).latents, usual.latents)
    assert np.abs(drawn(forms["folder"], seed=1).latents - usual.latents).max() > 0.5


@pytest.mark.parametrize(("dtype", "far"), [(torch.float16, 0.05), (torch.bfloat16, 0.4)])
def test_half_precision_draws_nearly_the_same(forms, usual, dtype, far: float) -> None:
    half = drawn(forms["folder"], dtype)
    assert half.latents.dtype == np.float32
    assert half.dtype == str(dtype).removeprefix("torch.")
    assert np.abs(half.latents - usual.latents).max() < far


def test_several_recipes_in_one_go(forms, usual) -> None:
    told = described(forms["folder"])
    recipe = recipe_for(told, CPU)
    swept = sample_all(told, (recipe, replace(recipe, clip_skip=1)), CPU, torch.float32)
    np.testing.assert_array_equal(swept[0].latents, usual.latents)
    alone = drawn(forms["folder"], clip_skip=1)
    np.testing.assert_array_equal(swept[1].latents, alone.latents)
    assert np.abs(alone.latents - usual.latents).max() > 0.1


def test_layers_are_what_clip_skip_takes(forms) -> None:
    told = described(forms["folder"])
    (text,) = layers(told, prompts.ids("red", "circle"))
    assert [state.shape for state in text.states] == [(77, 64)] * 5
    assert len({state.tobytes() for state in text.states}) == 5


def test_configs_of_ones_own_come_first(forms, usual, tmp_path: Path) -> None:
    checkpoint.write_configs(tmp_path)
    told = described(forms["file.safetensors"], tmp_path)
    made = sample(told, recipe_for(told, CPU), CPU, torch.float32)
    np.testing.assert_array_equal(made.latents, usual.latents)
    scheduler = tmp_path / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace('"epsilon"', '"v_prediction"'))
    other = sample(told, recipe_for(told, CPU), CPU, torch.float32)
    assert np.abs(other.latents - usual.latents).max() > 0.5


def test_progress_and_interruption_between_steps(forms) -> None:
    told: list[tuple[int, int]] = []
    drawn(forms["folder"], watch=lambda step, steps: told.append((step, steps)), steps=3)
    assert told == [(1, 3), (2, 3), (3, 3)]

    def enough(step: int, _steps: int) -> None:
        told.append((step, 0))
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawn(forms["folder"], watch=enough, steps=3)
    assert told[3:] == [(1, 0), (2, 0)]


def test_the_step_at_which_numbers_end(forms, tmp_path: Path) -> None:
    def broken(tensors):
        tensors[f"{DENOISER}out.2.bias"][0] = float("nan")

    told: list[int] = []
    path = rewritten(forms["file.safetensors"], tmp_path / "nan.safetensors", broken)
    made = drawn(path, watch=lambda step, _: told.append(step))
    assert not made.finite
    assert made.failed_at == 1
    assert told == [1]


@pytest.mark.parametrize(
    "changes",
    [
        {"ids": (49406, 320, 49407)},
        {"ids": ()},
        {"ids": (62,) + (63,) * 90},
        {"negative_ids": (-1,)},
    ],
)
def test_prompts_that_a_text_encoder_cannot_read(forms, changes) -> None:
    """Nobody types ids: where those that ship do not fit, the checkpoint is an odd one."""
    with pytest.raises(CannotRun, match="no prompt that ships") as caught:
        drawn(forms["folder"], **changes)
    assert caught.value.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"clip_skip": 5},
        {"clip_skip": -1},
        {"width": 100},
        {"height": 0},
        {"steps": 0},
    ],
)
def test_recipes_that_cannot_be_followed(forms, changes) -> None:
    with pytest.raises(UsageError) as caught:
        drawn(forms["folder"], **changes)
    assert caught.value.hint


def short_of_memory(monkeypatch: pytest.MonkeyPatch, fits) -> None:
    """A machine where the denoiser has room only for what ``fits(unet, latents)`` says."""
    import diffusers

    forward = diffusers.UNet2DConditionModel.forward

    def tight(self, sample, *args, **others):
        if not fits(self, sample):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, sample, *args, **others)

    monkeypatch.setattr(diffusers.UNet2DConditionModel, "forward", tight)


def sliced(unet) -> bool:
    return any("Sliced" in type(it).__name__ for it in unet.attn_processors.values())


def test_short_memory_makes_smaller_pictures(forms, monkeypatch) -> None:
    short_of_memory(monkeypatch, lambda _, latents: latents.shape[-1] <= 48)
    made = drawn(forms["folder"], width=512, height=512, steps=1)
    assert (made.recipe.width, made.recipe.height) == (384, 384)
    assert made.latents.shape == (1, 4, 48, 48)
    assert "384 x 384 pixels instead of 512 x 512" in made.notes[0]


def test_shorter_memory_slices_attention(forms, monkeypatch) -> None:
    short_of_memory(monkeypatch, lambda unet, _: sliced(unet))
    made = drawn(forms["folder"], steps=1)
    assert made.latents.shape == (1, 4, 16, 16)
    assert any("slices" in note for note in made.notes)


def test_too_little_memory_for_anything(forms, monkeypatch) -> None:
    short_of_memory(monkeypatch, lambda _unet, _latents: False)
    with pytest.raises(OutOfMemory, match=r"folder.* 256 x 256 pixels") as caught:
        drawn(forms["folder"], width=512, height=512, steps=1)
    assert "--probe decode" in str(caught.value.hint)


def test_float_types_to_draw_in() -> None:
    assert sampling_dtype("auto", CPU) == torch.float32
    assert sampling_dtype("auto", torch.device("cuda")) == torch.float16
    assert sampling_dtype("bf16", torch.device("cuda")) == torch.bfloat16


@pytest.mark.parametrize("library", ["diffusers", "transformers"])
def test_without_the_libraries(forms, library: str) -> None:
    """In a fresh interpreter that does not have one of them."""
    script = (
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == sys.argv[2]: raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import torch\n"
        "from pathlib import Path\n"
        "from vaereg.registry.errors import MissingDependency\n"
        "from vaereg.registry.formats.catalog import read_path\n"
        "from vaereg.registry.identify.identify import identify\n"
        "from vaereg.probes.generation.defaults import recipe_for\n"
        "from vaereg.probes.generation.parts import Checkpoint\n"
        "from vaereg.probes.generation.sampling import sample\n"
        "told = Checkpoint('x', sys.argv[1], identify(read_path(sys.argv[1])))\n"
        "cpu = torch.device('cpu')\n"
        "try: sample(told, recipe_for(told, cpu), cpu, torch.float32)\n"
        "except MissingDependency as error: print(error.message, error.hint)\n"
    )
    line = [sys.executable, "-c", script, str(forms["file.safetensors"]), library]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{library} is not installed" in done.stdout
    assert "vaereg[probe]" in done.stdout


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_card_draws_the_same(forms, usual, dtype) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    told, card = described(forms["folder"]), torch.device("cuda")
    recipe = recipe_for(told, CPU)
    made = sample(told, recipe, card, dtype)
    assert made.finite
    assert made.peak_memory_bytes > 0
    assert np.abs(made.latents - usual.latents).max() < 0.4
    assert seen(forms["folder"], made) == ("red", "circle")
