"""A running frontend told of the choices: each setting made, read again and confirmed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..changes.base import Call, Link, Plan
from ..changes.engine import carry_out
from ..changes.reports import FAILED, Report, Step
from ..errors import NotFound
from ..live.base import Confirmed, Live
from ..live.catalog import KINDS, connect
from ..live.webui import OPTIONS
from ..transfer.addresses import without_secrets
from .a1111 import overruled
from .base import Choice, Feed, Order, Refused
from .choosing import family_of, unmet
from .invokeai import usable

_REFRESH = "/sdapi/v1/refresh-vae"
_WEB_UIS = ("a1111", "reforge", "sdnext")
_MODULES = ("forge", "neo")


@dataclass(frozen=True, slots=True)
class Wish:
    """One setting that a running frontend is to have, as ``Live.set_vae`` takes it."""

    vae: str | None
    checkpoint: str | None = None
    family: str | None = None


@dataclass(slots=True)
class Running:
    """The settings of one running frontend for an order, planned and then made."""

    live: Live
    order: Order
    wishes: tuple[Wish, ...] = ()
    refused: list[Refused] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    """Those that are taken back by what is known now."""
    late: list[Call] = field(default_factory=list)
    """Those that only ``Live.set_vae`` can make: what takes them back is known after them."""
    confirmed: list[Confirmed] = field(default_factory=list)

    def send(self, method: str, url: str, body: object) -> None:
        """``reports.Send``: a web UI finds new files first, or it would take the name for none."""
        if self.order.frontend.name in _WEB_UIS and url.endswith(OPTIONS):
            self.live.send("POST", self.live.url + _REFRESH, None)
        self.live.send(method, url, body)

    def carry_out(self, plan: Plan, journals: str) -> Report:
        """The plan's files, then the requests, all undone by one journal; then ask again.

        Where a request is known only after an earlier one, all go before the journal that takes
        them back. Raises as ``changes.engine.carry_out`` and ``Live.set_vae`` do.
        """
        whole = replace(plan, changes=(*plan.changes, *self.calls))
        report = carry_out(whole, journals, self.send)
        done: list[Call] = []
        for wish in self.wishes:
            told = self.live.set_vae(wish.vae, wish.checkpoint, wish.family)
            self.confirmed.append(told)
            done += told.calls
        if done:
            sent = carry_out(Plan(plan.frontend, plan.root, tuple(done)), journals, _sent_already)
            report = Report(sent.journal or report.journal, (*report.steps, *sent.steps))
        failed = [
            Step("call", without_secrets(self.live.url), FAILED, one.message)
            for one in self.confirmed
            if not one.took
        ]
        return replace(report, steps=(*report.steps, *failed))


def running(order: Order, feed: Feed, url: str) -> Running:
    """What a running frontend would be told; nothing is changed.

    Raises ``UsageError`` for one that cannot be asked, ``SourceError`` where it does not answer.
    """
    found = Running(connect(url, order.frontend.name), order)
    found.wishes = tuple(_wishes(found))
    new = {one.target for one in feed.plan.changes if isinstance(one, Link)}
    for wish in found.wishes:
        _plan(found, wish, new)
    return found


def can_be_asked(name: str) -> bool:
    """Whether the frontend of that name can be told anything while it runs."""
    return name in KINDS and not name.startswith("comfy")


def _wishes(found: Running) -> list[Wish]:
    order = found.order
    name = order.frontend.name
    if name in _WEB_UIS:
        return _of_web_ui(found)
    if name in _MODULES:
        return _of_forge(order)
    wanted, _ = unmet(order, order.installation)
    wishes = []
    for one in wanted:
        family = family_of(one.vae, order.choices) if one.vae else None
        if one.vae is None or isinstance(usable(one.vae, family, order.recorded), str):
            wishes.append(Wish(_path(order, one), one.listed.path, family))
    return wishes


def _of_web_ui(found: Running) -> list[Wish]:
    """``Automatic`` lets each checkpoint's own choice count."""
    order = found.order
    if not order.choices or not overruled(found.live.options()):
        return []
    one = order.choices[0].listed.path if len(order.choices) == 1 else None
    return [Wish("Automatic", one)]


def _of_forge(order: Order) -> list[Wish]:
    """One list for all: set with its checkpoint, or where one VAE is for every checkpoint."""
    if len(order.choices) == 1:
        only = order.choices[0]
        return [Wish(_path(order, only), only.listed.path)]
    alike = {one.vae.artifact.digests.sha256 if one.vae else None for one in order.choices}
    if order.whole and len(alike) == 1:
        return [Wish(_path(order, order.choices[0]))]
    return []


def _path(order: Order, choice: Choice) -> str | None:
    """Where the frontend has a VAE, else where it lies."""
    if choice.vae is None:
        return None
    listed = [one for one in order.listing.of("vae") if order.recorded.holds(one.path, choice.vae)]
    if listed:
        return listed[0].path
    if order.frontend.name == "invokeai":
        source = usable(choice.vae, family_of(choice.vae, order.choices), order.recorded)
        return source if isinstance(source, str) else None
    return next(iter(order.recorded.places(choice.vae)), choice.vae.path)


def _plan(found: Running, wish: Wish, new: set[str]) -> None:
    try:
        plan = found.live.plan_vae(wish.vae, wish.checkpoint, wish.family)
    except NotFound as failure:
        why = failure.message
        if new:
            why += "; press refresh there once it is linked, then run this again"
        found.refused.append(Refused(without_secrets(found.live.url), why, "call"))
        found.wishes = tuple(one for one in found.wishes if one is not wish)
        return
    calls = [one for one in plan.changes if isinstance(one, Call)]
    if all(one.undo is not None for one in calls):
        found.calls += calls
    else:
        found.late += calls
    found.kept += plan.kept


def _sent_already(method: str, url: str, body: object) -> None:
    del method, url, body
