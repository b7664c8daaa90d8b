"""Keys set in a JSON file of the user's, everything else left as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from ..changes.base import WriteText
from ..changes.merging import merged
from ..changes.writing import text_of
from ..errors import FileError
from ..frontends.recorded import sayable
from ..naming import shown
from .base import Refused


def with_keys(path: str, keys: Mapping[str, object], why: str) -> WriteText | Refused:
    """The change that sets keys of a JSON file, which is made where there is none."""
    if not sayable((json.dumps(keys, ensure_ascii=False),)):
        return Refused(path, f"{shown(str(dict(keys)))} holds a name that UTF-8 cannot say")
    try:
        before = text_of(path)
        return WriteText(path, merged(before, keys, path), before, why)
    except FileError as failure:
        return Refused(path, failure.message)


def object_in(path: str) -> Mapping[str, object]:
    """The JSON object in a file; empty where there is none or it is damaged."""
    from ..frontends.settings import read_object

    return read_object(path, [])


def payload(keys: Mapping[str, object]) -> str:
    """A JSON document to be pasted."""
    return json.dumps(keys, indent=2)


def beside(path: str, suffix: str) -> str:
    """The file beside a model that has its name and another ending: the last ending counts."""
    return os.path.splitext(path)[0] + suffix
