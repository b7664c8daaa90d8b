"""What vaereg's registry says of checkpoints and VAEs; where it is silent nothing is changed.

Each pack carries its own copy of this file: it imports nothing but the standard library.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .command import Unavailable, asked, malformed, rows, text

LOOK_SECONDS, MEASURE_SECONDS = 20.0, 60.0
"""A look into the registry takes a quarter of a second, reading the weights of a VAE some seconds;
beyond these the picture is more urgent than the answer."""
KEPT_SECONDS, FAILURE_KEPT_SECONDS, MOST_KEPT = 10.0, 60.0, 100
VERDICTS = ("compatible", "degraded", "unknown", "incompatible")
GOOD = ("compatible", "degraded")


@dataclass(frozen=True)
class Fit:
    """One VAE for a checkpoint, as the registry judges the pair."""

    path: str
    verdict: str
    reason: str
    baked: bool = False


@dataclass(frozen=True)
class Sorted:
    """The names of a frontend's VAEs, by what the registry knows of them for one checkpoint."""

    fits: tuple[str, ...]
    """Best first."""
    open: tuple[str, ...]
    """Neither proven to fit nor to misfit, in the frontend's order."""
    unfit: tuple[str, ...]


@dataclass(frozen=True)
class Best:
    """The VAE to take for a checkpoint; ``name`` is None for the one baked into it."""

    name: str | None
    reason: str


