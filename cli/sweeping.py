"""``vaereg clip --sweep``: what clip skip does to one prompt, as figures and as pictures."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..registry.errors import CannotRun, UsageError
from ..registry.naming import shown
from . import shapes
from .context import Context
from .page import Page
from .probing import Dtype, prober_maker, require_writable

if TYPE_CHECKING:
    import typer

    from ..registry.judging.sides import Side
    from ..registry.measures import Scaling, VaeFile
    from ..registry.ports import Prober, Store
    from ..registry.textual.swept import Sweep, SweptEncoder, SweptLayer


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a sweep is to be made; None leaves a figure to the checkpoint and the device."""

    out: str | None
    device: str
    dtype: Dtype
    steps: int | None
    size: int | None
    seed: int


def refuse_wishes(context: typer.Context) -> None:
    """Raises ``UsageError`` where one of ``Wishes`` was given, be it the default's value."""
    for wish in fields(Wishes):
        source = context.get_parameter_source(wish.name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"--{wish.name} does nothing without --sweep", "use it together with --sweep"
            )


def run_sweep(
    settings: Context, store: Store, side: Side, advised: int | None, wishes: Wishes
) -> Sweep:
    """Sweep a model on this machine.

    Raises ``UsageError`` for one that is not, ``MissingDependency`` without torch or transformers,
    ``NoDevice``, ``CannotRun`` where there is neither a table nor a picture, ``Unreadable`` where
    the sheet cannot be written, ``FileError``.
    """
    if side.path is None:
        raise UsageError(
            f"the weights of {shown(side.ref or side.name)} are not on this machine",
            f"vaereg pull {side.ref or side.name} fetches them; without --sweep its header is read",
        )
    sheet = _sheet(settings, side, wishes.out)
    prober = prober_maker(wishes.device, wishes.dtype)()
    from ..probes.generation.clip_sweep import sweep
    from ..registry.drawing import CheckpointFile
    from ..registry.judging.reference import vae_file
    from ..registry.textual.swept import SweepTask

    artifact = side.artifact
    vae = vae_file(side)
    task = SweepTask(
        CheckpointFile(side.name, side.path, artifact.digests.sha256, artifact.identity),
        vae,
        _scaling(store, prober, side, vae),
        sheet,
        advised,
        wishes.seed,
        wishes.steps,
        wishes.size,
    )
    with settings.output.steps("drawing") as watch:
        made = sweep(task, prober.cost().device, wishes.dtype.value, watch)
    if not made.encoders and made.sheet is None:
        raise CannotRun(
            f"nothing of {shown(side.name)} could be swept: "
            + "; ".join(note.message for note in made.notices),
            "use another copy of the model; without --sweep its text encoders are told",
        )
    return made


def _sheet(settings: Context, side: Side, out: str | None) -> str:
    """Where the sheet goes: ``--out``, else below the home's ``pictures``."""
    if out is None:
        name = re.sub(r"[^\w.-]+", "_", side.name)[:60]
        # What is not recorded is not hashed for a name: its place tells it from others as well.
        place = hashlib.sha256(os.fsencode(side.path or ""))
        tail = (side.artifact.digests.sha256 or place.hexdigest())[:8]
        return os.path.abspath(settings.home / "pictures" / f"{name}--clip-skip--{tail}.png")
    sheet = Path(out).expanduser().absolute()
    if sheet.suffix.lower() != ".png":
        raise UsageError("the sheet is a PNG picture", "give --out a name that ends in .png")
    require_writable(sheet.parent)
    return os.path.abspath(sheet)


def _scaling(store: Store, prober: Prober, side: Side, vae: VaeFile | None) -> Scaling | None:
    """The normalisation of a checkpoint's latents, by what its header says, else by its own VAE.

    None where neither the denoiser nor the colours of the VAE tell a family.
    """
    from ..registry.colours.response import match
    from ..registry.colours.scaling import scaling_of
    from ..registry.judging.settling import by_match

    parts = [side.artifact.identity.component(role) for role in ("denoiser", "vae")]
    latents = [part.latent for part in parts if part and part.latent]
    known = next((found for latent in latents if (found := scaling_of(latent))), None)
    if known or vae is None or len(latents) < 2:
        return known
    sha256 = side.artifact.digests.sha256
    reading = store.readings().get(sha256) or prober.read(vae)
    return scaling_of(by_match(latents[-1], match(reading, vae.channels, vae.mates)))


def document(found: Sweep) -> shapes.Json:
    """What a sweep adds to the answer."""
    return {
        "prompt": found.prompt,
        "sweep": [_encoder(one) for one in found.encoders],
        "images": [found.sheet] if found.sheet else [],
        "pictures": [
            {"clip_skip": one.clip_skip, "words": one.words, "kind": one.kind}
            for one in found.pictures
        ],
    }


def _encoder(one: SweptEncoder) -> shapes.Json:
    return {
        "text_encoder": one.name,
        "prefix": one.prefix,
        "layers": [_layer(row) for row in one.layers],
    }


def _layer(row: SweptLayer) -> shapes.Json:
    return {
        "clip_skip": row.clip_skip,
        "layer": row.layer,
        "cosine": row.cosine,
        "cosine_all": row.cosine_all,
        "norm": row.norm,
        "finite": row.finite,
    }


def tell(page: Page, found: Sweep) -> None:
    """A sweep for a person."""
    for one in found.encoders:
        page.line(f'"{found.prompt}" at each layer of {one.name}, beside the last:', style="bold")
        rows = [
            [
                str(row.clip_skip),
                str(row.layer),
                *(_figure(cosine, row, one) for cosine in (row.cosine, row.cosine_all)),
                "not finite" if row.norm is None else f"{row.norm:.2f}",
            ]
            for row in one.layers
        ]
        page.table(["Clip skip", "Layer", "Cosine", "Of all tokens", "Length"], rows)
    if found.pictures:
        rows = [[str(one.clip_skip), one.words] for one in found.pictures]
        page.table(["Clip skip", "The picture, beside the first"], rows)
    if found.sheet:
        page.line(f"picture: {found.sheet}")


def _figure(cosine: float | None, row: SweptLayer, one: SweptEncoder) -> str:
    """A cosine to the last layer, or why there is none."""
    if cosine is not None:
        return f"{cosine:.3f}"
    if not row.finite:
        return "not finite"
    return "no direction" if one.layers[0].finite else "last not finite"
