"""What a running frontend is asked for, and what came of a change to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..changes.base import Call, Plan
from ..changes.records import Sent
from ..changes.requests_kept import Keep, unkept
from ..frontends.base import Listed


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A change that was asked for, and what the frontend said when it was read again after it."""

    frontend: str
    before: str | None
    """The frontend's own value before; None where it had none."""
    now: str | None
    """The value read again afterwards."""
    took: bool
    """Whether the frontend says that it uses what was asked for."""
    message: str
    """What happened, why not, and what to watch, in sentences."""
    calls: tuple[Call, ...] = ()
    """What was sent and changed something, in order; take them back in reverse."""
    value: str | None = None
    """What to enter by hand where nothing can be set: the value of a node."""


class Live(Protocol):
    """One running frontend; every method raises ``SourceError`` where it cannot be asked."""

    name: str
    """As in ``frontends.base.Frontend.name``."""
    title: str
    """For people."""
    url: str
    """Its address, without any password."""

    def send(self, method: str, url: str, body: object) -> None:
        """Make a request of a plan, or one that takes it back; to this frontend alone."""
        ...

    def models(self, role: str) -> list[Listed]:
        """Its models of a role, in its order; ``path`` is empty where it does not tell one."""
        ...

    def options(self) -> Mapping[str, object]:
        """Its settings; empty where it has none."""
        ...

    def flags(self) -> Mapping[str, object]:
        """What it was started with; empty where it does not tell."""
        ...

    def current_vae(self, checkpoint: str | None = None) -> str | None:
        """The VAE it is set to, in its own words; None where it has no such setting."""
        ...

    def plan_vae(
        self, vae: str | None, checkpoint: str | None = None, family: str | None = None
    ) -> Plan:
        """What ``set_vae`` would send; nothing is changed. Raises as it does."""
        ...

    def take_back(self, sent: Sent) -> bool:
        """``reports.TakeBack``: what the user set since stays, and it is read again after."""
        ...

    def check_vae(
        self,
        vae: str | None,
        checkpoint: str | None = None,
        family: str | None = None,
        before: str | None = None,
    ) -> Confirmed:
        """Whether it is as ``set_vae`` would have it; nothing is set. Raises as it does.

        ``before`` is what was set before the requests of a plan.
        """
        ...

    def set_vae(
        self,
        vae: str | None,
        checkpoint: str | None = None,
        family: str | None = None,
        keep: Keep = unkept,
    ) -> Confirmed:
        """Set a VAE by its path or the frontend's name for it, read again, and say what came of it.

        Where all is as asked for, nothing is sent, so that this confirms what a plan has done. None
        asks for the checkpoint's own VAE. ``family`` is the VAE's latent family, which only
        InvokeAI wants to be told. Each request is made within ``keep``. Raises ``NotFound`` or
        ``Ambiguous`` for names, ``UsageError`` for what this frontend needs besides, and
        ``SourceError``.
        """
        ...
