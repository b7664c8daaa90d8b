"""Which VAE decodes which checkpoint's latents in ComfyUI's saved workflows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..formats.strict_json import BadJson, parse_quickly
from ..naming import shown
from ..values import Notice
from .base import Listed
from .comfy_graph import BYPASSED, MUTED, Graph, Node, Source, read_graph
from .settings import read_text

MOST_FILES = 2_000
MOST_BYTES = 8 * 1024 * 1024
LONGEST = 500
"""Nodes on the way from a decoder to a loader; loops in hostile files end there."""


class Loader(NamedTuple):
    """A node that reads a model file."""

    role: str
    widget: str
    place: int
    """Of the widget among the node's values, where the file does not name them."""
    model: int | None
    """Number of the output that is the denoiser."""
    vae: int | None


LOADERS = {
    "CheckpointLoaderSimple": Loader("checkpoint", "ckpt_name", 0, 0, 2),
    "CheckpointLoader": Loader("checkpoint", "ckpt_name", 1, 0, 2),
    "unCLIPCheckpointLoader": Loader("checkpoint", "ckpt_name", 0, 0, 2),
    "ImageOnlyCheckpointLoader": Loader("checkpoint", "ckpt_name", 0, 0, 2),
    "UNETLoader": Loader("diffusion_model", "unet_name", 0, 0, None),
    "UnetLoaderGGUF": Loader("diffusion_model", "unet_name", 0, 0, None),
    "VAELoader": Loader("vae", "vae_name", 0, None, 0),
}
"""yzkee/ComfyUI nodes.py and comfy_extras/nodes_video_model.py; city96/ComfyUI-GGUF nodes.py."""

DECODERS = ("VAEDecode", "VAEDecodeTiled")
"""yzkee/ComfyUI nodes.py."""

_MODEL = ("model", "guider", "model1")
"""Inputs that lead from a sampler, a LoRA or a merge towards the denoiser."""
_LATENTS = ("latents", "samples", "latent_image", "latent", "samples1", "av_latent")
"""Inputs that lead through a node which only changes latents: upscaling, cropping, compositing."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """One decoding in a workflow: the files by the names that ComfyUI lists them under."""

    checkpoint: str | None
    """None where it cannot be told."""
    checkpoint_role: str | None
    vae: str | None
    """None where it cannot be told."""
    vae_role: str | None
    """``vae`` for a file of its own, ``checkpoint`` for one that lies in a checkpoint."""
    node: str
    """Id of the decoder."""
    why: str = ""
    """What could not be told, as a sentence."""


class InWorkflow(NamedTuple):
    """A pairing with the files that it means on this machine."""

    workflow: str
    """Absolute path."""
    checkpoint: Listed | None
    vae: Listed | None
    """A model of the role ``checkpoint`` stands for the VAE that lies in it."""
    how: str


def workflow_files(user: str, notices: list[Notice]) -> list[str]:
    """The saved workflows of every user below ComfyUI's user folder, in name order.

    yzkee/ComfyUI app/user_manager.py: ``user/<name>/workflows``, sub-folders too.
    """
    found: list[str] = []
    for folder in _subfolders(user):
        for base, folders, names in os.walk(os.path.join(folder, "workflows")):
            folders.sort()
            found += [os.path.join(base, one) for one in sorted(names) if one.endswith(".json")]
            if len(found) > MOST_FILES:
                what = f"{shown(user)} holds more than {MOST_FILES} workflows; the rest is not read"
                notices.append(Notice("workflows", what))
                return found[:MOST_FILES]
    return found


def read_pairings(path: str, notices: list[Notice]) -> tuple[Pairing, ...]:
    """The decodings of one file; a file that cannot be read is a notice."""
    text = read_text(path, notices, MOST_BYTES)
    if text is None:
        return ()
    try:
        return pairings(read_graph(parse_quickly(text)))
    except BadJson as fault:
        notices.append(Notice("workflow-damaged", f"{shown(path)} {fault}; it was not read."))
        return ()


def pairings(graph: Graph) -> tuple[Pairing, ...]:
    """For each decoder that runs, the VAE it decodes with and the checkpoint of its latents."""
    return tuple(
        _pairing(graph, node)
        for node in graph.values()
        if node.type in DECODERS and node.mode not in (MUTED, BYPASSED)
    )


def matched(
    workflow: str, found: Sequence[Pairing], by_name: Mapping[tuple[str, str], Listed]
) -> Iterator[InWorkflow]:
    """The pairings of a workflow with the listed models, which are given by role and name."""
    for one in found:
        checkpoint = by_name.get((one.checkpoint_role or "", one.checkpoint or ""))
        vae = by_name.get((one.vae_role or "", one.vae or ""))
        yield InWorkflow(workflow, checkpoint, vae, _how(one, checkpoint, vae))


def _pairing(graph: Graph, decoder: Node) -> Pairing:
    vae = _vae(graph, decoder.links.get("vae"))
    sampler = _model(graph, decoder.links.get("samples"))
    vae_name, vae_role = _named(vae, graph)
    name, role = _named(sampler, graph)
    missing = [
        what
        for what, known in (("the VAE", vae_name), ("the checkpoint of the latents", name))
        if known is None
    ]
    why = f"{' and '.join(missing)} cannot be told from the workflow" if missing else ""
    return Pairing(name, role, vae_name, vae_role, decoder.id, why)


def _named(node: Node | None, graph: Graph) -> tuple[str | None, str | None]:
    """The file that a loader reads, and its role."""
    if node is None:
        return None, None
    loader = LOADERS[node.type]
    value = node.values.get(loader.widget, node.values.get(str(loader.place)))
    if loader.widget in node.links:
        value = _primitive(graph, node.links[loader.widget])
    return (value, loader.role) if isinstance(value, str) else (None, None)


def _primitive(graph: Graph, source: Source | None) -> object:
    """The value that a widget's link leads to; None where a node works it out."""
    for node, _ in _upwards(graph, source, ()):
        if "Primitive" in node.type:
            return node.values.get("value", node.values.get("0"))
    return None


