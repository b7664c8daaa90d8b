"""A sweep over clip skip: every layer beside the last, the same seed at each, honest without."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.probes import generation_folders  # noqa: E402
from tests.probes.generation_cases import TEXT, copied, described, rewritten  # noqa: E402
from vaereg.probes.generation.clip_layers import deepest, names_of, swept  # noqa: E402
from vaereg.probes.generation.clip_sweep import sweep  # noqa: E402
from vaereg.probes.generation.encoded import Layers, layers  # noqa: E402
from vaereg.probes.shapes import checkpoint, prompts  # noqa: E402
from vaereg.probes.shapes.vaes import write_vae  # noqa: E402
from vaereg.registry.drawing import CheckpointFile  # noqa: E402
from vaereg.registry.errors import NoDevice, Unreadable, UsageError  # noqa: E402
from vaereg.registry.judging.reference import file_of  # noqa: E402
from vaereg.registry.measures import Scaling  # noqa: E402
from vaereg.registry.textual.measured import weight_defects, with_measured  # noqa: E402
from vaereg.registry.textual.swept import Sweep, SweepTask, SweptEncoder  # noqa: E402
from vaereg.registry.textual.values import Advice, Study, TextEncoder  # noqa: E402

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


def test_sdxl_s_pooled_text_is_of_the_last_layer_of_all(forms, tmp_path: Path) -> None:
    """Every layer that is read is sound, and yet no picture can be drawn."""
    folder = generation_folders.xl(tmp_path / "xl")
    weights = folder / "text_encoder_2" / "model.safetensors"
    rewritten(weights, tmp_path / "spoilt.safetensors", spoiling(3, float("nan")))
    (tmp_path / "spoilt.safetensors").replace(weights)
    made = run(folder, tmp_path, forms["vae.safetensors"])
    said = [note.message for note in made.notices if "no picture" in note.message]
    assert len(said) == len(made.pictures) == 2
    assert all(f"what {made.encoders[1].name} made" in text for text in said)


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


TEXT_FILE = "text_encoder/model.safetensors"


def changed(forms, tmp_path: Path, change) -> Path:
    """The folder with its text encoder's tensors changed."""
    folder = copied(forms["folder"], tmp_path / "folder")
    rewritten(forms["folder"] / TEXT_FILE, folder / TEXT_FILE, change)
    return folder


def spoiling(layer: int, value: float):
    """One number of a layer is no usable one."""

    def change(tensors) -> None:
        key = next(key for key in tensors if f"layers.{layer}.mlp.fc1.weight" in key)
        tensors[key][0, 0] = value

    return change


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_laid_at_the_text_encoder_s_door(
    forms, tmp_path: Path, value: float
) -> None:
    made = run(changed(forms, tmp_path, spoiling(0, value)), tmp_path)
    (encoder,) = made.encoders
    assert {(row.finite, row.cosine, row.norm) for row in encoder.layers} == {(False, None, None)}
    assert {picture.kind for picture in made.pictures} == {"nan"}
    said = [note.message for note in made.notices]
    assert (
        said[0] == "CLIP gives numbers that are not finite at every layer: its weights are damaged"
    )
    assert len(said) == 1 + len(made.pictures)
    assert all("what CLIP made of the prompt is not finite" in text for text in said[1:])
    (defect,) = encoder.defects
    assert defect.code == "weights_not_finite"
    assert "layers.0.mlp.fc1.weight" in defect.message


def test_layers_below_the_damage_are_told_as_sound(forms, tmp_path: Path) -> None:
    """The last layer alone is spoilt: pictures from the one before it on are real ones."""
    made = run(changed(forms, tmp_path, spoiling(3, float("nan"))), tmp_path)
    (encoder,) = made.encoders
    assert [row.finite for row in encoder.layers] == [False, True, True, True]
    assert [row.norm is not None for row in encoder.layers] == [False, True, True, True]
    assert [picture.kind == "nan" for picture in made.pictures] == [True, False, False, False]
    first, second = (note.message for note in made.notices)
    assert "at layer 4 of 4:" in first
    assert second.startswith("at clip skip 1 there is no picture: what CLIP made")


def test_a_denoiser_that_fails_is_told_as_such(forms, tmp_path: Path) -> None:
    folder = copied(forms["folder"], tmp_path / "folder")
    name = "unet/diffusion_pytorch_model.safetensors"

    def change(tensors) -> None:
        tensors["conv_out.bias"][0] = float("nan")

    rewritten(forms["folder"] / name, folder / name, change)
    made = run(folder, tmp_path)
    assert all("the denoiser gave" in note.message for note in made.notices)
    assert made.encoders[0].defects == ()


