"""Which clip skip the sample pictures of a model agree on, and what to say of them."""

from __future__ import annotations

from .values import Advice, SamplePictures

LEAST = 5
"""Pictures that must say how they were made before they count."""
SHARE = 0.7
"""Of those, how many must state the same clip skip."""


def agreed(pictures: SamplePictures) -> int | None:
    """The clip skip of a clear majority of the pictures that say how they were made.

    Those that state none count against it: A1111 leaves it out at 1
    (AUTOMATIC1111/stable-diffusion-webui modules/processing.py, create_infotext).
    """
    if pictures.made < LEAST or not pictures.counts:
        return None
    count, stating = pictures.counts[0]
    return count if stating >= SHARE * pictures.made else None


def said(pictures: SamplePictures) -> str:
    """What they state: ``18 of 22 sample pictures used clip skip 2, 4 state none``."""
    if not pictures.made:
        return "no sample picture says how it was made"
    counts = [f"{many} used clip skip {count}" for count, many in pictures.counts]
    counts += [f"{pictures.silent} state none"] if pictures.silent else []
    first, _, rest = ", ".join(counts).partition(" ")
    return f"{first} of {pictures.made} sample pictures {rest}"


def beside(pictures: SamplePictures, advice: Advice) -> str:
    """What they state, and what becomes of it beside the advice, as one sentence."""
    return said(pictures) + _weighed(pictures, advice)


def _weighed(pictures: SamplePictures, advice: Advice) -> str:
    count = agreed(pictures)
    if advice.determined_by == "sample-pictures" or not pictures.made:
        return ""
    if count is None:
        few = pictures.made < LEAST
        return ": too few to go by" if few else ": no clear majority for one that is stated"
    if count == advice.clip_skip:
        return ", which is what is advised"
    if advice.determined_by == "metadata":
        return ", which the file's metadata contradicts: compare both with --sweep"
    return ", which does not change what this model reads"
