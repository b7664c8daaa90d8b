"""``--frontend`` of several commands: which installations are meant, and how they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import UsageError
from . import shapes
from .page import Page

if TYPE_CHECKING:
    from ..registry.frontends.base import Installation
    from ..registry.frontends.examining import Examined, Pairing
    from ..registry.ports import Store

AUTO, NONE = "auto", "none"

FrontendsOption = Annotated[
    list[str] | None,
    typer.Option("--frontend", metavar="NAME=ROOT", help="auto, or a frontend's folder; again."),
]


def installations(store: Store, asked: Sequence[str]) -> list[Installation]:
    """The frontends that are meant: named ones, and with ``auto`` all that are found.

    Raises ``UsageError`` and ``NotFound`` as ``discovery.named`` does.
    """
    from ..registry.frontends.discovery import around, discover, named

    if NONE in asked:
        if len(asked) > 1:
            raise UsageError("--frontend none goes with no other", "leave out one of them")
        return []
    found = [named(one) for one in asked if one != AUTO]
    if AUTO in asked:
        found += [*discover(), *around(store.roots())]
    return list({one.root: one for one in reversed(found)}.values())[::-1]


def document(examined: Examined) -> shapes.Json:
    """One installation as JSON."""
    from ..registry.frontends.examining import notices

    installation = examined.installation
    return {
        "frontend": installation.frontend,
        "title": examined.title,
        "root": installation.root,
        "version": installation.version,
        "folders": [asdict(folder) for folder in installation.folders],
        "checkpoints": len(examined.listing.of("checkpoint", "diffusion_model")),
        "vaes": len(examined.listing.of("vae")),
        "pairings": [_pairing(one) for one in examined.pairings],
        "notices": [shapes.notice(note) for note in notices(examined)],
    }


def _pairing(one: Pairing) -> shapes.Json:
    verdict, effective = one.verdict, one.effective
    return {
        "checkpoint": {
            "name": one.checkpoint.name,
            "path": one.checkpoint.path,
            "sha256": one.model.artifact.digests.sha256 if one.model else None,
        },
        "vae": effective.vae,
        "kind": effective.kind,
        "how": effective.how,
        "outcome": one.outcome,
        "verdict": verdict.verdict if verdict else None,
        "confidence": verdict.confidence if verdict else None,
        "reason": one.reason,
        "notices": [shapes.notice(note) for note in effective.notices],
    }


MOST_NOTICES = 12


def tell(page: Page, examined: Examined) -> None:
    """One installation in words: what would go wrong first, the rest in numbers."""
    from ..registry.frontends.examining import notices

    installation = examined.installation
    version = installation.version or "version not known"
    page.line(f"{examined.title} {version}: {installation.root}", style="bold")
    order = {"fail": 0, "warn": 1, "unknown": 2, "pass": 3}
    pairings = sorted(examined.pairings, key=lambda one: order[one.outcome])
    rows = [_row(one) for one in pairings if one.outcome != "pass" or one.effective.notices]
    if rows:
        page.table(["", "Checkpoint", "Would use", "Because", "What of it"], rows, "What of it")
    checkpoints = {one.checkpoint.path for one in pairings}
    if checkpoints:
        page.line(f"{examined.fine} of {len(checkpoints)} checkpoints get a VAE that fits")
    if any(one.verdict is not None and one.outcome == "unknown" for one in pairings):
        page.line("what is open the weights can tell: vaereg matrix --probe weights")
    told = list(notices(examined))
    for note in told[:MOST_NOTICES]:
        page.line(f"note: {note.message}")
    if told[MOST_NOTICES:]:
        page.line(f"note: {len(told) - MOST_NOTICES} more; --json has them all")


def _row(one: Pairing) -> list[str]:
    kinds = {
        "baked": "its baked VAE",
        "automatic": "one of its own",
        "asked": "your choice",
        "none": "none",
    }
    vae = one.effective.vae
    used = vae.replace("\\", "/").rpartition("/")[2] if vae else kinds[one.effective.kind]
    reason = "; ".join([one.reason, *(note.message for note in one.effective.notices)])
    return [one.outcome, one.checkpoint.name, used, one.effective.how, reason]
