"""A sweep over clip skip: every layer beside the last, the same seed at each, honest without."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.probes import generation_folders  # noqa: E402
from tests.probes.generation_cases import TEXT, copied, described, rewritten  # noqa: E402
from vaereg.probes.generation.clip_layers import deepest, swept  # noqa: E402
from vaereg.probes.generation.clip_sweep import sweep  # noqa: E402
from vaereg.probes.generation.encoded import Layers, layers  # noqa: E402
from vaereg.probes.shapes import checkpoint, prompts  # noqa: E402
from vaereg.probes.shapes.vaes import write_vae  # noqa: E402
from vaereg.registry.drawing import CheckpointFile  # noqa: E402
from vaereg.registry.errors import NoDevice, Unreadable, UsageError  # noqa: E402
from vaereg.registry.judging.reference import file_of  # noqa: E402
from vaereg.registry.measures import Scaling  # noqa: E402
from vaereg.registry.textual.swept import Sweep, SweepTask  # noqa: E402

SCALING = Scaling(0.18215)


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The small checkpoint in both forms, and a VAE of it alone."""
    root = tmp_path_factory.mktemp("sweep")
    paths = {name: root / name for name in ("folder", "file.safetensors", "vae.safetensors")}
    checkpoint.write_folder(paths["folder"])
    checkpoint.write_single_file(paths["file.safetensors"])
    write_vae(paths["vae.safetensors"])
    return paths


def task(path: Path, sheet: Path, vae: Path | None = None, **changes: object) -> SweepTask:
    """A sweep of a model with its own VAE, or with that of another file."""
    told = described(path)
    shown = described(vae) if vae else told
    part = shown.identity.component("vae")
    file = file_of(path.name, shown.path, part) if part else None
    model = CheckpointFile(path.name, str(path), "ab" * 32, told.identity)
    return replace(SweepTask(model, file, SCALING, str(sheet), steps=2, size=64), **changes)


def run(path: Path, tmp_path: Path, vae: Path | None = None, **changes: object) -> Sweep:
    return sweep(task(path, tmp_path / "made" / "sheet.png", vae, **changes), "cpu", "auto")


def codes(made: Sweep) -> list[str]:
    return [note.code for note in made.notices]


@pytest.mark.parametrize("form", ["folder", "file.safetensors"])
def test_every_layer_and_every_picture(forms, tmp_path: Path, form: str) -> None:
    made = run(forms[form], tmp_path, steps=8, size=128)
    (encoder,) = made.encoders
    assert (made.prompt, encoder.name, made.notices) == ("a red circle", "CLIP", ())
    assert [(row.clip_skip, row.layer) for row in encoder.layers] == [
        (1, 4),
        (2, 3),
        (3, 2),
        (4, 1),
    ]
    assert [picture.clip_skip for picture in made.pictures] == [1, 2, 3, 4]
    assert made.sheet is not None
    assert Path(made.sheet).read_bytes().startswith(b"\x89PNG")
    cosines = [row.cosine for row in encoder.layers]
    assert cosines[0] == pytest.approx(1)
    assert cosines == sorted(cosines, reverse=True)
    # What is trained in: at 2 the colour is still there, at 3 nothing of the prompt is.
    kinds = ["another picture" in picture.words for picture in made.pictures]
    assert kinds == [False, False, True, True]


def test_figures_are_those_of_the_words_alone(forms) -> None:
    ids = prompts.ids("red", "circle")
    (seen,) = layers(described(forms["folder"]), ids)
    told = swept(seen, ids).layers[1]
    state, last = (np.asarray(seen.states[place], np.float64) for place in (-2, -1))
    words = slice(1, 4)  # "a", "red", "circle", behind the beginning
    across = (state * last).sum(1)
    cosines = across / np.linalg.norm(state, axis=1) / np.linalg.norm(last, axis=1)
    assert told.cosine == pytest.approx(cosines[words].mean(), abs=1e-5)
    assert told.cosine_all == pytest.approx(cosines.mean(), abs=1e-5)
    assert told.norm == pytest.approx(np.linalg.norm(state, axis=1)[words].mean(), abs=1e-5)


def test_the_same_sweep_gives_the_same_sheet(forms, tmp_path: Path) -> None:
    one, two = (run(forms["folder"], tmp_path / name) for name in "ab")
    assert Path(one.sheet or "").read_bytes() == Path(two.sheet or "").read_bytes()
    other = run(forms["folder"], tmp_path / "c", seed=1)
    assert Path(other.sheet or "").read_bytes() != Path(one.sheet or "").read_bytes()


@pytest.mark.parametrize(
    ("architecture", "layers_there", "first"),
    [("clip-l", 12, 12), ("clip-l", 11, 11), ("open-clip-h", 24, 24), ("open-clip-h", 23, 24)],
)
def test_sd2_s_encoder_is_counted_as_it_was_published(
    architecture: str, layers_there: int, first: int
) -> None:
    """In a folder it ends at the layer before the last, which is clip skip 2 all the same."""
    assert deepest(architecture, layers_there) == first
    states = tuple(np.full((4, 2), float(place)) for place in range(1, layers_there + 2))
    told = swept(Layers(architecture, states), (0, 5, 9, 9)).layers
    assert (told[0].layer, told[0].clip_skip) == (layers_there, first - layers_there + 1)
    assert (told[-1].layer, told[-1].clip_skip) == (1, first)


