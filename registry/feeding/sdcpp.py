"""stable-diffusion.cpp: everything is a flag.

Source: leejet/stable-diffusion.cpp examples/cli (``--model``, ``--diffusion-model``, ``--vae``,
``--taesd``); a --vae that cannot be loaded is only a warning there.
"""

from __future__ import annotations

from ..frontends.support import SUPPORT
from ..naming import shown
from .base import Choice, Feeder, Snippet, Wanted
from .quoting import line
from .shelf import Accepts


def export(wanted: Wanted) -> tuple[Snippet, ...]:
    """The flags for each checkpoint."""
    return tuple(_row(choice, wanted) for choice in wanted.choices)


FEEDER = Feeder(export)


def _row(choice: Choice, wanted: Wanted) -> Snippet:
    name = shown(choice.listed.name)
    parts = choice.checkpoint.artifact.identity.components
    bare = all(part.role == "denoiser" for part in parts)
    words = ["--diffusion-model" if bare else "--model", choice.listed.path]
    if choice.vae is None:
        return name, line(words, wanted.shell)
    accepts = Accepts("sdcpp", prefixed=True)
    sound = [p for p in wanted.recorded.places(choice.vae) if not accepts.trouble(choice.vae, p)]
    if not sound:
        how = f"vaereg convert {shown(choice.vae.name)} --layout ldm makes one"
        title = SUPPORT["sdcpp"].title
        return name, f"# {shown(choice.vae.name)} is no file that {title} reads; {how}"
    return name, line([*words, "--vae", sound[0]], wanted.shell)
