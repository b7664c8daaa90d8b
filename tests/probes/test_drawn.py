"""What a checkpoint draws is drawn once, kept whole, and told as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file  # noqa: E402

from tests.probes import generation_folders  # noqa: E402
from tests.probes.drawing_cases import counting, task  # noqa: E402
from tests.probes.generation_cases import CPU, DENOISER, described, rewritten  # noqa: E402
from vaereg.probes.generation.drawn import draw, wider  # noqa: E402
from vaereg.probes.generation.kept import load_latents, recalled  # noqa: E402
from vaereg.probes.generation.sampling import sample  # noqa: E402
from vaereg.probes.prober import TorchProber  # noqa: E402
from vaereg.probes.shapes import checkpoint  # noqa: E402
from vaereg.registry.drawing import Drawing  # noqa: E402
from vaereg.registry.errors import (  # noqa: E402
    OutOfMemory,
    Unreadable,
    UsageError,
)

UNDONE = f"{DENOISER}input_blocks.1.0."
"""A block of the UNet that normalises what its first half gives."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "shapes.safetensors"
    checkpoint.write_single_file(path)
    return path


def overflowing(tensors):
    """The first block 20,000 times larger inside, which its norm undoes: the picture stays."""
    for name in ("in_layers.2", "emb_layers.1"):
        for kind in ("weight", "bias"):
            tensors[f"{UNDONE}{name}.{kind}"] = tensors[f"{UNDONE}{name}.{kind}"].float() * 2e4
    return {name: tensor.float() for name, tensor in tensors.items()}


def test_what_is_told_and_kept(model, tmp_path: Path) -> None:
    made = draw(task(model, tmp_path / "new" / "folder"), CPU, "auto")
    latents = load_latents(made.path)
    assert latents.shape == (1, 4, 16, 16)
    assert latents.dtype == np.float32
    assert os.listdir(tmp_path / "new" / "folder") == [os.path.basename(made.path)]
    assert replace(made, path="", seconds=0.0) == Drawing(
        path="",
        channels=4,
        width=128,
        height=128,
        device="cpu",
        dtype="float32",
        seconds=0.0,
        steps=8,
        guidance=3.0,
        text="a red circle",
    )
    assert made.seconds > 0


def test_drawn_once(model, tmp_path: Path) -> None:
    watch, steps = counting()
    first = draw(task(model, tmp_path), CPU, "auto", watch)
    assert steps == list(range(1, 9))
    second = draw(task(model, tmp_path, clip_skip=0), CPU, "fp32", watch)
    assert len(steps) == 8
    assert second == replace(first, kept=True)
    again = draw(task(model, tmp_path, again=True), CPU, "auto", watch)
    assert len(steps) == 16
    assert not again.kept
    np.testing.assert_array_equal(load_latents(again.path), load_latents(first.path))


def test_what_was_drawn_needs_neither_the_checkpoint_nor_diffusers(model, tmp_path: Path) -> None:
    moved = tmp_path / "unplugged.safetensors"
    moved.write_bytes(model.read_bytes())
    asked = task(moved, tmp_path / "kept")
    first = draw(asked, CPU, "auto")
    moved.unlink()
    assert draw(asked, CPU, "auto") == replace(first, kept=True)
    script = (
        "import sys\n"
        "import torch\n"
        "from vaereg.probes.generation.drawn import draw\n"
        "from vaereg.registry.drawing import CheckpointFile, DrawTask\n"
        "from vaereg.registry.values import Identity\n"
        "told = CheckpointFile('gone', sys.argv[1], sys.argv[2], Identity('x', 'checkpoint'))\n"
        "made = draw(DrawTask(told, sys.argv[3]), torch.device('cpu'), 'auto')\n"
        "print(made.path, 'diffusers' in sys.modules, 'transformers' in sys.modules)\n"
    )
    words = (asked.checkpoint.path, asked.checkpoint.sha256, asked.folder)
    line = [sys.executable, "-c", script, *words]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert said.split() == [first.path, "False", "False"]


