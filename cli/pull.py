"""``vaereg pull``: fetch models, verified, fingerprinted and recorded in one go."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import StoreError, UsageError, VaeregError
from ..registry.lookup import path_of
from ..registry.naming import shown
from ..registry.workers import stoppable
from . import fetching
from .check import EXIT_CODES
from .context import Context
from .probing import Dtype
from .taking import side_of, warn_of_secret

if TYPE_CHECKING:
    from ..registry.judging.sides import Side
    from ..registry.ports import Store
    from ..registry.progress import Watcher
    from ..registry.pulling.errand import Errand, Known
    from ..registry.pulling.pull import Pulled
    from ..registry.sources.base import Wish
    from ..registry.sources.catalog import Sources
    from ..registry.sources.refs import Ref
    from ..registry.values import Model

AT_ONCE = 3
"""REFs that are fetched at a time; each of them may use several connections."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("pull")(pull_command)


def pull_command(
    context: typer.Context,
    refs: Annotated[
        list[str],
        typer.Argument(metavar="REF", help="owner/repo, hf:..., civitai:M@V, an AIR or a URL."),
    ],
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="R", help="Branch, tag or commit.")
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="F", help="Which file of the model.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="DIR", help="Where to put it; HOME/models if not given."),
    ] = None,
    dtype: Annotated[
        Dtype, typer.Option("--dtype", help="Which float width, where several are offered.")
    ] = Dtype.AUTO,
    model: Annotated[
        str | None,
        typer.Option("--for", metavar="MODEL", help="Fetch only what may fit this checkpoint."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be fetched, and if it fits.")
    ] = False,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Take .ckpt and .pt files too.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch again what is here, and what does not fit.")
    ] = False,
) -> int:
    """Download, verify, fingerprint and record models; prints the path of each."""
    from ..registry.sources.base import Wish

    settings = Context.of(context)
    if file and len(refs) > 1:
        raise UsageError("--file names a file of one REF", "pull the others by themselves")
    sources = settings.sources()
    parsed = [_remote(settings, sources, ref) for ref in refs]
    folder = to or str(settings.home / "models")
    wish = Wish("vae", file, dtype.value, revision)
    with settings.store() as store:
        checkpoint = side_of(settings, store, model, "model") if model else None
        run = _Run(
            settings, store, sources, wish, folder, checkpoint,
            dry=dry_run, allow_pickle=allow_pickle, force=force, linked=bool(to),
        )  # fmt: skip
        return run.all(refs, parsed)


def _remote(settings: Context, sources: Sources, text: str) -> Ref:
    """The REF; raises ``UsageError`` for what is on this machine or names nothing."""
    from ..registry.sources.ref_parts import shown_ref

    ref = sources.parse(text)
    if ref is None and path_of(text) is not None:
        raise UsageError(f"{shown(text)} is on this machine already", "vaereg scan records it")
    if ref is None:
        raise UsageError(
            f"{shown_ref(text)} names nothing that can be fetched",
            "such as owner/repo, hf:owner/repo/file, civitai:MODEL@VERSION, an AIR or a URL; "
            "vaereg search finds some",
        )
    warn_of_secret(settings, text)
    return ref


@dataclass(slots=True)
class _Outcome:
    """What became of one REF."""

    errand: Errand
    pulled: Pulled | Model | None = None


@dataclass(slots=True)
class _Run:
    """One ``pull``: several REFs at a time are fetched, one after the other recorded."""

    settings: Context
    store: Store
    sources: Sources
    wish: Wish
    folder: str
    checkpoint: Side | None
    dry: bool
    allow_pickle: bool
    force: bool
    linked: bool
    planned: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def all(self, texts: Sequence[str], refs: Sequence[Ref]) -> int:
        from ..registry.pulling.errand import Known

        known = Known(self.store.models(), self.store.origins(), self.store.pairs())
        documents: list[object] = []
        codes: list[int] = []
        with (
            self.settings.output.progress("fetching") as watcher,
            stoppable(min(len(refs), AT_ONCE), self.sources.stop) as pool,
        ):
            futures = [pool.submit(self._one, ref, known, watcher) for ref in refs]
            for text, future in zip(texts, futures, strict=True):
                codes.append(self._settle(text, future, documents, alone=len(refs) == 1))
        if self.settings.output.as_json:
            self.settings.output.json(documents if len(refs) > 1 else documents[0])
        return next((code for code in (1, 3, 4) if code in codes), 0)

    def _one(self, ref: Ref, known: Known, watcher: Watcher) -> _Outcome:
        from ..registry.pulling.errand import carry_out, prepare

        errand = prepare(
            self.sources, ref, self.wish, self.folder, known,
            look=self.dry, checkpoint=self.checkpoint,
        )  # fmt: skip
        if self.dry or (errand.refused and not self.force):
            return _Outcome(errand)
        with self.lock:
            self.planned += errand.plan.offer.size or 0
            watcher.planned(len(known.models), self.planned)
        pulled = carry_out(
            self.sources, errand, allow_pickle=self.allow_pickle, force=self.force,
            linked=self.linked, progress=watcher.advanced,
        )  # fmt: skip
        return _Outcome(errand, pulled)

    def _settle(
        self, text: str, future: Future[_Outcome], documents: list[object], alone: bool
    ) -> int:
        """Record and tell what became of one REF; its exit code."""
        from ..registry.pulling.errand import refusal
        from ..registry.sources.ref_parts import shown_ref

        output = self.settings.output
        try:
            outcome = future.result()
            told = fetching.Told(outcome.errand, outcome.pulled, self.dry)
            told.refused = refusal(outcome.errand, self.allow_pickle) if self.dry else None
            told.twins = self._record(outcome)
        except VaeregError as error:
            if alone:
                raise
            documents.append(fetching.failure(text, error))
            if not output.as_json:
                output.note(f"{shown_ref(text)}:")
                output.error(error)
            return 1
        documents.append(told.document())
        if not output.as_json:
            told.tell(output)
        fit = outcome.errand.fit
        refused = outcome.pulled is None and fit is not None
        return EXIT_CODES[fit.verdict] if refused and fit else 0

    def _record(self, outcome: _Outcome) -> list[str]:
        """What was fetched into the registry; sentences on models of the same weights."""
        from ..registry.pulling.errand import declared_pairs
        from ..registry.pulling.pull import Pulled
        from ..registry.twins import introductions

        pulled, plan = outcome.pulled, outcome.errand.plan
        if pulled is None:
            return []
        artifact = pulled.taken.artifact if isinstance(pulled, Pulled) else pulled.artifact
        sha256 = artifact.digests.sha256
        try:
            if isinstance(pulled, Pulled):
                self.store.remember([(artifact, pulled.taken.location)])
            self.store.keep_origin(sha256, plan.offer.origin)
            self.store.keep_pairs(declared_pairs(plan, sha256))
            return list(introductions(self.store.models(), {sha256}))
        except StoreError as failure:
            self.settings.output.note(f"note: not recorded. {failure.message}")
            return []
