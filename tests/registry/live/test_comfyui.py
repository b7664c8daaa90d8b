"""What a running ComfyUI's nodes take for a VAE."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.base import Reply
from tests.servers.frontends import FakeComfy
from vaereg.registry.errors import DownloadBroken, NotFound
from vaereg.registry.live.catalog import connect
from vaereg.registry.live.client import Client


def prompt(url: str, vae_name: str) -> int:
    """The status for a workflow that names this VAE."""
    client = Client(url)
    node = {"class_type": "VAELoader", "inputs": {"vae_name": vae_name}}
    body = {"prompt": {"1": node}}
    return client.ask("POST", client.url("/prompt"), body, handled=(400,)).status


@pytest.mark.parametrize("newer", [False, True])
@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ("good", "good.safetensors"),
        ("sub/deep.safetensors", "sub\\deep.safetensors"),
        ("deep.safetensors", "sub\\deep.safetensors"),
        ("taesdxl", "taesdxl"),
    ],
)
def test_the_value_for_its_node_is_told(
    comfy: FakeComfy, asked: str, value: str, newer: bool
) -> None:
    comfy.newer = newer
    live = connect(comfy.url)
    done = live.set_vae(asked)
    assert (done.took, done.value, done.calls) == (False, value, ())
    assert f"VAELoader to {value}" in done.message
    assert live.plan_vae(asked).snippets == (("VAELoader.vae_name", value),)
    assert (prompt(comfy.url, value), prompt(comfy.url, asked + "?")) == (200, 400)
    assert {request.method for request in comfy.log if request.path != "/prompt"} == {"GET"}


def test_a_path_is_found_by_the_folders_that_it_tells(comfy: FakeComfy, models: Path) -> None:
    live = connect(comfy.url)
    done = live.set_vae(str(models / "VAE/good.safetensors"))
    assert done.value == "good.safetensors"
    assert "Only the file's name" not in done.message
    with pytest.raises(NotFound, match="another file"):
        live.set_vae(str(models / "elsewhere/good.safetensors"))


def test_without_paths_only_names_are_compared(comfy: FakeComfy, models: Path) -> None:
    comfy.tells_paths = False
    done = connect(comfy.url).set_vae(str(models / "VAE/good.safetensors"))
    assert done.value == "good.safetensors"
    assert "Only the file's name was compared" in done.message


def test_its_lists_have_paths_in_its_own_spelling(comfy: FakeComfy, models: Path) -> None:
    live = connect(comfy.url)
    assert live.models("vae")[0].path == str(models / "VAE/good.safetensors")
    comfy.folders["vae"] = ["C:\\ComfyUI\\models\\vae"]
    assert live.models("vae")[1].path == "C:\\ComfyUI\\models\\vae\\sub\\deep.safetensors"
    assert live.models("lora") == []


def test_the_checkpoints_own_is_a_matter_of_the_workflow(comfy: FakeComfy) -> None:
    done = connect(comfy.url).set_vae(None)
    assert (done.took, done.value) == (False, None)
    assert "connect the checkpoint loader's own VAE output" in done.message


def test_an_unknown_name_is_told_with_those_there_are(comfy: FakeComfy) -> None:
    with pytest.raises(NotFound) as caught:
        connect(comfy.url).set_vae("missing.pt")
    assert "good.safetensors" in (caught.value.hint or "")


@pytest.mark.parametrize("document", [{}, {"VAELoader": {"input": {"required": []}}}, [], None])
def test_a_node_that_is_none_is_an_error(comfy: FakeComfy, document: object) -> None:
    comfy.fixed["/object_info/VAELoader"] = Reply.of_json(document)
    with pytest.raises(DownloadBroken, match="list of its models"):
        connect(comfy.url).set_vae("good")
