"""One REF on its way here: what it stands for, what it is, whether it would fit, where it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import VaeregError
from ..judging.pairing import declared_by, pair_of, relation_to_baked
from ..judging.sides import Side
from ..peek import Peek, peek
from ..sources.base import Wish
from ..sources.catalog import Sources
from ..sources.refs import Ref
from ..values import DeclaredPair, Model, Origin, Verdict
from ..verdicts.judge import judge
from .plan import Plan, planned
from .pull import Pulled, pull, require_no_pickle


@dataclass(frozen=True, slots=True)
class Known:
    """What the registry knows before anything is fetched."""

    models: Sequence[Model] = ()
    origins: Mapping[str, tuple[Origin, ...]] | None = None
    pairs: Sequence[DeclaredPair] = ()


@dataclass(frozen=True, slots=True)
class Errand:
    """A REF resolved."""

    plan: Plan
    look: Peek | None = None
    """What its headers say; None where nobody asked."""
    fit: Verdict | None = None
    """For the checkpoint that was named, without a probe."""

    @property
    def refused(self) -> bool:
        """It cannot fit the checkpoint, so there is no use in fetching it."""
        return self.fit is not None and self.fit.verdict == "incompatible"


def prepare(
    sources: Sources,
    ref: Ref,
    wish: Wish,
    folder: str,
    known: Known,
    *,
    look: bool = False,
    checkpoint: Side | None = None,
) -> Errand:
    """Resolve a REF and, where asked, look into it and judge it beside a checkpoint.

    Raises ``SourceError``, ``NotFound``, ``Ambiguous``, ``FileError``.
    """
    offer = sources.offer(ref, wish)
    plan = planned(offer, folder, known.models, known.origins)
    if not look and checkpoint is None:
        return Errand(plan)
    if plan.here is not None:
        side = replace(Side.of(plan.here), path=plan.here_path)
        return Errand(plan, Peek(plan.here.artifact, 0, 0), _fit(checkpoint, side, known))
    # An offer of its own: one that was read from has used up its first address.
    seen = peek(sources.client_of(ref), sources.offer(ref, wish) if checkpoint else offer)
    side = Side(offer.name, None, seen.artifact, str(offer.ref))
    return Errand(plan, seen, _fit(checkpoint, side, known))


def _fit(checkpoint: Side | None, vae: Side, known: Known) -> Verdict | None:
    """The verdict that ``check --probe none`` gives, the author's word included."""
    if checkpoint is None:
        return None
    pair = pair_of(checkpoint, vae, relation_to_baked(checkpoint, vae))
    return judge(replace(pair, declared=declared_by(known.pairs, checkpoint, vae)))


def carry_out(
    sources: Sources,
    errand: Errand,
    *,
    allow_pickle: bool,
    force: bool,
    linked: bool,
    progress: Callable[[int], None] | None,
) -> Pulled | Model:
    """Fetch what an errand names; the recorded model where it is here and no link is ``linked``.

    Raises what ``pull`` raises.
    """
    plan = errand.plan
    if plan.here is not None and not (force or linked):
        return plan.here
    client = sources.client_of(plan.offer.ref)
    return pull(client, plan, allow_pickle=allow_pickle, force=force, progress=progress)


def refusal(errand: Errand, allow_pickle: bool) -> VaeregError | None:
    """What ``pull`` would refuse before it fetches anything; for a dry run."""
    try:
        require_no_pickle(errand.plan, allow_pickle)
    except VaeregError as refused:
        return refused
    return None


def declared_pairs(plan: Plan, sha256: str) -> list[DeclaredPair]:
    """The VAEs that the author of a fetched checkpoint names for it."""
    ref = plan.offer.origin.ref
    return [DeclaredPair(sha256, vae, ref) for vae in plan.offer.declared_vaes]