@pytest.mark.parametrize(
    "wishes", [{"seed": 1}, {"steps": 3}, {"size": 64}, {"clip_skip": 1}], ids=str
)
def test_another_wish_is_another_drawing(model, tmp_path: Path, wishes) -> None:
    usual = draw(task(model, tmp_path, steps=2), CPU, "auto")
    other = draw(task(model, tmp_path, **{"steps": 2, **wishes}), CPU, "auto")
    assert not other.kept
    assert other.path != usual.path
    assert other.seed == wishes.get("seed", 0)
    assert other.steps == wishes.get("steps", 2)
    assert other.width == other.height == wishes.get("size", 128)
    one, two = load_latents(usual.path), load_latents(other.path)
    assert one.shape != two.shape or np.abs(one - two).max() > 0.01
    assert draw(task(model, tmp_path, steps=2), CPU, "bf16").path not in (usual.path, other.path)


@pytest.mark.parametrize(
    "wishes",
    [
        {"size": 100},
        {"size": 0},
        {"size": -64},
        {"size": 1 << 20},
        {"steps": 0},
        {"steps": 1001},
        {"seed": -1},
        {"seed": 1 << 70},
        {"clip_skip": 9},
    ],
    ids=str,
)
def test_wishes_that_cannot_be_granted(model, tmp_path: Path, wishes) -> None:
    with pytest.raises(UsageError) as caught:
        draw(task(model, tmp_path / "kept", **wishes), CPU, "auto")
    assert caught.value.hint
    assert not (tmp_path / "kept").exists()


def test_no_clip_skip_where_there_are_no_clip_layers(tmp_path: Path) -> None:
    path = generation_folders.flux(tmp_path / "flux")
    wishes = {"steps": 1, "size": 64}
    with pytest.raises(UsageError, match="CLIP"):
        draw(task(path, tmp_path / "kept", clip_skip=1, **wishes), CPU, "auto")
    made = draw(task(path, tmp_path / "kept", **wishes), CPU, "auto")
    assert made.channels == load_latents(made.path).shape[1] == 4


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def told_otherwise(path: Path) -> None:
    text = path.read_bytes()
    path.write_bytes(text.replace(b'\\"seed\\": 0', b'\\"seed\\": 7'))
    assert path.read_bytes() != text


def bare(path: Path) -> None:
    """The same latents as anybody's file would hold them."""
    save_file(load_file(path), path)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [cut, flipped, told_otherwise, bare, emptied])
def test_what_was_damaged_is_drawn_anew(model, tmp_path: Path, harm) -> None:
    first = draw(task(model, tmp_path, steps=2), CPU, "auto")
    sound = load_latents(first.path)
    harm(Path(first.path))
    assert recalled(first.path) is None
    with pytest.raises(Unreadable) as caught:
        load_latents(first.path)
    assert first.path in caught.value.message
    again = draw(task(model, tmp_path, steps=2), CPU, "auto")
    assert not again.kept
    np.testing.assert_array_equal(load_latents(again.path), sound)


def test_interruption_leaves_nothing_behind(model, tmp_path: Path) -> None:
    def enough(step: int, _all: int) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(task(model, tmp_path), CPU, "auto", enough)
    assert os.listdir(tmp_path) == []


