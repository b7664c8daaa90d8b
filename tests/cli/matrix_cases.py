"""Matrix pages to be looked at: verdicts in turns, hostile texts, painted pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vaereg.cli.pages.matrix_page import Cell, Column, MatrixPage, Row
from vaereg.registry.values import Evidence

HOSTILE = (
    '"></script></script x<!--<script>alert(1)</script><img src=x onerror=alert(2)>'
    " ' $title \x1b &amp;"
)
VERDICTS = ("compatible", "degraded", "incompatible", "unknown")
CHECKPOINTS = ("forest_v1", "harbour_xl", "forest_v2", "castle_v10")
VAES = ("vivid", "sdxl_vae", "anime", "ae", "forest_own", "twin", "odd")
FAMILIES = ("sd1", "sdxl", "sd1", None)


def checked(verdict: str, number: int = 0, **more) -> Cell:
    outcome = {"compatible": "pass", "degraded": "warn", "incompatible": "fail"}.get(
        verdict, verdict
    )
    evidence = (
        Evidence("parts", "pass", "decoder", "decoder", "the VAE can decode"),
        Evidence("latent-family", outcome, "sd1", f"found {number}", f"message {number}"),
    )
    advice = ("keep your own VAE",) if verdict != "compatible" else ()
    told = {"device": "cpu", "dtype": "float32", "seconds": 1.5} | more
    reason, when = f"because of {number}", "2026-03-02T14:05:07Z"
    return Cell(
        verdict, reason, 0.97, "decode", evidence=evidence, advice=advice, decided_at=when, **told
    )


def matrix(vaes: int = 7, checkpoints: tuple[str, ...] = CHECKPOINTS, **more) -> MatrixPage:
    """Verdicts in turns along each row; the last checkpoint was never judged with the first VAE."""
    rows = tuple(
        Row(name, FAMILIES[at % 4], f"/models/{at}.safetensors", f"{at:064x}")
        for at, name in enumerate(checkpoints)
    )
    columns = tuple(
        Column(name, FAMILIES[at % 4], f"/vae/{at}.safetensors", f"{at:064x}")
        for at, name in enumerate(VAES[:vaes])
    )
    cells = {
        (row, column): checked(VERDICTS[(row + column) % 4], 10 * row + column)
        for row in range(len(rows))
        for column in range(len(columns))
    }
    cells[0, 0] = replace(cells[0, 0], baked=True)
    cells.pop((3, 0), None)
    page = MatrixPage("A headline", ("a line",), rows, columns, cells)
    return replace(page, **more)


def painted(folder: Path, name: str, colour: str, size=(1000, 300)) -> str:
    from PIL import Image

    path = folder / f"{name}.png"
    Image.new("RGB", size, colour).save(path)
    return str(path)


def eight_thousand() -> MatrixPage:
    """100 checkpoints against 80 VAEs."""
    names = tuple(f"checkpoint_{at}" for at in range(100))
    columns = tuple(Column(f"vae_{at}", "sd1", f"/vae/{at}", f"{at:064x}") for at in range(80))
    cells = {(r, c): checked(VERDICTS[(r + c) % 4], c) for r in range(100) for c in range(80)}
    return matrix(checkpoints=names, columns=columns, cells=cells)
