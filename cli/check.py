"""``vaereg check``: the verdict on one checkpoint and one VAE."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from ..registry.errors import MissingDependency, NotFound, StoreError, UsageError
from ..registry.intake import take_in
from ..registry.lookup import find, path_of
from ..registry.naming import display_name, shown
from ..registry.pairing import judge_pair
from ..registry.ports import Store, StoredVerdict
from ..registry.sides import Side
from ..registry.values import Verdict
from ..registry.verdicts.rules import RULES_VERSION
from ..registry.walk import Found, walk
from . import shapes
from .context import Context
from .page import STYLES, Page

EXIT_CODES = {"compatible": 0, "degraded": 0, "incompatible": 3, "unknown": 4}


class Probe(StrEnum):
    """How far a check goes."""

    AUTO = "auto"
    NONE = "none"
    WEIGHTS = "weights"
    DECODE = "decode"
    GENERATE = "generate"


class Dtype(StrEnum):
    """The float type that a probe runs in."""

    AUTO = "auto"
    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"


DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("check")(check_command)


def check_command(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", metavar="REF", help="The checkpoint.")],
    vae: Annotated[str, typer.Option("--vae", metavar="REF", help="The VAE.")],
    probe: Annotated[
        Probe, typer.Option("--probe", help="How far to go; auto stops at the first answer.")
    ] = Probe.AUTO,
    device: Annotated[
        str, typer.Option("--device", metavar="D", help="For probes: auto, cpu, cuda[:N], mps.")
    ] = "auto",
    dtype: Annotated[
        Dtype, typer.Option("--dtype", help="For probes: the float type to run in.")
    ] = Dtype.AUTO,
    out: Annotated[
        str | None, typer.Option("--out", metavar="DIR", help="For probes: where pictures go.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Leave with code 3 on a degraded pair too.")
    ] = False,
) -> int:
    """Tell whether a VAE fits a checkpoint, and why. Exit codes: 0 fits, 3 does not, 4 open."""
    del dtype, out  # They speak of probes; without one the verdict does not depend on them.
    if not DEVICE.fullmatch(device):
        raise UsageError(f"there is no device {shown(device)}", "auto, cpu, cuda, cuda:N or mps")
    if probe not in (Probe.AUTO, Probe.NONE):
        raise MissingDependency(
            f"the {probe} probe is not part of this version of vaereg",
            "use --probe none: headers, configs, hashes and the baked VAE",
        )
    settings = Context.of(context)
    started = time.monotonic()
    with settings.store() as store:
        checkpoint, decoder = _side(settings, store, model), _side(settings, store, vae)
        verdict = judge_pair(checkpoint, decoder)
        _remember(settings, store, checkpoint, decoder, verdict)
    document = shapes.verdict(verdict) | {
        "model": shapes.side(checkpoint, "denoiser"),
        "vae": shapes.side(decoder, "vae"),
        "images": [],
        "probe": {
            "level": "none",
            "device": None,
            "dtype": None,
            "seconds": round(time.monotonic() - started, 3),
            "peak_memory_bytes": None,
        },
    }
    settings.output.answer(document, lambda page: _tell(page, checkpoint, decoder, verdict))
    return 3 if strict and verdict.verdict == "degraded" else EXIT_CODES[verdict.verdict]


def _side(settings: Context, store: Store, ref: str) -> Side:
    """A registered model as it is recorded; a path that is new or changed is taken in first."""
    path = path_of(ref)
    if path is None:
        return Side.of(find(store.models(), ref))
    place = store.places().get(path)
    entry = next(walk(path), None)
    if (
        place is not None
        and place.sha256
        and isinstance(entry, Found)
        and entry.path == path
        and entry.stamp == place.stamp
        and (recorded := store.by_sha256(place.sha256))
    ):
        return Side(display_name(path), path, recorded.artifact)
    with settings.output.progress("reading") as watcher:
        watcher.planned(1, entry.stamp.size if isinstance(entry, Found) else 0)
        taken = take_in(path, watcher.advanced)
    try:
        store.remember([(taken.artifact, taken.location)])
        settings.output.detail(f"recorded {path} as {taken.artifact.digests.sha256[:10]}")
    except StoreError as failure:
        settings.output.note(f"note: not recorded. {failure.message}")
    return Side(display_name(path), path, taken.artifact)


def _remember(
    settings: Context, store: Store, checkpoint: Side, decoder: Side, verdict: Verdict
) -> None:
    """Record the verdict; a registry that cannot be written to does not spoil the answer."""
    stored = StoredVerdict(
        checkpoint.artifact.digests.sha256,
        decoder.artifact.digests.sha256,
        verdict,
        RULES_VERSION,
        "none",
        datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    try:
        store.keep_verdict(stored)
    except (StoreError, NotFound) as failure:
        settings.output.note(f"note: the verdict is not recorded. {failure.message}")


def _tell(page: Page, checkpoint: Side, decoder: Side, verdict: Verdict) -> None:
    sure = f" ({verdict.confidence:.0%} sure)" if verdict.confidence else ""
    page.line(
        f"{verdict.verdict}: {decoder.name} for {checkpoint.name}{sure}",
        style=f"bold {STYLES[verdict.verdict]}",
    )
    rows = [
        [found.outcome, found.check.replace("-", " "), found.message] for found in verdict.evidence
    ]
    page.table(["", "Check", "What was found"], rows, stretch="What was found")
    for line in verdict.advice:
        page.line(f"advice: {line}")
