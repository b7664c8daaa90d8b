"""What a cross-decode showed of a VAE, and the words for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..measures import Convention, Crossing, HalfRange, Scores
from .crossing import VERDICT_OF, Outcome, outcome, trusted


@dataclass(frozen=True, slots=True)
class View:
    """The VAE's pictures under one convention of scaling."""

    convention: Convention
    scores: Scores
    outcome: Outcome

    @property
    def verdict(self) -> str:
        """The verdict that these pictures speak for."""
        return VERDICT_OF[self.outcome.name]


@dataclass(frozen=True, slots=True)
class Seen:
    """A cross-decode and the reference it was made with."""

    reference: str
    """Its name, for sentences."""
    alone: bool
    """The VAE had to be its own reference: that proves nothing of the latent space."""
    own: Scores | None
    """The reference's own decode against the picture that it encoded."""
    views: tuple[View, ...]
    half: HalfRange | None

    @classmethod
    def of(
        cls, crossing: Crossing, reference: str, asked: Sequence[Convention], alone: bool
    ) -> Seen:
        """What the figures of a cross-decode mean."""
        by_name = {convention.name: convention for convention in asked}
        views = tuple(
            View(by_name[look.convention], look.scores, outcome(look.scores))
            for look in crossing.looks
        )
        return cls(reference, alone, crossing.own, views, crossing.half)

    @property
    def trusted(self) -> bool:
        """Whether the reference gives back what it encoded, so that others can be judged by it."""
        return self.own is not None and trusted(self.own)

    @property
    def decisive(self) -> View | None:
        """The view that decides: the first convention's, if the reference is another and works."""
        return self.views[0] if self.views and self.trusted and not self.alone else None


def figures(scores: Scores) -> str:
    """Every score on one line."""
    if not scores.finite:
        return "not finite"
    return (
        f"luma r {scores.luma_correlation:.2f} gain {scores.luma_slope:.2f}, "
        f"chroma r {scores.chroma_correlation:.2f} gain {scores.chroma_slope:.2f}, "
        f"contrast x{scores.contrast_ratio:.2f}, shift {scores.mean_shift:+.2f}, "
        f"clipping {scores.added_clipping:+.2f}, sharpness x{scores.sharpness_ratio:.2f}, "
        f"PSNR {scores.psnr:.1f}, SSIM {scores.ssim:.2f}, "
        f"colourfulness x{scores.colourfulness_ratio:.2f}"
    )
