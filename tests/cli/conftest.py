"""Running the real command in a process of its own, as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vaereg.cli.main import dispatch, hoist
from vaereg.cli.output import Output
from vaereg.registry.errors import VaeregError
from vaereg.registry.samples.library import SAMPLES, build

FIVE = ("forest_v1", "harbour_xl", "vae_final_FIXED", "sdxl_vae", "ae")
THIN = ((8, 16, 32, 32), 2)
"""Widths and groups that keep the tests' copies small."""


@dataclass(frozen=True)
class Run:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Vaereg = Callable[..., Run]


@pytest.fixture
def vaereg(tmp_path: Path) -> Vaereg:
    """Run ``vaereg`` with these words; ``env`` adds variables."""

    def run(*words: str | os.PathLike[str], **env: str) -> Run:
        done = subprocess.run(
            [sys.executable, "-m", "vaereg", *map(os.fspath, words)],
            capture_output=True,
            cwd=tmp_path,
            # One thread each: as many tests as there are cores run at a time.
            env={"OMP_NUM_THREADS": "1", **os.environ, **env},
            timeout=120,
            check=False,
        )
        out, err = (part.decode("utf-8", "surrogateescape") for part in (done.stdout, done.stderr))
        assert "Traceback" not in err, err
        return Run(done.returncode, out, err)

    return run


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str]) -> Iterator[Vaereg]:
    """As ``vaereg``, in this process: torch is loaded once for all of these tests."""
    import torch

    def run(*words: str | os.PathLike[str]) -> Run:
        options, rest = hoist([os.fspath(word) for word in words])
        capfd.readouterr()
        try:
            code = dispatch(options, rest)
        except VaeregError as error:
            Output(as_json="--json" in options).error(error)
            code = error.exit_code
        return Run(code, *capfd.readouterr())

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield run
    torch.set_num_threads(threads)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Of the demo's library two checkpoints, three VAEs, a web page that calls itself a VAE."""
    samples = {Path(sample.path).stem: sample for sample in reversed(SAMPLES)}
    build(tmp_path / "models", *THIN, [samples[name] for name in FIVE])
    return tmp_path / "models"
