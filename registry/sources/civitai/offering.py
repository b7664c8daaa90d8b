"""From a REF to an offer: the version it names, its file, and what a user should know of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...errors import Forbidden, NotFound
from ...naming import shown
from ...values import Origin
from ..base import Offer, RemoteFile, Wish
from ..ref_values import CivitaiRef
from .base_models import declared_families
from .choice import choose, is_main, listed, main_weights
from .records import File, Version, is_record, version_of, versions_of
from .routes import Addresses, Routes

if TYPE_CHECKING:
    from ...transfer.client import Client

_CONNECTIONS = 2
"""Many connections at once are answered with 403 (civitai/civitai issue 2113)."""
_IDS = "ids are in the address of its page: /models/MODEL?modelVersionId=VERSION"
_CLOSED = {"Archived": "is archived", "TakenDown": "was taken down"}


def version_behind(client: Client, routes: Routes, ref: CivitaiRef) -> Version:
    """The version that a REF names: its own, the file's, or the model's newest.

    Raises ``NotFound`` and ``SourceError``.
    """
    if ref.version is None:
        return _of_model(client, routes, ref)
    try:
        return version_of(client.json(routes.version(ref.version)))
    except NotFound:
        # Versions that nobody rated yet answer 404, and stand in their model's record.
        found = () if ref.model is None else _versions(client, routes, ref.model)
    if match := next((each for each in found if each.id == ref.version), None):
        return match
    alone = f"; a new version may be found with its model: civitai:MODEL@{ref.version}"
    raise NotFound(
        f"Civitai has no version {ref.version}" + (f" of model {ref.model}" if ref.model else ""),
        _IDS + (alone if ref.model is None else ""),
    )


def offer_of(
    client: Client, routes: Routes, version: Version, ref: CivitaiRef, wish: Wish
) -> Offer:
    """What a version offers to a wish; raises ``NotFound``, ``Forbidden`` and ``SourceError``."""
    _require_open(version)
    file = choose(version, ref, wish)
    return Offer(
        ref=CivitaiRef(version.model or ref.model, version.id, file.id),
        name=file.name or f"civitai-{version.id}-{file.id}",
        files=(remote_file(version, file, routes),),
        origin=origin_of(version, file, routes),
        declared_vaes=_declared_vaes(client, routes, version, file),
        notes=tuple(_notes(version, file, ref, wish)),
    )


def remote_file(version: Version, file: File, routes: Routes) -> RemoteFile:
    """A file as it can be fetched."""
    return RemoteFile(
        path=file.name,
        size=file.size,
        locate=Addresses(routes.downloads(version, file)),
        sha256=file.sha256,
        hashes={name: value for name, value in file.hashes.items() if name != "sha256"},
        connections=_CONNECTIONS,
    )


def origin_of(version: Version, file: File, routes: Routes) -> Origin:
    """Where a file was published; an extra file's name says that it is one."""
    extra = "" if is_main(version, file) else f" ({file.type})"
    return Origin(
        source="civitai",
        ref=version.ref,
        url=routes.page(version),
        name=version.title + extra if version.title else None,
        declared=version.base_model,
    )


def linked_weights(client: Client, routes: Routes, vae: int) -> list[str]:
    """SHA-256 of a linked VAE version's first file, the one that the service itself would give."""
    try:
        record = client.json(routes.version(vae))
    except NotFound:
        return []
    files = main_weights(version_of(record)) if is_record(record) else []
    first = sorted(files, key=lambda file: file.id)[:1]
    return [file.sha256 for file in first if file.sha256]


def _declared_vaes(client: Client, routes: Routes, version: Version, file: File) -> tuple[str, ...]:
    """SHA-256 of the VAEs on a checkpoint's page, for the checkpoint's own weights."""
    if not is_main(version, file):
        return ()
    shown_there = [vae.sha256 for vae in version.vaes if vae.sha256]
    if not version.vaes and version.vae:
        shown_there = linked_weights(client, routes, version.vae)
    return tuple(dict.fromkeys(shown_there))


def _of_model(client: Client, routes: Routes, ref: CivitaiRef) -> Version:
    assert ref.model is not None
    found = _versions(client, routes, ref.model)
    if ref.file is not None:
        found = tuple(each for each in found if any(file.id == ref.file for file in each.files))
    offering = [each for each in found if main_weights(each)] or found
    if not offering:
        what = f"file {ref.file}" if ref.file else "version that can be downloaded"
        raise NotFound(
            f"model {ref.model} on Civitai shows no {what}",
            f"name the version, as in civitai:{ref.model}@VERSION; its page's address has it "
            "behind modelVersionId=",
        )
    return offering[0]


def _versions(client: Client, routes: Routes, model: int) -> tuple[Version, ...]:
    """A model's versions; raises ``NotFound`` and ``SourceError``."""
    try:
        return versions_of(client.json(routes.model(model)))
    except NotFound:
        raise NotFound(f"Civitai has no model {model}", _IDS) from None


def _require_open(version: Version) -> None:
    """Raise ``Forbidden`` for what its author or the service does not let be downloaded."""
    if version.mode in _CLOSED:
        raise Forbidden(
            f"{version.ref} ({shown(version.title)}) {_CLOSED[version.mode]}: Civitai offers it "
            "no longer",
            "look for another version or another source of it",
        )
    if version.usage not in (None, "Download"):
        raise Forbidden(
            f"the author of {version.ref} ({shown(version.title)}) disabled downloads: it can "
            "only be used on the site",
            "choose another model",
        )


def _notes(version: Version, file: File, ref: CivitaiRef, wish: Wish) -> Iterator[str]:
    what = shown(version.title) or version.ref
    if ref.model is not None and version.model and ref.model != version.model:
        yield (
            f"version {version.id} belongs to model {version.model}, not to {ref.model}: "
            "the REF mixes two models, or its ids are swapped"
        )
    if version.early is not None:
        until = f" until {shown(version.early)}" if version.early else ""
        yield f"{what} is in early access{until}: only those who bought it can download it"
    if version.private:
        yield f"{what} is private: only those whom its author lets in can download it"
    if wish.dtype != "auto" and file.metadata.get("fp") != wish.dtype:
        yield _other_float(version, file, wish.dtype)
    if families := declared_families(version.base_model):
        yield (
            f"{what}: its author declares {shown(version.base_model or '')}, whose latent "
            f"family is {' or '.join(families)}; the weights decide"
        )
    yield from _scan_notes(file)
    others = [each for each in version.files if each.id != file.id]
    if others:
        yield f"also offered: {listed(version, others)}"


def _other_float(version: Version, file: File, dtype: str) -> str:
    """That the file is not of the float type wished for, and which ones are, if any."""
    same = [each for each in version.files if each.metadata.get("fp") == dtype]
    if not same:
        return f"no file is declared as {dtype}, so {shown(file.name)} it is"
    return f"{shown(file.name)} is not declared as {dtype}; so declared: {listed(version, same)}"


def _scan_notes(file: File) -> Iterator[str]:
    for what, result, message in file.scans:
        if result == "Success" or (what == "pickle" and not file.pickle):
            continue
        said = f" ({shown(message)})" if message else ""
        yield f"Civitai's {what} scan of {shown(file.name)} says {shown(result)}{said}"
    if file.sha256 is None:
        yield f"Civitai states no SHA-256 for {shown(file.name)}: it cannot be verified"
