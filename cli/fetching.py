"""What ``pull`` and ``search`` say of remote models, in JSON and in words."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from ..registry.errors import VaeregError
from ..registry.naming import shown
from ..registry.sources.ref_parts import shown_ref
from ..registry.values import Model
from . import shapes
from .output import Output
from .page import STYLES, Page
from .words import family_words, size_words

if TYPE_CHECKING:
    from ..registry.pulling.errand import Errand
    from ..registry.pulling.pull import Pulled
    from ..registry.sources.base import Hit
    from ..registry.values import Artifact


def hit(found: Hit) -> shapes.Json:
    """One row of ``search``."""
    return asdict(found) | {"families": list(found.families)}


def failure(ref: str, error: VaeregError) -> shapes.Json:
    """A REF of several that could not be fetched."""
    return {"ref": shown_ref(ref), "error": shapes.error_of(error)}


@dataclass(slots=True)
class Told:
    """What became of one REF of ``pull``."""

    errand: Errand
    pulled: Pulled | Model | None
    dry: bool
    twins: list[str] = field(default_factory=list)
    refused: VaeregError | None = None
    """What ``pull`` would say instead of fetching it."""

    def document(self) -> shapes.Json:
        """As JSON: the same keys whether it was fetched, was here already, or only looked at."""
        plan, offer = self.errand.plan, self.errand.plan.offer
        artifact, path = self._artifact, self._path
        fit = self.errand.fit
        return {
            "ref": str(offer.ref),
            "path": path,
            "name": offer.name,
            "source": offer.origin.source,
            "revision": offer.origin.revision,
            "url": offer.origin.url,
            "declared": offer.origin.declared,
            "files": [
                {"path": file.path, "size": file.size, "sha256": file.sha256}
                for file in offer.files
            ],
            "size": artifact.size if artifact else offer.size,
            "sha256": (artifact.digests.sha256 or None) if artifact else offer.files[0].sha256,
            "dry_run": self.dry,
            "already_here": self._via == "here" or (self._via is None and plan.here is not None),
            **self._transfer(),
            "kind": artifact.identity.kind if artifact else None,
            "components": [shapes.component(part) for part in artifact.identity.components]
            if artifact
            else [],
            "same_weights": self.twins,
            "fit": shapes.verdict(fit) if fit else None,
            "warnings": [
                *({"code": "source", "message": note} for note in offer.notes),
                *self._refusals(),
                *(shapes.notice(n) for n in (artifact.identity.all_notices if artifact else ())),
            ],
        }

    def tell(self, output: Output) -> None:
        """The path on stdout, all else on stderr; a dry run is an answer of its own."""
        offer = self.errand.plan.offer
        if self.pulled is None:
            self._tell_plan(Page())
        for note in offer.notes:
            output.note(f"note: {note}")
        if self.pulled is None:
            return
        output.note(self._sentence())
        for line in self.twins:
            output.note(f"note: {line}")
        output.lines([self._path or ""])

    def _refusals(self) -> list[shapes.Json]:
        if self.refused is None:
            return []
        return [{"code": self.refused.code, "message": self.refused.message}]

    def _transfer(self) -> shapes.Json:
        got = self._got
        return {
            "verified": got.verified if got else None,
            "via": self._via,
            "bytes_fetched": got.fetched if got else 0,
            "bytes_resumed": got.resumed if got else 0,
        }

    @property
    def _got(self) -> Pulled | None:
        return None if self.pulled is None or isinstance(self.pulled, Model) else self.pulled

    @property
    def _via(self) -> str | None:
        if self.pulled is None:
            return None
        return self._got.via if self._got else "here"

    @property
    def _artifact(self) -> Artifact | None:
        if isinstance(self.pulled, Model):
            return self.pulled.artifact
        if self._got is not None:
            return self._got.taken.artifact
        return self.errand.look.artifact if self.errand.look else None

    @property
    def _path(self) -> str | None:
        if self._got is not None:
            return self._got.path
        return self.errand.plan.here_path or self.errand.plan.path

    def _sentence(self) -> str:
        """What was done, and what came."""
        artifact, got = self._artifact, self._got
        assert artifact is not None
        what = _kind_words(artifact)
        name = shown(os.path.basename(self._path or ""))
        if got is None or got.via == "here":
            return f"{name} is here already: {what}"
        came = (
            size_words(got.fetched) if got.via == "network" else "linked from a copy on this disk"
        )
        resumed = f" ({size_words(got.resumed)} were there from before)" if got.resumed else ""
        proof = (
            "its hash is the one that was published"
            if got.verified
            else "no hash is published for it: unverified"
        )
        return f"{name}: {came}{resumed}, {proof}; {what}"

    def _tell_plan(self, page: Page) -> None:
        offer, plan = self.errand.plan.offer, self.errand.plan
        size = size_words(offer.size) if offer.size is not None else "of unknown size"
        refused = not self.dry
        page.line(f"{offer.ref}: {size}", style="bold")
        rows = [
            [
                file.path,
                size_words(file.size) if file.size is not None else "",
                file.sha256 or "none published",
            ]
            for file in offer.files
        ]
        page.table(["File", "Size", "SHA-256"], rows)
        if self._artifact is not None:
            page.line(f"is: {_kind_words(self._artifact)}")
            for note in self._artifact.identity.all_notices:
                page.line(f"note: {note.message}")
        if offer.origin.declared:
            page.line(f"its author declares: {offer.origin.declared}")
        here = plan.here_path
        place = f"is here already: {here}" if here else f"would go to {plan.path}"
        page.line("nothing was fetched: it cannot fit; --force fetches it" if refused else place)
        if self.refused is not None:
            page.line(f"pull refuses it: {self.refused.message}; {self.refused.hint}")
        fit = self.errand.fit
        if fit is not None:
            page.line(f"fit: {fit.verdict}", style=f"bold {STYLES[fit.verdict]}")
            page.checks(fit.evidence)


def _kind_words(artifact: Artifact) -> str:
    part = artifact.identity.leading
    kind = artifact.identity.kind.replace("_", " ")
    family = family_words(part) if part else ""
    return ", ".join(text for text in (kind, family) if text)
