"""What the checkpoint's author says: a word that counts only where no evidence tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..naming import shown
from ..values import DeclaredPair, Evidence, Verdict

if TYPE_CHECKING:
    from .pair import Pair

DECLARED = 0.6
"""Confidence in an author's word alone: below what any file shows, and below a baked VAE's 0.8."""

_NAMED = "the checkpoint's author names this VAE for it ({ref})"
_UNREAD = "its weights were not compared"
_UNDECIDED = "its weights leave it open"
_TOLD = {
    "compatible": ("pass", "the checkpoint's author names this VAE for it too ({ref})"),
    "degraded": ("pass", "the checkpoint's author names this VAE for it all the same ({ref})"),
    "unknown": ("warn", f"{_NAMED}, but what is known of its weights leaves that in doubt"),
    "incompatible": (
        "warn",
        "the checkpoint's author names this VAE for it nevertheless ({ref}): what the files show "
        "counts more",
    ),
}


def declarations(pairs: Iterable[DeclaredPair]) -> Mapping[tuple[str, str], str]:
    """Who names a VAE for a checkpoint, by both SHA-256s: the first REF that does."""
    found: dict[tuple[str, str], str] = {}
    for pair in pairs:
        found.setdefault((pair.model_sha256, pair.vae_sha256), pair.ref)
    return found


def weighed(verdict: Verdict, pair: Pair) -> Verdict:
    """The verdict with the author's word in it.

    An open verdict becomes ``compatible`` of low confidence, if the shapes fit and nothing speaks
    against it; any other stands, and its evidence tells what the author says.
    """
    if pair.declared is None or pair.is_baked:
        return verdict
    ref = shown(pair.declared)
    if verdict.verdict == "unknown" and not _speaks_against(verdict, pair):
        says = f"{_NAMED.format(ref=ref)}; {_looked_at(pair)}"
        rows = (_passed(found, says) for found in verdict.evidence)
        return replace(verdict, verdict="compatible", confidence=DECLARED, evidence=tuple(rows))
    outcome, words = _TOLD[verdict.verdict]
    told = Evidence("latent-family", outcome, None, ref, words.format(ref=ref))
    return replace(verdict, evidence=(*verdict.evidence, told))


def choice(verdict: Verdict, ref: str, said: str) -> str:
    """The one sentence on a VAE that an author names; ``said`` is what tells most without him."""
    words = f"its author's choice ({shown(ref)})"
    if not rests_on_word(verdict):
        return f"{said}; {words}"
    looked = any(_UNDECIDED in found.message for found in verdict.evidence)
    return f"{words}; {_UNDECIDED if looked else _UNREAD}"


def rests_on_word(verdict: Verdict) -> bool:
    """Whether nothing but the author's word makes it ``compatible``."""
    word = _NAMED.partition("{")[0]
    return verdict.verdict == "compatible" and any(
        found.check == "latent-family" and found.message.startswith(word)
        for found in verdict.evidence
    )


def _passed(found: Evidence, says: str) -> Evidence:
    """The open question of the family as the author answers it; other rows as they are."""
    if found.check != "latent-family":
        return found
    return replace(found, outcome="pass", message=says)


def _looked_at(pair: Pair) -> str:
    read = any((pair.relation, pair.match, pair.seen, pair.made))
    return _UNDECIDED if read else _UNREAD


def _speaks_against(verdict: Verdict, pair: Pair) -> bool:
    """Whether anything known of the pair is at odds with the author's word, or too little is."""
    outcomes = {(found.check, found.outcome) for found in verdict.evidence}
    return (
        ("latent-channels", "pass") not in outcomes
        or ("normalisation", "warn") in outcomes
        or any(outcome == "fail" for _, outcome in outcomes)
        or any(note.code == "inconsistent_shapes" for note in pair.vae.notices)
        or pair.doubted
        or pair.falls_apart
        or _colours_speak_against(pair)
    )


def _colours_speak_against(pair: Pair) -> bool:
    """Whether the VAE was run and its colours are not such as the checkpoint's space may have.

    Colours that nothing could be compared with stay silent once a cross-decode was tried too.
    """
    match = pair.match
    if match is None:
        return False
    if not match.ranked:
        return pair.seen is None and pair.trouble is None
    spaces = pair.wanted_spaces
    return match.space is None or bool(spaces and match.space not in spaces)
