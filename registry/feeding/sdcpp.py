"""stable-diffusion.cpp: everything is a flag.

Source: leejet/stable-diffusion.cpp examples/cli (``--model``, ``--diffusion-model``, ``--vae``,
``--taesd``); a --vae that cannot be loaded is only a warning there.
"""

from __future__ import annotations

from ..naming import shown
from .base import Choice, Feeder, Refused, Snippet, Wanted
from .quoting import line
from .shelf import Accepts, loadable


def export(wanted: Wanted) -> tuple[Snippet | Refused, ...]:
    """The flags for each checkpoint."""
    return tuple(_row(choice, wanted) for choice in wanted.choices)


FEEDER = Feeder(export)


def _row(choice: Choice, wanted: Wanted) -> Snippet | Refused:
    name = shown(choice.listed.name)
    parts = choice.checkpoint.artifact.identity.components
    bare = all(part.role == "denoiser" for part in parts)
    words = ["--diffusion-model" if bare else "--model", choice.listed.path]
    if choice.vae is None:
        return name, line(words, wanted.shell)
    places = loadable(choice.vae, wanted.recorded, Accepts("sdcpp", prefixed=True))
    if isinstance(places, Refused):
        return places
    return name, line([*words, "--vae", places[0]], wanted.shell)
