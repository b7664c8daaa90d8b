"""Figures in the words of somebody who looks at the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .difference import Difference
from .figures import Figures
from .limits import Limits, limits

COLOURFULNESS = (
    (0, "hardly any colour"), (15, "slightly colourful"), (33, "moderately colourful"),
    (45, "colourful"), (59, "quite colourful"), (82, "highly colourful"),
    (109, "extremely colourful"),
)  # fmt: skip
"""Of one picture by itself, from each figure on: the levels of Hasler and Suesstrunk 2003."""
FRACTIONS = (
    (0.0, "none of the colour"), (0.1, "a tenth of the colour"), (0.2, "a fifth of the colour"),
    (0.25, "a quarter of the colour"), (0.33, "a third of the colour"), (0.5, "half the colour"),
)  # fmt: skip
"""The nearest one is said."""
DEGREES = (("much", "much "), ("plainly", ""), ("slightly", "slightly "))
"""Ends of the names of limits, strongest first, and the adverb for what is beyond them."""
CASTS = {"much": "strong {} cast", "plainly": "{} cast", "slightly": "slight {} cast"}
_ALIKE = (
    ("near_psnr", "nearly the same picture"),
    ("alike_psnr", "much the same picture"),
)
_NAMELESS = "it differs in ways that these figures do not name"


@dataclass(frozen=True, slots=True)
class _Scale:
    """A figure that goes up or down by degrees, and the words for both."""

    figure: str
    """Field of ``Difference``, or ``gain`` minus 1 where it is one."""
    limit: str
    more: str
    less: str
    times: str = ""
    """For more than twice as much."""


_SCALES = (
    _Scale("sharpness_gain", "sharpness", "sharper", "softer"),
    _Scale("added_grain", "grain", "grainier", "smoother"),
    _Scale("brightness_shift", "brightness", "brighter", "darker"),
)
_COLOUR = _Scale("chroma_gain", "gain", "more saturated", "less saturated", "as saturated")
_CONTRAST = _Scale("contrast_gain", "gain", "more contrast", "less contrast", "the contrast")


def kind_beside(seen: Figures, difference: Difference | None, first: str) -> str:
    """``Figures.kind``, weighed beside a first picture of the kind ``first``.

    A picture is not garbled where it follows a fine one: it has the first's light and dark in
    blocks, and its detail as well where single pixels are what looks scattered, for noise over a
    picture leaves the blocks as they are (noise of .2 and more over the test card: detail of .77
    at most, but for fine stripes, which then are burnt; a decoder 1.4 times as vivid: .99).
    """
    if seen.kind != "garbled" or difference is None or first != "fine":
        return seen.kind
    bar = limits("words")["wrong_luma"]
    calm = seen.smoothness >= limits("kinds")["garbled_smoothness"]
    follows = difference.luma_correlation >= bar and (calm or difference.detail_correlation >= bar)
    return seen.kind_but("garbled") if follows else seen.kind


def describe(seen: Figures, difference: Difference | None = None, kind: str | None = None) -> str:
    """One line: what kind of picture it is if that is not ``fine``, and what differs from the
    first one, the most telling first; without a difference, how colourful it is.

    ``kind`` is that of ``kind_beside``, by default the picture's by itself.
    """
    kind = kind or seen.kind
    spoilt = _spoilt(seen, kind)
    if spoilt:
        return spoilt
    bars = limits("words")
    if difference is None:
        return ", ".join([*_lead(seen, kind), _level(seen)])
    if difference.psnr >= bars["same_psnr"]:
        return "the same picture"
    said = [*_lead(seen, kind, difference), *_changes(seen, kind, difference, bars)]
    return ", ".join(said) or _unsaid(difference, bars)


def grade(seen: Figures, difference: Difference | None = None, kind: str | None = None) -> str:
    """``fault`` | ``same`` | ``look`` | ``alone``: whether the words tell of a fault, of nothing
    that one would see, of another look, or of one picture by itself; ``kind`` as above."""
    kind = kind or seen.kind
    if kind != "fine":
        return "fault"
    if difference is None:
        return "alone"
    bars = limits("words")
    stray = difference.luma_correlation < bars["wrong_luma"] or _miscoloured(difference, bars)
    if stray or _greyed(seen, difference) or _scorched(difference):
        return "fault"
    told = difference.psnr < bars["same_psnr"] and any(_changes(seen, kind, difference, bars))
    return "look" if told or difference.psnr < bars["near_psnr"] else "same"


def follows(seen: Figures, difference: Difference | None) -> bool:
    """Whether its colours are those of the first picture, however strong, or none at all; False
    where the first has none to speak of."""
    if difference is None or not difference.coloured:
        return False
    return difference.chroma_correlation >= limits("words")["wrong_chroma"] or _colourless(seen)


def percent(share: float) -> str:
    """A share in whole percent, but never 0 % of something or 100 % of nearly all."""
    if 0 < share < 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def _spoilt(seen: Figures, kind: str) -> str | None:
    """The words for a picture in which nothing is left to be compared."""
    says = {
        "nan": f"not finite: {_all_of(seen.non_finite, 'number')}",
        "black": f"black: {_all_of(seen.black, 'pixel')}",
        "flat": f"one colour all over: {_name(seen)}",
        "garbled": "garbled: neighbouring places have nothing to do with each other",
    }
    return says.get(kind)


def _all_of(share: float, what: str) -> str:
    return f"every {what}" if share == 1 else f"{percent(share)} of the {what}s"


def _name(seen: Figures) -> str:
    if seen.cast.strength > limits("words")["cast_plainly"]:
        return seen.cast.hue
    levels = ((0.1, "black"), (0.35, "dark grey"), (0.65, "grey"), (0.9, "light grey"))
    return next((name for end, name in levels if seen.brightness < end), "white")


def _lead(seen: Figures, kind: str, difference: Difference | None = None) -> Iterator[str]:
    """The kind of a picture that can still be compared."""
    if difference and _scorched(difference):
        yield f"burnt: {percent(difference.added_clipping)} more of it clipped"
    elif kind == "burnt":
        yield f"burnt: {percent(seen.burnt)} of it has lost its shades"
    elif difference and _greyed(seen, difference):
        gain = 0.0 if _colourless(seen) else difference.chroma_gain
        yield f"grey: {min(FRACTIONS, key=lambda row: abs(row[0] - gain))[1]}"
    elif kind == "grey":
        yield "grey: little colour and little contrast"


def _level(seen: Figures) -> str:
    if _colourless(seen):
        return "no colour"
    return [name for least, name in COLOURFULNESS if seen.colourfulness >= least][-1]


def _colourless(seen: Figures) -> bool:
    return seen.colourfulness < limits("words")["colourless"]


def _scorched(difference: Difference) -> bool:
    """Whether lights and colours ran into the ends for want of room."""
    bars = limits("words")
    clipped = difference.added_clipping > bars["burnt_clipping"]
    return clipped and difference.contrast_gain > bars["burnt_contrast"]


def _greyed(seen: Figures, difference: Difference) -> bool:
    """Whether most of the first picture's colour is gone, rather than turned into another."""
    faint = abs(difference.chroma_gain) < limits("words")["half_colour"]
    return faint and follows(seen, difference)


