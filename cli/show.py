"""``vaereg show`` and ``vaereg path``: all that is known of one model, or its path alone."""

from __future__ import annotations

from typing import Annotated

import typer

from ..registry.lookup import find, path_on_disk
from ..registry.ports import StoredVerdict
from ..registry.twins import Twin, twins
from ..registry.values import Model
from . import shapes
from .context import Context
from .page import Page
from .words import family_words, size_words

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name, a path or the start of a hash.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("show")(show_command)
    app.command("path")(path_command)


def show_command(context: typer.Context, name: Name) -> None:
    """Show all that is known of one recorded model."""
    settings = Context.of(context)
    with settings.store() as store:
        models = store.models()
        model = find(models, name)
        sha256 = model.artifact.digests.sha256
        stored = [row for row in store.verdicts() if sha256 in (row.model_sha256, row.vae_sha256)]
    alike = twins(model, models)
    names = {found.artifact.digests.sha256: found.name for found in models}
    document = shapes.model(model) | {
        "components": [
            shapes.component(part) | {"content": part.content}
            for part in model.artifact.identity.components
        ],
        "same_weights": [
            {"name": twin.model.name, "path": twin.model.path, "baked": twin.baked}
            for twin in alike
        ],
        "hashes": shapes.hashes(model.artifact.digests),
        "locations": [shapes.location(place) for place in model.locations],
        "warnings": [shapes.notice(note) for note in model.artifact.identity.all_notices],
        "verdicts": [_verdict(row, names) for row in stored],
    }
    settings.output.answer(document, lambda page: _tell(page, model, alike, stored, names))


def path_command(context: typer.Context, name: Name) -> None:
    """Print the path of one recorded model, for use in $(...)."""
    settings = Context.of(context)
    with settings.store() as store:
        model = find(store.models(), name)
    path = path_on_disk(model)
    if settings.output.as_json:
        settings.output.json({"name": model.name, "path": path})
    else:
        settings.output.lines([path])


def _verdict(row: StoredVerdict, names: dict[str, str]) -> shapes.Json:
    return shapes.verdict(row.verdict) | {
        "model": names.get(row.model_sha256),
        "vae": names.get(row.vae_sha256),
        "level": row.level,
        "decided_at": row.decided_at,
    }


def _tell(
    page: Page,
    model: Model,
    alike: list[Twin],
    stored: list[StoredVerdict],
    names: dict[str, str],
) -> None:
    artifact = model.artifact
    page.line(model.name, style="bold")
    if artifact.known_as:
        page.line(f"published as {artifact.known_as}")
    kind = artifact.identity.kind.replace("_", " ")
    page.line(f"{kind}, {artifact.identity.format}, {size_words(artifact.size)}")
    for part in artifact.identity.components:
        words = family_words(part)
        where = f" below {part.prefix}" if part.prefix else ""
        page.line(f"{part.role.replace('_', ' ')}: {part.architecture}{where}; {words}")
    for note in artifact.identity.all_notices:
        page.line(f"note: {note.message}")
    for twin in alike:
        where = "baked into" if twin.baked else "also saved as"
        page.line(f"the VAE's weights are {where} {_called(twin.model)}")
    digests = [
        [name, str(value)] for name, value in shapes.hashes(artifact.digests).items() if value
    ]
    page.table(["Hash", "Value"], digests)
    places = [[place.state, place.path] for place in model.locations]
    page.table(["State", "Path"], places)
    if stored:
        rows = [
            [
                names.get(row.model_sha256, row.model_sha256[:10]),
                names.get(row.vae_sha256, row.vae_sha256[:10]),
                row.verdict.verdict,
                row.level,
                row.decided_at,
            ]
            for row in stored
        ]
        page.table(["Checkpoint", "VAE", "Verdict", "Probe", "Decided"], rows)


def _called(model: Model) -> str:
    published = model.artifact.known_as
    return f"{model.name} ({published})" if published else model.name
