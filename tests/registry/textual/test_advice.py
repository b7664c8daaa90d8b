"""The clip skip that a checkpoint wants, how it is known, and what to type in each frontend."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaereg.registry.errors import UnsupportedFormat
from vaereg.registry.identify.identify import identify
from vaereg.registry.textual.contents import of_header
from vaereg.registry.textual.settings import FRONTENDS, settings_for
from vaereg.registry.textual.study import study
from vaereg.registry.textual.values import Study

from ...builders import header_of
from ..identify.original_cases import flux, wan
from ..identify.text_headers import chatglm
from . import models
from .models import Shapes, below
from .test_encoders import looked


def told(shapes: Shapes, metadata: dict[str, str] | None = None) -> Study:
    """What a header alone tells."""
    header = header_of(shapes, metadata=metadata)
    return study("model", identify(header), of_header(header))


FLUX = below("model.diffusion_model.", flux()())
KINDS: list[tuple[str, Shapes, int | None, str | None, str]] = [
    ("sd1", models.sd1(), 1, "family", "NovelAI"),
    ("sd1 without text", models.sd1({}), 1, "family", "NovelAI"),
    ("sd2", models.sd2(), 2, "family", "OpenCLIP-H"),
    ("sdxl", models.sdxl(), 2, "family", "SDXL"),
    ("flux", FLUX, None, "family", "FLUX.1"),
    (
        "flux with text",
        FLUX | below("text_encoders.clip_l.transformer.", models.clip()),
        *(None, "family", "FLUX.1"),
    ),
    (
        "wan with t5",
        below("model.diffusion_model.", wan()) | below("text_encoders.t5.", models.t5()),
        *(None, "family", "this model reads T5-XXL"),
    ),
    ("wan alone", below("model.diffusion_model.", wan()), None, None, "leave it"),
    ("clip alone", models.clip(), None, None, "the checkpoint"),
    ("chatglm alone", chatglm(), None, None, "the checkpoint"),
]


@pytest.mark.parametrize(
    ("shapes", "count", "by", "words"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS]
)
def test_the_kind_of_checkpoint_decides(
    shapes: Shapes, count: int | None, by: str | None, words: str
) -> None:
    advice = told(shapes).advice
    assert (advice.clip_skip, advice.determined_by) == (count, by)
    assert words in advice.reason
    assert bool(advice.settings) == (count is not None)


def test_a_checkpoint_without_a_text_encoder_says_so() -> None:
    assert [note.code for note in told(FLUX).notices] == ["no_text_encoder"]


METADATA: list[tuple[str, dict[str, str], int, str, list[str]]] = [
    ("kohya", {"ss_clip_skip": "2"}, 2, "metadata", []),
    ("spec", {"modelspec.encoder_layer": "2"}, 2, "metadata", []),
    ("one", {"ss_clip_skip": "1"}, 1, "metadata", []),
    ("both", {"ss_clip_skip": "2", "modelspec.encoder_layer": "2"}, 2, "metadata", []),
    ("unset", {"ss_clip_skip": "None", "modelspec.encoder_layer": ""}, 1, "family", []),
    (
        "contrary",
        {"ss_clip_skip": "2", "modelspec.encoder_layer": "1"},
        *(1, "family", ["metadata_ignored"]),
    ),
    *(
        (f"absurd {text[:4]!a}", {"ss_clip_skip": text}, 1, "family", ["metadata_ignored"])
        for text in ("0", "13", "-2", "2.0", "²", "9" * 5000, "two", "\x1b[31m2")
    ),
]


@pytest.mark.parametrize(
    ("metadata", "count", "by", "codes"),
    [row[1:] for row in METADATA],
    ids=[row[0] for row in METADATA],
)
def test_the_files_own_metadata_goes_before_the_kind(
    metadata: dict[str, str], count: int, by: str, codes: list[str]
) -> None:
    found = told(models.sd1(), metadata)
    assert (found.advice.clip_skip, found.advice.determined_by) == (count, by)
    assert [note.code for note in found.notices] == codes
    assert all(note.message.isprintable() and len(note.message) < 300 for note in found.notices)


@pytest.mark.parametrize(("said", "codes"), [("2", []), ("1", ["metadata_ignored"])])
def test_sdxl_has_one_layer_whatever_the_metadata_says(said: str, codes: list[str]) -> None:
    """Trainers ignore the setting for SDXL: kohya-ss/sd-scripts sdxl_train_util.py."""
    found = told(models.sdxl(), {"ss_clip_skip": said})
    assert (found.advice.clip_skip, found.advice.determined_by) == (2, "family")
    assert [note.code for note in found.notices] == codes


def test_novelais_names_are_a_hint_and_decide_nothing() -> None:
    found = told(models.sd1(models.clip(root="")))
    assert found.advice.clip_skip == 1
    assert [note.code for note in found.notices] == ["novelai_names"]


def test_a_skip_that_is_built_into_a_folder_is_not_done_twice(tmp_path: Path) -> None:
    """Whether the last layer is gone, only left out by the config, or not downloaded."""
    for layers in (11, 12, 0):
        folder = models.write_folder(
            tmp_path / str(layers), 11, models.clip(layers=layers) if layers else {}
        )
        advice = looked(folder).advice
        assert (advice.clip_skip, advice.determined_by) == (1, "family")
        assert "what clip skip 2 does: skip no further" in advice.reason


def test_sd2_in_a_folder_ends_at_the_layer_wanted(tmp_path: Path) -> None:
    text = models.clip(1024, 23)
    found = looked(models.write_folder(tmp_path / "sd2", 23, text, width=1024))
    (one,) = found.encoders
    assert (one.name, one.layers, one.defects) == ("OpenCLIP-H", 23, ())
    assert found.advice.clip_skip == 2


VALUES = {
    # As measured and read in the frontends' sources, see registry/textual/settings.py.
    ("sd1", 1): (1, 1, -1, -1, 0, 1, 0, 1, 1),
    ("sd1", 2): (2, 2, -2, -2, 1, 2, 1, 2, 2),
    ("sd2", 2): (None, 1, -2, -2, None, 1, 0, 2, None),
    ("sdxl", 2): (None, 2, -2, -2, 2, None, 1, 0, 2, None),
}


@pytest.mark.parametrize(("line", "count"), VALUES)
def test_the_value_to_type_in_each_frontend(line: str, count: int) -> None:
    rows = settings_for(line, count)
    named = [one.name for one in FRONTENDS if line == "sdxl" or one.name != "Fooocus"]
    assert [row.frontend for row in rows] == named
    assert tuple(row.value for row in rows) == VALUES[line, count]
    assert all(row.note for row in rows if row.value is None)


@pytest.mark.parametrize(("line", "count"), VALUES)
def test_diffusers_reads_the_layer_that_its_value_means(line: str, count: int) -> None:
    """The count from the end against diffusers' own arithmetic on hidden states."""
    (value,) = [row.value for row in settings_for(line, count) if row.frontend == "diffusers"]
    # stable_diffusion: hidden_states[-(clip_skip + 1)] of an encoder that in SD2 ends one early;
    # stable_diffusion_xl: hidden_states[-2] where clip_skip is None.
    ends_early = {"sd1": 0, "sd2": 1, "sdxl": 1}[line]
    assert (0 if value is None else value) + 1 + ends_early == count


@pytest.mark.parametrize(
    ("shapes", "kind"),
    [
        ({"decoder.conv_in.weight": (512, 4, 3, 3)}, "not a model"),
        ({"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (8, 768)}, "lora"),
    ],
)
def test_what_reads_no_text_has_no_clip_skip(shapes: Shapes, kind: str) -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        told(shapes)
    assert kind in caught.value.message
    assert caught.value.hint
