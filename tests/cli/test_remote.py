"""search, pull, inspect and check against a hub on loopback, by the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Vaereg
from tests.servers.hub import Hub

CANARY = "hf_canaryCANARYcanary"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub that the command talks to, with an own cache."""
    with Hub() as running:
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("VAEREG_CIVITAI_ENDPOINT", "http://127.0.0.1:9")
        yield running


@pytest.fixture
def stocked(hub: Hub, library: Path) -> Hub:
    """The hub with VAEs in three shapes and a checkpoint."""
    vae = library / "vae"
    hub.put("maker/sdxl-vae", {"sdxl_vae.safetensors": vae / "sdxl_vae.safetensors"}, downloads=900)
    hub.put("maker/flux-ae", {"ae.safetensors": vae / "ae.safetensors"}, downloads=70)
    checkpoint = next(library.rglob("harbour_xl.safetensors"))
    hub.put("maker/harbour", {"harbour_xl.safetensors": checkpoint}, downloads=5)
    return hub


def fetched(hub: Hub) -> list[str]:
    """The ranges that were asked of the storage host."""
    return [request.headers.get("range", "") for request in hub.storage.log]


def test_search_tells_what_pull_takes(vaereg: Vaereg, stocked: Hub) -> None:
    run = vaereg("search", "vae", "--source", "hf", "--json")
    assert run.code == 0
    first = run.document[0]
    assert (first["source"], first["downloads"]) == ("huggingface", 900)
    assert first["ref"].startswith("hf:maker/sdxl-vae")
    assert first["families"] == [], "a name tells no family"
    pulled = vaereg("pull", first["ref"])
    assert pulled.code == 0
    assert Path(pulled.out.strip()).is_file()


def test_search_goes_on_where_one_place_is_silent(vaereg: Vaereg, stocked: Hub) -> None:
    run = vaereg("search", "vae")
    assert run.code == 0
    assert "hf:maker/sdxl-vae" in run.out
    assert "note:" in run.err


def test_search_of_a_silent_place_is_an_error(vaereg: Vaereg, hub: Hub) -> None:
    run = vaereg("search", "vae", "--source", "civitai", "--json")
    assert run.code == 1
    assert run.document["error"]["code"] == "offline"


def test_a_pull_prints_the_path_and_records_the_model(vaereg: Vaereg, stocked: Hub) -> None:
    run = vaereg("pull", "maker/sdxl-vae")
    assert run.code == 0
    path = run.out.strip()
    assert run.out == f"{path}\n", "stdout carries the path alone"
    assert "the one that was published" in run.err
    listed = vaereg("list", "--json").document
    assert [model["path"] for model in listed] == [path]
    told = vaereg("show", "sdxl_vae", "--json").document
    (origin,) = told["origins"]
    assert origin["ref"] == "hf:maker/sdxl-vae/sdxl_vae.safetensors"
    assert len(origin["revision"]) == 40
    scanned = vaereg("scan", Path(path).parent, "--json").document
    assert (scanned["unchanged"], scanned["added"]) == (1, 0)


def test_what_is_here_is_not_fetched_again(vaereg: Vaereg, stocked: Hub, tmp_path: Path) -> None:
    first = vaereg("pull", "maker/sdxl-vae", "--json").document
    assert (first["via"], first["already_here"]) == ("network", False)
    stocked.storage.log.clear()
    again = vaereg("pull", "maker/sdxl-vae", "--json").document
    assert (again["via"], again["path"], again["bytes_fetched"]) == ("here", first["path"], 0)
    elsewhere = vaereg("pull", "maker/sdxl-vae", "--to", tmp_path / "webui", "--json").document
    assert elsewhere["path"].startswith(str(tmp_path / "webui"))
    assert elsewhere["bytes_fetched"] == 0
    assert os.path.samefile(elsewhere["path"], first["path"]), "linked, not copied"
    assert not fetched(stocked)


def test_a_scanned_copy_counts_as_here(vaereg: Vaereg, stocked: Hub, library: Path) -> None:
    vaereg("scan", library)
    run = vaereg("pull", "maker/flux-ae")
    assert run.out.strip() == str(library / "vae" / "ae.safetensors")
    assert not fetched(stocked)


def test_a_dry_run_fetches_headers_only_and_tells_the_fit(
    vaereg: Vaereg, stocked: Hub, library: Path
) -> None:
    checkpoint = next(library.rglob("harbour_xl.safetensors"))
    run = vaereg("pull", "maker/flux-ae", "--dry-run", "--for", checkpoint, "--json")
    assert run.code == 3
    assert run.document["fit"]["verdict"] == "incompatible"
    assert run.document["dry_run"] is True
    assert not Path(run.document["path"]).exists()
    size = run.document["size"]
    assert sum(64 * 1024 for _ in fetched(stocked)) < size
    shown = vaereg("pull", "maker/flux-ae", "--dry-run")
    assert shown.code == 0
    assert "ae.safetensors" in shown.out


