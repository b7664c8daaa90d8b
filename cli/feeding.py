"""What ``link``, ``export`` and ``apply`` share: an order made of the registry, a plan told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from ..registry.errors import UnsupportedFormat, UsageError
from ..registry.lookup import recorded
from ..registry.naming import shown
from ..registry.ports import Store
from ..registry.values import Model
from . import shapes
from .context import Context
from .frontends import AUTO
from .page import Page

if TYPE_CHECKING:
    from ..registry.changes.base import Link, Plan
    from ..registry.changes.reports import Step
    from ..registry.feeding.base import Feed, Order, Refused
    from ..registry.feeding.choosing import Chosen
    from ..registry.frontends.base import Installation
    from ..registry.frontends.recorded import Recorded
    from ..registry.judging.matrix import Matrix
    from ..registry.live.base import Confirmed

KINDS = {"text": "write"}
"""The journal's words where they are not the answer's."""


@dataclass(frozen=True, slots=True)
class Known:
    """The registry as feeding looks at it, and the models that the user named."""

    recorded: Recorded
    matrix: Matrix
    models: tuple[Model, ...]
    vaes: tuple[Model, ...]


def known(store: Store, models: Sequence[str], vaes: Sequence[str]) -> Known:
    """The registry read once; raises ``NotFound``, ``Ambiguous``, ``UnsupportedFormat``."""
    from ..registry.frontends.recorded import Recorded
    from ..registry.judging.matrix import Matrix
    from ..registry.judging.sides import Side, checkpoint_of

    present = [model for model in store.models() if model.state == "present"]
    checkpoints = tuple(recorded(store, ref, present) for ref in models)
    for model in checkpoints:
        checkpoint_of(Side.of(model))
    named = tuple(_vae(recorded(store, ref, present)) for ref in vaes)
    matrix = Matrix(present, store.verdicts(), store.pairs())
    return Known(Recorded(present), matrix, checkpoints, named)


def order_for(settings: Context, store: Store, text: str, named: Known) -> tuple[Order, Chosen]:
    """What is to be fed to the installation that ``NAME=ROOT`` stands for, and what is left."""
    from ..registry.feeding.base import Order
    from ..registry.feeding.choosing import ROLES, choices
    from ..registry.frontends.catalog import frontend
    from ..registry.frontends.discovery import named as found_at

    installation = found_at(text)
    rules = frontend(installation.frontend)
    listing = rules.listing(installation)
    chosen = choices(listing.of(*ROLES), named.recorded, named.matrix, named.vaes, named.models)
    order = Order(
        rules,
        installation,
        listing,
        named.recorded,
        named.matrix,
        chosen.choices,
        named.vaes,
        whole=not chosen.left and not named.models,
        home=str(settings.home),
    )
    return order, chosen


def journals(settings: Context) -> str:
    """The folder of the journals."""
    return str(settings.home / "changes")


def require_frontend(given: Sequence[str] | None) -> str:
    """The option's one value; raises ``UsageError`` where it is missing, or no single place."""
    hint = "--frontend NAME=ROOT, such as a1111=/path/webui"
    named = [text for text in given or () if text]
    if not named:
        raise UsageError("no frontend is named", hint)
    if len(named) > 1:
        told = ", ".join(shown(text) for text in named)
        raise UsageError(f"one frontend at a time is fed, not {told}", "run it once for each")
    if named[0].strip().casefold() == AUTO:
        raise UsageError(f"{AUTO} finds frontends for scan and doctor; here one is named", hint)
    return named[0]


def with_left(feed: Feed, left: Sequence[str]) -> Feed:
    """With what no choice could be made for."""
    return replace(feed, plan=replace(feed.plan, kept=(*feed.plan.kept, *left)))


@dataclass(frozen=True, slots=True)
class Change:
    """One change as it is told."""

    kind: str
    """``link`` | ``write`` | ``call`` | ``folder``."""
    path: str
    source: str | None
    state: str
    """``make`` | ``same`` | ``conflict``; after it ``made`` | ``failed``; undone as ``Step`` has
    it."""
    why: str | None
    made_as: str | None = None

    @classmethod
    def of(cls, step: Step, source: str | None = None) -> Change:
        """A step of a plan."""
        kind = KINDS.get(step.kind, step.kind)
        return cls(kind, step.path, source, step.outcome, step.why or None, step.made_as)

    @property
    def row(self) -> list[str]:
        """Its cells."""
        made_as = f" ({self.made_as})" if self.made_as else ""
        return [self.state, self.kind + made_as, self.path, self.why or ""]


