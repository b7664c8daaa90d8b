"""InvokeAI: its database read without touching it, default VAEs, bases and scaling factors."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders import write_safetensors
from vaereg.registry.frontends.invokeai import FRONTEND, guessed_base

from .asking import codes, effective, hidden, looked, names, vae_for
from .trees import CHECKPOINT, VAE, write
from .trees_other import add_records, invokeai, invokeai_database, record

FILES = {"models/m/xl.safetensors": CHECKPOINT, "models/v/vae.safetensors": VAE}


def main(vae: str | None = None, **words: object) -> dict[str, object]:
    settings = {"default_settings": {"vae": vae, "steps": 30}} if vae else {}
    return record("m", "m/xl.safetensors", **{"type": "main", **settings, **words})


def a_vae(**words: object) -> dict[str, object]:
    return record("v", "v/vae.safetensors", **words)


def test_recognised_and_listed(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "mine", {"b.safetensors": VAE}) / "b.safetensors"
    rows = [main(), a_vae(), record("b", str(elsewhere)), record("l", "x/l.pt", type="lora")]
    version = ".venv/lib/python3.12/site-packages/invokeai/version/invokeai_version.py"
    root = invokeai(tmp_path / "invokeai", rows, {**FILES, version: '__version__ = "6.4.0"\n'})
    assert FRONTEND.recognises(str(root))
    assert not FRONTEND.recognises(str(tmp_path))
    installation, listing = looked(FRONTEND, root)
    assert installation.version == "6.4.0"
    assert {one.name: one.path for one in listing.of("vae")} == {
        "v": str(root / "models/v/vae.safetensors"),
        "b": str(elsewhere),
    }
    assert names(listing, "checkpoint") == ["m"]


def test_a_transformer_alone_is_no_whole_checkpoint(tmp_path: Path) -> None:
    rows = [main(base="flux", format="gguf_quantized"), a_vae(base="flux")]
    installation, listing = looked(FRONTEND, invokeai(tmp_path, rows, FILES))
    (denoiser,) = listing.of("diffusion_model")
    assert FRONTEND.effective(installation, listing, denoiser, False).kind == "asked"


CHOICES: dict[str, tuple[list[dict[str, object]], bool, tuple[str, str | None], set[str]]] = {
    "no default": ([main(), a_vae()], True, ("baked", None), set()),
    "the word default": ([main("default"), a_vae()], True, ("baked", None), set()),
    "no default and none of its own": ([main(), a_vae()], False, ("asked", None), set()),
    "a default of SDXL in one file": (
        [main("v"), a_vae()],
        True,
        ("file", "models/v/vae.safetensors"),
        {"scaling"},
    ),
    "a default of SD1": (
        [main("v", base="sd-1"), a_vae(base="sd-1")],
        True,
        ("file", "models/v/vae.safetensors"),
        set(),
    ),
    "a default of another base": (
        [main("v"), a_vae(base="sd-1")],
        True,
        ("file", "models/v/vae.safetensors"),
        {"wrong-base", "scaling"},
    ),
    "a key without a record": ([main("gone"), a_vae()], True, ("baked", None), {"unknown-vae"}),
    "a key that is no VAE": ([main("m"), a_vae()], True, ("baked", None), {"unknown-vae"}),
    "a file that is gone": (
        [main("g"), record("g", "g/gone.safetensors")],
        True,
        ("none", None),
        {"file-gone"},
    ),
}


@pytest.mark.parametrize("case", CHOICES)
def test_default_vae(tmp_path: Path, case: str) -> None:
    rows, has_baked, wanted, told = CHOICES[case]
    root = invokeai(tmp_path, rows, FILES)
    kind, path, notices = vae_for(FRONTEND, root, "m", has_baked)
    assert (kind, path) == wanted
    assert notices == told


def test_a_single_file_is_decoded_at_the_classes_default(tmp_path: Path) -> None:
    root = invokeai(tmp_path, [main("v"), a_vae()], FILES)
    assert effective(FRONTEND, root, "m").scaling_factor == 0.18215


@pytest.mark.parametrize(
    ("config", "scaling"),
    [
        ('{"scaling_factor": 0.13025}', None),
        ('{"scaling_factor": 0.2}', 0.2),
        ("{}", 0.18215),
        ('{"scaling_factor": "much"}', 0.18215),
        ('{"scaling_factor": true}', 0.18215),
    ],
)
def test_a_folder_is_decoded_by_its_config(
    tmp_path: Path, config: str, scaling: float | None
) -> None:
    rows = [main("v"), record("v", "v/folder", format="diffusers")]
    root = invokeai(tmp_path, rows, {**FILES, "models/v/folder/config.json": config})
    assert effective(FRONTEND, root, "m").scaling_factor == scaling


def test_records_whose_file_is_gone_are_hidden(tmp_path: Path) -> None:
    _, listing = looked(FRONTEND, invokeai(tmp_path, [main(), record("g", "gone.pt")], FILES))
    assert hidden(listing) == {"g": "its file is gone"}


def test_a_base_that_the_metadata_contradicts(tmp_path: Path) -> None:
    root = invokeai(tmp_path, [a_vae(base="sd-1")], FILES)
    said = {"modelspec.architecture": "stable-diffusion-xl-v1-base/vae"}
    write_safetensors(root / "models/v/vae.safetensors", VAE, metadata=said)
    assert codes(looked(FRONTEND, root)[1].notices) == {"wrong-base"}


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("sdxl_vae", "sdxl"),
        ("fp16-fix", "sd-1"),
        ("MyXLvae", "sdxl"),
        ("sd2-mse", "sd-2"),
        ("kl-f8-anime2", "sd-1"),
    ],
)
def test_the_base_that_a_name_gets(name: str, base: str) -> None:
    assert guessed_base(name) == base


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        one.name: (one.stat().st_size, one.stat().st_mtime_ns, one.read_bytes())
        for one in folder.iterdir()
    }


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """InvokeAI in the middle of its work: its last changes are not merged into the file."""
    root = invokeai(tmp_path, [main()], FILES)
    with closing(invokeai_database(root / "databases/invokeai.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        add_records(database, [a_vae()])
        yield root, database


def test_read_while_invokeai_runs_with_its_last_changes(
    running: tuple[Path, sqlite3.Connection],
) -> None:
    root, database = running
    database.execute("BEGIN IMMEDIATE")
    before = state(root / "databases")
    assert "invokeai.db-wal" in before
    _, listing = looked(FRONTEND, root)
    assert names(listing, "vae") == ["v"]
    assert state(root / "databases") == before


def test_a_database_at_rest_gets_no_files_beside_it(tmp_path: Path) -> None:
    root = invokeai(tmp_path, [main(), a_vae()], FILES)
    folder = root / "databases"
    with closing(sqlite3.connect(folder / "invokeai.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
    before = state(folder)
    assert list(before) == ["invokeai.db"]
    assert names(looked(FRONTEND, root)[1], "vae") == ["v"]
    assert state(folder) == before


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    root = invokeai(tmp_path, [main(), a_vae()], FILES)
    folder = root / "databases"
    os.chmod(folder, 0o555)
    try:
        assert names(looked(FRONTEND, root)[1], "vae") == ["v"]
    finally:
        os.chmod(folder, 0o755)


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\0" * 100])
def test_a_damaged_database_is_a_notice(tmp_path: Path, content: bytes) -> None:
    root = invokeai(tmp_path, [], FILES)
    (root / "databases/invokeai.db").write_bytes(content)
    _, listing = looked(FRONTEND, root)
    assert listing.models == ()
    assert codes(listing.notices) == {"database-unreadable"}


def test_a_view_that_never_ends_is_stopped(tmp_path: Path) -> None:
    root = invokeai(tmp_path, [], FILES)
    with closing(sqlite3.connect(root / "databases/invokeai.db")) as database:
        database.execute("DROP TABLE models")
        database.execute(
            "CREATE VIEW models AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT i AS id, 'x' AS config FROM n WHERE i < 0"
        )
        database.commit()
    assert codes(looked(FRONTEND, root)[1].notices) == {"database-unreadable"}


def test_records_that_are_not_understood_are_counted(tmp_path: Path) -> None:
    root = invokeai(tmp_path, [main()], FILES)
    rows = [{"key": "a", "path": "", "base": "x", "type": "vae"}]
    with closing(invokeai_database(root / "databases/invokeai.db")) as database:
        add_records(database, rows)
    _, listing = looked(FRONTEND, root)
    assert codes(listing.notices) == {"records-unknown"}
    assert names(listing, "checkpoint") == ["m"]


@pytest.mark.parametrize(
    "text",
    [
        "models_dir: ../m\ndb_dir: db\n",
        "InvokeAI:\n  Paths:\n    models_dir: ../m\n    db_dir: db\n",
    ],
)
def test_settings_move_the_folders(tmp_path: Path, text: str) -> None:
    root = invokeai(tmp_path / "invokeai", [a_vae()], {"invokeai.yaml": text})
    write(tmp_path, {"m/v/vae.safetensors": VAE})
    os.rename(root / "databases", root / "db")
    _, listing = looked(FRONTEND, root)
    assert [one.path for one in listing.of("vae")] == [str(tmp_path / "m/v/vae.safetensors")]


def test_a_folder_without_a_database_says_so(tmp_path: Path) -> None:
    root = write(tmp_path, {"invokeai.yaml": "x: [\n"})
    installation, listing = looked(FRONTEND, root)
    assert listing.models == ()
    assert {"database-missing", "settings-damaged"} <= codes(installation.notices)
