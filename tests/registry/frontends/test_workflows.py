"""Saved workflows of ComfyUI: which VAE decodes which checkpoint's latents."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from vaereg.registry.frontends.comfy_graph import read_graph
from vaereg.registry.frontends.comfy_workflows import Pairing, pairings
from vaereg.registry.frontends.comfyui import FRONTEND, InWorkflow, effective_in_workflows

from .asking import looked
from .trees import VAE
from .trees_other import checkpoints, comfyui, saved_workflow


def api(**nodes: tuple[str, dict[str, object]]) -> dict[str, object]:
    """The API's format; node names begin with n, as in the links."""
    return {
        name[1:]: {"class_type": kind, "inputs": given} for name, (kind, given) in nodes.items()
    }


CHECKPOINT = ("CheckpointLoaderSimple", {"ckpt_name": "a.safetensors"})
DECODE = {"samples": ["3", 0], "vae": ["10", 0]}
SAMPLER = ("KSampler", {"model": ["4", 0], "latent_image": ["5", 0], "seed": 1})
OTHER = ("VAELoader", {"vae_name": "v.pt"})


def one_of(graph: object) -> Pairing:
    found = pairings(read_graph(graph))
    assert len(found) == 1
    return found[0]


def short(found: Pairing) -> tuple[str | None, str | None]:
    return found.checkpoint, found.vae


