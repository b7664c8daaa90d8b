"""Local files that Civitai knows by their SHA-256, and the VAEs that their authors name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ...errors import DownloadBroken
from ...values import Origin
from .choice import is_main
from .offering import linked_weights, origin_of
from .records import File, Version, is_record, version_of, versions_of
from .routes import Routes

if TYPE_CHECKING:
    from ...transfer.client import Client

_Item = TypeVar("_Item", int, str)
_BATCH = 100
"""Hashes a request, and models a page (civitai/civitai, src/pages/api/v1)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What Civitai says of one content."""

    origin: Origin
    declared_vaes: tuple[str, ...] = ()
    """SHA-256 of the VAEs that a checkpoint's author puts beside it."""


def find_by_hashes(client: Client, routes: Routes, sha256s: Iterable[str]) -> Mapping[str, Found]:
    """What is known of each SHA-256, in lower case; unknown ones are missing.

    One request for every 100 hashes, one more for every 100 models of the checkpoints among them,
    and one for every linked VAE whose hash no record showed. Raises ``SourceError``.
    """
    wanted = {each.lower() for each in sha256s if re.fullmatch("[0-9a-fA-F]{64}", each)}
    owners: dict[str, tuple[Version, File]] = {}
    for batch in _batches(sorted(wanted)):
        for version in _answered(client.json(routes.by_hash, body=batch)):
            for file in version.files:
                if file.sha256 in wanted:
                    owners[file.sha256] = _better((version, file), owners.get(file.sha256))
    checkpoints = {
        version.id: version
        for version, file in owners.values()
        if version.model_type == "Checkpoint" and is_main(version, file)
    }
    vaes = _declared(client, routes, checkpoints)
    return {
        sha256: Found(
            origin_of(version, file, routes),
            vaes.get(version.id, ()) if is_main(version, file) else (),
        )
        for sha256, (version, file) in owners.items()
    }


def _answered(answer: object) -> Iterator[Version]:
    """The versions of an answer; an entry may be null, and one that is no record is left out."""
    if not isinstance(answer, list):
        raise DownloadBroken("Civitai's answer is no list of versions", "try again later")
    found = (version_of(row) for row in answer if is_record(row))
    return (version for version in found if version.model)


def _better(one: tuple[Version, File], other: tuple[Version, File] | None) -> tuple[Version, File]:
    """A page that is about the file before one that has it beside; then the oldest upload."""
    if other is None:
        return one
    return min(one, other, key=lambda each: (not is_main(*each), each[0].id))


def _declared(
    client: Client, routes: Routes, checkpoints: Mapping[int, Version]
) -> dict[int, tuple[str, ...]]:
    """SHA-256 of the VAEs of each checkpoint; links stand in the models' records alone."""
    declared: dict[int, list[str | None]] = {
        each.id: [vae.sha256 for vae in each.vaes] for each in checkpoints.values()
    }
    linked: dict[int, list[int]] = {}
    """Who links a VAE's version that its own record does not show."""
    for full in _full_records(client, routes, checkpoints):
        own = {file.id for file in checkpoints[full.id].files}
        declared[full.id] += [vae.sha256 for vae in full.vaes]
        if full.vae and all(vae.id in own for vae in full.vaes):
            linked.setdefault(full.vae, []).append(full.id)
    for vae, users in linked.items():
        hashes = linked_weights(client, routes, vae)
        for user in users:
            declared[user] += hashes
    return {
        version: tuple(dict.fromkeys(sha256 for sha256 in sha256s if sha256))
        for version, sha256s in declared.items()
    }


def _full_records(
    client: Client, routes: Routes, checkpoints: Mapping[int, Version]
) -> Iterator[Version]:
    for batch in _batches(sorted({version.model for version in checkpoints.values()})):
        ids = ",".join(map(str, batch))
        query = [("ids", ids), ("limit", str(_BATCH)), ("nsfw", "true")]
        page = client.json(routes.models, query)
        items = page.get("items") if isinstance(page, dict) else None
        for record in filter(is_record, items if isinstance(items, list) else ()):
            yield from (each for each in versions_of(record) if each.id in checkpoints)


def _batches(items: list[_Item]) -> Iterator[list[_Item]]:
    return (items[at : at + _BATCH] for at in range(0, len(items), _BATCH))
