"""``vaereg explain``: the error text of a frontend in, the cause and the VAE that fits out."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import StoreError, UsageError
from ..registry.explaining.catalog import require_frontend
from ..registry.explaining.explain import explain
from ..registry.explaining.reading import bounded, decoded, read
from ..registry.naming import shown
from . import shapes
from .context import Context
from .page import Page

if TYPE_CHECKING:
    from ..registry.explaining.fitting import Fitting
    from ..registry.explaining.values import Explanation
    from ..registry.ports import Store
    from ..registry.values import Model

NOT_RECOGNISED = 4
SIDES = {"model": "the checkpoint", "vae": "the VAE", "latents": "the latents"}
_HOW = 'give it in quotes, vaereg explain "TEXT", or feed a log: vaereg explain < console.log'


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("explain")(explain_command)


def explain_command(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]", help="The error; - or nothing: read it from stdin."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="REF", help="The checkpoint it happened with.")
    ] = None,
    frontend: Annotated[
        str | None, typer.Option("--frontend", metavar="NAME", help="Whose error it is.")
    ] = None,
) -> None:
    """Tell what an error of a frontend means, what cures it, and which recorded VAE fits."""
    settings = Context.of(context)
    name = require_frontend(frontend) if frontend is not None else None
    text = _text(settings, words or [])
    told = explain(text, name)
    found = _fitting(settings, text, told, model)
    hint = _hint(words or [], told, found, model)
    document = {
        "explanations": [_explanation(one) for one in told],
        "fitting": [_fits(one) for one in found],
        "hint": hint,
    }
    settings.output.answer(document, lambda page: _tell(page, told, found, hint))
    if not told:
        raise typer.Exit(NOT_RECOGNISED)


def _text(settings: Context, words: Sequence[str]) -> str:
    """The words typed, or stdin; raises ``UsageError`` where there is nothing to read."""
    if words and list(words) != ["-"]:
        text = bounded(" ".join(words))
    elif sys.stdin is None or (not words and sys.stdin.isatty()):
        raise UsageError("there is no text to explain", _HOW)
    else:
        if sys.stdin.isatty():
            settings.output.note("paste the error, then press Ctrl-D (on Windows Ctrl-Z, Enter)")
        text = decoded(read(sys.stdin.buffer))
    if not text.strip():
        raise UsageError("the text to explain is empty", _HOW)
    return text


def _fitting(
    settings: Context, text: str, told: Sequence[Explanation], ref: str | None
) -> tuple[Fitting, ...]:
    """What the registry knows to the point; an absent registry is not made, unless asked for."""
    if ref is None and not (told and settings.has_registry):
        return ()
    from ..registry.explaining.fitting import fitting, named_in
    from ..registry.judging.matrix import Matrix

    try:
        with settings.store() as store:
            asked = _asked(settings, store, ref) if ref is not None else None
            models = [found for found in store.models() if found.state == "present"]
            matrix = Matrix(models, store.verdicts(), store.pairs())
    except StoreError as failure:
        if ref is not None:
            raise
        settings.output.note(f"note: without the registry. {failure.message}")
        return ()
    return fitting(matrix, told, asked, named_in(text, models))


def _asked(settings: Context, store: Store, ref: str) -> Model:
    """The checkpoint a REF names; raises ``UnsupportedFormat`` where it is none."""
    from ..registry.judging.sides import checkpoint_of
    from ..registry.values import Model
    from .taking import side_of

    side = side_of(settings, store, ref, "model")
    checkpoint_of(side)
    recorded = store.by_sha256(side.artifact.digests.sha256)
    return recorded or Model(0, side.name, side.artifact, ())


def _hint(
    words: Sequence[str], told: Sequence[Explanation], found: Sequence[Fitting], ref: str | None
) -> str | None:
    """The next command, its arguments filled in where they are known."""
    if not told:
        if len(words) == 1 and os.path.isfile(words[0]):
            return f"that is a file's name: vaereg explain < {_quoted(words[0])} reads the file"
        return (
            "give the whole message, from Traceback to its last line; "
            "vaereg check --model X --vae Y judges the pair itself"
        )
    if ref is None and not any(one.failure.wants_vae for one in told):
        return None
    if len(found) == 1 and found[0].checkpoint and found[0].vaes:
        name, best = found[0].checkpoint.name, found[0].vaes[0]
        if best.baked and best.verdict.verdict == "compatible":
            return f"the VAE baked into {shown(name)} fits: choose no external one"
        return f"vaereg check --model {_quoted(name)} --vae {_quoted(best.vae.name)}"
    if ref is None:
        return "with --model REF the recorded VAEs that fit that checkpoint are listed"
    return None


def _quoted(name: str) -> str:
    return shlex.quote(shown(name))


def _explanation(one: Explanation) -> shapes.Json:
    return {
        "id": one.failure.id,
        "title": one.failure.title,
        "cause": one.cause,
        "frontends": list(one.frontends),
        "channels": asdict(one.channels),
        "families": {side: list(names) for side, names in one.families.items()},
        "cures": [{"frontend": cure.frontend, "text": cure.text} for cure in one.cures],
        "source": list(one.failure.sources),
        "match": one.match,
    }


def _fits(one: Fitting) -> shapes.Json:
    return {
        "checkpoint": shapes.model(one.checkpoint) if one.checkpoint else None,
        "vaes": [shapes.fit(fit) for fit in one.vaes],
        "named": [shapes.fit(fit) for fit in one.named],
    }


def _tell(
    page: Page, told: Sequence[Explanation], found: Sequence[Fitting], hint: str | None
) -> None:
    if not told:
        page.line("no known failure of a frontend stands in this text")
    for one in told:
        _tell_one(page, one)
    count = Counter(model.name for model in {fit.vae for one in found for fit in one.vaes})
    rows = [row for fits in found for row in _rows(fits, count)]
    if rows:
        page.table(["Checkpoint", "VAE", "Verdict", "Why"], rows, stretch="Why")
    if hint:
        page.line(f"next: {hint}")


def _tell_one(page: Page, one: Explanation) -> None:
    page.line(one.failure.title, style="bold")
    page.line(f"  found: {one.match}")
    page.line(f"  cause: {one.cause}")
    for side, channels in asdict(one.channels).items():
        if channels is not None:
            page.line(f"  {SIDES[side]}: {channels} channels: {_listed(one.families[side])}")
    for cure in one.cures:
        page.line(f"  {f'in {cure.frontend}' if cure.frontend else 'cure'}: {cure.text}")
    page.line(f"  source: {', '.join(one.failure.sources)}")


def _listed(families: Sequence[str]) -> str:
    return ", ".join(families[:-1]) + f" or {families[-1]}" if families[1:] else families[0]


def _rows(fits: Fitting, count: Counter[str]) -> Iterator[list[str]]:
    """First what the text names, then what would fit; equal names with the start of the hash."""
    name = fits.checkpoint.name if fits.checkpoint else "of so many channels"
    for fit in (*fits.named, *(fit for fit in fits.vaes if fit not in fits.named)):
        vae = fit.vae
        twin = f" ({vae.artifact.digests.sha256[:8]})" if count[vae.name] > 1 else ""
        what = "its baked VAE" if fit.baked else vae.name + twin
        yield [name, what, fit.verdict.verdict, fit.reason]
        name = ""
    if name:
        yield [name, "none of the recorded VAEs", "", ""]