GRAPHS = {
    "VAELoader": (api(n4=CHECKPOINT, n3=SAMPLER, n10=OTHER, n8=("VAEDecode", DECODE)), "v.pt"),
    "below prompt": (
        {"prompt": api(n4=CHECKPOINT, n3=SAMPLER, n10=OTHER, n8=("VAEDecode", DECODE))},
        "v.pt",
    ),
    "the checkpoint's own": (
        api(n4=CHECKPOINT, n3=SAMPLER, n8=("VAEDecode", {"samples": ["3", 0], "vae": ["4", 2]})),
        "a.safetensors",
    ),
    "tiled, through a LoRA, an upscaler and a second sampler": (
        api(
            n4=CHECKPOINT,
            n2=("LoraLoader", {"model": ["4", 0], "clip": ["4", 1]}),
            n6=("KSampler", {"model": ["2", 0], "latent_image": ["5", 0]}),
            n7=("LatentUpscale", {"samples": ["6", 0]}),
            n3=("KSamplerAdvanced", {"latent_image": ["7", 0], "model": ["2", 0]}),
            n10=OTHER,
            n8=("VAEDecodeTiled", DECODE),
        ),
        "v.pt",
    ),
    "a guider": (
        api(
            n4=CHECKPOINT,
            n6=("CFGGuider", {"model": ["4", 0]}),
            n3=("SamplerCustomAdvanced", {"guider": ["6", 0], "latent_image": ["5", 0]}),
            n10=OTHER,
            n8=("VAEDecode", DECODE),
        ),
        "v.pt",
    ),
    "an adapter with a picture of its own": (
        api(
            n4=CHECKPOINT,
            n6=("IPAdapterAdvanced", {"model": ["4", 0], "image": ["9", 0]}),
            n3=("KSampler", {"model": ["6", 0], "latent_image": ["5", 0]}),
            n10=OTHER,
            n8=("VAEDecode", DECODE),
        ),
        "v.pt",
    ),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_api_prompts(case: str) -> None:
    graph, vae = GRAPHS[case]
    assert short(one_of(graph)) == ("a.safetensors", vae)


OPEN = {
    "an encoded picture has no denoiser": (
        api(
            n6=("VAEEncode", {"pixels": ["9", 0], "vae": ["10", 0]}),
            n10=OTHER,
            n8=("VAEDecode", {"samples": ["6", 0], "vae": ["10", 0]}),
        ),
        (None, "v.pt"),
    ),
    "an unknown loader": (
        api(n4=CHECKPOINT, n3=SAMPLER, n10=("MyLoader", {"file": "x"}), n8=("VAEDecode", DECODE)),
        ("a.safetensors", None),
    ),
    "a name that a node works out": (
        api(
            n4=("CheckpointLoaderSimple", {"ckpt_name": ["20", 0]}),
            n20=("StringConcatenate", {"a": "b"}),
            n3=SAMPLER,
            n10=OTHER,
            n8=("VAEDecode", DECODE),
        ),
        (None, "v.pt"),
    ),
    "a loop": (
        api(
            n3=("KSampler", {"model": ["6", 0]}),
            n6=("LoraLoader", {"model": ["3", 0]}),
            n10=OTHER,
            n8=("VAEDecode", DECODE),
        ),
        (None, "v.pt"),
    ),
    "the wrong output of a loader": (
        api(n4=CHECKPOINT, n3=SAMPLER, n8=("VAEDecode", {"samples": ["3", 0], "vae": ["4", 1]})),
        ("a.safetensors", None),
    ),
}


@pytest.mark.parametrize("case", OPEN)
def test_what_cannot_be_told_is_left_open(case: str) -> None:
    graph, wanted = OPEN[case]
    found = one_of(graph)
    assert short(found) == wanted
    assert "cannot be told" in found.why


def test_a_saved_workflow() -> None:
    assert short(one_of(json.loads(saved_workflow("a.ckpt", "v.pt")))) == ("a.ckpt", "v.pt")
    own = one_of(json.loads(saved_workflow("a.ckpt", None)))
    assert short(own) == ("a.ckpt", "a.ckpt")
    assert own.vae_role == "checkpoint"


@pytest.mark.parametrize("mode", [2, 4])
def test_a_decoder_that_is_muted_or_bypassed_decodes_nothing(mode: int) -> None:
    assert pairings(read_graph(json.loads(saved_workflow("a", "v", decoder_mode=mode)))) == ()


def test_a_reroute_hands_on() -> None:
    graph = json.loads(saved_workflow("a.ckpt", "v.pt"))
    graph["nodes"].append(
        {
            "id": 30,
            "type": "Reroute",
            "inputs": [{"name": "", "type": "*", "link": 40}],
            "outputs": [{"name": "", "type": "VAE"}],
        }
    )
    graph["links"] += [[40, 10, 0, 30, 0, "VAE"], [41, 30, 0, 8, 1, "VAE"]]
    graph["nodes"][2]["inputs"][1]["link"] = 41
    assert short(one_of(graph)) == ("a.ckpt", "v.pt")


def test_a_bypassed_lora_hands_its_model_on_and_a_muted_one_does_not() -> None:
    graph = json.loads(saved_workflow("a.ckpt", "v.pt"))
    graph["nodes"].append(
        {
            "id": 30,
            "type": "Anything",
            "mode": 4,
            "inputs": [
                {"name": "clip", "type": "CLIP", "link": None},
                {"name": "weird", "type": "MODEL", "link": 40},
            ],
            "outputs": [{"name": "out", "type": "MODEL"}],
        }
    )
    graph["links"] += [[40, 4, 0, 30, 1, "MODEL"], [41, 30, 0, 3, 0, "MODEL"]]
    graph["nodes"][1]["inputs"][0]["link"] = 41
    assert short(one_of(graph)) == ("a.ckpt", "v.pt")
    graph["nodes"][-1]["mode"] = 2
    assert short(one_of(graph)) == (None, "v.pt")


def test_a_widget_turned_into_an_input_takes_the_primitives_value() -> None:
    graph = json.loads(saved_workflow("old.ckpt", "v.pt"))
    graph["nodes"].append({"id": 30, "type": "PrimitiveNode", "widgets_values": ["new.ckpt"]})
    graph["links"].append([50, 30, 0, 4, 0, "COMBO"])
    graph["nodes"][0]["inputs"][0]["link"] = 50
    assert short(one_of(graph)) == ("new.ckpt", "v.pt")


def subgraph(values: list[str]) -> dict[str, object]:
    """A loader inside a subgraph whose name is a widget of the subgraph, everything else outside.

    The decoder stands before the subgraph in the file.
    """
    inner = {
        "id": "0d9f",
        "nodes": [
            {
                "id": 1,
                "type": "CheckpointLoaderSimple",
                "inputs": [{"name": "ckpt_name", "type": "COMBO", "link": 7}],
                "outputs": [{"type": "MODEL"}, {"type": "CLIP"}, {"type": "VAE"}],
                "widgets_values": ["stale.ckpt"],
            },
            {
                "id": 2,
                "type": "KSampler",
                "inputs": [{"name": "model", "type": "MODEL", "link": 8}],
                "outputs": [{"type": "LATENT"}],
            },
        ],
        "links": [
            {"id": 7, "origin_id": -10, "origin_slot": 0, "target_id": 1, "target_slot": 0},
            {"id": 8, "origin_id": 1, "origin_slot": 0, "target_id": 2, "target_slot": 0},
            {"id": 9, "origin_id": 2, "origin_slot": 0, "target_id": -20, "target_slot": 0},
            {"id": 10, "origin_id": 1, "origin_slot": 2, "target_id": -20, "target_slot": 1},
        ],
    }
    decoder = {
        "id": 5,
        "type": "VAEDecode",
        "inputs": [{"name": "samples", "link": 20}, {"name": "vae", "link": 21}],
    }
    place = {
        "id": 6,
        "type": "0d9f",
        "inputs": [{"name": "ckpt_name", "widget": {"name": "ckpt_name"}, "link": None}],
        "outputs": [{"type": "LATENT"}, {"type": "VAE"}],
        "widgets_values": values,
    }
    links = [[20, 6, 0, 5, 0, "LATENT"], [21, 6, 1, 5, 1, "VAE"]]
    return {"nodes": [decoder, place], "links": links, "definitions": {"subgraphs": [inner]}}


def test_a_subgraph_is_unfolded_and_its_widget_counts() -> None:
    assert short(one_of(subgraph(["b.ckpt"]))) == ("b.ckpt", "b.ckpt")


def test_a_subgraphs_widget_that_is_not_known_is_left_open() -> None:
    assert short(one_of(subgraph(["a", "b"]))) == (None, None)


def test_subgraphs_within_themselves_end() -> None:
    many = [{"id": number, "type": "s"} for number in range(50)]
    graph = {"nodes": many, "definitions": {"subgraphs": [{"id": "s", "nodes": many}]}}
    start = time.monotonic()
    assert pairings(read_graph(graph)) == ()
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "graph",
    [
        {},
        [],
        None,
        "text",
        {"nodes": [None, 3, {"id": None}], "links": [None, [1], {"id": 1}]},
        {"nodes": [{"id": 1, "type": "VAEDecode", "inputs": [{"name": "vae", "link": []}]}]},
        {"1": {"class_type": "VAEDecode", "inputs": {"vae": ["1", 10**9], "samples": ["1", -5]}}},
        {"1": {"class_type": 3}},
        {"nodes": [{"id": 1, "type": "X", "mode": "4", "widgets_values": 3}], "links": {"a": 1}},
    ],
)
def test_hostile_files_are_no_workflows(graph: object) -> None:
    for found in pairings(read_graph(graph)):
        assert short(found) == (None, None)


