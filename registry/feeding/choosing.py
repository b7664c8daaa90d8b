"""The best VAE for each checkpoint that a frontend lists: only what surely fits is chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..frontends.base import BAKED, FILE, Effective, Installation, Listed
from ..frontends.recorded import Recorded
from ..judging.matrix import Fit, Matrix
from ..judging.sides import has
from ..naming import shown
from ..values import Model
from ..verdicts.declared import rests_on_word
from .base import Choice, Order

ROLES = ("checkpoint", "diffusion_model")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Chosen:
    """The choices, and why there is none for some."""

    choices: tuple[Choice, ...]
    left: tuple[str, ...]


def choices(
    listed: Iterable[Listed],
    recorded: Recorded,
    matrix: Matrix,
    vaes: Sequence[Model] = (),
    only: Sequence[Model] = (),
) -> Chosen:
    """For each checkpoint its own VAE where that fits, else the best that does.

    With ``vaes`` the best of those named. ``only`` names the checkpoints, all where empty. A VAE
    that an author's word alone speaks for is never chosen.
    """
    found: list[Choice] = []
    left: list[str] = []
    unknown: list[str] = []
    for one in listed:
        model = recorded.at(one.path)
        if model is None or not has(model, "denoiser"):
            unknown.append(one.name)
        elif not only or model in only:
            choice = _best(one, model, matrix, vaes)
            found += [choice] if choice else []
            left += [] if choice else [_why_none(one, model, matrix, vaes)]
    left += [_unrecorded(unknown)] if unknown and not only else []
    return Chosen(tuple(found), tuple(left))


def fitting(choices: Iterable[Choice], matrix: Matrix) -> tuple[Model, ...]:
    """Every recorded VAE that surely fits one of the checkpoints."""
    found: dict[str, Model] = {}
    for choice in choices:
        for fit in matrix.fits(choice.checkpoint):
            if is_sure(fit) and not fit.baked:
                found.setdefault(fit.vae.artifact.digests.sha256, fit.vae)
    return tuple(found.values())


def is_sure(fit: Fit) -> bool:
    """Whether a VAE fits, and not only because an author says so."""
    return fit.verdict.verdict == "compatible" and not rests_on_word(fit.verdict)


def has_baked(model: Model) -> bool:
    """Whether a checkpoint brings a VAE of its own."""
    vae = model.artifact.identity.component("vae")
    return vae is not None and bool(vae.parts)


def unmet(order: Order, installation: Installation) -> tuple[list[Choice], list[str]]:
    """The choices that an installation would not decode with, and a sentence on each of the others.

    A VAE that is in use stays where the user named none: because it fits, or because nothing is
    known of it.
    """
    wanted: list[Choice] = []
    kept: list[str] = []
    for choice in order.choices:
        now = _now(order, choice, installation)
        why = _kept(order, choice, now, "already" if installation is order.installation else "then")
        if why is None:
            wanted.append(choice)
        else:
            kept.append(f"{shown(choice.listed.name)} {why}")
    return wanted, kept


def pinned(order: Order) -> Order:
    """The order with every VAE that is in use and stays as a choice of its own.

    For a setting that is to be changed under all of them. Where one of these VAEs is not recorded
    the order is not whole any more.
    """
    found: list[Choice] = []
    whole = order.whole
    for choice in order.choices:
        now = _now(order, choice, order.installation)
        if now.kind == FILE and now.vae and _kept(order, choice, now, "") is not None:
            model = order.recorded.at(now.vae)
            whole = whole and model is not None
            choice = replace(choice, vae=model, asked=True) if model else choice
        found.append(choice)
    return replace(order, choices=tuple(found), whole=whole)


def same_vae(one: Choice, other: Choice) -> bool:
    """Whether two checkpoints are to decode with the same weights; with its own each for itself."""
    if one.vae is None or other.vae is None:
        return one.vae is other.vae
    return _same(one.vae, other.vae)


def family_of(vae: Model, choices: Iterable[Choice]) -> str | None:
    """The settled latent family of a VAE, else that of a checkpoint which it surely fits."""
    models = [vae, *(one.checkpoint for one in choices if one.vae is vae)]
    for model, role in zip(models, ("vae", *("denoiser" for _ in models[1:])), strict=True):
        part = model.artifact.identity.component(role)
        if part is not None and part.latent is not None and part.latent.family is not None:
            return part.latent.family
    return None


def vae_name(choice: Choice) -> str:
    """The chosen VAE for people."""
    return shown(choice.vae.name) if choice.vae else "its own VAE"


def _now(order: Order, choice: Choice, installation: Installation) -> Effective:
    baked = has_baked(choice.checkpoint)
    return order.frontend.effective(installation, order.listing, choice.listed, baked)


def _kept(order: Order, choice: Choice, now: Effective, since: str) -> str | None:
    if now.kind == BAKED:
        return None if choice.vae else f"decodes with its own VAE {since}"
    if now.kind != FILE or now.vae is None:
        return None
    model = order.recorded.at(now.vae)
    if model is not None and choice.vae is not None and _same(model, choice.vae):
        return f"decodes with {shown(model.name)} {since}"
    if choice.asked:
        return None
    if model is None:
        return f"decodes with {shown(now.vae)}, of which nothing is recorded: name a VAE with --vae"
    if not has(model, "vae"):
        return None
    fit = order.matrix.fits(choice.checkpoint, [model])[0]
    if fit.verdict.verdict in ("incompatible", "degraded"):
        return None
    fits = "which fits" if is_sure(fit) else "of which it is not known whether it fits"
    return f"decodes with {shown(model.name)}, {fits}: left as it is"


def _best(listed: Listed, model: Model, matrix: Matrix, vaes: Sequence[Model]) -> Choice | None:
    fits = [fit for fit in matrix.fits(model, list(vaes) or None) if is_sure(fit)]
    fits.sort(key=lambda fit: not fit.baked)
    if not fits:
        return None
    best = fits[0]
    verdict = best.verdict
    chosen = None if best.baked else best.vae
    return Choice(
        listed, model, chosen, verdict.verdict, verdict.confidence, best.reason, bool(vaes)
    )


def _why_none(listed: Listed, model: Model, matrix: Matrix, vaes: Sequence[Model]) -> str:
    name = shown(listed.name)
    fits = matrix.fits(model, list(vaes) or None)
    if not fits:
        return f"{name}: no VAE is recorded for it, and none lies in it."
    best = fits[0]
    what = "its own VAE" if best.baked else shown(best.vae.name)
    how = f"vaereg check --model {shown(model.name)} --vae {shown(best.vae.name)}"
    if len(vaes) == 1:
        return f"{name}: {what} is {_word(best)} ({best.reason}): left as it is. {how}"
    return f"{name}: no recorded VAE surely fits; nearest is {what} ({_word(best)}). {how}"


def _word(fit: Fit) -> str:
    if fit.verdict.verdict == "compatible":
        return "compatible by its author's word alone"
    return fit.verdict.verdict if fit.verdict.verdict != "unknown" else "not known to fit"


def _unrecorded(names: Sequence[str]) -> str:
    told = ", ".join(shown(name) for name in names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    how = "vaereg scan --frontend auto records them"
    return f"not recorded as checkpoints, so left as they are: {told}{more}. {how}"


def _same(one: Model, other: Model) -> bool:
    """One content, or the same weights in another file."""
    if one.artifact.digests.sha256 == other.artifact.digests.sha256:
        return True
    parts = [model.artifact.identity.component("vae") for model in (one, other)]
    contents = [part.content if part else None for part in parts]
    return contents[0] is not None and contents[0] == contents[1]
