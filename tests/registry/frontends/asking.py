"""Asking a frontend's module as the doctor does: what it lists, and what it would decode with."""

from __future__ import annotations

import os
from pathlib import Path

from vaereg.registry.frontends.base import Effective, Frontend, Installation, Listing
from vaereg.registry.values import Notice


def looked(frontend: Frontend, root: Path) -> tuple[Installation, Listing]:
    installation = frontend.read(str(root))
    return installation, frontend.listing(installation)


def vae_for(
    frontend: Frontend, root: Path, checkpoint: str, has_baked: bool = True
) -> tuple[str, str | None, set[str]]:
    """Kind, the VAE's path below the root, and the notices' codes."""
    found = effective(frontend, root, checkpoint, has_baked)
    path = found.vae and os.path.relpath(found.vae, root).replace(os.sep, "/")
    return found.kind, path, codes(found.notices)


def effective(frontend: Frontend, root: Path, checkpoint: str, has_baked: bool = True) -> Effective:
    installation, listing = looked(frontend, root)
    rows = [one for one in listing.of("checkpoint") if checkpoint in one.name]
    assert rows, f"{checkpoint} is not among {[one.name for one in listing.models]}"
    found = frontend.effective(installation, listing, rows[0], has_baked)
    assert found.how
    return found


def names(listing: Listing, *roles: str) -> list[str]:
    return [one.name for one in listing.of(*roles)]


def hidden(listing: Listing) -> dict[str, str]:
    return {one.name: one.hidden for one in listing.models if one.hidden is not None}


def codes(notices: tuple[Notice, ...]) -> set[str]:
    return {notice.code for notice in notices}
