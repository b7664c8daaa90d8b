"""A running frontend told of the choices: each setting made, read again and confirmed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from ..changes.base import Call, Link, Plan
from ..changes.engine import carry_out
from ..changes.reports import CONFLICT, FAILED, Report, Step
from ..changes.requests_kept import Requests
from ..errors import NotFound, VaeregError
from ..live.base import Confirmed, Live
from ..live.catalog import KINDS, connect
from ..live.webui import OPTIONS
from ..naming import shown
from ..transfer.addresses import without_secrets
from .a1111 import overruled
from .base import Choice, Feed, Order, Refused
from .choosing import family_of, pinned, unmet
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
class Asked:
    """One wish, and the requests that it takes."""

    wish: Wish
    calls: tuple[Call, ...] = ()
    late: bool = False
    """Whether only ``Live.set_vae`` can make them: each is known after the one before it."""
    before: str | None = None

    @property
    def words(self) -> tuple[str | None, str | None, str | None]:
        """As ``Live`` takes them."""
        return self.wish.vae, self.wish.checkpoint, self.wish.family


@dataclass(slots=True)
class Running:
    """The settings of one running frontend for an order, planned and then made."""

    live: Live
    order: Order
    asked: list[Asked] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    reminders: list[str] = field(default_factory=list)
    confirmed: list[Confirmed] = field(default_factory=list)

    @property
    def calls(self) -> list[Call]:
        """Every request, each once; one that is known only after another is described."""
        return self._calls(late=False) + self._calls(late=True)

    def send(self, method: str, url: str, body: object) -> None:
        """``reports.Send``: a web UI finds new files first, or it would take the name for none."""
        if self.order.frontend.name in _WEB_UIS and url.endswith(OPTIONS):
            self.live.send("POST", self.live.url + _REFRESH, None)
        self.live.send(method, url, body)

    def carry_out(self, plan: Plan, journals: str) -> Report:
        """The plan's files, then the requests, all undone by one journal; then read again.

        Each request is in the journal before it is sent, and none is sent twice. One that fails
        is told in the report. Raises as ``changes.engine.carry_out`` does.
        """
        failed: list[Step] = []
        self._look(failed)
        whole = replace(plan, changes=(*plan.changes, *self._calls(late=False)))
        late = any(one.late for one in self.asked)

        def later(requests: Requests) -> None:
            failed.extend(self._make(requests))

        report = carry_out(whole, journals, self.send, later if late else None, self.live.url)
        failed += self._check(report)
        if _is_comfy(self):
            self.reminders = _values(self, plan)
        return replace(report, steps=(*report.steps, *failed))

    def _calls(self, late: bool) -> list[Call]:
        found: list[Call] = []
        for call in (call for one in self.asked if one.late == late for call in one.calls):
            found += [call] if call not in found else []
        return found

    def _look(self, failed: list[Step]) -> None:
        """Remember what is set now; what cannot be asked is asked for nothing."""
        for one in list(self.asked):
            try:
                one.before = self.live.current_vae(one.wish.checkpoint)
            except VaeregError as failure:
                failed.append(self._failed(failure.message))
                self.asked.remove(one)

    def _make(self, requests: Requests) -> Iterator[Step]:
        """The late requests; those that fail there are among the steps of ``requests``."""
        for one in (one for one in self.asked if one.late):
            made = len(requests.steps)
            says = self._confirm(partial(self.live.set_vae, *one.words, keep=requests.keep))
            if says and not any(step.outcome == FAILED for step in requests.steps[made:]):
                yield self._failed(says)

    def _check(self, report: Report) -> Iterator[Step]:
        """Read what was set; what did not take has failed, but is not sent again."""
        bad = {step.path for step in report.of(FAILED, CONFLICT) if step.kind == "call"}
        for one in (one for one in self.asked if not one.late):
            known = any(without_secrets(call.url) in bad for call in one.calls)
            says = self._confirm(partial(self.live.check_vae, *one.words, before=one.before))
            if says and not known:
                yield self._failed(says)

    def _confirm(self, ask: Callable[[], Confirmed]) -> str:
        """What kept a VAE from being set, in words; empty where it took."""
        try:
            told = ask()
        except VaeregError as failure:
            return failure.message
        self.confirmed.append(told)
        return "" if told.took else told.message

    def _failed(self, says: str) -> Step:
        return Step("call", without_secrets(self.live.url), FAILED, says)


def running(order: Order, feed: Feed, url: str) -> Running:
    """What a running frontend would be told; nothing is changed.

    ComfyUI takes no setting: which value to choose in a workflow is among the reminders. Raises
    ``UsageError`` for one that cannot be asked, ``SourceError`` where it does not answer.
    """
    found = Running(connect(url, order.frontend.name), order)
    if _is_comfy(found):
        found.live.models("vae")
        found.reminders = _values(found, feed.plan)
        return found
    new = {one.target for one in feed.plan.changes if isinstance(one, Link)}
    for wish in _wishes(found):
        _plan(found, wish, new)
    return found


def can_be_asked(name: str) -> bool:
    """Whether the frontend of that name can be asked while it runs."""
    return name in KINDS


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
    """``Automatic`` lets each checkpoint's own choice count, for all that it lists."""
    order, options = found.order, found.live.options()
    if not order.choices or not overruled(options):
        return []
    if not pinned(order).whole:
        now = shown(str(options["sd_vae"]))
        found.reminders.append(
            f"Set SD VAE (sd_vae) to Automatic: it is {now}, which comes before every checkpoint's "
            "own choice. It was left, for it may be meant for the checkpoints that are not in "
            "this plan."
        )
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
        return
    calls = tuple(one for one in plan.changes if isinstance(one, Call))
    found.asked.append(Asked(wish, calls, any(one.undo is None for one in calls)))
    found.kept += plan.kept


def _is_comfy(found: Running) -> bool:
    return found.live.name.startswith("comfy")


def _values(found: Running, plan: Plan) -> list[str]:
    """For each checkpoint the value of the node that loads its VAE, as the list has it now."""
    links = {one.source: one.target for one in plan.changes if isinstance(one, Link)}
    return [_value(found, choice, links) for choice in found.order.choices]


def _value(found: Running, choice: Choice, links: Mapping[str, str]) -> str:
    name, title = shown(choice.listed.name), found.live.title
    if choice.vae is None:
        return f"{name}: connect the VAE output of its loader to VAEDecode"
    places = found.order.recorded.places(choice.vae)
    linked = next((links[path] for path in places if path in links), None)
    try:
        path = linked or _path(found.order, choice)
        told = found.live.set_vae(path, choice.listed.path)
    except VaeregError as failure:
        return f"{name}: {failure.message}; {_ONCE_LISTED}"
    value = shown(str(told.value))
    caution = f" ({_BY_NAME})" if _BY_NAME.split("'")[0] in told.message.lower() else ""
    return f"{name}: set vae_name of VAELoader to {value}, which {title} lists{caution}"


_ONCE_LISTED = "once it is linked, start or refresh it so that its list has it, then ask again"
_BY_NAME = "only the file's name was compared"
