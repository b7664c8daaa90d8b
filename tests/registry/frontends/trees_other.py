"""Builders of folders that look like ComfyUI, Fooocus, SwarmUI, InvokeAI, Stability Matrix."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from .trees import CHECKPOINT, Files, write

Options = Mapping[str, object]


def comfyui(root: Path, files: Files | None = None, *, version: str | None = "0.3.50") -> Path:
    """ComfyUI as cloned; ``files`` on top."""
    base: dict[str, str] = {"main.py": "", "folder_paths.py": "", "nodes.py": ""}
    if version is not None:
        base["comfyui_version.py"] = f'# made by a tool\n__version__ = "{version}"\n'
    return write(root, {**base, **(files or {})})


def fooocus(root: Path, files: Files | None = None, config: Options | None = None) -> Path:
    """Fooocus after its first start."""
    base: dict[str, str] = {
        "fooocus_version.py": "version = '2.5.5'\n",
        "presets/default.json": json.dumps({"default_model": "juggernautXL.safetensors"}),
    }
    if config is not None:
        base["config.txt"] = json.dumps(config)
    for name in ("checkpoints", "vae", "vae_approx"):
        (root / "models" / name).mkdir(parents=True, exist_ok=True)
    return write(root, {**base, **(files or {})})


def swarmui(root: Path, settings: str, files: Files | None = None) -> Path:
    """SwarmUI after its first start."""
    base = {
        "Data/Settings.fds": settings,
        "src/SwarmUI.csproj": "<Project><Version>0.9.7.1</Version></Project>",
    }
    return write(root, {**base, **(files or {})})


def invokeai(root: Path, records: Sequence[Options], files: Files | None = None) -> Path:
    """InvokeAI's folder; each record is the JSON of one row of its table of models."""
    write(root, {"invokeai.yaml": "schema_version: 4.0.2\n", **(files or {})})
    (root / "databases").mkdir(exist_ok=True)
    (root / "models").mkdir(exist_ok=True)
    with closing(invokeai_database(root / "databases" / "invokeai.db")) as database:
        add_records(database, records)
    return root


def invokeai_database(path: Path) -> sqlite3.Connection:
    """The table as InvokeAI's migrations make it, as far as the records go."""
    database = sqlite3.connect(path)
    database.execute(
        "CREATE TABLE IF NOT EXISTS models (id TEXT NOT NULL PRIMARY KEY, config TEXT NOT NULL, "
        "base TEXT GENERATED ALWAYS AS (json_extract(config, '$.base')) VIRTUAL NOT NULL, "
        "type TEXT GENERATED ALWAYS AS (json_extract(config, '$.type')) VIRTUAL NOT NULL, "
        "path TEXT GENERATED ALWAYS AS (json_extract(config, '$.path')) VIRTUAL NOT NULL, "
        "UNIQUE(path))"
    )
    return database


def add_records(database: sqlite3.Connection, records: Sequence[Options]) -> None:
    """Rows for these records."""
    rows = [(str(one["key"]), json.dumps(one)) for one in records]
    database.executemany("INSERT INTO models (id, config) VALUES (?, ?)", rows)
    database.commit()


def record(key: str, path: str, **words: object) -> dict[str, object]:
    """One record; a VAE of SDXL in a single file unless ``words`` say otherwise."""
    plain = {"key": key, "path": path, "name": key, "base": "sdxl", "type": "vae"}
    return {**plain, "format": "checkpoint", **words}


def stabilitymatrix(
    root: Path, packages: Sequence[str] = (), files: Files | None = None, **settings: object
) -> Path:
    """A portable library below ``root``."""
    listed = [{"DisplayName": name, "LibraryPath": f"Packages\\{name}"} for name in packages]
    library: dict[str, str] = {
        "Data/.sm-portable": "",
        "Data/settings.json": json.dumps({"InstalledPackages": listed, **settings}),
    }
    (root / "Data" / "Models").mkdir(parents=True, exist_ok=True)
    for name in packages:
        (root / "Data" / "Packages" / name).mkdir(parents=True, exist_ok=True)
    return write(root, {**library, **(files or {})})


def saved_workflow(
    checkpoint: str, vae: str | None, *, sampler: str = "KSampler", decoder_mode: int = 0
) -> str:
    """A workflow as the interface saves it: loader, sampler, decoder, a VAELoader where asked."""
    widget = [{"name": "ckpt_name", "type": "COMBO", "widget": {"name": "ckpt_name"}, "link": None}]
    nodes = [
        _node(4, "CheckpointLoaderSimple", widget, ["MODEL", "CLIP", "VAE"], [checkpoint]),
        _node(3, sampler, [_input("model", "MODEL", 1), _input("latent_image", "LATENT", None)]),
        {
            **_node(8, "VAEDecode", [_input("samples", "LATENT", 2), _input("vae", "VAE", 3)]),
            "mode": decoder_mode,
        },
    ]
    links: list[object] = [[1, 4, 0, 3, 0, "MODEL"], [2, 3, 0, 8, 0, "LATENT"]]
    if vae is None:
        links.append([3, 4, 2, 8, 1, "VAE"])
    else:
        nodes.append(_node(10, "VAELoader", [], ["VAE"], [vae]))
        links.append([3, 10, 0, 8, 1, "VAE"])
    return json.dumps({"nodes": nodes, "links": links, "version": 0.4})


def _node(
    number: int,
    kind: str,
    inputs: Sequence[object],
    outputs: Sequence[str] = ("LATENT",),
    values: Sequence[object] = (),
) -> dict[str, object]:
    return {
        "id": number,
        "type": kind,
        "mode": 0,
        "inputs": list(inputs),
        "outputs": [{"name": name, "type": name} for name in outputs],
        "widgets_values": list(values),
    }


def _input(name: str, kind: str, link: int | None) -> dict[str, object]:
    return {"name": name, "type": kind, "link": link}


def checkpoints(folder: str, *names: str) -> dict[str, Mapping[str, Sequence[int]]]:
    """Checkpoints of SD1 with their VAEs in a folder."""
    return {f"{folder}/{name}": CHECKPOINT for name in names}