def test_what_cannot_fit_is_not_fetched(vaereg: Vaereg, stocked: Hub, library: Path) -> None:
    checkpoint = next(library.rglob("harbour_xl.safetensors"))
    run = vaereg("pull", "maker/flux-ae", "--for", checkpoint)
    assert run.code == 3
    assert "nothing was fetched" in run.out
    forced = vaereg("pull", "maker/flux-ae", "--for", checkpoint, "--force")
    assert forced.code == 0
    assert Path(forced.out.strip()).is_file()


def test_several_refs_are_one_list_and_one_failure_spoils_none(
    vaereg: Vaereg, stocked: Hub
) -> None:
    run = vaereg("pull", "maker/sdxl-vae", "maker/nothing", "maker/flux-ae", "--json")
    assert run.code == 1
    good, bad, other = run.document
    assert bad["error"]["code"] == "not_found"
    assert bad["ref"] == "maker/nothing"
    assert Path(good["path"]).is_file()
    assert Path(other["path"]).is_file()


def test_a_renamed_copy_is_introduced(vaereg: Vaereg, hub: Hub, library: Path) -> None:
    from safetensors.numpy import load_file, save_file

    vaereg("scan", library)
    half = {
        k: v.astype("float16") for k, v in load_file(library / "vae" / "ae.safetensors").items()
    }
    save_file(half, library.parent / "half.safetensors")
    hub.put("other/name", {"best_vae_EVER.safetensors": library.parent / "half.safetensors"})
    run = vaereg("pull", "other/name")
    assert run.code == 0
    assert "holds the same weights as ae" in run.err