def _vae(graph: Graph, source: Source | None) -> Node | None:
    """The loader that a VAE input leads back to."""
    for node, place in _upwards(graph, source, ("vae",)):
        if node.type in LOADERS:
            return node if LOADERS[node.type].vae == place else None
    return None


def _model(graph: Graph, source: Source | None) -> Node | None:
    """The loader of the denoiser that made the latents, sought along the last sampler's model."""
    for node, place in _upwards(graph, source, (*_MODEL, *_LATENTS)):
        if node.type in LOADERS:
            return node if LOADERS[node.type].model == place else None
    return None


def _upwards(
    graph: Graph, source: Source | None, names: Sequence[str]
) -> Iterator[tuple[Node, int]]:
    """The nodes on the way up from an input, with the output that the way leads through."""
    for _ in range(LONGEST):
        node = graph.get(source[0]) if source else None
        if source is None or node is None or node.mode == MUTED:
            return
        place = source[1]
        if node.forward is not None:
            source = node.forward[place] if 0 <= place < len(node.forward) else None
            continue
        yield node, place
        source = next((node.links[name] for name in names if name in node.links), None)


def _how(one: Pairing, checkpoint: Listed | None, vae: Listed | None) -> str:
    if one.why:
        return f"Node {shown(one.node)}: {one.why}."
    if one.vae == "pixel_space":
        return f"Node {shown(one.node)} takes pixel_space: the latents are the picture itself."
    gone = [
        shown(str(name))
        for name, listed in ((one.checkpoint, checkpoint), (one.vae, vae))
        if listed is None
    ]
    if gone:
        # yzkee/ComfyUI execution.py, validate_inputs: "value_not_in_list".
        return f"Node {shown(one.node)} names {' and '.join(gone)}, which ComfyUI does not list."
    made = f"the latents of {shown(str(one.checkpoint))}"
    if one.vae_role == "checkpoint":
        own = one.vae == one.checkpoint
        with_what = "its own VAE" if own else f"the VAE in {shown(str(one.vae))}"
        return f"Node {shown(one.node)} decodes {made} with {with_what}."
    return f"Node {shown(one.node)} decodes {made} with {shown(str(one.vae))} (VAELoader)."


def _subfolders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as listing:
            return sorted(one.path for one in listing if one.is_dir())
    except (OSError, ValueError):
        return []
