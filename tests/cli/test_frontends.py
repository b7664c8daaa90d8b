"""``scan``, ``doctor`` and ``check`` with frontends: the wrong VAE is found before a picture."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.registry.frontends import trees, trees_other

from .conftest import Vaereg


def link(library: Path, source: str, target: Path) -> None:
    """A model of the library under another name, as a hard link."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(next(library.rglob(source)), target)


@pytest.fixture
def webui(library: Path, tmp_path: Path) -> Path:
    """A checkpoint that grabs a VAE by the beginning of its name, and one that is left alone."""
    root = trees.a1111(tmp_path / "webui", config={"sd_vae": "Automatic"})
    link(library, "forest_v1.*", root / "models/Stable-diffusion/forest.safetensors")
    link(library, "harbour_xl.*", root / "models/Stable-diffusion/harbour.safetensors")
    link(library, "sdxl_vae.*", root / "models/VAE/forest-v4.vae.safetensors")
    return root


@pytest.fixture
def comfy(library: Path, tmp_path: Path) -> Path:
    """The same checkpoint again, over a link."""
    root = trees_other.comfyui(tmp_path / "ComfyUI")
    link(library, "forest_v1.*", root / "models/checkpoints/forest.safetensors")
    return root


def pairing(document: dict, frontend: str, name: str) -> dict:
    (found,) = [one for one in document["frontends"] if one["frontend"] == frontend]
    return next(row for row in found["pairings"] if Path(row["checkpoint"]["path"]).stem == name)


def test_files_that_several_frontends_show_are_recorded_once(
    vaereg: Vaereg, webui: Path, comfy: Path
) -> None:
    both = ("--frontend", f"a1111={webui}", "--frontend", comfy)
    first = vaereg("scan", *both, "--json").document
    assert (first["files"], first["added"]) == (3, 3)
    assert [one["frontend"] for one in first["frontends"]] == ["a1111", "comfyui"]
    again = vaereg("scan", *both, "--json").document
    assert (again["files"], again["added"], again["unchanged"]) == (3, 0, 3)
    listed = vaereg("list", "--json").document
    assert sorted(model["name"] for model in listed) == ["forest", "forest-v4.vae", "harbour"]


def test_the_wrong_vae_is_found_before_the_first_picture(
    vaereg: Vaereg, webui: Path, comfy: Path
) -> None:
    vaereg("scan", "--frontend", webui, "--frontend", comfy)
    run = vaereg("doctor", "--frontend", f"a1111={webui}", "--frontend", comfy, "--json")
    forest = pairing(run.document, "a1111", "forest")
    assert Path(forest["vae"]).name == "forest-v4.vae.safetensors"
    assert forest["outcome"] in ("fail", "unknown")
    vaereg("check", "--model", "forest", "--vae", "forest-v4.vae", "--probe", "weights")
    run = vaereg("doctor", "--frontend", f"a1111={webui}", "--frontend", comfy, "--json")
    forest = pairing(run.document, "a1111", "forest")
    assert (forest["outcome"], forest["verdict"]) == ("fail", "incompatible")
    assert run.code == 3
    assert pairing(run.document, "a1111", "harbour")["kind"] == "baked"
    elsewhere = pairing(run.document, "comfyui", "forest")
    assert (elsewhere["kind"], elsewhere["outcome"]) == ("baked", "pass")
    told = vaereg("doctor", "--frontend", f"a1111={webui}").out
    assert "forest-v4.vae.safetensors" in told
    assert "1 of 2 checkpoints get a VAE that fits" in told


def test_the_frontends_around_scanned_folders_are_looked_at_by_themselves(
    vaereg: Vaereg, webui: Path, tmp_path: Path
) -> None:
    vaereg("scan", webui / "models")
    env = {"HOME": str(tmp_path / "nobody")}
    found = vaereg("doctor", "--json", **env).document["frontends"]
    assert str(webui) in [one["root"] for one in found]
    none = vaereg("doctor", "--frontend", "none", "--json", **env).document
    assert none["frontends"] == []


@pytest.mark.parametrize("command", ["scan", "doctor"])
def test_a_folder_that_is_no_frontend_is_told(vaereg: Vaereg, tmp_path: Path, command: str) -> None:
    for place, code in ((tmp_path / "absent", "not_found"), (tmp_path, "not_found")):
        run = vaereg(command, "--frontend", place, "--json")
        assert (run.code, run.document["error"]["code"]) == (1, code)
    run = vaereg(command, "--frontend", f"photoshop={tmp_path}", "--json")
    assert (run.code, run.document["error"]["code"]) == (2, "usage")


