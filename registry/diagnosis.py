"""What is wrong or worth knowing in a registry: lost files, damage, copies, equal names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .damage import DAMAGED_MODEL
from .judging.matrix import Matrix
from .judging.sides import has
from .naming import shown
from .twins import groups
from .values import Finding, Model, Rejection

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class State:
    """What the checks look at."""

    models: Sequence[Model]
    rejections: Sequence[Rejection]


def diagnose(state: State) -> tuple[Finding, ...]:
    """Every check's finding, in the order of ``CHECKS``."""
    return tuple(check(state) for check in CHECKS)


def lost_files(state: State) -> Finding:
    """Models none of whose places is there."""
    lost = [
        model
        for model in state.models
        if not any(place.state == "present" for place in model.locations)
    ]
    return _finding(
        "lost-files",
        [model.name for model in lost],
        "every recorded model is on the disk",
        "{count} recorded and not on the disk: {names}; scan where they moved to, or vaereg rm",
    )


def rejected_files(state: State) -> Finding:
    """Files that scans could not take in."""
    return _finding(
        "rejected-files",
        [f"{entry.path} ({entry.message})" for entry in state.rejections],
        "every scanned file could be read",
        "{count} could not be taken in: {names}",
    )


def damaged_models(state: State) -> Finding:
    """Models whose headers show that parts are missing."""
    damaged = [
        model.name
        for model in state.models
        if any(note.code in DAMAGED_MODEL for note in model.artifact.identity.all_notices)
    ]
    return _finding(
        "damaged-models",
        damaged,
        "no header and no VAE's weights show damage",
        "{count} damaged by the look of it: {names}; vaereg inspect --weights tells what is wrong",
    )


def equal_names(state: State) -> Finding:
    """Different contents under one name: whoever picks by name picks by luck."""
    by_name: dict[str, set[str]] = defaultdict(set)
    for model in state.models:
        by_name[model.name.casefold()].add(model.artifact.digests.sha256)
    return _finding(
        "equal-names",
        sorted(name for name, contents in by_name.items() if len(contents) > 1),
        "no two models share a name",
        "{count} with several contents under one name: {names}; the name does not tell what fits",
    )


def copies(state: State) -> Finding:
    """One content at several places that are not links of one file."""
    names: list[str] = []
    wasted = 0
    for model in state.models:
        there = {
            (place.stamp.device, place.stamp.inode)
            for place in model.locations
            if place.state == "present"
        }
        if len(there) > 1:
            names.append(model.name)
            wasted += (len(there) - 1) * model.artifact.size
    saved = f"{wasted / 1e9:.1f} GB could be saved"
    return _finding(
        "copies",
        names,
        "no content lies on the disk twice",
        f"{{count}} on the disk more than once ({saved}): {{names}}",
    )


def saved_anew(state: State) -> Finding:
    """The same VAE weights in several files of different bytes."""
    found = groups(state.models)
    return _finding(
        "saved-anew",
        [" = ".join(model.name for model in group) for group in found],
        "no VAE lies on the disk in several forms",
        "{count} on the disk in several forms (other layout, float width or container): {names}",
    )


def checkpoints_without_vae(state: State) -> Finding:
    """Checkpoints with neither a baked VAE nor a recorded one that fits or may fit."""
    matrix = Matrix(state.models, ())
    lacking = [
        model.name
        for model in matrix.checkpoints
        if not has(model, "vae")
        and not any(fit.verdict.verdict != "incompatible" for fit in matrix.fits(model))
    ]
    return _finding(
        "checkpoints-without-vae",
        lacking,
        "every checkpoint has a VAE, baked in or recorded",
        "{count} with no VAE baked in and none recorded that fits: {names}",
    )


CHECKS: tuple[Callable[[State], Finding], ...] = (
    lost_files,
    rejected_files,
    damaged_models,
    equal_names,
    copies,
    saved_anew,
    checkpoints_without_vae,
)


def _finding(check: str, names: Sequence[str], fine: str, bad: str) -> Finding:
    if not names:
        return Finding(check, "pass", fine)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    listed = ", ".join(shown(name, 300) for name in names[:_SHOWN]) + more
    return Finding(check, "warn", bad.format(count=len(names), names=listed))
