"""Whether weights are sound, judged from one pass over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..formats.base import ByteSource
from ..measures import Health
from ..naming import shown
from ..values import Identity, Notice, Tensor
from .content import owned
from .holes import holed
from .tally import HUGE, Figures
from .weight_pass import Measured

_LISTED = 3
"""Names that a sentence tells of many."""


def health_of(source: ByteSource, tensors: Mapping[str, Tensor], measured: Measured) -> Health:
    """The soundness of the tensors that a pass over their file measured.

    ``tensors`` are the header's. Reads a few KB beside every hole. Raises ``Unreadable``.
    """
    figures = measured.figures
    if all(found.zero for found in figures.values()):
        holes: tuple[str, ...] = ()  # a file of nothing but zeros was written so
    else:
        lying = [tensors[name] for name in figures if tensors[name].strides is None]
        holes = holed(source, measured.runs, lying)
    nan = _names(figures, lambda found: found.nan)
    inf = _names(figures, lambda found: found.inf)
    return Health(
        finite=not nan and not inf,
        nan_tensors=nan,
        inf_tensors=inf,
        zero_tensors=sum(_is_zero_weight(tensors[name], figures[name]) for name in figures),
        zeroed_tails=tuple(dict.fromkeys((*holes, *_zero_norms(tensors, figures)))),
        huge_tensors=_names(figures, lambda found: found.huge),
        archive_crc=measured.archive_crc,
    )


def _zero_norms(tensors: Mapping[str, Tensor], figures: Mapping[str, Figures]) -> tuple[str, ...]:
    """Norm weights of nothing but zeros: they start from one, so no training leaves them so."""
    if all(found.zero for found in figures.values()):
        return ()
    return tuple(
        name
        for name, found in figures.items()
        if found.zero
        and len(tensors[name].shape) == 1
        and tensors[name].shape[0] > 1
        and "norm" in name.rpartition(".")[0].rpartition(".")[2]
        and name.endswith(".weight")
    )


def together(parts: Sequence[Health]) -> Health:
    """The health of several files as that of one model."""
    crcs = {part.archive_crc for part in parts}
    return Health(
        finite=all(part.finite for part in parts),
        nan_tensors=tuple(name for part in parts for name in part.nan_tensors),
        inf_tensors=tuple(name for part in parts for name in part.inf_tensors),
        zero_tensors=sum(part.zero_tensors for part in parts),
        zeroed_tails=tuple(name for part in parts for name in part.zeroed_tails),
        huge_tensors=tuple(name for part in parts for name in part.huge_tensors),
        archive_crc=next((crc for crc in ("bad", "ok") if crc in crcs), "n/a"),
    )


def named_below(prefix: str, health: Health) -> Health:
    """The same with a prefix before every name: that of the sub-folder where the file lies."""

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(prefix + name for name in names)

    return replace(
        health,
        nan_tensors=renamed(health.nan_tensors),
        inf_tensors=renamed(health.inf_tensors),
        zeroed_tails=renamed(health.zeroed_tails),
        huge_tensors=renamed(health.huge_tensors),
    )


def with_findings(identity: Identity, health: Health) -> Identity:
    """The identity with a notice for all that is wrong, on the component that it is wrong with."""
    components = identity.components
    for code, names, sentence in _faults(health):
        for part, own in owned(components, names):
            note = Notice(code, sentence(own)) if own else None
            if note and part:
                told = replace(part, notices=(*part.notices, note))
                components = tuple(told if one is part else one for one in components)
            elif note:
                identity = replace(identity, notices=(*identity.notices, note))
    if health.archive_crc == "bad":
        note = Notice("archive_crc", "a record of the archive fails its checksum: " + _AGAIN)
        if identity.kind == "vae" and components:
            first, *others = components
            components = (replace(first, notices=(*first.notices, note)), *others)
        else:
            identity = replace(identity, notices=(*identity.notices, note))
    return replace(identity, components=components)


_AGAIN = "the file is damaged, download it again"
_Fault = tuple[str, tuple[str, ...], Callable[[Sequence[str]], str]]


def _faults(health: Health) -> tuple[_Fault, ...]:
    """Code, tensors and sentence of each kind of fault."""
    odd = tuple(dict.fromkeys((*health.nan_tensors, *health.inf_tensors)))
    return (
        (
            "not_finite",
            odd,
            lambda names: (
                f"{_counted(names)} NaN or infinity: pictures come out black; download the file"
                " again, or take another one"
            ),
        ),
        (
            "zeroed_tail",
            health.zeroed_tails,
            lambda names: (
                f"{_counted(names)} long runs of zeros that break off in the middle, as a broken"
                f" download leaves them: {_AGAIN}"
            ),
        ),
        (
            "absurd_magnitude",
            health.huge_tensors,
            lambda names: (
                f"{_counted(names)} numbers beyond {HUGE:,.0f}, which no trained weight reaches:"
                f" {_AGAIN}"
            ),
        ),
    )


def _counted(names: Sequence[str]) -> str:
    listed = ", ".join(shown(name, 80) for name in names[:_LISTED])
    if len(names) == 1:
        return f"the tensor {listed} holds"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{len(names)} tensors ({listed}{more}) hold"


def _names(figures: Mapping[str, Figures], wanted: Callable[[Figures], bool]) -> tuple[str, ...]:
    return tuple(name for name, found in figures.items() if wanted(found))


def _is_zero_weight(tensor: Tensor, found: Figures) -> bool:
    """Zero biases are usual; a zero matrix or kernel may be meant, too, so it is only counted."""
    return found.zero and len(tensor.shape) >= 2 and tensor.parameters > 0
