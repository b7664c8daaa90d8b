"""The README and the program's own help speak of the same commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vaereg.cli.app import COMMANDS

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme_and_has_help(command: str) -> None:
    assert f"vaereg {command}" in README
    done = subprocess.run(
        [sys.executable, "-m", "vaereg", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage: vaereg" in done.stdout
    listing = subprocess.run(
        [sys.executable, "-m", "vaereg", "--help"], capture_output=True, text=True, check=True
    )
    assert command in listing.stdout
