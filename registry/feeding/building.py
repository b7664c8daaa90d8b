"""A plan put together from a shelf's links, texts and what was refused on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..changes.base import Change, Link, Plan
from .base import Feed, Order, Refused, Snippet
from .shelf import Shelf


@dataclass(slots=True)
class Draft:
    """Collects what becomes a feed."""

    order: Order
    changes: list[Change] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    reminders: list[str] = field(default_factory=list)
    snippets: list[Snippet] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def take(self, change: Change | Refused) -> None:
        """A change, or why there is none; the same one only once."""
        if isinstance(change, Refused):
            self.refused.append(change)
        elif all(replace(change, why="") != replace(one, why="") for one in self.changes):
            self.changes.append(change)

    def feed(self, shelves: Iterable[Shelf] = ()) -> Feed:
        """All of it, the links first: what names them is made after them."""
        links: list[Link] = []
        kept: list[str] = []
        for shelf in shelves:
            links += shelf.links
            kept += shelf.kept
            self.refused += shelf.refused
        place = self.order.installation
        return Feed(
            Plan(
                place.frontend,
                place.root,
                (*links, *self.changes),
                _once((*self.kept, *kept)),
                _once(self.reminders),
                tuple(self.snippets),
            ),
            tuple(dict.fromkeys(self.refused)),
        )


def linked(order: Order, shelf: Shelf, reminder: str | None = None) -> Feed:
    """The order's VAEs on one shelf; the reminder where any of them is new."""
    draft = Draft(order)
    for vae in order.vaes:
        shelf.put(vae)
    if shelf.links and reminder:
        draft.reminders.append(reminder)
    return draft.feed([shelf])


def _once(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
