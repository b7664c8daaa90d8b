"""What a generated picture showed of a VAE, and the words for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..drawing import Drawing, Generated
from ..measures import Convention, HalfRange
from ..thresholds import thresholds
from .crossing import outcome
from .seen import View, figures

NO_PICTURE = ("nan", "black", "flat", "garbled")
"""Kinds of a reference's picture that nothing can be judged by."""
_LOOK = "the same picture in stronger colours (colour gain {gain:.2f}): a look, not a fault"
_LOOKS = {
    "nan": "numbers that are not finite",
    "black": "a black picture",
    "flat": "one colour all over",
    "garbled": "noise instead of a picture",
    "burnt": "burnt-out colours",
    "grey": "a grey picture without contrast",
    "fine": "a picture without any such fault",
}


@dataclass(frozen=True, slots=True)
class Made:
    """A generated picture through the VAE in question, and through a reference if there is one."""

    drawing: Drawing
    reference: str | None
    """Its name, for sentences."""
    views: tuple[View, ...]
    kind: str
    """Of the picture by itself; as in ``Generated``."""
    reference_kind: str | None
    half: HalfRange | None

    @classmethod
    def of(
        cls,
        drawing: Drawing,
        generated: Generated,
        reference: str | None,
        asked: Sequence[Convention],
    ) -> Made:
        """What the figures of a generated picture mean."""
        by_name = {convention.name: convention for convention in asked}
        views = tuple(
            View(by_name[look.convention], look.scores, outcome(look.scores))
            for look in generated.looks
        )
        return cls(
            drawing, reference, views, generated.kind, generated.reference_kind, generated.half
        )

    @property
    def decisive(self) -> View | None:
        """The view that decides: the first convention's, where the reference shows a picture."""
        if not self.views or self.reference_kind in NO_PICTURE:
            return None
        return self.views[0]

    @property
    def verdict(self) -> str | None:
        """What the picture speaks for; None where there is nothing to judge it by.

        Strong colours are a look here: on the saturated pictures that checkpoints draw, a vivid
        VAE, a burnt and a washed one mix up (measured on the real TAESD weights of
        madebyollin/taesd and on coloured shapes).
        """
        if self.kind == "nan" and self.drawing.finite:
            return "incompatible"
        view = self.decisive
        if view is None:
            return None
        return "compatible" if _is_look(view) else view.verdict

    @property
    def found(self) -> str:
        """Every figure on one line."""
        view = self.decisive
        if view is None:
            return self.kind
        name = "vivid" if _is_look(view) else view.outcome.name
        return f"{name} ({figures(view.scores)})"

    @property
    def message(self) -> str:
        """What was seen, first, and in what picture."""
        drawn = f"Seen in {_picture(self.drawing)}, decoded by this VAE"
        if self.kind == "nan":
            return f"numbers that are not finite, a black or broken picture. {drawn}"
        view = self.decisive
        if view is not None:
            look = _LOOK.format(gain=view.scores.chroma_slope)
            said = look if _is_look(view) else view.outcome.message
            return f"{said}. {drawn} and by {self.reference}"
        if self.reference is None:
            return f"{_LOOKS[self.kind]}; there is no other VAE to compare it with. {drawn}"
        return (
            f"{_LOOKS[self.kind]}; but {self.reference} gives "
            f"{_LOOKS[self.reference_kind or 'fine']}, so it cannot judge another. {drawn}"
        )


def _is_look(view: View) -> bool:
    """Whether what passes for burnt or washed is but stronger colours, and no other scale.

    Another scale of the latents moves light and dark as much as it moves colours.
    """
    bars, scores = thresholds("cross_decode"), view.scores
    if view.outcome.name == "burnt" and scores.added_clipping <= bars["burnt_clipping"]:
        return True
    follows = min(scores.luma_correlation, scores.chroma_correlation)
    return (
        view.outcome.name in ("burnt", "washed")
        and follows >= bars["cast_chroma_correlation"]
        and scores.chroma_slope >= bars["burnt_ratio"] * scores.luma_slope
    )


def _picture(drawing: Drawing) -> str:
    size = f"{drawing.width} x {drawing.height} pixels"
    if not drawing.steps:
        return f"{drawing.text} ({size})"
    steps = "1 step" if drawing.steps == 1 else f"{drawing.steps} steps"
    return f"a generated picture ({drawing.text!r}, {steps}, {size})"
