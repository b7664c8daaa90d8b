"""``vaereg inspect``: tell what a file is, without writing anything."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ..registry.errors import VaeregError
from ..registry.intake import look, take_in
from ..registry.lookup import find, is_remote, path_of, path_on_disk
from ..registry.values import Component, Digests, Identity
from . import shapes
from .context import Context
from .page import Page
from .words import family_words, size_words


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("inspect")(inspect_command)


def inspect_command(
    context: typer.Context,
    refs: Annotated[list[str], typer.Argument(metavar="REF", help="Paths or names.")],
    with_hashes: Annotated[
        bool, typer.Option("--hash", help="Hash the file too; a known hash names it.")
    ] = False,
) -> int:
    """Tell what a file or diffusers folder is; writes nothing."""
    settings = Context.of(context)
    documents: list[shapes.Json] = []
    failures = 0
    for ref in refs:
        try:
            document, tell = _inspect(settings, ref, with_hashes)
        except VaeregError as error:
            if len(refs) == 1:
                raise
            failures += 1
            documents.append(shapes.failure(_absolute(ref), error))
            if not settings.output.as_json:
                settings.output.error(error)
            continue
        documents.append(document)
        if not settings.output.as_json:
            settings.output.answer(None, tell)
    if settings.output.as_json:
        settings.output.json(documents if len(refs) > 1 else documents[0])
    return 1 if failures else 0


def _inspect(settings: Context, ref: str, with_hashes: bool) -> tuple[shapes.Json, _Told]:
    path = path_of(ref) or _registered(settings, ref)
    if with_hashes:
        with settings.output.progress("hashing") as watcher:
            watcher.planned(1, os.path.getsize(path) if os.path.exists(path) else 0)
            artifact = take_in(path, watcher.advanced).artifact
        document = shapes.identity(path, artifact.identity, artifact.size, artifact.size)
        document["hashes"] = shapes.hashes(artifact.digests)
        return document, _Told(path, artifact.identity, artifact.size, artifact.digests)
    identity, size, bytes_read = look(path)
    return shapes.identity(path, identity, size, bytes_read), _Told(path, identity, size)


def _registered(settings: Context, ref: str) -> str:
    """The path of a model known by name; the registry is only read."""
    with settings.store() as store:
        model = find(store.models(), ref)
    return path_on_disk(model)


def _absolute(ref: str) -> str:
    return ref if is_remote(ref) else os.path.abspath(ref)


class _Told:
    """What ``inspect`` says to a person."""

    def __init__(
        self, path: str, identity: Identity, size: int, digests: Digests | None = None
    ) -> None:
        self.path, self.identity, self.size, self.digests = path, identity, size, digests

    def __call__(self, page: Page) -> None:
        kind = self.identity.kind.replace("_", " ")
        page.line(self.path, style="bold")
        page.line(f"{kind}, {self.identity.format}, {size_words(self.size)}")
        if self.identity.components:
            rows = [_row(part) for part in self.identity.components]
            columns = ["Part", "Architecture", "Prefix", "Tensors", "dtype", "Latent family"]
            page.table(columns, rows, stretch="Latent family")
        for note in self.identity.all_notices:
            page.line(f"note: {note.message}")
        if self.digests is not None:
            rows = [
                [name, str(value)] for name, value in shapes.hashes(self.digests).items() if value
            ]
            page.table(["Hash", "Value"], rows)


def _row(part: Component) -> list[str]:
    role = part.role.replace("_", " ")
    if part.parts and part.parts != ("encoder", "decoder"):
        role += f" ({', '.join(part.parts)} only)"
    return [
        role,
        part.architecture,
        part.prefix,
        f"{part.tensors:,}",
        ", ".join(part.dtypes),
        family_words(part),
    ]
