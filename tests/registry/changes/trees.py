"""A frontend's folder and a plan for it that has every kind of change, and what a folder holds."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vaereg.registry.changes.base import Link, Plan, WriteText

SETTINGS = '\ufeff{\r\n  "sd_vae": "Automatic",\r\n  "größe": 1.50,\r\n  "x": [1,  2]\r\n}\r\n'
AFTER = SETTINGS.replace("Automatic", "sdxl__vae.safetensors")
LONG_AGO = 1_600_000_000_123_456_789
SIDECAR = '{"vae": "sdxl__vae.safetensors"}\n'


def build(root: Path) -> Path:
    """Models, one of them in a cache as Hugging Face's, and a settings file that is a symlink."""
    blobs, snapshot = root / "hub/blobs", root / "hub/snapshots/abc"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (blobs / "0a1b2c").write_bytes(b"cached weights")
    (snapshot / "vae.safetensors").symlink_to("../../blobs/0a1b2c")
    models = root / "models/sub"
    models.mkdir(parents=True)
    (models / "kl.ckpt").write_bytes(b"weights")
    (models / "pipe").mkdir()
    (models / "pipe/config.json").write_text("{}")
    webui = root / "webui"
    webui.mkdir()
    (root / "dotfiles.json").write_bytes(SETTINGS.encode())
    (root / "dotfiles.json").chmod(0o640)
    (webui / "config.json").symlink_to("../dotfiles.json")
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return root


def plan(root: Path) -> Plan:
    """Hard link, symlink, copies of a file and a folder, a replaced text and a new one."""
    models, vae = root / "models/sub", root / "webui/models/VAE"
    cached = root / "hub/snapshots/abc/vae.safetensors"
    return Plan(
        "a1111",
        str(root / "webui"),
        (
            Link(str(cached), str(vae / "sdxl__vae.safetensors"), why="fits sdxl"),
            Link(str(models / "kl.ckpt"), str(vae / "kl.ckpt"), ("symlink",)),
            Link(str(models / "kl.ckpt"), str(root / "webui/copies/kl.pt"), ("copy",)),
            Link(str(models / "pipe"), str(root / "webui/copies/pipe"), ("copy",)),
            WriteText(str(root / "webui/config.json"), AFTER, SETTINGS),
            WriteText(str(root / "webui/meta/new/kl.json"), SIDECAR, None),
        ),
    )


def snapshot(root: Path) -> dict[str, object]:
    """Everything below a folder: bytes, mode and time of files, where links lead, folders."""
    held: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name, found = path.relative_to(root).as_posix(), path.lstat()
        if path.is_symlink():
            held[name] = os.readlink(path)
        elif path.is_dir():
            held[name] = "folder"
        else:
            mode = stat.S_IMODE(found.st_mode)
            held[name] = (path.read_bytes(), mode, found.st_mtime_ns, found.st_nlink)
    return held
