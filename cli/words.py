"""Values as words for a person, where a command's own table does not say it already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..registry.values import Component, Model


def family_words(part: Component) -> str:
    """The latent family in words: settled, open between candidates, or none."""
    known = part.latent
    if known is None:
        return ""
    if known.family:
        scaling = f", scaling {known.scaling_factor:g}" if known.scaling_factor else ""
        return f"{known.family} (by {known.determined_by}{scaling})"
    if known.candidates:
        from ..registry.verdicts.pair import listed

        return f"open: {listed(known)}"
    return f"unknown, {known.channels} channels"


def size_words(size: int) -> str:
    """Bytes as people read them: decimal units, as shops and file servers state them."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def distinct_names(models: Iterable[Model]) -> dict[str, str]:
    """A name for each model by its hash; equal names get the start of the hash behind them."""
    models = list(models)
    count = Counter(model.name.casefold() for model in models)
    return {
        model.artifact.digests.sha256: model.name
        if count[model.name.casefold()] == 1
        else f"{model.name} ({model.artifact.digests.sha256[:8]})"
        for model in models
    }
