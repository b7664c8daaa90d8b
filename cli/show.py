"""``vaereg show`` and ``vaereg path``: all that is known of one model, or its path alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from ..registry.lookup import path_on_disk, recorded
from ..registry.ports import Store, StoredVerdict
from ..registry.twins import Twin, twins
from ..registry.values import DeclaredPair, Model, Origin
from . import shapes
from .context import Context
from .page import Page
from .words import family_words, size_words

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name, a path or the start of a hash.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("show")(show_command)
    app.command("path")(path_command)


@dataclass(frozen=True, slots=True)
class _Known:
    """All that is known of one model."""

    model: Model
    twins: list[Twin]
    verdicts: list[StoredVerdict]
    origins: tuple[Origin, ...]
    declared: list[DeclaredPair]
    """Pairs that authors declare, this model on either side."""
    names: dict[str, str]
    """What recorded models are called, by SHA-256."""

    @property
    def sha256(self) -> str:
        """Of the model's content."""
        return self.model.artifact.digests.sha256

    def called(self, sha256: str) -> str:
        """A model's name, or the start of the hash of one that is not recorded."""
        return self.names.get(sha256, sha256[:10])

    @property
    def declared_vaes(self) -> list[DeclaredPair]:
        """What its author names for it."""
        return [pair for pair in self.declared if pair.model_sha256 == self.sha256]

    @property
    def declared_by(self) -> list[DeclaredPair]:
        """Whose authors name it."""
        return [pair for pair in self.declared if pair.vae_sha256 == self.sha256]


def show_command(context: typer.Context, name: Name) -> None:
    """Show all that is known of one recorded model."""
    settings = Context.of(context)
    with settings.store() as store:
        known = _gathered(store, name)
    settings.output.answer(_document(known), lambda page: _tell(page, known))


def path_command(context: typer.Context, name: Name) -> None:
    """Print the path of one recorded model, for use in $(...)."""
    settings = Context.of(context)
    with settings.store() as store:
        model = recorded(store, name)
    path = path_on_disk(model)
    if settings.output.as_json:
        settings.output.json({"name": model.name, "path": path})
    else:
        settings.output.lines([path])


def _gathered(store: Store, name: str) -> _Known:
    models = store.models()
    model = recorded(store, name, models)
    sha256 = model.artifact.digests.sha256
    return _Known(
        model,
        twins(model, models),
        [row for row in store.verdicts() if sha256 in (row.model_sha256, row.vae_sha256)],
        store.origins().get(sha256, ()),
        [pair for pair in store.pairs() if sha256 in (pair.model_sha256, pair.vae_sha256)],
        {found.artifact.digests.sha256: found.name for found in models},
    )


def _document(known: _Known) -> shapes.Json:
    artifact, names = known.model.artifact, known.names
    return shapes.model(known.model) | {
        "components": [
            shapes.component(part) | {"content": part.content}
            for part in artifact.identity.components
        ],
        "same_weights": [
            {"name": twin.model.name, "path": twin.model.path, "baked": twin.baked}
            for twin in known.twins
        ],
        "origins": [shapes.origin(page) for page in known.origins],
        "declared_vaes": [
            shapes.declared(pair.vae_sha256, names.get(pair.vae_sha256), pair.ref)
            for pair in known.declared_vaes
        ],
        "declared_by": [
            shapes.declared(pair.model_sha256, names.get(pair.model_sha256), pair.ref)
            for pair in known.declared_by
        ],
        "hashes": shapes.hashes(artifact.digests),
        "locations": [shapes.location(place) for place in known.model.locations],
        "warnings": [shapes.notice(note) for note in artifact.identity.all_notices],
        "verdicts": [_verdict(row, names) for row in known.verdicts],
    }


def _verdict(row: StoredVerdict, names: dict[str, str]) -> shapes.Json:
    return shapes.verdict(row.verdict) | {
        "model": names.get(row.model_sha256),
        "vae": names.get(row.vae_sha256),
        "level": row.level,
        "decided_at": row.decided_at,
        "probe": asdict(row.cost) if row.cost else None,
        "images": list(row.images),
    }


def _tell(page: Page, known: _Known) -> None:
    artifact = known.model.artifact
    page.line(known.model.name, style="bold")
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
    for twin in known.twins:
        where = "baked into" if twin.baked else "also saved as"
        page.line(f"the VAE's weights are {where} {_called(twin.model)}")
    _tell_published(page, known)
    digests = [
        [name, str(value)] for name, value in shapes.hashes(artifact.digests).items() if value
    ]
    page.table(["Hash", "Value"], digests)
    page.table(["State", "Path"], [[place.state, place.path] for place in known.model.locations])
    _tell_verdicts(page, known)


def _tell_published(page: Page, known: _Known) -> None:
    for origin in known.origins:
        page.line(f"origin: {_origin_words(origin)}")
    for pair in known.declared_vaes:
        vae = known.called(pair.vae_sha256)
        page.line(f"its author names the VAE {vae} for it ({pair.ref})")
    for pair in known.declared_by:
        checkpoint = known.called(pair.model_sha256)
        page.line(f"the author of {checkpoint} names it as the VAE for that ({pair.ref})")


def _origin_words(origin: Origin) -> str:
    words = (
        f"{origin.ref} ({origin.source})",
        f"revision {origin.revision}" if origin.revision else "",
        f"its author declares {origin.declared}" if origin.declared else "",
        origin.url if origin.url != origin.ref else "",
    )
    return ", ".join(text for text in words if text)


def _tell_verdicts(page: Page, known: _Known) -> None:
    rows = [
        [
            known.called(row.model_sha256),
            known.called(row.vae_sha256),
            row.verdict.verdict,
            row.level,
            f"{row.cost.device}, {row.cost.dtype}" if row.cost else "",
            row.decided_at,
        ]
        for row in known.verdicts
    ]
    if rows:
        page.table(["Checkpoint", "VAE", "Verdict", "Probe", "Ran on", "Decided"], rows)


def _called(model: Model) -> str:
    published = model.artifact.known_as
    return f"{model.name} ({published})" if published else model.name
