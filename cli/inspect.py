"""``vaereg inspect``: tell what a file is, without writing anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import NotFound, StoreError, UsageError, VaeregError
from ..registry.intake import examine, look, take_in
from ..registry.lookup import path_of, path_on_disk, recorded
from ..registry.sources.ref_parts import shown_ref
from ..registry.sources.refs import is_remote
from ..registry.values import Component, Digests, Identity, Model, Notice
from . import shapes
from .context import Context
from .page import Page
from .probing import DeviceOption, Dtype, prober_maker
from .taking import warn_of_secret
from .words import family_words, size_words

if TYPE_CHECKING:
    from ..registry.measures import Health, Reading
    from ..registry.ports import Prober


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("inspect")(inspect_command)


def inspect_command(
    context: typer.Context,
    refs: Annotated[
        list[str], typer.Argument(metavar="REF", help="Paths, names, or REFs of models elsewhere.")
    ],
    with_hashes: Annotated[
        bool, typer.Option("--hash", help="Hash the file too; a known hash names it.")
    ] = False,
    with_weights: Annotated[
        bool,
        typer.Option("--weights", help="Read the tensors too: what is damaged, and which family."),
    ] = False,
    device: DeviceOption = "auto",
) -> int:
    """Tell what a file or diffusers folder is, here or elsewhere; writes nothing."""
    settings = Context.of(context)
    prober = prober_maker(device, Dtype.AUTO)
    documents: list[shapes.Json] = []
    failures = 0
    for ref in refs:
        try:
            document, tell = _inspect(settings, ref, with_hashes, with_weights, prober)
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


def _inspect(
    settings: Context,
    ref: str,
    with_hashes: bool,
    with_weights: bool,
    prober: Callable[[], Prober],
) -> tuple[shapes.Json, _Told]:
    path = path_of(ref) or _registered(settings, ref)
    if path is None:
        return _peeked(settings, ref, with_hashes, with_weights)
    seen = _seen(settings, path, with_hashes, with_weights)
    if with_weights and _sound(seen.health):
        seen = replace(seen, identity=_told_by_weights(settings, path, seen.identity, prober))
    document = shapes.identity(path, seen.identity, seen.size, seen.bytes_read)
    if seen.health is not None:
        document["health"] = shapes.health(seen.health)
    if seen.digests is not None:
        document["hashes"] = shapes.hashes(seen.digests)
    return document, _Told(path, seen)


def _peeked(
    settings: Context, ref: str, with_hashes: bool, with_weights: bool
) -> tuple[shapes.Json, _Told]:
    """What the header of a model elsewhere says, and which hashes are published for it."""
    from ..registry.peek import peek
    from ..registry.sources.base import Wish

    sources = settings.sources()
    remote = sources.parse(ref)
    assert remote is not None, "what is no REF was not found in the registry"
    warn_of_secret(settings, ref)
    if with_weights:
        raise UsageError(
            f"the weights of {remote} are not on this machine",
            f"vaereg pull {remote} fetches them; without --weights its header is read",
        )
    offer = sources.offer(remote, Wish("model"))
    look = peek(sources.client_of(remote), offer)
    identity = look.artifact.identity
    notes = tuple(Notice("source", note) for note in offer.notes)
    if with_hashes:
        notes += (Notice("hashes_published", _PUBLISHED),)
    identity = replace(identity, notices=(*notes, *identity.notices))
    digests = look.artifact.digests if with_hashes else None
    seen = _Seen(identity, look.artifact.size, look.bytes_read, digests)
    document = shapes.identity(str(offer.ref), identity, seen.size, seen.bytes_read)
    document["known_as"] = look.artifact.known_as
    document["origin"] = shapes.origin(offer.origin)
    if digests is not None:
        document["hashes"] = shapes.hashes(digests)
    return document, _Told(str(offer.ref), seen)


_PUBLISHED = "its hashes are those that the source states; only a download can prove them"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was read of a file or folder, as far as it was asked for."""

    identity: Identity
    size: int
    bytes_read: int
    digests: Digests | None = None
    health: Health | None = None


def _seen(settings: Context, path: str, with_hashes: bool, with_weights: bool) -> _Seen:
    """The header alone, or all of the file in one reading."""
    if not (with_hashes or with_weights):
        return _Seen(*look(path))
    with settings.output.progress("hashing" if with_hashes else "reading") as watcher:
        watcher.planned(1, os.path.getsize(path) if os.path.exists(path) else 0)
        if not with_hashes:
            identity, size, health = examine(path, watcher.advanced)
            return _Seen(identity, size, size, health=health)
        taken = take_in(path, watcher.advanced, whole=True)
    found = taken.artifact
    health = taken.health if with_weights else None
    return _Seen(found.identity, found.size, found.size, found.digests, health)


def _told_by_weights(
    settings: Context, path: str, identity: Identity, prober: Callable[[], Prober]
) -> Identity:
    """The identity with the families that the weights tell; the registry lends its references."""
    from ..registry.judging.telling import told_by_weights

    models: Sequence[Model] = ()
    readings: Mapping[str, Reading] = {}
    try:
        with settings.store() as store:
            models, readings = store.models(), store.readings()
    except StoreError as failure:
        settings.output.note(f"note: judged without the registry. {failure.message}")
    return told_by_weights(identity, path, prober, models, readings)


def _sound(health: Health | None) -> bool:
    """Whether it makes sense to run the weights."""
    return health is None or (health.finite and not health.zeroed_tails)


def _registered(settings: Context, ref: str) -> str | None:
    """The path of a model known by name; None for a REF of a model elsewhere.

    The registry is only read.
    """
    if is_remote(ref) and not settings.has_registry:
        return None
    try:
        with settings.store() as store:
            model = recorded(store, ref)
    except NotFound:
        if settings.sources().parse(ref) is None:
            raise
        return None
    return path_on_disk(model)


def _absolute(ref: str) -> str:
    return os.path.abspath(ref) if path_of(ref) or not is_remote(ref) else shown_ref(ref)


class _Told:
    """What ``inspect`` says to a person."""

    def __init__(self, path: str, seen: _Seen) -> None:
        self.path, self.seen = path, seen

    def __call__(self, page: Page) -> None:
        seen, identity = self.seen, self.seen.identity
        kind = identity.kind.replace("_", " ")
        page.line(self.path, style="bold")
        page.line(f"{kind}, {identity.format}, {size_words(seen.size)}")
        if identity.components:
            rows = [_row(part) for part in identity.components]
            columns = ["Part", "Architecture", "Prefix", "Tensors", "dtype", "Latent family"]
            page.table(columns, rows, stretch="Latent family")
        for note in identity.all_notices:
            page.line(f"note: {note.message}")
        if seen.health is not None:
            page.line(f"weights: {_health_words(seen.health)}")
        if seen.digests is not None:
            rows = [
                [name, str(value)] for name, value in shapes.hashes(seen.digests).items() if value
            ]
            page.table(["Hash", "Value"], rows)


def _health_words(health: Health) -> str:
    """One line; what is wrong with which tensors stands in the notes above it."""
    facts = [
        "all numbers finite" if health.finite else "not all numbers finite",
        f"{health.zero_tensors} zero weight tensors" if health.zero_tensors else "",
        f"holes in {len(health.zeroed_tails)} tensors" if health.zeroed_tails else "",
        f"absurd numbers in {len(health.huge_tensors)} tensors" if health.huge_tensors else "",
        "" if health.archive_crc == "n/a" else f"archive checksums {health.archive_crc}",
    ]
    return ", ".join(fact for fact in facts if fact)


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