def test_pickles_need_a_word(vaereg: Vaereg, hub: Hub, library: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    path = library.parent / "old.ckpt"
    torch.save({"state_dict": load_file(library / "vae" / "sdxl_vae.safetensors")}, path)
    hub.put("old/vae", {"old.vae.pt": path})
    hub.put("sly/vae", {"vae.safetensors": path})
    refused = vaereg("pull", "old/vae", "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "unsafe_pickle")
    assert "--allow-pickle" in refused.document["error"]["hint"]
    assert not fetched(hub)
    disguised = vaereg("pull", "sly/vae", "--json")
    assert disguised.code == 1
    assert not list((library.parent / "home" / "models").glob("[!.]*"))
    taken = vaereg("pull", "old/vae", "--allow-pickle", "--json")
    assert taken.code == 0, taken.out
    assert taken.document["components"][0]["role"] == "vae"


def test_a_hostile_pickle_is_never_published(vaereg: Vaereg, hub: Hub, tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.system, (f"touch {tmp_path}/ran",)

    (tmp_path / "evil.pt").write_bytes(pickle.dumps({"x": Evil()}, protocol=2))
    hub.put("evil/vae", {"vae.pt": tmp_path / "evil.pt"})
    run = vaereg("pull", "evil/vae", "--allow-pickle", "--json")
    assert run.code == 1
    assert run.document["error"]["code"] in ("unsafe_pickle", "unreadable_file")
    assert not (tmp_path / "ran").exists()
    assert not [p for p in (tmp_path / "home").rglob("*.pt") if not p.name.startswith(".")]


def test_a_killed_pull_goes_on_where_it_was(vaereg: Vaereg, stocked: Hub, tmp_path: Path) -> None:
    blob = next(iter(stocked.repos["maker/sdxl-vae"].commits.values()))["sdxl_vae.safetensors"]
    place = next(path for path in stocked.storage.files if blob.sha256 and blob.sha256 in path)
    stocked.storage.misbehave(place, drip=blob.size / 4)
    command = [sys.executable, "-m", "vaereg", "pull", "maker/sdxl-vae"]
    models = tmp_path / "home" / "models"
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        parts = list(models.glob(".*.part")) if models.exists() else []
        if parts and parts[0].stat().st_size > blob.size / 3:
            break
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (models / "sdxl_vae.safetensors").exists()
    stocked.storage.misbehave(place)
    run = vaereg("pull", "maker/sdxl-vae", "--json")
    assert run.code == 0
    assert run.document["verified"] is True
    assert run.document["bytes_resumed"] > blob.size / 4
    assert run.document["bytes_fetched"] + run.document["bytes_resumed"] == run.document["size"]
    assert vaereg("verify").code == 0


def test_a_remote_header_costs_two_requests(vaereg: Vaereg, stocked: Hub) -> None:
    run = vaereg("inspect", "hf:maker/sdxl-vae/sdxl_vae.safetensors", "--json")
    assert run.code == 0
    document = run.document
    assert document["kind"] == "vae"
    assert document["bytes_read"] <= 256 * 1024
    assert document["components"][0]["latent"]["candidates"]
    assert len(stocked.log) + len(stocked.storage.log) <= 2
    assert not (Path(os.environ["VAEREG_HOME"]) / "registry.db").exists(), "it writes nothing"


def test_a_remote_pair_is_judged_by_headers(vaereg: Vaereg, stocked: Hub, library: Path) -> None:
    checkpoint = next(library.rglob("harbour_xl.safetensors"))
    both = ["--model", "hf:maker/harbour/harbour_xl.safetensors", "--vae", "maker/flux-ae"]
    run = vaereg("check", *both, "--json")
    assert run.code == 3
    assert run.document["vae"]["path"] is None
    assert run.document["vae"]["ref"].startswith("hf:maker/flux-ae")
    open_ = vaereg("check", "--model", checkpoint, "--vae", "maker/sdxl-vae", "--json")
    assert open_.code in (0, 4)
    assert any("vaereg pull" in line for line in open_.document["advice"])
    assert open_.document["probe"]["level"] == "none"


def test_the_weights_of_a_remote_model_are_not_there(vaereg: Vaereg, stocked: Hub) -> None:
    run = vaereg("inspect", "maker/sdxl-vae", "--weights", "--json")
    assert run.code == 2
    assert "vaereg pull" in run.document["error"]["hint"]


def test_a_diffusers_folder_is_fetched_whole(vaereg: Vaereg, hub: Hub, library: Path) -> None:
    config = {"_class_name": "AutoencoderKL", "latent_channels": 16, "scaling_factor": 0.3611}
    hub.put(
        "maker/pipeline",
        {
            "model_index.json": json.dumps({"vae": ["diffusers", "AutoencoderKL"]}).encode(),
            "vae/config.json": json.dumps(config).encode(),
            "vae/diffusion_pytorch_model.safetensors": library / "vae" / "ae.safetensors",
            "unet/diffusion_pytorch_model.safetensors": b"x" * 1000,
            "README.md": b"words",
        },
    )
    run = vaereg("pull", "maker/pipeline", "--json")
    assert run.code == 0, run.out
    folder = Path(run.document["path"])
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["config.json", "diffusion_pytorch_model.safetensors"]
    scanned = vaereg("scan", folder.parent, "--json").document
    assert scanned["unchanged"] == 1, "recorded as a scan sees it"
    hub.storage.log.clear()
    again = vaereg("pull", "maker/pipeline", "--json").document
    assert (again["path"], again["already_here"]) == (str(folder), True)
    assert not fetched(hub)


def test_no_token_ever_shows(vaereg: Vaereg, stocked: Hub, tmp_path: Path) -> None:
    stocked.token = CANARY
    told = []
    for words in (["pull", "maker/sdxl-vae"], ["search", "vae"], ["show", "sdxl_vae"]):
        told.append(vaereg(*words, "--verbose", "--json", HF_TOKEN=CANARY))
    told.append(vaereg("pull", "maker/missing", "--verbose", HF_TOKEN=CANARY))
    assert not [run for run in told if CANARY in run.out + run.err]
    assert any(CANARY in request.headers.get("authorization", "") for request in stocked.log)
    assert not any("authorization" in request.headers for request in stocked.storage.log)
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    "words",
    [
        ["search", "vae"],
        ["pull", "maker/sdxl-vae"],
        ["inspect", "hf:maker/sdxl-vae"],
        ["check", "--model", "hf:a/b", "--vae", "hf:c/d"],
    ],
)
@pytest.mark.parametrize("how", ["switch", "dead"])
def test_offline_is_one_sentence(vaereg: Vaereg, hub: Hub, words: list[str], how: str) -> None:
    env = {"VAEREG_OFFLINE": "1"} if how == "switch" else {"HF_ENDPOINT": "http://127.0.0.1:9"}
    run = vaereg(*words, "--json", **env)
    assert run.code == 1
    assert run.document["error"]["code"] == "offline"
    assert run.document["error"]["message"].count("\n") == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["pull", "nothing-that-is"], "vaereg search"),
        (["pull", "--file", "x", "a/b", "c/d"], "by themselves"),
        (["pull", "civitai:abc"], "civitai:"),
        (["search", "--family", "nonsense"], "families"),
    ],
)
def test_wrong_usage_says_what_is_right(
    vaereg: Vaereg, hub: Hub, words: list[str], hint: str
) -> None:
    run = vaereg(*words, "--json")
    assert run.code == 2
    assert hint in run.out
