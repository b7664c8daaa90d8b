"""Names of VAEs for a frontend that need not lie on this machine, each meaning one VAE only."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..changes.linking import folded
from ..frontends.recorded import sayable
from ..frontends.support import SUPPORT
from ..judging.sides import has
from ..naming import shown
from ..values import Model
from .base import Choice, Refused, Wanted
from .shelf import Accepts, loadable


def named(wanted: Wanted, accepts: Accepts, baked: str) -> Iterator[tuple[Choice, str] | Refused]:
    """Each choice with the base name of its VAE, ``baked`` for the checkpoint's own."""
    names = Names(wanted, accepts)
    for choice in wanted.choices:
        name = names.of(choice.vae) if choice.vae else baked
        yield name if isinstance(name, Refused) else (choice, name)


class Names:
    """The base names of recorded VAEs, which are the keys of most frontends' lists.

    AUTOMATIC1111/stable-diffusion-webui modules/sd_vae.py ``vae_dict``;
    lllyasviel/stable-diffusion-webui-forge modules_forge/main_entry.py ``module_list``, where a
    path is cut down to its base name; vladmandic/sdnext modules/sd_vae.py ``vae_dict``;
    lllyasviel/Fooocus modules/config.py ``vae_filenames``.
    """

    def __init__(self, wanted: Wanted, accepts: Accepts) -> None:
        self._recorded = wanted.recorded
        self._accepts = accepts
        self._meant: dict[str, set[str]] = {}
        for model in wanted.recorded.models:
            if not has(model, "denoiser") and (has(model, "vae") or has(model, "text_encoder")):
                for path in wanted.recorded.places(model):
                    self._meant.setdefault(_key(path), set()).add(_weights(model))

    def of(self, vae: Model) -> str | Refused:
        """A base name of the VAE that no other model has; why there is none."""
        places = loadable(vae, self._recorded, self._accepts)
        if isinstance(places, Refused):
            return places
        clear = (path for path in places if self._meant[_key(path)] == {_weights(vae)})
        found = next((path for path in clear if sayable((os.path.basename(path),))), None)
        return os.path.basename(found) if found else Refused(places[0], self._unclear(places[0]))

    def _unclear(self, path: str) -> str:
        title = SUPPORT[self._accepts.support].title
        if not sayable((os.path.basename(path),)):
            return f"{shown(path)} is a name that UTF-8 cannot say"
        return (
            f"{shown(os.path.basename(path))} is the name of several different models, and "
            f"{title} goes by the name alone; vaereg link gives {shown(path)} one of its own"
        )


def _key(path: str) -> str:
    return folded(os.path.basename(path))


def _weights(model: Model) -> str:
    """Alike for files of the same weights."""
    part = model.artifact.identity.component("vae")
    return (part.content if part else None) or model.artifact.digests.sha256
