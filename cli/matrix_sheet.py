"""What a survey found, as its page shows it: a row a checkpoint, a column a VAE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .. import __version__
from ..registry.ports import LEVELS
from .pages.matrix_page import Cell, Column, MatrixPage, Row
from .words import distinct_names

if TYPE_CHECKING:
    from ..registry.surveying.values import Cell as Found
    from ..registry.surveying.values import Surveyed
    from ..registry.values import Model

OWN = "its own VAE"
_LOOKS = {
    "none": "by headers, configs, hashes, kinship and what earlier probes found",
    "auto": "as deep as it took for a sure answer",
    "weights": "by the colours of each VAE's weights",
    "decode": "by decoding latents of a known VAE",
    "generate": "by pictures that each checkpoint drew itself",
}


def page_of(
    rows: Sequence[Model], columns: Sequence[Model], surveyed: Surveyed, probe: str, seconds: float
) -> MatrixPage:
    """The page's values; a first column holds each checkpoint's own VAE where those were judged."""
    names = distinct_names({model.id: model for model in (*rows, *columns)}.values())
    listed = {model.artifact.digests.sha256: at for at, model in enumerate(columns)}
    with_own = any(cell.baked and cell.key[1] not in listed for cell in surveyed.cells)
    places = {sha256: at + with_own for sha256, at in listed.items()}
    at_row = {model.artifact.digests.sha256: at for at, model in enumerate(rows)}
    own = (Column(OWN, None, None, ""),) if with_own else ()
    return MatrixPage(
        title=f"{_count(len(rows), 'checkpoint')}, {_count(len(columns), 'VAE')}",
        captions=(
            f"{_count(len(surveyed.cells), 'pair')}, judged in {seconds:.1f} s by vaereg "
            f"{__version__} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            f"asked: {_LOOKS[probe]}; done: {_done(surveyed.cells)}",
            *(failure.message for failure in surveyed.failures),
        ),
        rows=tuple(Row(*_whereabouts(model, names)) for model in rows),
        columns=(*own, *(Column(*_whereabouts(model, names)) for model in columns)),
        cells={
            (at_row[cell.key[0]], places.get(cell.key[1], 0)): _cell(cell)
            for cell in surveyed.cells
        },
    )


def _done(cells: Sequence[Found]) -> str:
    """How many pairs each level answered, the deepest first."""
    levels = Counter(cell.level for cell in cells if cell.failure is None)
    told = [f"{levels[level]} {_LOOKS[level]}" for level in reversed(LEVELS) if levels[level]]
    failed = sum(cell.failure is not None for cell in cells)
    return ", ".join([*told, *([f"{failed} failed"] if failed else [])]) or "nothing"


def _whereabouts(model: Model, names: dict[str, str]) -> tuple[str, str | None, str | None, str]:
    part = model.artifact.identity.leading
    family = part.latent.family if part and part.latent else None
    sha256 = model.artifact.digests.sha256
    return names[sha256], family, model.path, sha256


def _cell(found: Found) -> Cell:
    cost = found.cost
    return Cell(
        "failed" if found.failure else found.verdict.verdict,
        found.reason,
        found.verdict.confidence,
        found.level,
        cost.device if cost else None,
        cost.dtype if cost else None,
        cost.seconds if cost else None,
        found.verdict.evidence,
        (*found.notes, *found.verdict.advice),
        found.images,
        found.decided_at,
        found.baked,
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
