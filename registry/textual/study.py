"""A look at a model's text encoders without running anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import UnsupportedFormat
from ..naming import shown
from ..values import Identity, Notice
from .advice import advise
from .contents import Contents
from .encoders import encoders_of
from .values import SamplePictures, Study, TextEncoder


def study(
    name: str, identity: Identity, contents: Contents, pictures: SamplePictures | None = None
) -> Study:
    """The text encoders of a model, their defects, and the clip skip to set.

    Raises ``UnsupportedFormat`` for what neither has a text encoder nor is driven by one, and for
    a remote model ``SourceError``.
    """
    encoders = encoders_of(identity, contents)
    if not encoders and identity.component("denoiser") is None:
        raise _no_text(name, identity.kind)
    advice, remarks = advise(identity, encoders, contents.metadata, pictures)
    notices = (*_absent(encoders), *remarks, *_unchecked(encoders), *_noticed(identity, encoders))
    return Study(encoders, advice, notices)


def _no_text(name: str, kind: str) -> UnsupportedFormat:
    what = kind.replace("_", " ")
    found = "not a model that vaereg recognises" if kind == "unknown" else f"of kind {what}"
    return UnsupportedFormat(
        f"{shown(name)} is {found}: it holds no text encoder, so it has no clip skip",
        "give --model a checkpoint or a text encoder; vaereg inspect tells what a file is",
    )


def _absent(encoders: Sequence[TextEncoder]) -> Iterator[Notice]:
    if not encoders:
        message = "it holds no text encoder: the frontend takes one from another file"
        yield Notice("no_text_encoder", message)


def _unchecked(encoders: Sequence[TextEncoder]) -> Iterator[Notice]:
    for one in encoders:
        if one.unchecked:
            yield Notice("not_checked", f"{one.name}: {one.unchecked}")


def _noticed(identity: Identity, encoders: Sequence[TextEncoder]) -> Iterator[Notice]:
    """What was noticed of the text encoders before; not what is told as a defect again."""
    told = any(fault.code == "layers_missing" for one in encoders for fault in one.defects)
    for part in identity.components:
        for notice in part.notices if part.role == "text_encoder" else ():
            if not (told and notice.code == "parts_missing"):
                yield notice
