"""What passes over a model's files tell of it: the digest of its weights, their health."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..formats.base import ByteSource
from ..measures import Health
from ..values import Folder, Header, Identity, Notice
from ..weights import Piece, open_weights
from .content import Measure, content_of, content_of_file, owned
from .health import health_of, named_below, together, with_findings
from .weight_pass import WeightPass

Plan = Mapping[str, tuple[str, list[str]]]
"""A folder's files of weights: normal path -> its part's prefix, the names of tensors in it."""


class Findings:
    """Collects the passes over one model's files, names as ``Component.prefix`` has them."""

    def __init__(self, tensors: int) -> None:
        """``tensors`` is how many the whole model has, passed over or not."""
        self._tensors = tensors
        self._measures: dict[str, Measure] = {}
        self._healths: list[Health] = []

    def add(self, source: ByteSource, header: Header, sweep: WeightPass, prefix: str = "") -> None:
        """A pass that has seen all of its file. Raises ``Unreadable``."""
        measured = sweep.measured()
        for name in (*measured.figures, *measured.unread):
            figures = measured.figures.get(name)
            self._measures[prefix + name] = Measure(Piece(source, header.tensors[name]), figures)
        self._healths.append(named_below(prefix, health_of(source, header.tensors, measured)))

    @property
    def health(self) -> Health | None:
        """Of the tensors that were read; None where none was."""
        read = any(held.figures for held in self._measures.values())
        return together(self._healths) if read else None

    def told(self, identity: Identity) -> Identity:
        """The identity with the VAE's digest and a notice for all that is wrong."""
        if not self._healths:
            return identity
        parts = list(identity.components)
        for part, names in owned(parts, self._measures):
            if part and part.role == "vae" and names:
                held = {name[len(part.prefix) :]: self._measures[name] for name in names}
                parts[parts.index(part)] = replace(part, content=content_of(held))
        identity = replace(identity, components=tuple(parts))
        return self._with_unread(with_findings(identity, together(self._healths)))

    def content(self, identity: Identity) -> str | None:
        """The digest of all of the model's weights; None where not all were passed over."""
        if not self._measures or len(self._measures) < self._tensors:
            return None
        return content_of_file(identity.components, self._measures)

    def _with_unread(self, identity: Identity) -> Identity:
        unread = sum(held.figures is None for held in self._measures.values())
        if not unread or any(note.code == "compressed_storage" for note in identity.notices):
            return identity
        says = (
            f"the numbers of {unread} tensors lie in the file in a way that vaereg does not read,"
            " so nothing is known of them; save the model anew with contiguous tensors"
        )
        return replace(identity, notices=(*identity.notices, Notice("weights_not_read", says)))


def vae_names(identity: Identity, names: Iterable[str]) -> list[str]:
    """Which tensors of a file are its VAE's."""
    shares = owned(identity.components, names)
    return [name for part, own in shares if part and part.role == "vae" for name in own]


def plan_of(path: str, folder: Folder, identity: Identity, whole: bool) -> Plan:
    """Which of a folder's files to pass over: all weights, or those of its VAE.

    Raises ``FileError`` where the folder changed since it was read.
    """
    vaes = {part.prefix for part in identity.components if part.role == "vae"}
    plan: dict[str, tuple[str, list[str]]] = {}
    for part in folder.parts:
        prefix = f"{part.name}/" if part.name else ""
        lone = not part.name and bool(vaes)
        if part.header is None or not (whole or prefix in vaes or lone):
            continue
        with open_weights(path, prefix) as weights:
            for name, piece in weights.pieces.items():
                file = os.path.normpath(piece.source.name)
                plan.setdefault(file, (prefix, []))[1].append(name)
    return plan
