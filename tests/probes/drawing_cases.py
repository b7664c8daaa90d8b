"""What a checkpoint is asked to draw, and a count of the steps that it takes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.probes.generation_cases import described
from vaereg.registry.drawing import CheckpointFile, DrawTask


def task(path: Path, folder: Path, **wishes: object) -> DrawTask:
    told = described(path)
    content = path.read_bytes() if path.is_file() else str(path).encode()
    sha256 = hashlib.sha256(content).hexdigest()
    return DrawTask(
        CheckpointFile(path.name, str(path), sha256, told.identity), str(folder), **wishes
    )


def counting():
    """A watcher, and the steps that it was told of."""
    steps: list[int] = []
    return lambda step, _all: steps.append(step), steps
