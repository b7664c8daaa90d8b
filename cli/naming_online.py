"""``vaereg scan --lookup``: what Civitai calls the recorded files, asked by hash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..registry.errors import SourceError
from . import shapes
from .context import Context
from .page import Page

if TYPE_CHECKING:
    from ..registry.online import Named
    from ..registry.ports import Store


@dataclass(frozen=True, slots=True)
class Naming:
    """What a look-up did, or why it could not be done to its end."""

    named: Named
    failure: SourceError | None = None

    def document(self) -> shapes.Json:
        """As JSON, beside the scan's own counts."""
        told: shapes.Json = {
            "asked": self.named.asked,
            "known": self.named.known,
            "asked_before": self.named.remembered,
            "named": [
                {"path": model.path, "sha256": model.artifact.digests.sha256}
                | shapes.origin(origin)
                for model, origin in self.named.found
            ],
        }
        if self.failure is not None:
            told["error"] = shapes.error_of(self.failure)
        return told

    def tell(self, page: Page) -> None:
        """For a person."""
        rows = [
            [model.name, origin.name or "", origin.declared or "", origin.ref]
            for model, origin in self.named.found
        ]
        if rows:
            page.table(["File", "On Civitai", "Its author declares", "REF"], rows)
        before = f", {self.named.remembered:,} asked before" if self.named.remembered else ""
        page.line(
            f"Civitai knows {self.named.known:,} of {self.named.asked:,} files asked for{before}"
        )


def look_up_online(settings: Context, store: Store, *, again: bool) -> Naming:
    """Ask Civitai for every recorded file; a failure is told beside what was answered."""
    from ..registry.online import Named, look_up
    from ..registry.sources.civitai.source import Civitai

    report = Named()
    try:
        civitai = settings.sources().named("civitai")
        assert isinstance(civitai, Civitai)
        look_up(store, civitai.by_hashes, report, again=again)
    except SourceError as failure:
        settings.output.note(f"note: {failure.message}; {failure.hint or 'try again later'}")
        return Naming(report, failure)
    return Naming(report)
