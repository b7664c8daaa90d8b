"""``vaereg check``: the verdict on one checkpoint and one VAE."""

from __future__ import annotations

import time
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.frontends.support import require_supported
from ..registry.judging.climb import climb
from ..registry.judging.pairing import declared_by
from ..registry.judging.recording import recalled, remember, to_keep
from ..registry.judging.request import Answer, Picture, Request
from . import shapes
from .context import Context
from .page import STYLES, Page
from .pictures import pair_picture
from .probing import (
    DeviceOption,
    Dtype,
    DtypeOption,
    SeedOption,
    SizeOption,
    StepsOption,
    prober_maker,
)
from .taking import side_of
from .words import size_words

if TYPE_CHECKING:
    from ..registry.judging.sides import Side
    from ..registry.measures import Cost
    from ..registry.ports import Store

EXIT_CODES = {"compatible": 0, "degraded": 0, "incompatible": 3, "unknown": 4}


class Probe(StrEnum):
    """How far a check goes."""

    AUTO = "auto"
    NONE = "none"
    WEIGHTS = "weights"
    DECODE = "decode"
    GENERATE = "generate"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("check")(check_command)


def check_command(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", metavar="REF", help="The checkpoint.")],
    vae: Annotated[str, typer.Option("--vae", metavar="REF", help="The VAE.")],
    probe: Annotated[
        Probe, typer.Option("--probe", help="How far to go; auto stops at the first sure answer.")
    ] = Probe.AUTO,
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.AUTO,
    out: Annotated[
        str | None, typer.Option("--out", metavar="DIR", help="For probes: where pictures go.")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="FILE", help="Compare on this picture, not the test card."),
    ] = None,
    steps: StepsOption = None,
    size: SizeOption = None,
    seed: SeedOption = 0,
    frontend: Annotated[
        str | None,
        typer.Option("--frontend", metavar="NAME", help="Judge as this frontend would show it."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what is recorded already.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Leave with code 3 on a degraded pair too.")
    ] = False,
) -> int:
    """Tell whether a VAE fits a checkpoint, and why. Exit codes: 0 fits, 3 does not, 4 open."""
    maker = prober_maker(device, dtype)
    frontend = require_supported(frontend) if frontend is not None else None
    settings = Context.of(context)
    started = time.monotonic()
    with settings.store() as store:
        to_draw = probe is Probe.GENERATE
        checkpoint = side_of(settings, store, model, "model", to_draw)
        decoder = side_of(settings, store, vae, "vae")
        again = bool(fresh or device != "auto" or dtype is not Dtype.AUTO)
        declared = declared_by(store.pairs(), checkpoint, decoder)
        drawn = Picture(str(settings.home / "drawings"), seed, steps, size)
        request = Request(probe.value, maker, None, image, again, declared, drawn, frontend)
        special = request.asked + (frontend or "")
        picture = pair_picture(settings, out, checkpoint, decoder, special)
        request = replace(request, picture=picture)
        answer = None
        if not (frontend or image):
            pair = checkpoint.artifact.digests.sha256, decoder.artifact.digests.sha256
            answer = recalled(store.of_pair(*pair), decoder, request)
        answer = answer or _judged(settings, store, checkpoint, decoder, request)
    for note in answer.notes:
        settings.output.note(f"note: {note}")
    seconds = round(time.monotonic() - started, 3)
    document = _document(checkpoint, answer, seconds)
    settings.output.answer(document, lambda page: _tell(page, checkpoint, answer, seconds))
    verdict = answer.verdict.verdict
    return 3 if strict and verdict == "degraded" else EXIT_CODES[verdict]


def _judged(
    settings: Context, store: Store, checkpoint: Side, decoder: Side, request: Request
) -> Answer:
    """The answer of a climb, recorded unless it is one frontend's or of a model elsewhere."""
    with settings.output.steps("drawing") as watch:
        request = replace(request, drawn=replace(request.drawn, watch=watch))
        answer = climb(store, checkpoint, decoder, request)
    if checkpoint.ref is None and decoder.ref is None and not request.frontend:
        notes = remember(store, to_keep(checkpoint, answer))
        answer = replace(answer, notes=(*answer.notes, *notes))
    return answer


def _document(checkpoint: Side, answer: Answer, seconds: float) -> shapes.Json:
    cost = answer.cost
    return shapes.verdict(answer.verdict) | {
        "model": shapes.side(checkpoint, "denoiser"),
        "vae": shapes.side(answer.vae, "vae"),
        "images": list(answer.images),
        "probe": {
            "level": answer.level,
            "device": cost.device if cost else None,
            "dtype": cost.dtype if cost else None,
            "seconds": cost.seconds if cost else seconds,
            "peak_memory_bytes": cost.peak_memory_bytes if cost else None,
        },
    }


def _tell(page: Page, checkpoint: Side, answer: Answer, seconds: float) -> None:
    verdict = answer.verdict
    sure = f" ({verdict.confidence:.0%} sure)" if verdict.confidence else ""
    page.line(
        f"{verdict.verdict}: {answer.vae.name} for {checkpoint.name}{sure}",
        style=f"bold {STYLES[verdict.verdict]}",
    )
    page.checks(verdict.evidence)
    for line in verdict.advice:
        page.line(f"advice: {line}")
    for image in answer.images:
        page.line(f"picture: {image}")
    page.line(f"done: {'; '.join(answer.steps)} ({_cost_words(answer.cost, seconds)})")


def _cost_words(cost: Cost | None, seconds: float) -> str:
    if cost is None:
        return f"{seconds:.1f} s, no probe"
    return (
        f"probe {cost.seconds:.1f} s on {cost.device} in {cost.dtype}, "
        f"{size_words(cost.peak_memory_bytes)} of memory"
    )
