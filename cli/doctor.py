"""``vaereg doctor``: look after the registry, its files, and what each frontend would do."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer

from ..registry.diagnosis import State, diagnose
from ..registry.errors import INSTALL_PROBES, StoreError
from ..registry.values import Finding
from . import frontends
from .context import Context
from .frontends import AUTO, NONE, FrontendsOption
from .page import Page

if TYPE_CHECKING:
    from ..registry.frontends.examining import Examined


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("doctor")(doctor_command)


def doctor_command(context: typer.Context, frontend: FrontendsOption = None) -> int:
    """Look after the registry, and find the wrong VAE in a frontend before it makes a picture.

    Every frontend found (or named) is asked which VAE it would really use for each checkpoint.
    Leaves with code 1 where the database is damaged, 3 where a pair does not fit.
    """
    settings = Context.of(context)
    from ..db.maintenance import check

    asked = frontend or [AUTO]
    findings = (*check(settings.url), *_contents(settings), _probe_parts())
    examined = _examined(settings, asked)
    document = {
        "findings": [asdict(found) for found in findings],
        "frontends": [frontends.document(one) for one in examined],
    }
    settings.output.answer(document, lambda page: _tell(page, findings, examined, asked))
    if any(found.outcome == "fail" for found in findings):
        return 1
    misfits = (pair.outcome == "fail" for one in examined for pair in one.pairings)
    return 3 if any(misfits) else 0


def _examined(settings: Context, asked: list[str]) -> tuple[Examined, ...]:
    """Every frontend's pairs; none where the database cannot be read, as told already."""
    from ..registry.frontends.examining import examine

    try:
        with settings.store() as store:
            found = frontends.installations(store, asked)
            if not found:
                return ()
            models = [model for model in store.models() if model.locations]
            return examine(found, models, store.verdicts(), store.pairs(), store.rejections())
    except StoreError:
        return ()


def _tell(
    page: Page, findings: tuple[Finding, ...], examined: tuple[Examined, ...], asked: list[str]
) -> None:
    page.checks(findings)
    for one in examined:
        page.line()
        frontends.tell(page, one)
    if not examined and NONE not in asked:
        page.line("no frontend was found; name one: vaereg doctor --frontend comfyui=/path/to/it")


def _contents(settings: Context) -> tuple[Finding, ...]:
    """What the models' state says; nothing where the database cannot be read, as told already."""
    try:
        with settings.store() as store:
            return diagnose(State(store.models(), store.rejections()))
    except StoreError:
        return ()


def _probe_parts() -> Finding:
    missing = [name for name in ("torch", "diffusers", "transformers") if find_spec(name) is None]
    if not missing:
        return Finding("probe-parts", "pass", "torch, diffusers and transformers are installed")
    return Finding(
        "probe-parts",
        "warn",
        f"not installed: {', '.join(missing)}; {INSTALL_PROBES} brings what probes need",
    )
