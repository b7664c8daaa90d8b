"""What a pull must never do: lose a file, publish what was not looked at, call a ruin whole."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.cli.conftest import Vaereg
from tests.servers.hub import Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, library: Path) -> Iterator[Hub]:
    """Two VAEs of one file name, and a diffusers folder."""
    config = {"_class_name": "AutoencoderKL", "latent_channels": 16, "scaling_factor": 0.3611}
    with Hub() as running:
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        running.put("one/vae", {"v.safetensors": library / "vae/sdxl_vae.safetensors"})
        running.put("two/vae", {"v.safetensors": library / "vae/ae.safetensors"})
        files = {
            "vae/config.json": json.dumps(config).encode(),
            "vae/diffusion_pytorch_model.safetensors": library / "vae/ae.safetensors",
        }
        running.put("a/pipe", {"model_index.json": b'{"vae": ["diffusers", "x"]}', **files})
        yield running


def fetched(hub: Hub) -> int:
    return len(hub.storage.log)


def test_force_takes_no_other_model_s_place(vaereg: Vaereg, hub: Hub, tmp_path: Path) -> None:
    own = tmp_path / "webui"
    own.mkdir()
    (own / "v.safetensors").write_bytes(b"the user's own")
    run = vaereg("pull", "one/vae", "two/vae", "--force", "--to", own, "--json")
    assert run.code == 0
    paths = [one["path"] for one in run.document]
    assert len(set(paths)) == 2
    assert (own / "v.safetensors").read_bytes() == b"the user's own"
    again = vaereg("pull", "two/vae", "--force", "--to", own, "--json").document
    assert again["path"] == paths[1], "the same content is fetched into its own place"
    assert again["already_here"] is False
    assert again["bytes_fetched"] == again["size"]


@pytest.mark.parametrize("name", ["weights", "weights.txt", "weights.json"])
def test_a_pickle_of_any_name_is_a_pickle(
    vaereg: Vaereg, hub: Hub, tmp_path: Path, name: str
) -> None:
    (tmp_path / "evil").write_bytes(pickle.dumps({"x": shutil.rmtree}, protocol=2))
    hub.put("sly/vae", {name: tmp_path / "evil", "README.md": b"x"})
    for words in ((), ("--allow-pickle",)):
        run = vaereg("pull", f"hf:sly/vae/{name}", *words, "--json")
        assert run.code == 1, run.out
        assert "error" in run.document
    models = tmp_path / "home" / "models"
    assert not [path for path in models.glob("*") if not path.name.startswith(".")]


@pytest.mark.parametrize("ruin", ["gone", "changed"])
def test_a_ruined_folder_is_not_here(vaereg: Vaereg, hub: Hub, ruin: str) -> None:
    first = vaereg("pull", "a/pipe", "--json").document
    weights = Path(first["path"], "diffusion_pytorch_model.safetensors")
    if ruin == "gone":
        weights.unlink()
    else:
        data = bytearray(weights.read_bytes())
        data[-1] ^= 255
        weights.write_bytes(data)
    second = vaereg("pull", "a/pipe", "--json").document
    assert second["already_here"] is False
    assert Path(second["path"], "diffusion_pytorch_model.safetensors").stat().st_size > 0
    assert second["path"] != first["path"], "what is there is the user's"


def test_force_fetches_a_folder_into_its_place(vaereg: Vaereg, hub: Hub) -> None:
    first = vaereg("pull", "a/pipe", "--json").document
    for _ in range(2):
        asked = fetched(hub)
        again = vaereg("pull", "a/pipe", "--force", "--json")
        assert again.code == 0, again.out
        assert again.document["path"] == first["path"]
        assert fetched(hub) > asked
    assert not list(Path(first["path"]).parent.glob(".*"))


@pytest.mark.parametrize("change", ["changed", "deleted"])
def test_the_path_that_is_printed_holds_the_content(vaereg: Vaereg, hub: Hub, change: str) -> None:
    path = Path(vaereg("pull", "one/vae").out.strip())
    data = bytearray(path.read_bytes())
    if change == "deleted":
        path.unlink()
    else:
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 255]))
    for _ in range(2):
        run = vaereg("pull", "one/vae", "--json")
        assert Path(run.document["path"]).read_bytes() == bytes(data)


def test_a_folder_s_configuration_is_looked_at(vaereg: Vaereg, hub: Hub, tmp_path: Path) -> None:
    hub.put(
        "bad/pipe",
        {
            "model_index.json": b"{}",
            "vae/config.json": b"[" * 100_000,
            "vae/diffusion_pytorch_model.safetensors": b"x" * 2000,
        },
    )
    run = vaereg("pull", "bad/pipe", "--json")
    assert run.code == 1
    assert not [p for p in (tmp_path / "home/models").glob("*") if not p.name.startswith(".")]


@pytest.mark.parametrize("where", ["file", "file/below"])
@pytest.mark.parametrize("ref", ["one/vae", "a/pipe"])
def test_a_place_that_cannot_be_written_is_one_document(
    vaereg: Vaereg, hub: Hub, tmp_path: Path, where: str, ref: str
) -> None:
    (tmp_path / "file").write_bytes(b"x")
    run = vaereg("pull", ref, "two/vae", "--to", tmp_path / where, "--json")
    assert run.code == 1
    assert [one["error"]["code"] for one in run.document] == ["unreadable_file"] * 2


def test_nothing_partial_is_left_of_another_listing(
    vaereg: Vaereg, hub: Hub, tmp_path: Path
) -> None:
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    for end in ("part", "part.log"):
        (models / f".v.safetensors.0123abcd.{end}").write_bytes(b"of yesterday")
    assert vaereg("pull", "one/vae").code == 0
    assert [path.name for path in models.iterdir()] == ["v.safetensors"]


def test_a_dry_run_says_what_a_pull_would_refuse(vaereg: Vaereg, hub: Hub, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"x": torch.zeros(2)}, tmp_path / "old.pt")
    hub.put("old/vae", {"old.vae.pt": tmp_path / "old.pt"})
    run = vaereg("pull", "old/vae", "--dry-run", "--json")
    assert "unsafe_pickle" in [note["code"] for note in run.document["warnings"]]
    assert "--allow-pickle" in vaereg("pull", "old/vae", "--dry-run").out


def test_ctrl_c_ends_a_pull_that_waits_for_another(
    vaereg: Vaereg, hub: Hub, tmp_path: Path
) -> None:
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    with FileLock(models / ".v.safetensors.lock"):
        command = [sys.executable, "-m", "vaereg", "pull", "one/vae", "--json"]
        waiting = subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ))
        time.sleep(4)
        assert waiting.poll() is None
        waiting.send_signal(signal.SIGINT)
        out, _ = waiting.communicate(timeout=5)
    assert waiting.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"


def test_ctrl_c_ends_a_search_of_a_silent_server(vaereg: Vaereg, hub: Hub) -> None:
    hub.mood.hang = True
    command = [sys.executable, "-m", "vaereg", "search", "vae", "--source", "hf"]
    waiting = subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ))
    time.sleep(4)
    waiting.send_signal(signal.SIGINT)
    waiting.communicate(timeout=5)
    assert waiting.returncode == 130


def test_a_stated_hash_is_no_proof(vaereg: Vaereg, hub: Hub, library: Path) -> None:
    """A plain server may state the hash of any famous VAE."""
    from tests.servers.storage import Storage
    from vaereg.registry.known import known_files

    official = next(row.sha256 for row in known_files().values() if row.family == "sdxl")
    with Storage("127.0.0.1") as plain:
        address = plain.put("/v.safetensors", (library / "vae/sdxl_vae.safetensors").read_bytes())
        serve = plain.serve

        def lying(*words, **named):
            reply = serve(*words, **named)
            reply.headers["X-Linked-Etag"] = f'"{official}"'
            return reply

        plain.serve = lying
        document = vaereg("inspect", address, "--json").document
    assert document["components"][0]["latent"]["family"] is None
    assert document["known_as"] is None


def test_what_was_pulled_is_found_by_its_ref_offline(vaereg: Vaereg, hub: Hub) -> None:
    path = vaereg("pull", "one/vae").out.strip()
    for ref in ("hf:one/vae", "hf:one/vae/v.safetensors", "one/vae"):
        assert vaereg("path", ref, VAEREG_OFFLINE="1").out.strip() == path
        seen = vaereg("inspect", ref, "--json", VAEREG_OFFLINE="1").document
        assert seen["path"] == path
    assert vaereg("path", "hf:two/vae", "--json").document["error"]["code"] == "not_found"
