"""Which text encoders a model holds, how many layers they have, and what merging did to them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from vaereg.registry.identify.identify import identify
from vaereg.registry.intake import look
from vaereg.registry.textual.contents import of_header, opened
from vaereg.registry.textual.study import study
from vaereg.registry.textual.values import Defect, Study, TextEncoder

from ...builders import header_of
from ..identify import text_headers
from . import models
from .models import SD1_TEXT, XL_G, XL_L, Shapes, Values, below, without


def looked(path: Path) -> Study:
    """What a look at a file or folder tells."""
    with opened(str(path)) as contents:
        return study(str(path), look(str(path))[0], contents)


def faults(path: Path) -> list[str]:
    """The codes of all defects."""
    return [fault.code for one in looked(path).encoders for fault in one.defects]


def only(path: Path) -> Defect:
    """The one defect of the model."""
    (fault,) = [fault for one in looked(path).encoders for fault in one.defects]
    return fault


BUNDLES: list[tuple[str, Shapes, list[tuple[str, int, int, str]]]] = [
    ("sd1", models.sd1(), [("CLIP-L", 12, 768, SD1_TEXT)]),
    ("sd1 by NovelAI", models.sd1(models.clip(root="")), [("CLIP-L", 12, 768, SD1_TEXT)]),
    ("sd2", models.sd2(), [("OpenCLIP-H", 24, 1024, "cond_stage_model.model.")]),
    (
        "waifu diffusion 1.4",
        models.sd2(without(models.open_clip(layers=23), "text_projection", "logit_scale")),
        [("OpenCLIP-H", 23, 1024, "cond_stage_model.model.")],
    ),
    (
        "sdxl",
        models.sdxl(),
        [("CLIP-L", 12, 768, XL_L), ("OpenCLIP bigG", 32, 1280, XL_G)],
    ),
    (
        "sd3's encoders",
        below("clip_l.", models.clip())
        | below("clip_g.", models.clip(1280, 32) | {"text_projection.weight": (1, 1)})
        | below("t5xxl.", models.t5()),
        [
            ("OpenCLIP bigG", 32, 1280, "clip_g."),
            ("CLIP-L", 12, 768, "clip_l."),
            ("T5-XXL", 24, 4096, "t5xxl."),
        ],
    ),
    ("clip alone", models.clip(), [("CLIP-L", 12, 768, "")]),
    ("clip whole", models.clip() | text_headers.vision(8), [("CLIP-L", 12, 768, "")]),
]


@pytest.mark.parametrize(
    ("shapes", "expected"), [row[1:] for row in BUNDLES], ids=[row[0] for row in BUNDLES]
)
def test_sound_text_encoders_are_named_with_their_layers(
    tmp_path: Path, shapes: Shapes, expected: list[tuple[str, int, int, str]]
) -> None:
    found = looked(models.write(tmp_path / "model.safetensors", shapes)).encoders
    told = [(one.name, one.layers, one.width, one.prefix) for one in found]
    assert told == expected
    assert [fault for one in found for fault in one.defects] == []


@pytest.mark.parametrize(
    ("shapes", "name", "width"),
    [
        (text_headers.llm(2304, 256000, "pre_feedforward_layernorm.weight"), "Gemma 2 2B", 2304),
        (text_headers.llm(2560, 151936, "self_attn.q_norm.weight"), "Qwen3 4B", 2560),
        (text_headers.chatglm(), "ChatGLM3 6B", 4096),
        (text_headers.bert(), "BERT", 1024),
        (text_headers.llm(3072, 32064), "llm", 3072),
    ],
)
def test_language_models_are_told_from_a_header_alone(
    shapes: Shapes, name: str, width: int
) -> None:
    """As for a remote model; no layer is expected of what tools prune."""
    header = header_of(shapes)
    (one,) = study("model", identify(header), of_header(header)).encoders
    assert (one.name, one.width, one.defects) == (name, width, ())
    assert one.layers is not None


def test_a_gguf_of_t5_counts_its_layers() -> None:
    shapes: Shapes = {"token_embd.weight": (8, 1), "enc.output_norm.weight": (4096,)}
    for layer in range(24):
        shapes |= {
            f"enc.blk.{layer}.attn_norm.weight": (4096,),
            f"enc.blk.{layer}.attn_q.weight": (1, 1),
            f"enc.blk.{layer}.ffn_norm.weight": (4096,),
        }
    header = header_of(shapes, format="gguf")
    (one,) = study("model", identify(header), of_header(header)).encoders
    assert (one.name, one.layers, one.defects) == ("T5-XXL", 24, ())


POSITIONS: list[tuple[str, Values, str | None, str]] = [
    ("as released", models.positions(SD1_TEXT, range(77), "int64"), None, ""),
    (
        "merged",
        models.positions(SD1_TEXT, models.ANYTHING),
        "shifted_position_ids",
        "75.9975): A1111 uses them without their fractions and reads 1 of 77",
    ),
    (
        "cut off and saved",
        models.positions(SD1_TEXT, [*range(76), 75], "int64"),
        "shifted_position_ids",
        "reads 1 of 77 tokens",
    ),
    (
        "a little more",
        models.positions(SD1_TEXT, [*range(76), 76.002]),
        "shifted_position_ids",
        "gets the right positions",
    ),
    (
        "halved",
        models.positions(SD1_TEXT, [n * 0.999 for n in range(77)], "float16"),
        "shifted_position_ids",
        "76 of 77",
    ),
    ("float", models.positions(SD1_TEXT, range(77)), "float_position_ids", "still right"),
    (
        "doubles",
        models.positions(SD1_TEXT, range(77), "float64"),
        "float_position_ids",
        "as far as float32 tells",
    ),
    (
        "no number",
        models.positions(SD1_TEXT, [math.nan, math.inf, *range(2, 77)]),
        "shifted_position_ids",
        "2 of 77",
    ),
    (
        "beyond float32",
        models.positions(SD1_TEXT, [1e300, *range(1, 77)], "float64"),
        "shifted_position_ids",
        "1 of 77",
    ),
    ("too many", models.positions(SD1_TEXT, range(99), "int64"), "misshapen_position_ids", "99"),
]


@pytest.mark.parametrize(
    ("values", "code", "words"), [row[1:] for row in POSITIONS], ids=[row[0] for row in POSITIONS]
)
def test_position_ids_are_read_from_the_file(
    tmp_path: Path, values: Values, code: str | None, words: str
) -> None:
    path = models.write(tmp_path / "merge.safetensors", models.sd1(), values)
    found = looked(path)
    defects = [fault for one in found.encoders for fault in one.defects]
    assert [fault.code for fault in defects] == ([code] if code else [])
    assert all(words in fault.message and fault.cure for fault in defects)
    assert found.notices == ()


def test_the_positions_of_long_clip_are_as_many_as_it_has(tmp_path: Path) -> None:
    text = models.clip() | {"text_model.embeddings.position_embedding.weight": (248, 1)}
    values = models.positions(SD1_TEXT, range(248), "int64")
    assert faults(models.write(tmp_path / "long.safetensors", models.sd1(text), values)) == []


def test_sdxls_clip_l_has_positions_too(tmp_path: Path) -> None:
    values = models.positions(XL_L, models.ANYTHING, "float32")
    path = models.write(tmp_path / "merge.safetensors", models.sdxl(), values)
    assert only(path).code == "shifted_position_ids"


def test_positions_in_a_diffusers_folder_are_read(tmp_path: Path) -> None:
    folder = models.write_folder(tmp_path / "model", 12, models.clip())
    values = models.positions("", models.ANYTHING, "float32")
    models.write(folder / "text_encoder" / "model.safetensors", models.clip(), values)
    assert only(folder).code == "shifted_position_ids"


def test_positions_under_novelais_names_are_read(tmp_path: Path) -> None:
    values = models.positions(SD1_TEXT, models.ANYTHING)
    bare = {name.replace("text_model.", ""): table for name, table in values.items()}
    path = models.write(tmp_path / "nai.safetensors", models.sd1(models.clip(root="")), bare)
    assert only(path).code == "shifted_position_ids"


@pytest.mark.parametrize("legacy", [False, True])
def test_positions_in_a_pickled_checkpoint_are_read(tmp_path: Path, legacy: bool) -> None:
    """Merges of that time are .ckpt files."""
    torch = pytest.importorskip("torch")
    state = {name: torch.zeros(shape, dtype=torch.half) for name, shape in models.sd1().items()}
    state[SD1_TEXT + models.POSITION_IDS] = torch.tensor([[*range(76), 75]])
    path = tmp_path / "merge.ckpt"
    torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=not legacy)
    assert only(path).code == "shifted_position_ids"


def test_positions_that_claim_a_huge_span_are_not_read() -> None:
    """A strided view of a few numbers can span a whole file."""
    name = SD1_TEXT + models.POSITION_IDS
    header = header_of(models.sd1() | {name: (1, 77)}, "int64")
    wide = header.tensors[name]._replace(nbytes=1 << 40, strides=(1, 1 << 33))
    header = replace(header, tensors={**header.tensors, name: wide})

    def read(asked: str) -> NoReturn:
        raise AssertionError(f"{asked} was read")

    found = study("model", identify(header), of_header(header, read))
    assert [note.code for note in found.notices] == ["not_checked"]


def test_without_values_only_what_the_header_says_is_told() -> None:
    """A header of a remote file: floats are seen, shifts are not, and that is said."""
    header = header_of(models.sd1() | {SD1_TEXT + models.POSITION_IDS: (1, 77)}, "float32")
    found = study("model", identify(header), of_header(header))
    (fault,) = found.encoders[0].defects
    assert (fault.code, "not read" in fault.message) == ("float_position_ids", True)
    assert [note.code for note in found.notices] == ["not_checked"]


LACKING: list[tuple[str, Shapes, str, str, bool]] = [
    (
        "last norm",
        models.sd1(without(models.clip(), "final_layer_norm.weight")),
        *("tensors_missing", "final_layer_norm.weight", True),
    ),
    (
        "words",
        models.sd1(without(models.clip(), "token_embedding")),
        *("tensors_missing", "no word of a prompt", True),
    ),
    (
        "projection",
        models.sdxl(high=without(models.open_clip(1280, 32), "text_projection")),
        *("tensors_missing", "text_projection", True),
    ),
    (
        "logit scale",
        models.sdxl(high=without(models.open_clip(1280, 32), "logit_scale")),
        *("tensors_missing", "training alone", False),
    ),
    (
        "layer in the middle",
        models.sd1(without(models.clip(), "layers.5.")),
        *("layers_missing", "layer 5 is", True),
    ),
    (
        "last layers",
        models.sd1(models.clip(layers=10)),
        *("ends_early", "after 10 of CLIP-L's 12", True),
    ),
    (
        "tensor of a layer",
        models.sd1(without(models.clip(), "layers.5.mlp.fc1.bias")),
        *("tensors_missing", "encoder.layers.5.mlp.fc1.bias", True),
    ),
    (
        "absurd numbers",
        models.sd1(models.clip() | {"text_model.encoder.layers.999.x": (1,)}),
        *("layers_missing", "and 982 more", True),
    ),
]


@pytest.mark.parametrize(
    ("shapes", "code", "words", "curable"),
    [row[1:] for row in LACKING],
    ids=[row[0] for row in LACKING],
)
def test_what_is_not_there_is_named_with_its_cure(
    tmp_path: Path, shapes: Shapes, code: str, words: str, curable: bool
) -> None:
    path = models.write(tmp_path / "model.safetensors", shapes)
    fault = only(path)
    assert (fault.code, fault.cure is not None) == (code, curable)
    assert words in fault.message
    assert "parts_missing" not in [note.code for note in looked(path).notices]


def test_a_text_encoder_of_which_only_the_config_is_there(tmp_path: Path) -> None:
    found = looked(models.write_folder(tmp_path / "model", 12, {}))
    (one,) = found.encoders
    assert one == TextEncoder(
        *("CLIP-L", "clip-l", 12, 768, "text_encoder/"), unchecked=one.unchecked
    )
    assert [note.code for note in found.notices] == ["not_checked"]


@pytest.mark.parametrize("promised", [True, -3, "12", 1e9, None, [12]])
def test_an_absurd_config_promises_nothing(tmp_path: Path, promised: object) -> None:
    folder = models.write_folder(tmp_path / "model", promised, models.clip())  # type: ignore[arg-type]
    (one,) = looked(folder).encoders
    assert (one.layers, one.defects) == (12, ())
