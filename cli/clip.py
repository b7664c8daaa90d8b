"""``vaereg clip``: the text encoders inside a model and the clip skip to set in each frontend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.textual.contents import Contents, of_folder, of_header, opened, unread
from ..registry.textual.measured import with_measured
from ..registry.textual.pictures import beside
from ..registry.textual.study import study
from ..registry.values import Folder, Notice
from . import shapes, sweeping
from .context import Context
from .page import Page
from .probing import DeviceOption, Dtype, DtypeOption, SeedOption, SizeOption, StepsOption
from .sample_pictures import look_at_pictures
from .taking import Taken, glanced

if TYPE_CHECKING:
    from ..registry.judging.sides import Side
    from ..registry.textual.swept import Sweep
    from ..registry.textual.values import Advice, SamplePictures, Setting, Study, TextEncoder


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("clip")(clip_command)


def clip_command(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", metavar="REF", help="The checkpoint.")],
    look: Annotated[
        bool,
        typer.Option("--look", help="Ask Civitai what clip skip its pictures were made with."),
    ] = False,
    sweep: Annotated[
        bool,
        typer.Option("--sweep", help="Run a prompt to every layer, and draw at each clip skip."),
    ] = False,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE.png", help="Where the sheet goes.")
    ] = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.AUTO,
    steps: StepsOption = None,
    size: SizeOption = None,
    seed: SeedOption = 0,
) -> None:
    """Tell a model's text encoders, what is wrong with them, and the clip skip to set."""
    settings = Context.of(context)
    wishes = sweeping.Wishes(out, device, dtype, steps, size, seed)
    if not sweep:
        sweeping.refuse_wishes(context)
    with settings.store() as store:
        found = glanced(settings, store, model, "model", to_draw=sweep)
        side = found.side
        seen, notices = look_at_pictures(settings, store, model, side) if look else (None, ())
        with _contents(found) as contents:
            told = study(side.path or side.name, side.artifact.identity, contents, seen)
        advised = told.advice.clip_skip
        swept = sweeping.run_sweep(settings, store, side, advised, wishes) if sweep else None
    told = with_measured(told, swept) if swept else told
    notices = (*told.notices, *notices, *(swept.notices if swept else ()))
    document = _document(side, told, notices)
    document |= {"sample_pictures": _pictures(seen, told.advice)} if look else {}
    document |= sweeping.document(swept) if swept else {}
    settings.output.answer(document, lambda page: _tell(page, side, told, notices, seen, swept))


@contextmanager
def _contents(found: Taken) -> Iterator[Contents]:
    """The model opened on the disk, or what was read of it where it lies; else what is recorded."""
    if found.side.path is not None:
        with opened(found.side.path) as contents:
            yield contents
    elif found.look is None or found.look.found is None:
        yield unread()
    elif isinstance(found.look.found, Folder):
        yield of_folder(found.look.found, found.look.read)
    else:
        yield of_header(found.look.found, found.look.read)


def _document(side: Side, found: Study, notices: tuple[Notice, ...]) -> shapes.Json:
    return {
        "model": shapes.side(side, "denoiser"),
        "text_encoders": [_encoder(one) for one in found.encoders],
        "advised": _advised(found.advice),
        "frontends": [_setting(row) for row in found.advice.settings],
        "warnings": [shapes.notice(note) for note in notices],
    }


def _pictures(seen: SamplePictures | None, advice: Advice) -> shapes.Json | None:
    if seen is None:
        return None
    return {
        "ref": seen.ref,
        "made": seen.made,
        "silent": seen.silent,
        "counts": [{"clip_skip": count, "pictures": many} for count, many in seen.counts],
        "message": beside(seen, advice),
    }


def _encoder(one: TextEncoder) -> shapes.Json:
    return {
        "name": one.name,
        "architecture": one.architecture,
        "layers": one.layers,
        "width": one.width,
        "prefix": one.prefix,
        "defects": [
            {"code": fault.code, "message": fault.message, "cure": fault.cure}
            for fault in one.defects
        ],
    }


def _advised(advice: Advice) -> shapes.Json:
    return {
        "clip_skip": advice.clip_skip,
        "reason": advice.reason,
        "determined_by": advice.determined_by,
    }


def _setting(row: Setting) -> shapes.Json:
    return {
        "frontend": row.frontend,
        "setting": row.setting,
        "value": row.value,
        "note": row.note,
    }


def _tell(
    page: Page,
    side: Side,
    found: Study,
    notices: tuple[Notice, ...],
    seen: SamplePictures | None,
    swept: Sweep | None,
) -> None:
    page.line(side.name, style="bold")
    if found.encoders:
        rows = [
            [one.name, _number(one.layers), _number(one.width), one.prefix]
            for one in found.encoders
        ]
        page.table(["Text encoder", "Layers", "Width", "Below"], rows)
    for one in found.encoders:
        for fault in one.defects:
            page.line(f"defect of {one.name}: {fault.message}")
            if fault.cure:
                page.line(f"  cure: {fault.cure}")
    advice = found.advice
    count = "nothing to set" if advice.clip_skip is None else str(advice.clip_skip)
    by = f" (by {advice.determined_by})" if advice.determined_by else ""
    page.line(f"clip skip: {count}{by}: {advice.reason}", style="bold")
    if seen and advice.determined_by != "sample-pictures":
        page.line(f"sample pictures: {beside(seen, advice)} (Civitai, {seen.ref})")
    for note in notices:
        page.line(f"note: {note.message}")
    if advice.settings:
        rows = [[row.frontend, row.setting, _value(row), row.note or ""] for row in advice.settings]
        page.table(["Frontend", "Setting", "Value", "Note"], rows, stretch="Note")
    if swept:
        sweeping.tell(page, swept)


def _number(count: int | None) -> str:
    return "?" if count is None else str(count)


def _value(row: Setting) -> str:
    return "leave it" if row.value is None else str(row.value)
