"""The doctor over a large library in three frontends."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import fixtures
from measure import BIN, command_seconds, report

from vaereg.db.store import open_store
from vaereg.registry.formats.local import stamp_of
from vaereg.registry.values import Location

CHECKPOINTS, VAES = 500, 200
FOLDERS = {
    "webui": ("models/Stable-diffusion", "models/VAE"),
    "forge": ("models/Stable-diffusion", "models/VAE"),
    "ComfyUI": ("models/checkpoints", "models/vae"),
}
MARKS = {
    "webui": ("webui.py", "modules/sd_vae.py"),
    "forge": ("webui.py", "modules/sd_vae.py", "modules_forge/main_entry.py"),
    "ComfyUI": ("folder_paths.py", "nodes.py"),
}


def doctor(folder: Path) -> bool:
    """Whole process, verdicts on every checkpoint of every frontend; torch is not imported."""
    home = folder / "home"
    roots = _library(folder / "frontends", home)
    options = [word for root in roots for word in ("--frontend", str(root))]
    command = [str(BIN / "vaereg"), "--home", str(home), "doctor", *options, "--json"]
    # Misfits are what it is for: they make its exit code 3.
    quiet = ["sh", "-c", '"$@" > /dev/null; test $? -le 3', "sh", *command]
    seconds = command_seconds(quiet)
    told = subprocess.run(command, capture_output=True, check=False).stdout
    found = json.loads(told)["frontends"]
    pairs = sum(len(one["pairings"]) for one in found)
    code = "import sys; from vaereg.cli.main import main\ntry: main(sys.argv[1:])\n"
    code += "except SystemExit: pass\nprint('torch' in sys.modules, file=sys.stderr)"
    spied = subprocess.run(
        [sys.executable, "-c", code, *command[1:]], capture_output=True, text=True, check=False
    )
    torch = "True" in spied.stderr.splitlines()[-1:]
    name = f"doctor, {CHECKPOINTS} x {VAES} in {len(found)} frontends ({pairs:,} pairs)"
    good = seconds < 3 and not torch and pairs == CHECKPOINTS * len(roots)
    return report(name, f"{seconds:.2f} s, torch {'' if torch else 'not '}imported", "3 s", good)


def _library(folder: Path, home: Path) -> list[Path]:
    """Three installations that show the same files through hard links, all recorded."""
    found = []
    store_folder = folder / "store"
    for kind, count in (("checkpoint", CHECKPOINTS), ("vae", VAES)):
        for number in range(count):
            artifact, place = fixtures.model(number, kind)
            path = store_folder / kind / os.path.basename(place.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_header(number))
            stamp = stamp_of(os.stat(path))
            found.append((artifact, Location(str(path), stamp)))
    with open_store(f"sqlite:///{home / 'registry.db'}", home) as store:
        store.remember(found)
    roots = []
    for name, places in FOLDERS.items():
        root = folder / name
        for mark in MARKS[name]:
            (root / mark).parent.mkdir(parents=True, exist_ok=True)
            (root / mark).write_text("")
        for kind, place in zip(("checkpoint", "vae"), places, strict=True):
            (root / place).mkdir(parents=True)
            for path in (store_folder / kind).iterdir():
                os.link(path, root / place / path.name)
        roots.append(root)
    return roots


def _header(number: int) -> bytes:
    entry = {f"t{number}": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps(entry).encode()
    return struct.pack("<Q", len(text)) + text + struct.pack("<f", number)
