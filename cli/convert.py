"""``vaereg convert``: the same VAE in the layout a frontend loads."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import StoreError, UsageError
from ..registry.judging.sides import Side
from ..registry.lookup import path_of, path_on_disk, recorded
from ..registry.naming import shown
from ..registry.ports import Store
from . import shapes
from .context import Context
from .taking import side_of

if TYPE_CHECKING:
    from ..registry.converting.convert import Converted
    from ..registry.converting.placing import Place

FILES = (".safetensors", ".sft")


class Layout(StrEnum):
    """Whose tensor names."""

    LDM = "ldm"
    DIFFUSERS = "diffusers"


class Dtype(StrEnum):
    """The float type that the numbers are written in."""

    KEEP = "keep"
    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("convert")(convert_command)


def convert_command(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A VAE, or a checkpoint with one baked in.")
    ],
    layout: Annotated[Layout, typer.Option("--layout", help="Whose tensor names.")],
    dtype: Annotated[
        Dtype, typer.Option("--dtype", help="The float type of the numbers.")
    ] = Dtype.KEEP,
    family: Annotated[
        str | None,
        typer.Option(
            "--family",
            metavar="F",
            help="The latent family, where it is open and a config must say it.",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar="FILE", help="Where to; for diffusers a folder or a .safetensors file."
        ),
    ] = None,
) -> None:
    """Write a VAE in the layout and float type that a frontend loads; prints the new path.

    LDM's layout is one file. That of diffusers is a folder with its config.json, or one file where
    --out names one. Nothing that lies there is overwritten.
    """
    from ..registry.converting.convert import Order, convert

    settings = Context.of(context)
    with settings.store() as store:
        side = _side(settings, store, name)
        place = place_of(settings.home, side, layout, dtype, out)
        order = Order(layout.value, place, dtype.value, family)
        with settings.output.progress("converting") as watcher:
            watcher.planned(1, _size(side))
            done = convert(side, order, watcher.advanced)
        _record(settings, store, done)
    _tell(settings, side, done)


def place_of(home: Path, side: Side, layout: Layout, dtype: Dtype, out: str | None) -> Place:
    """Where the result goes: as ``--out`` says, else below the home's ``converted``.

    Raises ``UsageError`` for a file name that is not safetensors'.
    """
    from ..registry.converting.placing import Place
    from ..registry.transfer.file_names import beside, clean_folder_name

    if out is not None:
        return _asked(out, layout)
    words = [layout.value, *([dtype.value] if dtype is not Dtype.KEEP else [])]
    stem = ".".join([clean_folder_name(side.name, "vae"), *words])
    folder = layout is Layout.DIFFUSERS
    file = stem if folder else f"{stem}.safetensors"
    sha256 = side.artifact.digests.sha256[:8]
    base = home / "converted"
    other = f"{stem}-{sha256}" if folder else beside(file, sha256)
    return Place(str(base / file), folder, str(base / other))


def _asked(out: str, layout: Layout) -> Place:
    from ..registry.converting.placing import Place

    path = str(Path(out).expanduser().absolute())
    file = path.lower().endswith(FILES)
    if not out or (layout is Layout.LDM and not file):
        raise UsageError(
            f"--out {shown(out)} names no safetensors file",
            f"a name that ends in {FILES[0]}",
        )
    return Place(path, folder=not file)


def _side(settings: Context, store: Store, name: str) -> Side:
    """The model as it lies on the disk now, taken in anew where it changed."""
    if path_of(name) is not None:
        return side_of(settings, store, name, "vae")
    model = recorded(store, name)
    found = side_of(settings, store, path_on_disk(model), "vae")
    return Side(model.name, found.path, found.artifact)


def _record(settings: Context, store: Store, done: Converted) -> None:
    try:
        store.remember([(done.taken.artifact, done.taken.location)])
    except StoreError as failure:
        settings.output.note(f"note: not recorded. {failure.message}")


def _tell(settings: Context, side: Side, done: Converted) -> None:
    output = settings.output
    if output.as_json:
        output.json(_document(side, done))
        return
    if side.artifact.identity.component("denoiser"):
        output.note(f"note: the VAE baked into {shown(side.name)} was extracted")
    if done.left_out:
        named = ", ".join(done.left_out[:3]) + (" ..." if done.left_out[3:] else "")
        output.note(f"note: {len(done.left_out)} tensors are no part of the VAE: {named}")
    for note in done.warnings:
        output.note(f"note: {note.message}")
    output.lines([done.path])


def _document(side: Side, done: Converted) -> shapes.Json:
    from ..registry.converting.convert import dtype_in

    made, source = done.vae, done.source
    return {
        "path": done.path,
        "layout": made.layout,
        "dtype": dtype_in(made),
        "tensors": made.tensors,
        "bytes": done.taken.artifact.size,
        "content": made.content,
        "source": {
            "name": side.name,
            "path": side.path,
            "sha256": side.artifact.digests.sha256,
            "format": side.artifact.identity.format,
            "layout": source.layout,
            "dtype": dtype_in(source),
            "prefix": source.prefix,
            "baked": side.artifact.identity.component("denoiser") is not None,
            "family": source.latent.family if source.latent else None,
            "content": source.content,
        },
        "left_out": list(done.left_out),
        "warnings": [shapes.notice(note) for note in done.warnings],
    }


def _size(side: Side) -> int:
    """About how many bytes will be read."""
    from ..registry.weights import itemsize

    vae = side.artifact.identity.component("vae")
    widths = [itemsize(dtype) or 1 for dtype in vae.dtypes] if vae else []
    return vae.parameters * widths[0] if vae and widths else 0
