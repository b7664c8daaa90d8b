"""ComfyUI nodes that take a checkpoint's best VAE, and that stop a pair which does not fit.

How ComfyUI names and loads files: Comfy-Org/ComfyUI nodes.py (CheckpointLoaderSimple, VAELoader),
folder_paths.py, comfy/sd.py (VAE.latent_channels), comfy/latent_formats.py.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .registry_client import Best, Registry

REGISTRY = Registry()
NOT_TOLD, BAKED = "(as wired)", "(baked into the checkpoint)"
CHECKPOINT_INPUTS = {"ckpt_name": "checkpoints", "unet_name": "diffusion_models"}
"""A loader's input that names a checkpoint, and ComfyUI's folder for it."""
FARTHEST = 100
"""Nodes followed upstream of a wire; a workflow may be wired in a circle."""


class Misfit(ValueError):
    """The VAE does not decode the latents that the model makes."""


class LoadCheckpointBestVAE:
    """ComfyUI's own checkpoint loader, its VAE replaced where the registry knows a better one."""

    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "load"
    CATEGORY = "model/loaders"
    DESCRIPTION = (
        "Loads a checkpoint with the VAE that fits it best by vaereg's registry: the one baked "
        "into it, or one of ComfyUI's VAE folders. Without the registry: the baked one."
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The same list of checkpoints as ComfyUI's own loader."""
        import folder_paths

        return {"required": {"ckpt_name": (folder_paths.get_filename_list("checkpoints"),)}}

    @classmethod
    def IS_CHANGED(cls, ckpt_name: str) -> str:
        """Load again when the registry chooses another VAE."""
        best = best_for(ckpt_name)
        return "" if best is None else f"{best.name}"

    def load(self, ckpt_name: str) -> tuple[Any, Any, Any]:
        """The model, its text encoder and the VAE."""
        import nodes

        model, clip, vae = nodes.CheckpointLoaderSimple().load_checkpoint(ckpt_name)[:3]
        best = best_for(ckpt_name)
        if best is not None and best.name is not None:
            try:
                vae = nodes.VAELoader().load_vae(best.name)[0]
                REGISTRY.say_once(f"{ckpt_name} is loaded with {best.name}: {best.reason}")
            except Exception as failure:
                REGISTRY.say_once(f"{best.name} cannot be loaded, the baked VAE stays: {failure}")
        return model, clip, vae


class VAEGuard:
    """Hands a VAE on if it fits the model, and stops the workflow before sampling if not."""

    RETURN_TYPES = ("VAE",)
    FUNCTION = "guard"
    CATEGORY = "latent"
    DESCRIPTION = (
        "Stops before sampling when the VAE does not fit the model: by the latent channels of the "
        "two, then by what vaereg's registry knows of their files. The files are found along the "
        "wires, or named here."
    )
    HIDDEN: ClassVar[dict[str, str]] = {"prompt": "PROMPT", "unique_id": "UNIQUE_ID"}

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The pair, and the names of their files where the wires do not lead to them."""
        import folder_paths

        checkpoints = [NOT_TOLD, *folder_paths.get_filename_list("checkpoints")]
        vaes = [NOT_TOLD, BAKED, *folder_paths.get_filename_list("vae")]
        return {
            "required": {"model": ("MODEL",), "vae": ("VAE",)},
            "optional": {"ckpt_name": (checkpoints,), "vae_name": (vaes,)},
            "hidden": dict(cls.HIDDEN),
        }

    def guard(
        self,
        model: Any,  # noqa: ANN401 - ComfyUI's own objects
        vae: Any,  # noqa: ANN401
        ckpt_name: str = NOT_TOLD,
        vae_name: str = NOT_TOLD,
        prompt: dict[str, Any] | None = None,
        unique_id: str | None = None,
    ) -> tuple[Any]:
        """The VAE as it came; raises ``Misfit``."""
        check_channels(model, vae)
        wires = prompt or {}
        checkpoint = path_of("checkpoints", ckpt_name) or wired_checkpoint(wires, unique_id)
        if vae_name == BAKED:
            file = checkpoint
        else:
            file = path_of("vae", vae_name) or wired_vae(wires, unique_id)
        if checkpoint and file:
            check_files(checkpoint, file)
        else:
            say_unchecked(unique_id, checkpoint, file)
        return (vae,)


def check_channels(model: Any, vae: Any) -> None:  # noqa: ANN401
    """Raise ``Misfit`` where the pair's latent channels differ; both as ComfyUI tells them."""
    if vae is None or getattr(vae, "first_stage_model", vae) is None:
        raise Misfit(
            "vaereg: there is no VAE: the checkpoint has none baked in, or the file loaded as a "
            "VAE is none. Wire in a VAE that fits."
        )
    latent_format = getattr(getattr(model, "model", None), "latent_format", None)
    made = getattr(latent_format, "latent_channels", None)
    taken = getattr(vae, "latent_channels", None)
    if isinstance(made, int) and isinstance(taken, int) and made != taken:
        raise Misfit(
            f"vaereg: the VAE does not fit the model: the model makes latents of {made} channels, "
            f"the VAE takes {taken}. Choose a VAE of the model's own family."
        )


def check_files(checkpoint: str, vae: str) -> None:
    """Raise ``Misfit`` where the registry's check finds that a VAE does not fit a checkpoint."""
    fit = REGISTRY.judged(checkpoint, vae)
    if fit is None or fit.verdict == "compatible":
        return
    if fit.verdict == "incompatible":
        raise Misfit(f"vaereg: the VAE {vae} does not fit {checkpoint}: {fit.reason}")
    REGISTRY.say_once(f"the VAE {vae} for {checkpoint}: {fit.verdict}, {fit.reason}")


def say_unchecked(node: object, checkpoint: str | None, vae: str | None) -> None:
    """Say which file of a pair is not known: silence would be taken for a pass."""
    inputs = {"model (ckpt_name)": checkpoint, "VAE (vae_name)": vae}
    open_ones = " and the ".join(name for name, path in inputs.items() if not path)
    REGISTRY.say_once(
        f"VAE Guard{f' (node {node})' if node is not None else ''}: the wires do not lead to the "
        f"file of the {open_ones}, so only the latent channels were compared; name it in the node"
    )


def best_for(ckpt_name: str) -> Best | None:
    """The registry's choice for a checkpoint of ComfyUI's list; None where it has none."""
    path = path_of("checkpoints", ckpt_name)
    return REGISTRY.best(path, vae_files()) if path else None


def vae_files() -> dict[str, str]:
    """ComfyUI's VAEs, name to path; those made of two files are not among them."""
    import folder_paths

    found = {name: path_of("vae", name) for name in folder_paths.get_filename_list("vae")}
    return {name: path for name, path in found.items() if path}


def path_of(folder: str, name: object) -> str | None:
    """The path of a file by ComfyUI's name for it; None for what is no file of its lists."""
    import folder_paths

    if not isinstance(name, str) or name in (NOT_TOLD, BAKED):
        return None
    if name not in folder_paths.get_filename_list(folder):
        return None
    path: str | None = folder_paths.get_full_path(folder, name)
    return path


def wired_checkpoint(prompt: dict[str, Any], node: object) -> str | None:
    """The path of the checkpoint at the other end of a node's ``model`` wire."""
    inputs = _upstream(prompt, node, "model", tuple(CHECKPOINT_INPUTS))
    for key, folder in CHECKPOINT_INPUTS.items():
        if key in inputs:
            return path_of(folder, inputs[key])
    return None


def wired_vae(prompt: dict[str, Any], node: object) -> str | None:
    """The path of the VAE at the other end of a ``vae`` wire: its own file, or its checkpoint."""
    inputs = _upstream(prompt, node, "vae", ("vae_name", "ckpt_name"))
    if "vae_name" in inputs:
        return path_of("vae", inputs["vae_name"])
    return path_of("checkpoints", inputs.get("ckpt_name"))


def _upstream(
    prompt: dict[str, Any], node: object, wire: str, wanted: tuple[str, ...]
) -> dict[str, Any]:
    """The inputs of the first node up a wire that has one of the wanted; {} where it breaks off.

    Nodes in between, such as a LoRA's, are passed by their input of the wire's name.
    """
    inputs = _inputs(prompt, node)
    for _ in range(FARTHEST):
        link = inputs.get(wire)
        if not isinstance(link, list) or not link:
            return {}
        source = prompt.get(str(link[0]))
        inputs = _inputs(prompt, link[0])
        if isinstance(source, dict) and source.get("class_type") == "VaeregLoadCheckpoint":
            # Its model is the checkpoint named there; its VAE is chosen as it runs.
            return inputs if wire == "model" else {}
        if any(key in inputs for key in wanted):
            return inputs
    return {}


def _inputs(prompt: dict[str, Any], node: object) -> dict[str, Any]:
    found = prompt.get(str(node))
    inputs = found.get("inputs") if isinstance(found, dict) else None
    return inputs if isinstance(inputs, dict) else {}


NODE_CLASS_MAPPINGS = {"VaeregLoadCheckpoint": LoadCheckpointBestVAE, "VaeregGuard": VAEGuard}
NODE_DISPLAY_NAME_MAPPINGS = {
    "VaeregLoadCheckpoint": "Load Checkpoint + Best VAE",
    "VaeregGuard": "VAE Guard",
}
