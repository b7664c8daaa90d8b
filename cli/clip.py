"""``vaereg clip``: the text encoders inside a model and the clip skip to set in each frontend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.textual.contents import Contents, of_source, opened, unread
from ..registry.textual.study import study
from . import shapes
from .context import Context
from .page import Page
from .taking import side_of

if TYPE_CHECKING:
    from ..registry.judging.sides import Side
    from ..registry.textual.values import Advice, Setting, Study, TextEncoder


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("clip")(clip_command)


def clip_command(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", metavar="REF", help="The checkpoint.")],
) -> None:
    """Tell a model's text encoders, what is wrong with them, and the clip skip to set."""
    settings = Context.of(context)
    with settings.store() as store:
        side = side_of(settings, store, model, "model")
    with _contents(settings, side) as contents:
        found = study(side.path or side.name, side.artifact.identity, contents)
    settings.output.answer(_document(side, found), lambda page: _tell(page, side, found))


@contextmanager
def _contents(settings: Context, side: Side) -> Iterator[Contents]:
    """The model opened on the disk, or by byte ranges where it lies; else what is recorded."""
    if side.path is not None:
        with opened(side.path) as contents:
            yield contents
        return
    sources = settings.sources()
    remote = sources.parse(side.ref) if side.ref else None
    if remote is None:
        yield unread()
        return
    from ..registry.sources.base import Wish
    from ..registry.transfer.remote_bytes import RemoteBytes

    offer = sources.offer(remote, Wish("model"))
    if offer.root is not None:
        yield unread()
        return
    source = RemoteBytes(sources.client_of(remote), offer.files[0])
    try:
        yield of_source(source)
    finally:
        source.close()


def _document(side: Side, found: Study) -> shapes.Json:
    return {
        "model": shapes.side(side, "denoiser"),
        "text_encoders": [_encoder(one) for one in found.encoders],
        "advised": _advised(found.advice),
        "frontends": [_setting(row) for row in found.advice.settings],
        "warnings": [shapes.notice(note) for note in found.notices],
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


def _tell(page: Page, side: Side, found: Study) -> None:
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
    for note in found.notices:
        page.line(f"note: {note.message}")
    if advice.settings:
        rows = [[row.frontend, row.setting, _value(row), row.note or ""] for row in advice.settings]
        page.table(["Frontend", "Setting", "Value", "Note"], rows, stretch="Note")


def _number(count: int | None) -> str:
    return "?" if count is None else str(count)


def _value(row: Setting) -> str:
    return "leave it" if row.value is None else str(row.value)
