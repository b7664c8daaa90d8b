"""``vaereg search``: VAEs on Hugging Face and Civitai, in one table."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import VaeregError
from ..registry.families import require_family
from ..registry.workers import stoppable
from . import fetching
from .context import Context
from .page import Page
from .words import size_words

if TYPE_CHECKING:
    from ..registry.sources.base import Hit
    from ..registry.sources.catalog import Sources


class Place(StrEnum):
    """Where to look."""

    HUGGINGFACE = "hf"
    CIVITAI = "civitai"
    ALL = "all"


_NAMES = {Place.HUGGINGFACE: "huggingface", Place.CIVITAI: "civitai"}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("search")(search_command)


def search_command(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORDS", help="What to look for; the most fetched VAEs if nothing."),
    ] = None,
    source: Annotated[Place, typer.Option("--source", help="Where to look.")] = Place.ALL,
    family: Annotated[
        str | None, typer.Option("--family", metavar="F", help="Only this latent family.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=500, help="How many of each place.")
    ] = 20,
) -> None:
    """Look VAEs up on Hugging Face and Civitai; their names tell no family, hashes may."""
    settings = Context.of(context)
    if family is not None:
        require_family(family)
    sources = settings.sources()
    asked = [name for place, name in _NAMES.items() if source in (place, Place.ALL)]

    def ask(name: str) -> list[Hit] | VaeregError:
        try:
            return sources.named(name).search(" ".join(words or ()), limit, family)
        except VaeregError as failure:
            return failure

    with stoppable(len(asked), sources.stop) as pool:
        answers = list(pool.map(ask, asked))
    failures = [answer for answer in answers if isinstance(answer, VaeregError)]
    if len(failures) == len(answers):
        raise _together(failures)
    for failure in failures:
        settings.output.note(
            f"note: {failure.message}" + (f" ({failure.hint})" * bool(failure.hint))
        )
    hits = [hit for answer in answers if not isinstance(answer, VaeregError) for hit in answer]
    if family is not None:
        hits = _sifted(settings, sources, hits, family)
    hits.sort(key=lambda hit: -(hit.downloads or 0))
    settings.output.answer([fetching.hit(found) for found in hits], lambda page: _tell(page, hits))


def _together(failures: list[VaeregError]) -> VaeregError:
    """One error for all places that failed."""
    said = "; ".join(dict.fromkeys(failure.message for failure in failures))
    return type(failures[0])(said, failures[0].hint)


def _sifted(settings: Context, sources: Sources, hits: list[Hit], family: str) -> list[Hit]:
    from ..registry.sources.sifting import of_family

    kept, dark = of_family(sources, hits, family)
    if dark:
        settings.output.note(f"note: {dark} more could not be looked into, or tell no family")
    return kept


def _tell(page: Page, hits: list[Hit]) -> None:
    if not hits:
        page.line("nothing answers to that: try fewer words, or another --source")
        return
    rows = [
        [
            hit.ref,
            hit.name,
            hit.file or "",
            _family_cell(hit),
            size_words(hit.size) if hit.size is not None else "",
            f"{hit.downloads:,}" if hit.downloads is not None else "",
            ", ".join(_remarks(hit)),
        ]
        for hit in hits
    ]
    columns = ["REF", "Name", "File", "Latent family", "Size", "Downloads", "Note"]
    page.table(columns, rows, stretch="Name")
    page.line("vaereg pull REF fetches one; vaereg inspect REF looks into it first")


def _family_cell(hit: Hit) -> str:
    """What is known by hash, or what the author claims, said as such."""
    if not hit.families:
        return f"author: {hit.declared}" if hit.declared else "look: vaereg inspect"
    names = " or ".join(hit.families)
    return f"author: {names}" if hit.determined_by == "declared" else names


def _remarks(hit: Hit) -> list[str]:
    return [text for text, holds in (("pickle", hit.pickle), ("gated", hit.gated)) if holds]