class Registry:
    """The registry behind the command; its public methods raise nothing and answer None instead.

    ``say`` is told in one sentence why there is no answer, each sentence once.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self._say = say or logging.getLogger("vaereg").warning
        self._said: set[str] = set()
        self._kept: dict[tuple[str, ...], tuple[float, object]] = {}
        self._lock = threading.Lock()

    def say_once(self, sentence: str) -> None:
        """Tell the user something, and not again."""
        if sentence not in self._said:
            self._said.add(sentence)
            self._say(f"vaereg: {sentence}")

    def sorted_for(self, checkpoint: str, files: Mapping[str, str]) -> Sorted | None:
        """A frontend's VAEs, name to path, sorted by how they fit the checkpoint at a path."""
        try:
            fits = self._fits(checkpoint)
            recorded = self._recorded_vaes()
        except Unavailable as failure:
            return self._nothing(failure)
        good = [_place(fit.path) for fit in fits if fit.verdict in GOOD and not fit.baked]
        listed = {_place(fit.path) for fit in fits}
        places = {name: _place(path) for name, path in files.items()}
        unfit = tuple(n for n, place in places.items() if place in recorded - listed)
        order = {place: rank for rank, place in reversed(list(enumerate(good)))}
        fitting = sorted((n for n in files if places[n] in order), key=lambda n: order[places[n]])
        rest = tuple(name for name in files if name not in {*fitting, *unfit})
        return Sorted(tuple(fitting), rest, unfit)

    def best(self, checkpoint: str, files: Mapping[str, str]) -> Best | None:
        """The best VAE that surely fits: the baked one or one of a frontend's, name to path."""
        try:
            fits = self._fits(checkpoint)
            sure = self._sure(checkpoint)
        except Unavailable as failure:
            return self._nothing(failure)
        names = {_place(path): name for name, path in reversed(list(files.items()))}
        for fit in fits:
            if fit.verdict in GOOD and fit.baked:
                return Best(None, fit.reason)
            name = names.get(_place(fit.path))
            if fit.verdict in GOOD and name is not None and _place(fit.path) in sure:
                return Best(name, fit.reason)
        self.say_once(
            f"no VAE in reach is known to fit {os.path.basename(checkpoint)}: "
            "vaereg matrix --probe weights settles what is open"
        )
        return None

    def judged(self, checkpoint: str, vae: str, ignored: tuple[str, ...] = ()) -> Fit | None:
        """The verdict on a pair of recorded files; what is open or bad is looked at again.

        ``incompatible`` only ever comes from a check of the files as they are now. Errors of vaereg
        whose code is in ``ignored`` are not told.
        """
        try:
            found, pair = self._of_files(
                ("list", "--compatible"), ("--model", checkpoint), ("--vae", vae)
            )
            fits = [fit for row in rows(found) for fit in _fits_of(row)]
            return fits[0] if fits and fits[0].verdict in GOOD else self._checked(pair, vae)
        except Unavailable as failure:
            return None if failure.code in ignored else self._nothing(failure)

    # -- questions ------------------------------------------------------------------------------

    def _fits(self, checkpoint: str) -> list[Fit]:
        """Every recorded VAE that does not surely misfit, best first."""
        found, _ = self._of_files(("list", "--compatible"), ("--model", checkpoint))
        return [fit for row in rows(found) for fit in _fits_of(row)]

    def _sure(self, checkpoint: str) -> set[str]:
        """Where the VAEs lie whose fit rests on more than an author's word."""
        paths, _ = self._of_files(("list", "--compatible", "--paths"), ("--model", checkpoint))
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise malformed()
        return {_place(path) for path in paths}

    def _recorded_vaes(self) -> set[str]:
        """Where VAEs lie that a verdict can be had on."""
        listed = rows(self._ask("list", "vaes"))
        return {_place(text(row, "path")) for row in listed if row.get("state") == "present"}

    def _checked(self, pair: tuple[str, ...], vae: str) -> Fit:
        """The verdict on the files as they are now; without torch by what is not in the weights."""
        try:
            document = self._ask("check", *pair, "--probe", "weights", seconds=MEASURE_SECONDS)
        except Unavailable as failure:
            if failure.code != "missing_dependency":
                raise
            document = self._ask("check", *pair, "--probe", "none", seconds=MEASURE_SECONDS)
        return _fit_of_check(document, vae)

    def _of_files(
        self, words: tuple[str, ...], *files: tuple[str, str]
    ) -> tuple[object, tuple[str, ...]]:
        """The answer on files, option and path, and the words by which they are recorded.

        A link counts as itself, or else as its target.
        """
        spellings = [
            [(option, path) for path in {os.path.abspath(p): 0, os.path.realpath(p): 0}]
            for option, p in files
        ]
        missing = None
        for chosen in itertools.product(*spellings):
            named = tuple(itertools.chain(*chosen))
            try:
                return self._ask(*words, *named), named
            except Unavailable as failure:
                if failure.code != "not_found":
                    raise
                missing = missing or failure
        raise missing or malformed()

    def _nothing(self, failure: Unavailable) -> None:
        self.say_once(f"{failure}; nothing is changed")

    # -- the command ----------------------------------------------------------------------------

    def _ask(self, *words: str, seconds: float = LOOK_SECONDS) -> object:
        """The document that a command answers with, or the one of some seconds ago."""
        with self._lock:
            until, answer = self._kept.get(words, (0.0, None))
            if time.monotonic() >= until:
                kept = KEPT_SECONDS
                try:
                    answer = asked(words, seconds)
                except Unavailable as failure:
                    # A command that hangs would hold up one picture after the other.
                    answer, kept = failure, KEPT_SECONDS if failure.code else FAILURE_KEPT_SECONDS
                if len(self._kept) >= MOST_KEPT:
                    self._kept.clear()
                self._kept[words] = (time.monotonic() + kept, answer)
        if isinstance(answer, Unavailable):
            raise answer
        return answer


def _verdict(row: Mapping[str, object]) -> str:
    verdict = text(row, "verdict")
    if verdict not in VERDICTS:
        raise malformed()
    return verdict


def _fits_of(row: Mapping[str, object]) -> list[Fit]:
    """The VAEs of one checkpoint's row; one that lies nowhere now is no offer."""
    return [
        Fit(text(vae, "path"), _verdict(vae), text(vae, "reason"), vae.get("baked") is True)
        for vae in rows(row.get("vaes"))
        if vae.get("path") is not None
    ]


def _fit_of_check(document: object, vae: str) -> Fit:
    if not isinstance(document, dict):
        raise malformed()
    rank = {"fail": 0, "warn": 1, "unknown": 2}
    told = [row for row in rows(document.get("evidence")) if row.get("outcome") in rank]
    told.sort(key=lambda row: rank[text(row, "outcome")])
    reason = text(told[0], "message") if told else "nothing speaks against it"
    return Fit(vae, _verdict(document), reason)


def _place(path: str) -> str:
    """One spelling for one place, whatever links and letter case lead there."""
    return os.path.normcase(os.path.realpath(path))
