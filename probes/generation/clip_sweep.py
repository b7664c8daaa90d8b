"""What clip skip does to a model: its prompt at every layer, and a picture at each clip skip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...registry.errors import CannotRun, MissingDependency, OutOfMemory
from ...registry.textual.swept import Sweep, SweepTask, SweptEncoder
from ...registry.values import Notice
from ..device import choose_device
from ..shapes import prompts as shapes
from .clip_layers import names_of, swept
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
    found = _texts(checkpoint)
    parts = found.parts
    text, ids = _prompt(found.texts)
    encoders, notices = _encoders(checkpoint, found, ids)
    made = Sweep(text, encoders, notices=notices)
    try:
        if parts is None:
            raise CannotRun(found.why)
        if len(encoders) < len(parts.texts):
            raise CannotRun("not all of its text encoders can be run")
        drawn = draw_each(task, checkpoint, parts, encoders, place, float_type, watch)
    except (CannotRun, MissingDependency, OutOfMemory) as failure:
        code = "no_pictures" if isinstance(failure, CannotRun) else failure.code
        notice = Notice(code, f"no pictures were drawn: {failure.message}")
        return replace(made, notices=(*notices, notice))
    pictures, further = drawn
    return replace(made, pictures=pictures, sheet=task.sheet, notices=(*notices, *further))


@dataclass(frozen=True, slots=True)
class _Texts:
    """The text encoders of CLIP's kind that can be run, as far as configs tell."""

    texts: tuple[Part, ...]
    troubles: tuple[str, ...] = ()
    """Why others cannot be."""
    parts: Parts | None = None
    """What draws with them."""
    why: str = ""
    """Why nothing does, where that is None."""


def _texts(checkpoint: Checkpoint) -> _Texts:
    try:
        parts = parts_of(checkpoint)
        return _Texts(parts.texts, parts=parts)
    except CannotRun as failure:
        return _Texts(*clip_texts_of(checkpoint), why=failure.message)


def _prompt(texts: tuple[Part, ...]) -> tuple[str, tuple[int, ...]]:
    """The prompt that ships for their vocabulary, in words and as ids."""
    known = {number(part.config, "vocab_size", VOCABULARY) for part in texts}
    if known == {shapes.VOCABULARY}:
        return "a red circle", shapes.ids("red", "circle")
    return TEXT, framed(*WORDS)


def _encoders(
    checkpoint: Checkpoint, found: _Texts, ids: tuple[int, ...]
) -> tuple[tuple[SweptEncoder, ...], tuple[Notice, ...]]:
    """Each text encoder that can be run, swept; why the others were not."""
    made: list[SweptEncoder] = []
    notices = [Notice("not_swept", trouble) for trouble in found.troubles]
    xl = found.parts is not None and found.parts.xl
    names = names_of([part.architecture for part in found.texts])
    for part, name in zip(found.texts, names, strict=True):
        try:
            (seen,) = layers(checkpoint, ids, (part,), xl)
        except (CannotRun, OutOfMemory) as failure:
            notices.append(Notice("not_swept", f"{name} was not swept: {failure.message}"))
            continue
        made.append(swept(seen, ids, name))
        notices.extend(_unsound(made[-1]))
    if not found.texts and not found.troubles:
        notices.append(Notice("not_swept", "there is no text encoder of CLIP's kind to sweep"))
    return tuple(made), tuple(notices)


def _unsound(encoder: SweptEncoder) -> Iterator[Notice]:
    """Layers that give no embedding, by their numbers."""
    tests = (
        ("not_finite", "numbers that are not finite", lambda row: not row.finite),
        ("all_zero", "nothing but zeros", lambda row: row.finite and row.norm == 0),
    )
    whole = len(encoder.layers)
    for code, what, holds in tests:
        wrong = sorted(row.layer for row in encoder.layers if holds(row))
        if wrong:
            which = "every layer" if len(wrong) == whole else f"layer {_listed(wrong)} of {whole}"
            message = f"{encoder.name} gives {what} at {which}: its weights are damaged"
            yield Notice(code, message)


def _listed(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last
