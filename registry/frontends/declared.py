"""What a model's author or another program declares of it, in its header or in files beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..errors import VaeregError
from ..formats.catalog import open_local, read_header
from ..identify.hints import ARCHITECTURE_KEY
from ..values import Header, Notice
from .settings import read_object


def header_of(path: str) -> Header | None:
    """The header of a safetensors file; None for other files and for what cannot be read."""
    if not path.lower().endswith((".safetensors", ".sft")):
        return None
    try:
        with open_local(path) as source:
            return read_header(source)
    except VaeregError:
        return None


def architecture(
    path: str, suffixes: Iterable[str], notices: list[Notice], header: Header | None = None
) -> str | None:
    """``modelspec.architecture``: of the files beside the model the last, else of its header."""
    stem = os.path.splitext(path)[0]
    found = None
    for suffix in suffixes:
        value = read_object(stem + suffix, notices).get(ARCHITECTURE_KEY)
        found = value if isinstance(value, str) and value else found
    if found is None:
        header = header or header_of(path)
        found = header.metadata.get(ARCHITECTURE_KEY) if header else None
    return found if isinstance(found, str) else None