def _miscoloured(difference: Difference, bars: Limits) -> bool:
    wrong = difference.coloured and difference.chroma_correlation < bars["wrong_chroma"]
    return wrong and difference.luma_gain >= bars["faint_luma"]


def _changes(seen: Figures, kind: str, difference: Difference, bars: Limits) -> Iterator[str]:
    if difference.luma_correlation < bars["wrong_luma"]:
        yield "another picture: light and dark do not follow the first"
        return
    yield from _colour(seen, difference, bars)
    yield from _gain(_CONTRAST, difference, bars)
    other = difference.detail_correlation < bars["other_detail"]
    grainy = difference.added_grain > bars["grain_slightly"]
    if other and not grainy:
        yield "other fine detail"
    for scale in _SCALES:
        if scale.limit != "sharpness" or not (other or grainy):
            yield from _by_degrees(scale, difference, bars)
    said = kind == "burnt" or _scorched(difference)
    if difference.added_clipping >= bars["clipped"] and not said:
        yield f"{percent(difference.added_clipping)} more of it clipped"


def _colour(seen: Figures, difference: Difference, bars: Limits) -> Iterator[str]:
    if _greyed(seen, difference):
        return
    if _miscoloured(difference, bars):
        yield "wrong colours: they do not follow the first"
        return
    if follows(seen, difference):
        yield from _gain(_COLOUR, difference, bars)
    elif difference.coloured:
        yield "colours that hardly follow the first"
        return
    elif difference.colourfulness_gain >= 2 and not _colourless(seen):
        yield "more colour than the first, which has hardly any"
        return
    for degree, form in CASTS.items():
        if difference.cast.strength >= bars[f"cast_{degree}"]:
            yield form.format(difference.cast.hue)
            return


def _gain(scale: _Scale, difference: Difference, bars: Limits) -> Iterator[str]:
    change = getattr(difference, scale.figure) - 1
    if change >= 1:
        yield f"{change + 1:.1f} times {scale.times}"
    elif abs(change) >= bars["gain_slightly"]:
        yield f"{percent(abs(change))} {scale.more if change > 0 else scale.less}"


def _by_degrees(scale: _Scale, difference: Difference, bars: Limits) -> Iterator[str]:
    figure = getattr(difference, scale.figure)
    change = figure - 1 if scale.figure.endswith("gain") else figure
    for degree, adverb in DEGREES:
        if abs(change) >= bars[f"{scale.limit}_{degree}"]:
            yield adverb + (scale.more if change > 0 else scale.less)
            return


def _unsaid(difference: Difference, bars: Limits) -> str:
    """Where no figure is beyond its limit: how near the pictures are all the same."""
    near = (words for limit, words in _ALIKE if difference.psnr >= bars[limit])
    return next(near, _NAMELESS)