@dataclass(frozen=True, slots=True)
class Told:
    """A plan, or what came of it."""

    installation: Installation
    plan: Plan
    changes: tuple[Change, ...]
    journal: str | None = None
    applied: bool = False
    confirmed: tuple[Confirmed, ...] = ()
    """What a running frontend says of it."""
    url: str | None = None
    """Where it runs, without any password."""

    @classmethod
    def of(
        cls,
        installation: Installation,
        plan: Plan,
        steps: Iterable[Step],
        refused: Iterable[Refused],
    ) -> Told:
        """The steps of a plan beside what could not be planned."""
        sources = {link.target: link.source for link in _links(plan)}
        rows = [Change.of(step, sources.get(step.path)) for step in steps]
        rows += [Change(one.kind, one.path, None, "conflict", one.why) for one in refused]
        return cls(installation, plan, tuple(rows))

    @property
    def code(self) -> int:
        """The exit code: 1 where something was to be made and could not."""
        bad = any(one.state in ("conflict", "failed") for one in self.changes)
        return int(self.applied and bad)

    def document(self) -> shapes.Json:
        """As JSON."""
        return {
            "frontend": self.installation.frontend,
            "root": self.installation.root,
            "version": self.installation.version,
            "applied": self.applied,
            "journal": self.journal,
            "changes": [asdict(one) for one in self.changes],
            "kept": list(self.plan.kept),
            "reminders": list(self.plan.reminders),
            "snippets": [{"title": title, "text": text} for title, text in self.plan.snippets],
            "notices": [shapes.notice(note) for note in self.installation.notices],
            "confirmed": [_confirmed(one) for one in self.confirmed],
        }

    def tell(self, page: Page) -> None:
        """For people."""
        place = self.installation
        version = place.version or "not known"
        page.line(f"{place.frontend} in {place.root}, version {version}", style="bold")
        for notice in place.notices:
            page.line(f"note: {notice.message}")
        table(page, self.changes)
        for text in self.plan.kept:
            page.line(f"kept: {text}")
        for title, text in self.plan.snippets:
            page.line(f"to paste, {title}:")
            for line in text.splitlines():
                page.line(f"  {line}")
        for text in self.plan.reminders:
            page.line(f"to do: {text}")
        for one in self.confirmed:
            page.line(f"the running frontend: {one.message}")
        page.line(self._ending())

    def _ending(self) -> str:
        if self.journal:
            told = any(one.kind == "call" and one.state != "conflict" for one in self.changes)
            url = f" --url {self.url}" if self.url and told else ""
            return f"undone by: vaereg apply --undo {self.journal}{url}"
        if not self.applied and any(one.state == "make" for one in self.changes):
            return "nothing was written; --apply makes these changes"
        return "nothing was written"


def table(page: Page, changes: Sequence[Change]) -> None:
    """Changes one a row."""
    if changes:
        rows = [one.row for one in changes]
        page.table(["", "What", "Where", "Why"], rows, stretch="Why")
    else:
        page.line("there is nothing to change")


def _confirmed(told: Confirmed) -> shapes.Json:
    return {
        "before": told.before,
        "now": told.now,
        "took": told.took,
        "message": told.message,
        "value": told.value,
    }


def _links(plan: Plan) -> list[Link]:
    from ..registry.changes.base import Link

    return [change for change in plan.changes if isinstance(change, Link)]


def _vae(model: Model) -> Model:
    """A VAE by itself; a frontend cannot load one that lies in a checkpoint."""
    from ..registry.judging.sides import Side, has, vae_of

    if has(model, "denoiser") and has(model, "vae"):
        raise UnsupportedFormat(
            f"{shown(model.name)} is a checkpoint, whose VAE no frontend loads from there",
            f"vaereg convert {shown(model.name)} --layout ldm extracts it",
        )
    vae_of(Side.of(model))
    return model