def test_sdxl_s_usual_layer_is_the_one_before_the_last(forms, tmp_path: Path) -> None:
    made = run(generation_folders.xl(tmp_path / "xl"), tmp_path, forms["vae.safetensors"])
    assert [len(encoder.layers) for encoder in made.encoders] == [3, 4]
    assert [picture.clip_skip for picture in made.pictures] == [2, 3]


def test_progress_counts_all_pictures_as_one(forms, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    sweep(task(forms["folder"], tmp_path / "s.png"), "cpu", "fp32", lambda *it: told.append(it))
    assert told == [(step, 8) for step in range(1, 9)]

    def enough(step: int, _of: int) -> None:
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(task(forms["folder"], tmp_path / "t.png"), "cpu", "fp32", enough)
    assert not (tmp_path / "t.png").exists()


def without_denoiser(forms, target: Path) -> Path:
    return rewritten(
        forms["file.safetensors"],
        target,
        lambda all_: {name: it for name, it in all_.items() if name.startswith(TEXT)},
    )


def test_a_text_encoder_alone_has_its_table(forms, tmp_path: Path) -> None:
    made = run(without_denoiser(forms, tmp_path / "clip.safetensors"), tmp_path)
    (encoder,) = made.encoders
    whole = run(forms["file.safetensors"], tmp_path).encoders[0]
    assert encoder == whole
    assert (codes(made), made.pictures, made.sheet) == (["no_pictures"], (), None)
    assert "no denoiser" in made.notices[0].message


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"vae": None}, "no VAE of its own"), ({"scaling": None}, "scaling")],
)
def test_what_pictures_need(forms, tmp_path: Path, changes: dict, says: str) -> None:
    asked = replace(task(forms["folder"], tmp_path / "s.png"), **changes)
    made = sweep(asked, "cpu", "auto")
    assert made.encoders
    assert (codes(made), made.sheet) == (["no_pictures"], None)
    assert says in made.notices[0].message
    assert not (tmp_path / "s.png").exists()


def test_a_folder_of_another_kind_has_the_table_of_its_clip(tmp_path: Path) -> None:
    made = run(generation_folders.flux(tmp_path / "flux"), tmp_path)
    assert [len(encoder.layers) for encoder in made.encoders] == [2]
    assert "no_pictures" in codes(made)


def spoilt(forms, tmp_path: Path, value: float) -> Path:
    """One number of the first layer is no usable one."""
    folder = copied(forms["folder"], tmp_path / "folder")
    name = "text_encoder/model.safetensors"

    def change(tensors) -> None:
        key = next(key for key in tensors if "layers.0.mlp.fc1.weight" in key)
        tensors[key][0, 0] = value

    rewritten(forms["folder"] / name, folder / name, change)
    return folder


def test_numbers_that_are_not_finite_are_told(forms, tmp_path: Path) -> None:
    made = run(spoilt(forms, tmp_path, float("nan")), tmp_path)
    (encoder,) = made.encoders
    assert {(row.cosine, row.norm) for row in encoder.layers} == {(None, None)}
    assert {picture.kind for picture in made.pictures} == {"nan"}
    assert codes(made).count("not_finite") == 1 + len(made.pictures)


def test_a_damaged_text_encoder_spoils_neither_the_answer_nor_itself(forms, tmp_path: Path) -> None:
    folder = copied(forms["folder"], tmp_path / "folder")
    name = "text_encoder/model.safetensors"

    def change(tensors) -> None:
        del tensors[next(key for key in tensors if "layers.1.mlp.fc1.weight" in key)]

    rewritten(forms["folder"] / name, folder / name, change)
    made = run(folder, tmp_path)
    assert made.encoders == ()
    assert codes(made) == ["not_swept", "no_pictures"]


@pytest.mark.parametrize("changed", [{"num_hidden_layers": 10**9}, {"hidden_size": "x"}, {"a": 1}])
def test_a_config_that_lies(forms, tmp_path: Path, changed: dict) -> None:
    folder = copied(forms["folder"], tmp_path / "folder")
    config = folder / "text_encoder" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changed))
    made = run(folder, tmp_path)
    assert bool(made.encoders) == (changed == {"a": 1})


def test_half_precision_that_overflows_is_made_good(forms, tmp_path: Path) -> None:
    """The denoiser's last norm times 70,000: beyond float16, and undone by what follows."""
    folder = copied(forms["folder"], tmp_path / "folder")
    name = "unet/diffusion_pytorch_model.safetensors"

    def change(tensors) -> dict:
        wide = {key: it.float() for key, it in tensors.items()}
        for key in ("conv_norm_out.weight", "conv_norm_out.bias"):
            wide[key] = wide[key] * 1e6
        wide["conv_out.weight"] = wide["conv_out.weight"] / 1e6
        return wide

    rewritten(forms["folder"] / name, folder / name, change)
    made = sweep(task(folder, tmp_path / "s.png"), "cpu", "fp16")
    assert {picture.kind for picture in made.pictures} != {"nan"}
    assert "not_finite" not in codes(made)


def test_wrong_wishes_are_told_before_anything_is_drawn(forms, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run(forms["folder"], tmp_path, size=65)
    with pytest.raises(NoDevice):
        sweep(task(forms["folder"], tmp_path / "s.png"), "cuda:99", "auto")
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unreadable):
        sweep(task(forms["folder"], tmp_path / "file" / "s.png"), "cpu", "auto")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_card(forms, tmp_path: Path) -> None:
    made = sweep(task(forms["folder"], tmp_path / "s.png", steps=8, size=128), "cuda", "auto")
    assert [picture.clip_skip for picture in made.pictures] == [1, 2, 3, 4]
    assert {picture.kind for picture in made.pictures} == {"fine"}
