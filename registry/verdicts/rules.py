"""The verdict rules: what makes a VAE fit a checkpoint, each a function that gives evidence."""

from __future__ import annotations

from collections.abc import Callable

from ..families import Family
from ..values import Evidence
from .pair import (
    ALTERED_LATENTS,
    OTHER_DECODER,
    SAME_ENCODER,
    SAME_LINEAGE,
    SAME_WEIGHTS,
    SWAPPED_LATENTS,
    UNCLEAR,
    UNRELATED,
    Pair,
    listed,
    named,
    possible,
    row,
)

RULES_VERSION = 3
"""Raised whenever a rule changes its mind: recorded verdicts of older rules are judged again."""

BAKED = "the baked VAE"
"""What a row of ``kinship`` compares with, where it is not a VAE of the registry."""

Rule = Callable[[Pair], Evidence | None]

_KINSHIP = {
    SAME_WEIGHTS: ("pass", "same weights{width} as the VAE baked into the checkpoint"),
    SAME_ENCODER: (
        "pass",
        "decoder finetuned from the VAE baked into the checkpoint: their encoders are the same",
    ),
    SAME_LINEAGE: (
        "pass",
        "finetuned from the VAE baked into the checkpoint, or both from one origin",
    ),
    ALTERED_LATENTS: (
        "unknown",
        "nearly all its weights are near those of the VAE baked into the checkpoint, but not those "
        "that make or take the latent channels: it may be another latent space",
    ),
    SWAPPED_LATENTS: (
        "fail",
        "its weights are those of the VAE baked into the checkpoint, but latent channels are "
        "swapped or negated: the colours come out wrong",
    ),
    OTHER_DECODER: (
        "unknown",
        "its encoder is that of the VAE baked into the checkpoint, its decoder is no kin of it",
    ),
    UNRELATED: (
        "unknown",
        "unrelated to the VAE baked into the checkpoint: trained on its own, for whatever space",
    ),
    UNCLEAR: (
        "unknown",
        "neither clearly kin to the VAE baked into the checkpoint nor clearly unrelated",
    ),
}
"""Kinship proves that two VAEs fit; that there is none proves nothing."""


def parts(pair: Pair) -> Evidence | None:
    """A VAE has to decode; without an encoder it still serves text to image."""
    have = ", ".join(pair.vae.parts) or "nothing"
    damaged = next((note for note in pair.vae.notices if note.code == "parts_missing"), None)
    if damaged is not None:
        return Evidence(
            "parts", "fail", "a whole VAE", have, f"the VAE is damaged: {damaged.message}"
        )
    if not pair.vae.parts:
        message = "there is a config of a VAE but no weights of one"
        return Evidence("parts", "fail", "decoder", have, message)
    if "decoder" not in pair.vae.parts:
        message = "the file holds an encoder only: it cannot turn latents into a picture"
        return Evidence("parts", "fail", "decoder", have, message)
    if "encoder" not in pair.vae.parts:
        message = "the file holds a decoder only: text to image works, image to image does not"
        return Evidence("parts", "warn", "encoder, decoder", have, message)
    return Evidence("parts", "pass", "encoder, decoder", have, "the VAE can encode and decode")


def pixel_space(pair: Pair) -> Evidence | None:
    """A model that works in pixels has no use for a VAE."""
    if pair.wanted.family != "pixel":
        return None
    message = "this checkpoint works in pixel space and takes no VAE: any VAE breaks its pictures"
    return Evidence("latent-family", "fail", "pixel", listed(pair.offered), message)


def latent_channels(pair: Pair) -> Evidence | None:
    """Different latent channels: refused on loading, or a shape error on decoding."""
    want, have = pair.wanted.channels, pair.offered.channels
    if want is None or have is None:
        return None
    if want != have:
        message = (
            f"the checkpoint makes latents of {want} channels, the VAE takes {have}: "
            f"the frontend refuses it or stops with a shape error (expected {have} channels, "
            f"got {want})"
        )
        return Evidence("latent-channels", "fail", str(want), str(have), message)
    return Evidence("latent-channels", "pass", str(want), str(have), f"both use {want} channels")


def spatial_factor(pair: Pair) -> Evidence | None:
    """Different spatial factors give a picture of the wrong size, if any."""
    want, have = pair.wanted.spatial_factor, pair.offered.spatial_factor
    if want is None or have is None:
        return None
    if want != have:
        message = (
            f"one latent pixel stands for {want:g} x {want:g} picture pixels in the checkpoint "
            f"and for {have:g} x {have:g} in the VAE: a garbled picture of the wrong size"
        )
        return Evidence("spatial-factor", "fail", f"{want:g}", f"{have:g}", message)
    return Evidence("spatial-factor", "pass", f"{want:g}", f"{have:g}", "same spatial factor")