def in_workflows(root: Path) -> dict[str, InWorkflow]:
    found = effective_in_workflows(*looked(FRONTEND, root))
    return {os.path.basename(one.workflow): one for one in found}


def test_workflows_are_matched_with_the_lists(tmp_path: Path) -> None:
    deep = os.path.join("sub", "a.safetensors")
    folder = "user/default/workflows"
    files = {
        **checkpoints("models/checkpoints", "sub/a.safetensors", "b.safetensors"),
        "models/vae/v.pt": VAE,
        f"{folder}/other.json": saved_workflow(deep, "v.pt"),
        f"{folder}/deep/own.json": saved_workflow("b.safetensors", None),
        f"{folder}/gone.json": saved_workflow("b.safetensors", "gone.pt"),
        f"{folder}/pixels.json": saved_workflow("b.safetensors", "pixel_space"),
        f"{folder}/broken.json": "{",
        f"{folder}/notes.txt": "",
        "user/second/workflows/theirs.json": saved_workflow("b.safetensors", "v.pt"),
    }
    root = comfyui(tmp_path, files)
    found = in_workflows(root)
    assert set(found) == {
        "other.json",
        "own.json",
        "gone.json",
        "pixels.json",
        "broken.json",
        "theirs.json",
    }
    assert found["other.json"].checkpoint is not None
    assert found["other.json"].checkpoint.name == deep
    assert found["other.json"].vae is not None
    assert found["other.json"].vae.path == str(root / "models/vae/v.pt")
    assert found["own.json"].vae == found["own.json"].checkpoint
    assert found["gone.json"].vae is None
    assert "gone.pt, which ComfyUI does not list" in found["gone.json"].how
    assert "pixel_space" in found["pixels.json"].how
    assert found["broken.json"].checkpoint is None
    assert "not read" in found["broken.json"].how


def test_names_from_another_system_are_not_in_the_list(tmp_path: Path) -> None:
    name = "sub/a.safetensors" if os.sep == "\\" else "sub\\a.safetensors"
    files = {
        **checkpoints("models/checkpoints", "sub/a.safetensors"),
        "user/default/workflows/w.json": saved_workflow(name, None),
    }
    found = in_workflows(comfyui(tmp_path, files))["w.json"]
    assert found.checkpoint is None
    assert "does not list" in found.how


def test_the_user_folder_follows_the_flags(tmp_path: Path) -> None:
    files = {
        "run.sh": "python main.py --user-directory ./mine\n",
        **checkpoints("models/checkpoints", "a.safetensors"),
        "mine/default/workflows/w.json": saved_workflow("a.safetensors", None),
    }
    assert set(in_workflows(comfyui(tmp_path, files))) == {"w.json"}


def test_a_terminal_never_sees_a_workflows_control_letters(tmp_path: Path) -> None:
    workflow = saved_workflow("\x1b[31mred", "\x1b]0;title\x07")
    root = comfyui(tmp_path, {"user/default/workflows/w.json": workflow})
    assert "\x1b" not in in_workflows(root)["w.json"].how


def test_five_hundred_checkpoints_ask_for_the_workflows_once(tmp_path: Path) -> None:
    ckpts = [f"c{number}.safetensors" for number in range(500)]
    files: dict[str, object] = {f"models/checkpoints/{name}": "" for name in ckpts}
    files |= {
        f"user/default/workflows/{number}.json": saved_workflow(ckpts[number], None)
        for number in range(100)
    }
    root = comfyui(tmp_path, files)  # type: ignore[arg-type]
    start = time.monotonic()
    installation, listing = looked(FRONTEND, root)
    for checkpoint in listing.of("checkpoint"):
        FRONTEND.effective(installation, listing, checkpoint, True)
    assert time.monotonic() - start < 2
