"""``vaereg doctor``: look after the registry, its files and the installation."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec

import typer

from ..registry.diagnosis import State, diagnose
from ..registry.errors import INSTALL_PROBES, StoreError
from ..registry.values import Finding
from .context import Context


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("doctor")(doctor_command)


def doctor_command(context: typer.Context) -> int:
    """Look after the registry: lost, damaged, doubled models.

    Leaves with code 1 where the database is damaged.
    """
    settings = Context.of(context)
    from ..db.maintenance import check

    findings = (*check(settings.url), *_contents(settings), _probe_parts())
    document = {"findings": [asdict(found) for found in findings]}
    settings.output.answer(document, lambda page: page.checks(findings))
    return 1 if any(found.outcome == "fail" for found in findings) else 0


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
