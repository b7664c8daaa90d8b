"""What a pull would do: what is fetched, to which place, and whether it is here already."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import UnsupportedFormat
from ..formats.local import stamp_of
from ..naming import MODEL_SUFFIXES, shown
from ..sources.base import Offer
from ..transfer.file_names import SUFFIXES, clean_folder_name, clean_name
from ..values import Model, Origin
from ..walk import folder_stamp


@dataclass(frozen=True, slots=True)
class Plan:
    """One offer on its way to the disk."""

    offer: Offer
    folder: str
    """Absolute; where the file or the diffusers folder comes to lie."""
    name: str
    """Its name there, cleaned."""
    here: Model | None = None
    """The recorded model of the same content, where a copy of it lies on the disk unchanged."""
    here_path: str | None = None
    """Where that copy lies."""

    @property
    def path(self) -> str:
        """Where it will lie, unless another file has taken that name."""
        return os.path.join(self.folder, self.name)


def planned(
    offer: Offer,
    folder: str,
    models: Sequence[Model] = (),
    origins: Mapping[str, tuple[Origin, ...]] | None = None,
) -> Plan:
    """The plan for an offer; raises ``UnsupportedFormat`` for a name of no model file."""
    clean = clean_name if offer.root is None else clean_folder_name
    name = clean(offer.name, "model")
    suffix = os.path.splitext(name)[1].lower()
    if offer.root is None and suffix in SUFFIXES and suffix not in MODEL_SUFFIXES:
        raise UnsupportedFormat(
            f"{shown(name)} is no model by its name",
            f"model files end in {', '.join(MODEL_SUFFIXES)}",
        )
    here, path = _recorded(offer, models, origins or {})
    return Plan(offer, os.path.abspath(folder), name, here, path)


def _recorded(
    offer: Offer, models: Sequence[Model], origins: Mapping[str, tuple[Origin, ...]]
) -> tuple[Model, str] | tuple[None, None]:
    """By the SHA-256 that the source states; a folder by its repository's commit."""
    for model in models:
        sha256 = model.artifact.digests.sha256
        if offer.root is None:
            same = sha256 == offer.files[0].sha256
        else:
            place = (offer.origin.ref, offer.origin.revision)
            known = origins.get(sha256, ())
            same = place[1] is not None and any((o.ref, o.revision) == place for o in known)
        if same and (path := unchanged_path(model)):
            return model, path
    return None, None


def unchanged_path(model: Model) -> str | None:
    """A place where a recorded model lies untouched since it was recorded; None without one."""
    for place in model.locations:
        try:
            folder = os.path.isdir(place.path)
            stamp = folder_stamp(place.path) if folder else stamp_of(os.stat(place.path))
        except (OSError, ValueError):
            continue
        if stamp == place.stamp:
            return place.path
    return None
