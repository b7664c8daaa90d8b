"""A library without choices of its own, as Stability Matrix keeps one: links in its VAE folder."""

from __future__ import annotations

from .base import Feed, Feeder, Order
from .building import linked
from .shelf import Accepts, Shelf


def link(order: Order) -> Feed:
    """The VAEs flat in the folder for VAEs, as files that ComfyUI reads."""
    return linked(order, Shelf(order, Accepts("comfyui")))


FEEDER = Feeder(link=link)
