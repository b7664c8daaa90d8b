"""The figures below a picture: one short line each, for the sheet and for the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .compared import Seen
from .words import follows, percent


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: what it is called, what it is, and what that is beside the first picture."""

    label: str
    value: str
    beside: str = ""


_ROWS: tuple[tuple[str, Callable[[Seen], str], Callable[[Seen], str]], ...] = (
    (
        "colourfulness",
        lambda seen: f"{seen.figures.colourfulness:.0f}",
        lambda seen: _times(seen, "colourfulness_gain"),
    ),
    (
        "saturation",
        lambda seen: percent(seen.figures.saturation),
        lambda seen: _times(seen, "chroma_gain") if follows(seen.figures, seen.difference) else "",
    ),
    (
        "contrast",
        lambda seen: f"{seen.figures.contrast:.2f}",
        lambda seen: _times(seen, "contrast_gain"),
    ),
    (
        "sharpness",
        lambda seen: f"{seen.figures.sharpness:.2f}",
        lambda seen: _times(seen, "sharpness_gain"),
    ),
    (
        "brightness",
        lambda seen: percent(seen.figures.brightness),
        lambda seen: _shift(seen, "brightness_shift"),
    ),
    (
        "clipped",
        lambda seen: percent(seen.figures.clipped),
        lambda seen: _shift(seen, "added_clipping"),
    ),
)
"""Label, own figure, figure beside the first."""


def lines(seen: Seen) -> tuple[Line, ...]:
    """The figures of a picture, in the same order for every picture."""
    if seen.figures.non_finite:
        return (Line("not finite", percent(seen.figures.non_finite)),)
    counted = (Line(label, own(seen), beside(seen)) for label, own, beside in _ROWS)
    return (*counted, Line("to the first", _likeness(seen)))


def _likeness(seen: Seen) -> str:
    found = seen.difference
    if found is None:
        return "-"
    decibels = "equal" if found.psnr >= 99 else f"{found.psnr:.1f} dB"
    return f"{decibels}, SSIM {found.ssim:.2f}"


def _times(seen: Seen, figure: str) -> str:
    return f"x {getattr(seen.difference, figure):z.2f}" if seen.difference else ""


def _shift(seen: Seen, figure: str) -> str:
    if seen.difference is None:
        return ""
    points = round(100 * getattr(seen.difference, figure))
    return f"{points:+d} points" if points else ""
