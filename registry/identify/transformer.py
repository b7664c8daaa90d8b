"""Diffusion transformers: the tables of images and of video, asked in one go."""

from __future__ import annotations

from .denoiser import Claim, match
from .image_transformers import IMAGE_TRANSFORMERS
from .video_transformers import VIDEO_TRANSFORMERS
from .view import View

TRANSFORMERS = VIDEO_TRANSFORMERS + IMAGE_TRANSFORMERS
"""First fit wins; the rows of video are the more specific ones."""


def recognise_transformer(view: View, whole: View) -> Claim | None:
    """The transformer that a view holds; ``whole`` is not asked, no row needs it."""
    return match(TRANSFORMERS, view)
