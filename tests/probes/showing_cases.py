"""What the small checkpoint draws, VAEs to decode it, and loaders that are short of memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from tests.probes import vaes  # noqa: E402
from tests.probes.generation_cases import CPU, drawn  # noqa: E402
from vaereg.probes.generation.kept import keep  # noqa: E402
from vaereg.probes.measures.showing import show  # noqa: E402
from vaereg.probes.runners.catalog import load  # noqa: E402
from vaereg.probes.shapes import checkpoint  # noqa: E402
from vaereg.probes.shapes.vaes import VAES, write_vae  # noqa: E402
from vaereg.registry.drawing import Drawing, Generated, ShowTask  # noqa: E402
from vaereg.registry.measures import Convention, Scaling, VaeFile  # noqa: E402
from vaereg.registry.samples import colours  # noqa: E402

SD1, SDXL = colours.scaling_of("sd1"), colours.scaling_of("sdxl")


class Bench:
    """A folder with the checkpoint's drawing and every VAE for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        checkpoint.write_folder(root / "checkpoint")
        self.sampled = drawn(root / "checkpoint")
        self.drawing = self.kept("drawing", self.sampled.latents)
        for name in VAES:
            write_vae(root / f"{name}.safetensors", name)

    def vae(self, name: str) -> VaeFile:
        return vaes.described(self.root / f"{name}.safetensors")

    def kept(self, name: str, latents, **changes: object) -> Drawing:
        """Latents in a file, said to be a drawing of this checkpoint."""
        told = Drawing(
            path=str(self.root / f"{name}.latents"),
            channels=latents.shape[1],
            width=latents.shape[3] * 8,
            height=latents.shape[2] * 8,
            device="cpu",
            dtype="float32",
            seconds=self.sampled.seconds,
            **({"steps": 8, "text": "a red circle"} | changes),
        )
        keep(told.path, latents, told)
        return told

    def large(self) -> Drawing:
        """The drawing as 576 x 320 pixels: more latents than a tile has."""
        plain = torch.from_numpy(self.sampled.latents)
        wide = torch.nn.functional.interpolate(plain, size=(40, 72), mode="bilinear")
        return self.kept("large", wide.numpy())

    def shown(
        self, vae: str, reference: str | None = "own", drawing: Drawing | None = None,
        loader=load, device=CPU, dtype=torch.float32, **more: object,
    ) -> Generated:  # fmt: skip
        """Decoded under the checkpoint's scaling unless other conventions are asked for."""
        task = ShowTask(
            drawing or self.drawing,
            self.vae(reference) if reference else None,
            self.vae(vae),
            SD1,
            more.pop("conventions", (convention(SD1),)),
            **more,
        )
        return show(task, loader, device, dtype)


def convention(scaling: Scaling, name: str = "checkpoint") -> Convention:
    return Convention(name, ("ComfyUI",), scaling)


def counting(seen: list, loader=load):
    """A loader whose decoders say what they are given: (VAE's name, float type, latents' shape)."""

    def loaded(file, device, dtype, halves):
        vae = loader(file, device, dtype, halves=halves)
        decode = vae.decode

        def counted(latents):
            seen.append((file.name.partition(".")[0], dtype, tuple(latents.shape)))
            return decode(latents)

        vae.decode = counted
        return vae

    return loaded


def short_of_memory(fits: Callable[[str, object, object], bool], error: Exception):
    """A loader of a machine with room only for what ``fits(VAE's name, device, latents)`` says.

    Weights are asked for too, with None for latents. All runs on the CPU whatever the device.
    """

    def loaded(file, device, dtype, halves):
        def require(items) -> None:
            if not fits(file.name.partition(".")[0], device, items):
                raise error

        require(None)
        vae = load(file, CPU, dtype, halves=halves)
        decode = vae.decode

        def tight(latents):
            require(latents)
            return decode(latents)

        vae.decode = tight
        return vae

    return loaded
