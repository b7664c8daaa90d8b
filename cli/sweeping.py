"""``vaereg clip --sweep``: what clip skip does to one prompt, as figures and as pictures."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from ..registry.errors import CannotRun, UsageError
from ..registry.naming import shown
from . import shapes
from .context import Context
from .page import Page
from .pictures import SHEET, asked_file, kept_sheet
from .probing import Dtype, prober_maker

if TYPE_CHECKING:
    import typer

    from ..registry.judging.sides import Side
    from ..registry.ports import Store
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
    from ..registry.judging.generating import own_scaling
    from ..registry.judging.reference import vae_file
    from ..registry.textual.swept import SweepTask

    artifact = side.artifact
    task = SweepTask(
        CheckpointFile(side.name, side.path, artifact.digests.sha256, artifact.identity),
        vae_file(side),
        own_scaling(store, prober, side),
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
    if out is not None:
        return asked_file(out, SHEET)
    # What is not recorded is not hashed for a name: its place tells it from others as well.
    content = side.artifact.digests.sha256 or side.path or ""
    return kept_sheet(settings, side.name, "clip-skip", content)


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