def test_a_pair_is_judged_as_the_frontend_would_show_it(
    vaereg: Vaereg, library: Path, tmp_path: Path
) -> None:
    """A bare SDXL VAE gets SD1's scaling factor in InvokeAI; A1111 does not list ``.sft``."""
    vaereg("scan", library)
    pair = ("check", "--model", "harbour_xl", "--vae", "sdxl_vae", "--probe", "decode", "--json")
    assert vaereg(*pair, "--frontend", "comfyui").code == 0
    washed = vaereg(*pair, "--frontend", "invokeai").document
    assert washed["verdict"] == "degraded"
    link(library, "sdxl_vae.*", tmp_path / "other.sft")
    pair = ("check", "--model", "harbour_xl", "--vae", tmp_path / "other.sft", "--json")
    run = vaereg(*pair, "--frontend", "a1111", "--probe", "none")
    assert run.code == 3
    row = next(one for one in run.document["evidence"] if one["check"] == "frontend-support")
    assert row["outcome"] == "fail"
    assert ".sft" in row["message"]


def outcome(vaereg: Vaereg, root: Path, name: str) -> tuple[str, str, int]:
    run = vaereg("doctor", "--frontend", root, "--json")
    row = pairing(run.document, run.document["frontends"][0]["frontend"], name)
    return row["outcome"], row["reason"], run.code


def test_what_was_never_read_or_changed_since_is_not_judged(
    vaereg: Vaereg, webui: Path, library: Path
) -> None:
    assert outcome(vaereg, webui, "harbour")[0] == "unknown"
    vaereg("scan", "--frontend", webui)
    assert outcome(vaereg, webui, "harbour")[0] == "pass"
    vae = webui / "models/VAE/forest-v4.vae.safetensors"
    vae.unlink()
    vae.write_bytes(next(library.rglob("ae.*")).read_bytes())
    found, reason, _ = outcome(vaereg, webui, "forest")
    assert found == "unknown"
    assert "not recorded as it is now" in reason


def test_a_file_that_the_frontend_cannot_use_is_no_fit(
    vaereg: Vaereg, webui: Path, library: Path, tmp_path: Path
) -> None:
    """A VAE in diffusers' layout that A1111 refuses; one outside its folders; a web page."""
    vae = webui / "models/VAE/forest-v4.vae.safetensors"
    vae.unlink()
    link(library, "vae_final_FIXED.*", vae)
    vaereg("scan", "--frontend", webui)
    found, reason, code = outcome(vaereg, webui, "forest")
    assert (found, code) == ("fail", 3)
    assert "diffusers layout" in reason
    link(library, "pony_vae.*", tmp_path / "page.safetensors")
    for place, words in (("page.safetensors", "web page"), ("ae.safetensors", "16")):
        if not (tmp_path / place).exists():
            link(library, "ae.*", tmp_path / place)
        script = f'export COMMANDLINE_ARGS="--vae-path {tmp_path / place}"\n'
        (webui / "webui-user.sh").write_text(script)
        vaereg("scan", "--frontend", webui)
        found, reason, code = outcome(vaereg, webui, "harbour")
        assert (found, code) == ("fail", 3)
        assert words in reason


def test_a_saved_workflow_with_the_wrong_vae_is_found(
    vaereg: Vaereg, comfy: Path, library: Path
) -> None:
    link(library, "ae.*", comfy / "models/vae/ae.safetensors")
    workflow = comfy / "user/default/workflows/mine.json"
    workflow.parent.mkdir(parents=True)
    loader = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "forest.safetensors"}}
    sampler = {"class_type": "KSampler", "inputs": {"model": ["1", 0]}}
    vae = {"class_type": "VAELoader", "inputs": {"vae_name": "ae.safetensors"}}
    decode = {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0], "vae": ["3", 0]}}
    graph = {"1": loader, "2": sampler, "3": vae, "4": decode}
    workflow.write_text(json.dumps(graph))
    vaereg("scan", "--frontend", comfy)
    run = vaereg("doctor", "--frontend", comfy, "--json")
    rows = run.document["frontends"][0]["pairings"]
    assert [row["outcome"] for row in rows] == ["pass", "fail"]
    assert "mine.json" in rows[1]["how"]
    assert run.code == 3
