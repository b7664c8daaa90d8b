"""``vaereg check``: the verdict on one checkpoint and one VAE."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import MissingDependency, NotFound, StoreError
from ..registry.judging.climb import Answer, Request, climb
from ..registry.judging.pairing import declared_by
from ..registry.ports import LEVELS, Store, StoredVerdict
from ..registry.verdicts.declared import rests_on_word
from ..registry.verdicts.rules import RULES_VERSION
from . import shapes
from .context import Context
from .page import STYLES, Page
from .probing import DeviceOption, Dtype, DtypeOption, picture_path, prober_maker
from .taking import side_of
from .words import size_words

if TYPE_CHECKING:
    from ..registry.judging.sides import Side
    from ..registry.measures import Cost

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
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what is recorded already.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Leave with code 3 on a degraded pair too.")
    ] = False,
) -> int:
    """Tell whether a VAE fits a checkpoint, and why. Exit codes: 0 fits, 3 does not, 4 open."""
    maker = prober_maker(device, dtype)
    if probe is Probe.GENERATE:
        raise MissingDependency(
            "the generate probe is not part of this version of vaereg",
            "use --probe decode: it compares pictures without generating one",
        )
    settings = Context.of(context)
    started = time.monotonic()
    with settings.store() as store:
        checkpoint = side_of(settings, store, model, "model")
        decoder = side_of(settings, store, vae, "vae")
        again = bool(fresh or image or device != "auto" or dtype is not Dtype.AUTO)
        picture = picture_path(settings, out, checkpoint, decoder)
        declared = declared_by(store.pairs(), checkpoint, decoder)
        request = Request(probe.value, maker, picture, image, again, declared)
        answer = _recalled(store, checkpoint, decoder, request)
        if answer is None:
            answer = climb(store, checkpoint, decoder, request)
            if checkpoint.ref is None and decoder.ref is None:
                _remember(settings, store, checkpoint, answer)
    for note in answer.notes:
        settings.output.note(f"note: {note}")
    seconds = round(time.monotonic() - started, 3)
    document = _document(checkpoint, answer, seconds)
    settings.output.answer(document, lambda page: _tell(page, checkpoint, answer, seconds))
    verdict = answer.verdict.verdict
    return 3 if strict and verdict == "degraded" else EXIT_CODES[verdict]


def _recalled(store: Store, checkpoint: Side, decoder: Side, request: Request) -> Answer | None:
    """A recorded answer of a probe as deep as asked; an open question is always asked again."""
    if request.again or request.probe == "none":
        return None
    pair = (checkpoint.artifact.digests.sha256, decoder.artifact.digests.sha256)
    levels = LEVELS[max(LEVELS.index("weights"), LEVELS.index(request.level)) :]
    for row in reversed(store.verdicts()):
        if (
            (row.model_sha256, row.vae_sha256) == pair
            and row.rules_version == RULES_VERSION
            and row.level in levels
            and row.verdict.verdict != "unknown"
            and not rests_on_word(row.verdict)
            and all(os.path.exists(path) for path in row.images)
            and (not row.images or request.picture in row.images)
        ):
            steps = (f"recalled from {row.decided_at}",)
            return Answer(row.verdict, row.level, decoder, steps, row.cost, row.images)
    return None


def _remember(settings: Context, store: Store, checkpoint: Side, answer: Answer) -> None:
    """Record the verdict; a registry that cannot be written to does not spoil the answer."""
    stored = StoredVerdict(
        checkpoint.artifact.digests.sha256,
        answer.vae.artifact.digests.sha256,
        answer.verdict,
        RULES_VERSION,
        answer.level,
        datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        answer.cost,
        answer.images,
    )
    try:
        store.keep_verdict(stored)
    except (StoreError, NotFound) as failure:
        settings.output.note(f"note: the verdict is not recorded. {failure.message}")


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