def test_interruption_keeps_what_was_kept_before(model, tmp_path: Path) -> None:
    first = draw(task(model, tmp_path, steps=2), CPU, "auto")

    def never(_step: int, _all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(task(model, tmp_path, steps=2, again=True), CPU, "auto", never)
    assert recalled(first.path) == replace(first, kept=True)


def test_half_precision_that_overflows_is_made_good(model, tmp_path: Path) -> None:
    path = rewritten(model, tmp_path / "huge.safetensors", overflowing)
    watch, steps = counting()
    made = draw(task(path, tmp_path), CPU, "fp16", watch)
    assert (made.overflowed, made.dtype, made.finite) == ("float16", "float32", True)
    assert made.failed_at is None
    assert any("float16" in note and "step 1" in note for note in made.notes)
    assert steps == [1, *range(1, 9)]
    usual = load_latents(draw(task(model, tmp_path), CPU, "fp32").path)
    assert np.abs(load_latents(made.path) - usual).max() < 0.01
    assert draw(task(path, tmp_path), CPU, "fp16", watch) == replace(made, kept=True)
    assert len(steps) == 9
    wide = draw(task(path, tmp_path), CPU, "fp32")
    assert (wide.overflowed, wide.kept) == (None, False)


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_half_precision_that_holds_is_no_news(model, tmp_path: Path, dtype: str) -> None:
    made = draw(task(model, tmp_path, steps=2), CPU, dtype)
    assert made.finite
    assert made.overflowed is None
    assert made.notes == ()
    assert made.dtype == {"fp16": "float16", "bf16": "bfloat16"}[dtype]


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
def test_weights_that_no_type_saves(model, tmp_path: Path, dtype: str) -> None:
    def broken(tensors):
        tensors[f"{DENOISER}out.2.bias"][0] = float("nan")

    path = rewritten(model, tmp_path / "nan.safetensors", broken)
    made = draw(task(path, tmp_path), CPU, dtype)
    assert (made.finite, made.failed_at, made.overflowed) == (False, 1, None)
    assert made.dtype == "float32"
    assert not np.isfinite(load_latents(made.path)).all()
    assert draw(task(path, tmp_path), CPU, dtype) == replace(made, kept=True)


def short_of_memory(monkeypatch: pytest.MonkeyPatch, fits) -> None:
    """A machine where the denoiser runs only as ``fits(latents)`` says."""
    import diffusers

    forward = diffusers.UNet2DConditionModel.forward

    def tight(self, latents, *args, **others):
        if not fits(latents):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, latents, *args, **others)

    monkeypatch.setattr(diffusers.UNet2DConditionModel, "forward", tight)


def test_short_memory_is_told(model, tmp_path: Path, monkeypatch) -> None:
    short_of_memory(monkeypatch, lambda latents: latents.shape[-1] <= 48)
    made = draw(task(model, tmp_path, size=512, steps=1), CPU, "auto")
    assert (made.width, made.height) == (384, 384)
    assert load_latents(made.path).shape == (1, 4, 48, 48)
    assert any("384 x 384 pixels instead of 512 x 512" in note for note in made.notes)


def test_no_room_for_a_wider_type_is_no_word_on_the_weights(
    model, tmp_path: Path, monkeypatch
) -> None:
    path = rewritten(model, tmp_path / "huge.safetensors", overflowing)
    short_of_memory(monkeypatch, lambda latents: latents.dtype is torch.float16)
    with pytest.raises(OutOfMemory, match="no finite latents in float16") as caught:
        draw(task(path, tmp_path / "kept"), CPU, "fp16")
    assert caught.value.hint
    assert not (tmp_path / "kept").exists()


GIB = 1 << 30


@pytest.mark.parametrize(
    ("dtype", "free", "types"),
    [
        (torch.float32, None, ()),
        (torch.float16, None, (torch.float32,)),
        (torch.bfloat16, None, (torch.float32,)),
        (torch.bfloat16, 80 * GIB, (torch.float32,)),
        (torch.float16, 80 * GIB, (torch.float32, torch.bfloat16)),
        (torch.float16, 8 * GIB, (torch.bfloat16, torch.float32)),
    ],
)
def test_types_to_draw_in_after_a_failure(dtype, free, types) -> None:
    """With SDXL's UNet, which takes 10.3 GB in float32."""
    assert wider(dtype, free, 2_567_463_684) == types


def test_the_prober_draws_and_keeps_account(model, tmp_path: Path) -> None:
    prober = TorchProber("cpu", "auto")
    made = prober.draw(task(model, tmp_path))
    assert np.isfinite(load_latents(made.path)).all()
    assert prober.cost().seconds >= made.seconds * 0.9
    assert prober.draw(task(model, tmp_path)).kept


def test_the_denoiser_is_let_go_before_another_type_is_tried(model, monkeypatch) -> None:
    import gc
    import weakref

    import diffusers

    from vaereg.probes.generation.defaults import recipe_for

    seen: list[weakref.ref] = []
    forward = diffusers.UNet2DConditionModel.forward

    def watched(self, *args, **others):
        seen.append(weakref.ref(self))
        return forward(self, *args, **others)

    monkeypatch.setattr(diffusers.UNet2DConditionModel, "forward", watched)
    told = described(model)
    gc.disable()
    try:
        sample(told, replace(recipe_for(told, CPU), steps=1), CPU, torch.float32)
        assert seen
        assert seen[0]() is None
    finally:
        gc.enable()