def temporal_factor(pair: Pair) -> Evidence | None:
    """An image VAE cannot decode video latents, nor the other way round."""
    want, have = pair.wanted.temporal_factor, pair.offered.temporal_factor
    if want is None or have is None:
        return None
    if want != have:
        message = (
            f"the checkpoint packs {want} frames into one latent frame, the VAE {have}: "
            "the frontend stops with a shape error or the picture is noise"
        )
        return Evidence("temporal-factor", "fail", str(want), str(have), message)
    return Evidence("temporal-factor", "pass", str(want), str(have), "same temporal factor")


def latent_family(pair: Pair) -> Evidence | None:
    """One latent space or two: the question that shapes alone often leave open."""
    if pair.wanted.family == "pixel":
        return None
    want, have = listed(pair.wanted), listed(pair.offered)
    if pair.is_baked and pair.fits is None:
        message = "the VAE is baked into the checkpoint: its author's own choice"
        return Evidence("latent-family", "pass", want, have, message)
    if pair.kin_of_baked and pair.fits is not False:
        message = "the VAE is kin to the one baked into the checkpoint: one latent space"
        return Evidence("latent-family", "pass", want, have, message)
    fits = pair.fits
    if fits is None and pair.shapes_differ:
        return None
    if fits is None:
        return Evidence("latent-family", "unknown", want, have, _open_question(pair))
    if fits:
        message = f"both work in the latent space of {named(pair.wanted)}"
        return Evidence("latent-family", "pass", want, have, message)
    return Evidence("latent-family", "fail", want, have, _misfit(pair))


def normalisation(pair: Pair) -> Evidence | None:
    """One space can be normalised in several ways; a wrong scale washes the picture out."""
    want, have = row(pair.wanted), row(pair.offered)
    if want is None or have is None or want.space != have.space:
        return None
    one, other = _figures(want), _figures(have)
    if one == other:
        return Evidence("normalisation", "pass", one, other, "same normalisation")
    message = (
        f"the VAE file fits, but {want.name} normalises its latents otherwise than {have.name}: "
        "use the checkpoint's own figures, or the picture is washed out or burnt"
    )
    return Evidence("normalisation", "warn", one, other, message)


def kinship(pair: Pair) -> Evidence | None:
    """How the VAE is related to the one that the checkpoint carries."""
    if pair.is_baked or pair.relation is None or pair.shapes_differ:
        return None
    outcome, message = _KINSHIP[pair.relation]
    said = message.format(width=_other_width(pair))
    return Evidence("kinship", outcome, BAKED, pair.relation, said)


def fp16_range(pair: Pair) -> Evidence | None:
    """VAEs that are published to overflow in half precision give black pictures there."""
    if pair.fp16_safe is None:
        return None
    if pair.fp16_safe:
        return Evidence("fp16-range", "pass", None, "safe", "published as safe in half precision")
    message = (
        "this VAE is published to overflow in half precision, which gives black pictures: "
        "run it in fp32 or bf16 (A1111: --no-half-vae, ComfyUI: --fp32-vae)"
    )
    return Evidence("fp16-range", "warn", None, "overflows", message)


RULES: tuple[Rule, ...] = (
    parts,
    pixel_space,
    latent_channels,
    spatial_factor,
    temporal_factor,
    latent_family,
    normalisation,
    kinship,
    fp16_range,
)


def _other_width(pair: Pair) -> str:
    """What to add where the VAE keeps the weights in less width than the checkpoint, or in more."""
    mine = pair.vae.dtypes[:1]
    theirs = pair.baked.dtypes[:1] if pair.baked else mine
    return f" in {_WIDTHS.get(mine[0], mine[0])}" if mine and mine != theirs else ""


_WIDTHS = {"float16": "half precision", "bfloat16": "bfloat16", "float32": "single precision"}


def _figures(row: Family) -> str:
    scaling = f"scaling factor {row.scaling_factor:g}" if row.scaling_factor else ""
    shift = f"shift factor {row.shift_factor:g}" if row.shift_factor else ""
    mean = "per-channel statistics" if row.latents_mean or row.normalisation == "mean-std" else ""
    return (
        ", ".join(text for text in (scaling, shift, mean) if text) or row.normalisation or "unknown"
    )


def _misfit(pair: Pair) -> str:
    spaces = (
        f"the checkpoint works in the latent space of {named(pair.wanted)}, "
        f"the VAE decodes that of {named(pair.offered)}"
    )
    if pair.shapes_differ:
        return spaces
    return f"{spaces}: shapes agree, so no error is shown, but the colours come out garbled"


def _open_question(pair: Pair) -> str:
    if not possible(pair.wanted):
        return "the latent space that the checkpoint works in could not be told from its tensors"
    if not possible(pair.offered):
        return "the latent space that the VAE decodes could not be told from its tensors"
    unsettled, latent = (
        ("VAE", pair.offered) if pair.offered.family is None else ("checkpoint", pair.wanted)
    )
    return (
        f"the shapes fit, but only the weights can tell whether the {unsettled} is {named(latent)}"
    )