def test_weights_of_nothing_but_zeros(forms, tmp_path: Path) -> None:
    def change(tensors) -> None:
        for tensor in tensors.values():
            tensor.zero_()

    made = run(changed(forms, tmp_path, change), tmp_path)
    (encoder,) = made.encoders
    assert {(row.finite, row.cosine, row.norm) for row in encoder.layers} == {(True, None, 0.0)}
    (defect,) = encoder.defects
    assert (defect.code, "nothing but zeros" in defect.message) == ("weights_zero", True)
    assert "all_zero" in codes(made)
    assert "not_finite" not in codes(made)


def test_what_is_measured_stands_among_the_defects_of_a_study() -> None:
    one = SweptEncoder("CLIP 2", (), "b/", tuple(weight_defects(["x"], [], 9)))
    blank = TextEncoder("CLIP", "clip", 1, 8)
    told = Study((replace(blank, prefix="a/"), replace(blank, prefix="b/")), Advice(None, "", None))
    seen = with_measured(told, Sweep("", (one,))).encoders
    assert [len(encoder.defects) for encoder in seen] == [0, 1]
    assert seen[1].defects[0].message.startswith("1 of 9 tensors holds numbers")


def test_text_encoders_of_one_name_are_numbered() -> None:
    assert names_of(["clip", "clip-l", "clip"]) == ("CLIP 1", "CLIP-L", "CLIP 2")


def test_a_damaged_text_encoder_spoils_neither_the_answer_nor_itself(forms, tmp_path: Path) -> None:
    folder = copied(forms["folder"], tmp_path / "folder")
    name = "text_encoder/model.safetensors"

    def change(tensors) -> None:
        del tensors[next(key for key in tensors if "layers.1.mlp.fc1.weight" in key)]

    rewritten(forms["folder"] / name, folder / name, change)
    made = run(folder, tmp_path)
    assert made.encoders == ()
    assert codes(made) == ["not_swept", "no_pictures"]


LYING: list[tuple[dict | None, str]] = [
    ({"num_hidden_layers": 10**9}, "impossible num_hidden_layers"),
    ({"num_hidden_layers": 0}, "tells of no layer"),
    ({"num_hidden_layers": -2}, "tells of no layer"),
    ({"hidden_size": "x"}, "makes no text encoder"),
    ({"vocab_size": 70}, "shape"),
    ({"vocab_size": 3}, "knows 3 tokens|shape"),
    ({"model_type": "t5"}, "by a config of t5"),
    (None, "text encoder text_encoder has no config.json"),
]


@pytest.mark.parametrize(("lies", "says"), LYING, ids=lambda it: str(it)[:30])
def test_a_config_that_lies(forms, tmp_path: Path, lies: dict | None, says: str) -> None:
    folder = copied(forms["folder"], tmp_path / "folder")
    config = folder / "text_encoder" / "config.json"
    if lies is None:
        config.unlink()
    else:
        config.write_text(json.dumps(json.loads(config.read_text()) | lies))
    made = run(folder, tmp_path)
    assert (made.encoders, made.pictures) == ((), ())
    assert set(codes(made)) == {"not_swept", "no_pictures"}
    (why,) = (note.message for note in made.notices if note.code == "not_swept")
    assert re.search(says, why)
    assert "no text encoder of CLIP's kind" not in why


def test_a_key_that_nobody_knows_does_no_harm(forms, tmp_path: Path) -> None:
    folder = copied(forms["folder"], tmp_path / "folder")
    config = folder / "text_encoder" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"a": 1}))
    assert run(folder, tmp_path).encoders


@pytest.mark.parametrize("size", [10, -5, 0, 100_000])
def test_a_size_that_nobody_asked_for_is_no_wrong_usage(forms, tmp_path: Path, size: int) -> None:
    folder = copied(forms["folder"], tmp_path / "folder")
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"sample_size": size}))
    by_config = run(folder, tmp_path / "a", size=None)
    if size == 100_000:  # No machine without a card draws more than 256 pixels unasked.
        assert by_config.pictures
    else:
        assert codes(by_config) == ["no_pictures"]
        assert f"pictures of {8 * size} x {8 * size} pixels" in by_config.notices[0].message
    assert run(folder, tmp_path / "b").pictures, "a size that is asked for is drawn"


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
