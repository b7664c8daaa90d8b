"""What running a text encoder tells of its weights: defects that no header shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..naming import shown
from .swept import Sweep
from .values import Defect, Study

_LISTED = 3
_CURE = (
    "download the file again; where the published one is like that too, take the text encoder of"
    " another checkpoint"
)


@dataclass(frozen=True, slots=True)
class _Fault:
    """One row of the table: what weights are wrong with and what that does."""

    code: str
    says: str
    effect: str


_NOT_FINITE = _Fault(
    "weights_not_finite",
    "numbers that are not finite",
    "what they reach is no embedding, and pictures come out black or not at all",
)
_ZERO = _Fault(
    "weights_zero",
    "nothing but zeros",
    "what they should add to the embedding is missing",
)


def weight_defects(spoilt: Sequence[str], zero: Sequence[str], of: int) -> Iterator[Defect]:
    """Defects for tensors that are not finite and for matrices that are all zero.

    By their names, out of ``of`` tensors.
    """
    for fault, names in ((_NOT_FINITE, spoilt), (_ZERO, zero)):
        if names:
            listed = ", ".join(shown(name, 80) for name in names[:_LISTED])
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            hold = "holds" if len(names) == 1 else "hold"
            message = (
                f"{len(names)} of {of} tensors {hold} {fault.says} ({listed}{more}), as the sweep"
                f" measured: {fault.effect}"
            )
            yield Defect(fault.code, message, _CURE)


def with_measured(told: Study, sweep: Sweep) -> Study:
    """A study whose text encoders have the defects that a sweep measured, too."""
    measured = {one.prefix: one.defects for one in sweep.encoders}
    encoders = tuple(
        replace(one, defects=(*one.defects, *measured.get(one.prefix, ()))) for one in told.encoders
    )
    return replace(told, encoders=encoders)
