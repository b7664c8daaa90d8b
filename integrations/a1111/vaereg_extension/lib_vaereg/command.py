"""The command `vaereg --json`, run with bounds on its time and its answer, whose JSON is checked.

Each pack carries its own copy of this file: it imports nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping

COMMAND = "VAEREG_COMMAND"
"""The variable that holds the path of the command where it is not on PATH."""
LARGEST_ANSWER = 16 * 2**20
"""Bytes; a VAE in the answer on a checkpoint takes some 300 of them."""
_NO_GPU = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "2"}
"""The card belongs to the frontend that asks."""


class Unavailable(Exception):
    """There is no answer; ``code`` is vaereg's own error code where it gave one."""

    def __init__(self, says: str, code: str | None = None) -> None:
        super().__init__(says)
        self.code = code


def asked(words: tuple[str, ...], seconds: float) -> object:
    """The JSON document that the command answers with; raises ``Unavailable``."""
    return _document(_output(words, seconds))


def _output(words: tuple[str, ...], seconds: float) -> bytes:
    command = os.environ.get(COMMAND) or "vaereg"
    found = shutil.which(command)
    if found is None:
        raise Unavailable(
            f"there is no command {command!r}: install vaereg, or set {COMMAND} to its path"
        )
    # A file takes what it writes: a pipe would be waited for where the command left a child behind.
    with tempfile.TemporaryFile() as out:
        try:
            subprocess.run(
                [found, "--json", *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.DEVNULL,
                timeout=seconds,
                check=False,
                env={**os.environ, **_NO_GPU},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{command} did not answer within {seconds:.0f} s") from None
        except (OSError, ValueError) as failure:
            raise Unavailable(f"{command} cannot be run: {failure}") from None
        out.seek(0)
        return out.read(LARGEST_ANSWER + 1)


def _document(output: bytes) -> object:
    try:
        document = json.loads(output) if len(output) <= LARGEST_ANSWER else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, (dict, list)):
        raise malformed()
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, dict):
        hint = f" ({error['hint']})" if isinstance(error.get("hint"), str) else ""
        raise Unavailable(text(error, "message") + hint, text(error, "code"))
    return document


def malformed() -> Unavailable:
    """What to raise where a document is not what vaereg writes."""
    return Unavailable("the command answered with something else than vaereg's JSON")


def rows(document: object) -> list[dict[str, object]]:
    """A document that is a list of objects; raises ``Unavailable``."""
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise malformed()
    return document


def text(row: Mapping[str, object], key: str) -> str:
    """A text in an object; raises ``Unavailable``."""
    value = row.get(key)
    if not isinstance(value, str) or "\0" in value:
        raise malformed()
    return value
