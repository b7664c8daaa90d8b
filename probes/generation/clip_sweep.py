"""What clip skip does to a model: its prompt at every layer, and a picture at each clip skip."""

from __future__ import annotations

from dataclasses import replace

from ...registry.errors import CannotRun, MissingDependency, OutOfMemory
from ...registry.textual.swept import Sweep, SweepTask, SweptEncoder
from ...registry.values import Notice
from ..device import choose_device
from ..shapes import prompts as shapes
from .clip_layers import swept
from .clip_pictures import draw_each
from .defaults import sampling_dtype
from .encoded import layers
from .engine import Watch
from .parts import Checkpoint, Part, Parts, clip_texts_of, number, parts_of
from .recipes import TEXT, VOCABULARY, WORDS, framed


def sweep(task: SweepTask, device: str, dtype: str, watch: Watch | None = None) -> Sweep:
    """The prompt that ships at every layer, and a picture at each clip skip where one can be drawn.

    Where none can, the notices say why. ``watch`` is told every step made of all. Raises
    ``MissingDependency`` without transformers, ``NoDevice``, ``UsageError``, ``FileError`` and
    what ``write_sheet`` raises.
    """
    place = choose_device(device)
    float_type = sampling_dtype(dtype, place)
    told = task.checkpoint
    checkpoint = Checkpoint(told.name, told.path, told.identity)
    texts, parts, why = _texts(checkpoint)
    text, ids = _prompt(texts)
    encoders, notices = _encoders(checkpoint, texts, parts, ids)
    made = Sweep(text, encoders, notices=notices)
    try:
        if parts is None:
            raise CannotRun(why)
        if len(encoders) < len(parts.texts):
            raise CannotRun("not all of its text encoders can be run")
        depths = [len(encoder.layers) for encoder in encoders]
        drawn = draw_each(task, checkpoint, parts, depths, place, float_type, watch)
    except (CannotRun, MissingDependency, OutOfMemory) as failure:
        code = "no_pictures" if isinstance(failure, CannotRun) else failure.code
        notice = Notice(code, f"no pictures were drawn: {failure.message}")
        return replace(made, notices=(*notices, notice))
    pictures, further = drawn
    return replace(made, pictures=pictures, sheet=task.sheet, notices=(*notices, *further))


def _texts(checkpoint: Checkpoint) -> tuple[tuple[Part, ...], Parts | None, str]:
    """The text encoders, what draws with them, and why nothing does where that is None."""
    try:
        parts = parts_of(checkpoint)
        return parts.texts, parts, ""
    except CannotRun as failure:
        why = failure.message
    try:
        return clip_texts_of(checkpoint), None, why
    except CannotRun:
        return (), None, why


def _prompt(texts: tuple[Part, ...]) -> tuple[str, tuple[int, ...]]:
    """The prompt that ships for their vocabulary, in words and as ids."""
    known = {number(part.config, "vocab_size", VOCABULARY) for part in texts}
    if known == {shapes.VOCABULARY}:
        return "a red circle", shapes.ids("red", "circle")
    return TEXT, framed(*WORDS)


def _encoders(
    checkpoint: Checkpoint, texts: tuple[Part, ...], parts: Parts | None, ids: tuple[int, ...]
) -> tuple[tuple[SweptEncoder, ...], tuple[Notice, ...]]:
    """Each text encoder that can be run, swept; why the others were not."""
    found: list[SweptEncoder] = []
    notices: list[Notice] = []
    for part in texts:
        try:
            (seen,) = layers(checkpoint, ids, (part,), xl=parts is not None and parts.xl)
        except (CannotRun, OutOfMemory) as failure:
            notices.append(Notice("not_swept", failure.message))
            continue
        found.append(swept(seen, ids))
        if any(layer.norm is None for layer in found[-1].layers):
            message = f"{found[-1].name} gives numbers that are not finite: its weights are damaged"
            notices.append(Notice("not_finite", message))
    if not texts:
        notices.append(Notice("not_swept", "there is no text encoder of CLIP's kind to sweep"))
    return tuple(found), tuple(notices)
