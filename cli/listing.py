"""``vaereg list``: what is recorded, and with ``--compatible`` what fits what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.judging.sides import Side, checkpoint_of, has, vae_of
from ..registry.values import DeclaredPair, Model
from . import shapes
from .context import Context
from .page import Page
from .words import distinct_names, family_words, size_words

if TYPE_CHECKING:
    from ..registry.judging.matrix import Fit
    from ..registry.ports import StoredVerdict

Rows = list[tuple[Model, list["Fit"]]]

EVIDENCE = {"none": "files", "weights": "colours", "decode": "decode", "generate": "picture"}
"""What a verdict rests on, in one word, by the deepest probe behind it."""


class Kind(StrEnum):
    """What to list."""

    VAES = "vaes"
    CHECKPOINTS = "checkpoints"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("list")(list_command)


def list_command(
    context: typer.Context,
    kind: Annotated[Kind | None, typer.Argument(help="Only VAEs or only checkpoints.")] = None,
    compatible: Annotated[
        bool, typer.Option("--compatible", help="For each checkpoint the VAEs that fit.")
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", metavar="REF", help="The VAEs for this checkpoint.")
    ] = None,
    vae: Annotated[
        str | None, typer.Option("--vae", metavar="REF", help="The checkpoints for this VAE.")
    ] = None,
    family: Annotated[
        str | None, typer.Option("--family", metavar="F", help="Only this latent family.")
    ] = None,
    paths: Annotated[bool, typer.Option("--paths", help="Only paths, one a line.")] = False,
    zero: Annotated[bool, typer.Option("-0", help="Only paths, each ended by NUL.")] = False,
) -> None:
    """List the recorded models, or what fits what, best first."""
    from ..registry.lookup import recorded

    settings = Context.of(context)
    if family is not None:
        from ..registry.families import require_family

        require_family(family)
    with settings.store() as store:
        # A content that was overwritten has no place any more: it is known, but nothing to list.
        models = [model for model in store.models() if model.locations]
        paired = bool(compatible or model or vae)
        stored, declared = (store.verdicts(), store.pairs()) if paired else ((), ())
        checkpoint = recorded(store, model, models) if model is not None else None
        decoder = recorded(store, vae, models) if vae is not None else None
    if not paired:
        listed = [found for found in models if _wanted(found, kind, family)]
        _answer_models(settings, listed, paths, zero)
        return
    rows = _pairs(models, stored, declared, checkpoint, decoder, family)
    _answer_pairs(settings, rows, paths, zero, by_vae=vae is not None)


def _wanted(model: Model, kind: Kind | None, family: str | None) -> bool:
    if kind is Kind.VAES and (not has(model, "vae") or has(model, "denoiser")):
        return False
    if kind is Kind.CHECKPOINTS and not has(model, "denoiser"):
        return False
    return family is None or _family(model) == family


def _answer_models(settings: Context, models: Sequence[Model], paths: bool, zero: bool) -> None:
    if paths or zero:
        there = [found.path for found in models if found.path and found.state == "present"]
        settings.output.lines(there, zero)
        return
    if settings.output.as_json:
        settings.output.json([shapes.model(found) for found in models])
    else:
        _tell_models(Page(), models)


def _tell_models(page: Page, models: Sequence[Model]) -> None:
    if not models:
        page.line("no recorded model answers to that: vaereg scan DIR records a folder of models")
        return
    names = distinct_names(models)
    rows = [
        [
            names[found.artifact.digests.sha256],
            found.artifact.identity.kind.replace("_", " "),
            _family_cell(found),
            "yes" if shapes.has_baked_vae(found) else "",
            size_words(found.artifact.size),
            "" if found.state == "present" else str(found.state),
            found.artifact.known_as or "",
        ]
        for found in models
    ]
    columns = ["Name", "Kind", "Latent family", "Baked VAE", "Size", "State", "Known as"]
    page.table(columns, rows)


def _family_cell(model: Model) -> str:
    part = model.artifact.identity.leading
    return _family(model) or (family_words(part) if part else "")


def _family(model: Model) -> str | None:
    part = model.artifact.identity.leading
    return part.latent.family if part and part.latent else None


def _pairs(
    models: Sequence[Model],
    stored: Sequence[StoredVerdict],
    declared: Sequence[DeclaredPair],
    model: Model | None,
    vae: Model | None,
    family: str | None,
) -> Rows:
    """The checkpoints asked for, each with the VAEs that fit or may fit."""
    from ..registry.judging.matrix import Matrix

    present = [found for found in models if found.state == "present"]
    matrix = Matrix(present, stored, declared)
    checkpoints: Iterable[Model] = matrix.checkpoints
    if model is not None:
        checkpoint_of(Side.of(model))
        checkpoints = [model]
    vaes = None
    if vae is not None:
        vae_of(Side.of(vae))
        vaes = [vae]
    rows: Rows = []
    for checkpoint in checkpoints:
        if family is None or _family(checkpoint) == family:
            fits = [
                fit
                for fit in matrix.fits(checkpoint, vaes)
                if fit.verdict.verdict != "incompatible"
            ]
            if fits or vaes is None:
                rows.append((checkpoint, fits))
    return rows


def _answer_pairs(settings: Context, rows: Rows, paths: bool, zero: bool, by_vae: bool) -> None:
    if paths or zero:
        settings.output.lines(_fitting_paths(rows, by_vae), zero)
        return
    if settings.output.as_json:
        settings.output.json(
            [
                {"checkpoint": shapes.model(checkpoint), "vaes": [shapes.fit(fit) for fit in fits]}
                for checkpoint, fits in rows
            ]
        )
    else:
        _tell_pairs(Page(), rows)


def _fitting_paths(rows: Rows, by_vae: bool) -> list[str]:
    """Paths of what surely fits: of the VAEs, or with ``--vae`` of the checkpoints.

    An author's word alone is not sure enough for a program.
    """
    from ..registry.verdicts.declared import rests_on_word

    paths: dict[str, None] = {}
    for checkpoint, fits in rows:
        for fit in fits:
            chosen = checkpoint if by_vae else fit.vae
            good = fit.verdict.verdict in ("compatible", "degraded")
            sure = good and not rests_on_word(fit.verdict)
            if sure and chosen.path and (by_vae or not fit.baked):
                paths[chosen.path] = None
    return list(paths)


def _tell_pairs(page: Page, rows: Rows) -> None:
    if not rows:
        page.line("no recorded checkpoint answers to that: vaereg list tells what is recorded")
        return
    listed = {fit.vae.id: fit.vae for _, fits in rows for fit in fits}
    listed |= {checkpoint.id: checkpoint for checkpoint, _ in rows}
    names = distinct_names(listed.values())
    lines: list[list[str]] = []
    for checkpoint, fits in rows:
        name = names[checkpoint.artifact.digests.sha256]
        for fit in fits:
            sha256 = fit.vae.artifact.digests.sha256
            what = "its baked VAE" if fit.baked else names[sha256]
            by = EVIDENCE[fit.level]
            lines.append([name, what, fit.verdict.verdict, by, fit.reason])
            name = ""
        if not fits:
            lines.append([name, "none of the recorded VAEs", "", "", ""])
    page.table(["Checkpoint", "VAE", "Verdict", "By", "Why"], lines, stretch="Why")
