"""The rules on what was measured of a VAE's weights: health, colour response, pictures, range."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..damage import RUINED_WEIGHTS
from ..naming import shown
from ..values import Evidence, Notice
from .pair import Pair, listed

if TYPE_CHECKING:
    from .seen import View

_OUTCOME = {"compatible": "pass", "degraded": "warn", "incompatible": "fail"}


def health(pair: Pair) -> Evidence | None:
    """A VAE with NaN or with holes makes black or ruined pictures with any checkpoint."""
    damage = next((note for note in pair.vae.notices if note.code in RUINED_WEIGHTS), None)
    if damage is not None:
        return Evidence("health", "fail", "sound weights", damage.code, _sentence(damage))
    if pair.vae.content is None:
        return None
    return Evidence("health", "pass", "sound weights", "sound", "every number of it is finite")


def colour_response(pair: Pair) -> Evidence | None:
    """The colours that the decoder gives to its latents tell which space it decodes."""
    match = pair.match
    if match is None:
        return None
    want = listed(pair.wanted)
    found = _match_words(pair)
    if match.certainty != "certain" or match.space is None:
        return Evidence("colour-response", "unknown", want, found, match.why)
    if match.space in pair.wanted_spaces:
        return Evidence("colour-response", "pass", want, found, match.why)
    outcome = "fail" if pair.wanted_spaces else "unknown"
    return Evidence("colour-response", outcome, want, found, match.why)


def cross_decode(pair: Pair) -> Evidence | None:
    """The reference's latents through this VAE: the picture itself decides."""
    if pair.trouble is not None:
        return Evidence("cross-decode", "unknown", None, None, pair.trouble)
    seen = pair.seen
    if seen is None:
        return None
    from .seen import figures

    view = seen.decisive
    if view is not None:
        message = f"{seen.reference}'s latents through this VAE: {view.outcome.message}"
        found = f"{view.outcome.name} ({figures(view.scores)})"
        return Evidence("cross-decode", _OUTCOME[view.verdict], "match", found, message)
    own = figures(seen.own) if seen.own else None
    return Evidence("cross-decode", "unknown", "match", own, _undecided(pair))


def other_convention(pair: Pair) -> Evidence | None:
    """Frontends that take the scaling from the VAE's config may show another picture."""
    seen = pair.seen
    if seen is None or seen.decisive is None or len(seen.views) < 2:
        return None
    first, other = seen.views[0], seen.views[1]
    want, have = _scale(first), _scale(other)
    if "incompatible" in (first.verdict, other.verdict) or other.verdict == "compatible":
        return None
    frontends = " and ".join(other.convention.frontends)
    message = (
        f"{frontends} would undo {have} for this file, not the checkpoint's {want}: "
        f"{other.outcome.message}. Give them the VAE with a config of {want}"
    )
    return Evidence("normalisation", "warn", want, f"{have}: {other.outcome.name}", message)


def kin_in_registry(pair: Pair) -> Evidence | None:
    """A VAE of known family in the registry that this one descends from."""
    if pair.kin is None:
        return None
    relation = pair.kin.kinship.relation
    message = f"its weights are kin to {shown(pair.kin.vae.name)}'s: {pair.kin.kinship.message}"
    return Evidence("kinship", "pass", pair.kin.vae.name, relation, message)


def scaling_factor(pair: Pair) -> Evidence | None:
    """The scaling factor measured, where neither config nor identity tells it."""
    if pair.scaling is None or pair.offered.scaling_determined_by is not None:
        return None
    outcome = {True: "pass", False: "warn", None: "unknown"}[pair.scaling.consistent]
    found = f"about {pair.scaling.estimate:.3g}"
    constant = pair.scaling.family_constant
    want = None if constant is None else f"{constant:g}"
    return Evidence("normalisation", outcome, want, found, pair.scaling.message)


def fp16_range(pair: Pair) -> Evidence | None:
    """Whether half precision can hold what this VAE computes."""
    ranges = [each.half for each in (pair.seen, pair.made) if each and each.half]
    if not ranges or not all(math.isfinite(each.largest) for each in ranges):
        return None  # What fails in single precision too is told by its pictures.
    half = max(ranges, key=lambda each: (each.overflowing or 0, each.largest))
    from ..thresholds import thresholds
    from .crossing import half_outcome
    from .half_precision import switches

    outcome = half_outcome(half)
    found = f"{half.largest:,.0f} at {half.block}"
    limit = f"{thresholds('half_precision')['largest']:,.0f}"
    if half.overflowing is not None:
        found += f"; a real decode in {half.dtype}: {half.overflowing:,} numbers not finite"
    if outcome == "safe":
        message = f"the largest activation is {found}: well within half precision"
        return Evidence("fp16-range", "pass", limit, found, message)
    verb = "overflows" if outcome == "overflow" else "comes near the limit of"
    message = (
        f"block {half.block} {verb} half precision ({half.largest:,.0f} of {limit}): black "
        f"pictures in fp16. Run it in fp32 or bf16: {switches()}"
    )
    return Evidence("fp16-range", "warn", limit, found, message)


def generation(pair: Pair) -> Evidence | None:
    """The checkpoint's own picture through this VAE."""
    if pair.undrawn is not None:
        said = f"no picture was generated: {pair.undrawn}"
        instead = "a cross-decode" if pair.seen and pair.seen.decisive else "what is known without"
        return Evidence("generation", "unknown", "match", None, f"{said}; {instead} answers")
    if pair.made is None:
        return None
    verdict = pair.made.verdict
    outcome = _OUTCOME[verdict] if verdict else "unknown"
    return Evidence("generation", outcome, "match", pair.made.found, pair.made.message)


def denoiser_range(pair: Pair) -> Evidence | None:
    """A denoiser that fails in half precision gives black pictures with every VAE."""
    kind = pair.made.drawing.overflowed if pair.made else None
    if kind is None:
        return None
    from .half_precision import denoiser_switches

    message = (
        f"the denoiser's latents are not finite in {kind}: black pictures whatever the VAE; they "
        f"were drawn in {pair.made.drawing.dtype if pair.made else ''} instead. Run it so: "
        f"{denoiser_switches()}"
    )
    return Evidence("generation", "warn", "finite latents", f"not finite in {kind}", message)


def _sentence(note: Notice) -> str:
    return f"the VAE's weights are damaged: {note.message}"


def _match_words(pair: Pair) -> str:
    match = pair.match
    if match is None or not match.ranked:
        return "no answer"
    return (
        f"{match.space or 'no known space'} (cosine {match.cosine:.2f}, margin {match.margin:.2f}, "
        f"hue {match.chroma:.2f}, nearest {shown(match.ranked[0].source)})"
    )


def _undecided(pair: Pair) -> str:
    seen = pair.seen
    assert seen is not None
    if seen.alone and seen.trusted:
        return (
            "there is no other VAE of this latent space to compare with; by itself it gives back "
            "what it encodes. Record one that is known to fit: vaereg scan DIR"
        )
    if seen.alone:
        return "this VAE does not give back what it encodes: its halves do not belong together"
    return f"{seen.reference} does not give back what it encodes, so it cannot judge another"


def _scale(view: View) -> str:
    scaling = view.convention.scaling
    return "per-channel statistics" if scaling.std else f"scaling factor {scaling.scale:g}"


MEASURED = (
    health,
    kin_in_registry,
    colour_response,
    cross_decode,
    scaling_factor,
    other_convention,
    generation,
    denoiser_range,
    fp16_range,
)
