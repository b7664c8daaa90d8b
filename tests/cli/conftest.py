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
def alone(tmp_path: Path) -> Vaereg:
    """Run ``vaereg`` with these words in a process of its own; ``env`` adds variables."""

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
def vaereg(alone: Vaereg, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Vaereg:
    """Run ``vaereg`` with these words: in this process, unless ``env`` asks for another one."""
    from vaereg.cli.main import main

    def run(*words: str | os.PathLike[str], **env: str) -> Run:
        if env or words[:1] in ((), ("demo",)):
            return alone(*words, **env)
        capfdbinary.readouterr()
        before = os.getcwd()
        os.chdir(tmp_path)
        try:
            code = main([os.fspath(word) for word in words])
        except SystemExit as leaving:
            code = leaving.code
        finally:
            os.chdir(before)
        sys.stdout.flush()
        out, err = (part.decode("utf-8", "surrogateescape") for part in capfdbinary.readouterr())
        assert "Traceback" not in err, err
        return Run(int(code or 0), out, err)

    return run


@pytest.fixture
def here(vaereg: Vaereg) -> Iterator[Vaereg]:
    """As ``vaereg``, with one thread for torch."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield vaereg
    torch.set_num_threads(threads)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Of the demo's library two checkpoints, three VAEs, a web page that calls itself a VAE."""
    samples = {Path(sample.path).stem: sample for sample in reversed(SAMPLES)}
    build(tmp_path / "models", *THIN, [samples[name] for name in FIVE])
    return tmp_path / "models"
