"""The models of a survey as they are known by now, and the pairs that need no further look."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property

from ..errors import NotFound, Unreadable, VaeregError
from ..judging.pairing import pair_of
from ..judging.recording import recalled
from ..judging.request import Request
from ..judging.sides import Side
from ..naming import shown
from ..ports import StoredVerdict
from ..pulling.plan import unchanged_path
from ..values import Model, Verdict
from ..verdicts.declared import choice, declarations
from ..verdicts.judge import HARD, judge, reason
from .plan import Plan
from .snapshot import Snapshot
from .values import Cell, Key


class Known:
    """What the registry knows of a plan's models and pairs."""

    def __init__(self, store: Snapshot, plan: Plan) -> None:
        self._store = store
        self._plan = plan
        self._places: dict[str, str | None] = {}

    def side(self, sha256: str) -> Side:
        """The model at a place where it lies as it was recorded; without a path if there is none.

        What was found out of its VAE meanwhile is in it. Raises ``NotFound`` where it was removed.
        """
        model = self._model(sha256)
        if sha256 not in self._places:
            self._places[sha256] = unchanged_path(model)
        return replace(Side.of(model), path=self._places[sha256])

    def fault(self, sha256: str) -> VaeregError | None:
        """Why a model's file cannot be looked at; None where it lies there unchanged."""
        if self.side(sha256).path is not None:
            return None
        model = self._model(sha256)
        name, where = shown(model.name), shown(str(model.path))
        if model.path is not None and os.path.lexists(model.path):
            return Unreadable(
                f"{name} changed since it was recorded: {where}",
                "record it as it is now with vaereg scan on its folder",
            )
        return NotFound(
            f"{name} was recorded at {where} and is not there now",
            "plug its drive in, or run vaereg scan on the folder it moved to",
        )

    def has_vae(self, sha256: str) -> bool:
        """Whether a checkpoint has a VAE of its own."""
        vae = self._model(sha256).artifact.identity.component("vae")
        return vae is not None and bool(vae.parts)

    def by_shape(self, key: Key) -> Cell | None:
        """A pair that cannot fit whatever the weights are, or has no whole VAE to look at."""
        pair = pair_of(self.side(key[0]), self.side(key[1]))
        verdict = judge(pair)
        hard = any(found.outcome == "fail" and found.check in HARD for found in verdict.evidence)
        settled = hard or pair.wanted.family == "pixel"
        return replace(self.cell(key, verdict, "none"), by_shape=True) if settled else None

    def recalled(self, key: Key, request: Request) -> Cell | None:
        """What an earlier run found as deep as asked, made on the device and in the type asked for.

        Where no look into the weights is asked for, what such a look found stands all the same.
        """
        if self._plan.fresh:
            return None
        probe = "auto" if request.probe == "none" else request.probe
        rows = [row for row in self._store.of_pair(*key) if self._alike(row)]
        asked = replace(self.asked(key, request), probe=probe)
        answer = recalled(rows, self.side(key[1]), asked)
        if answer is None:
            return None
        decided = next(row.decided_at for row in rows if row.verdict is answer.verdict)
        return replace(
            self.cell(key, answer.verdict, answer.level),
            cost=answer.cost,
            images=answer.images,
            decided_at=decided,
            recalled=True,
        )

    def asked(self, key: Key, request: Request) -> Request:
        """The request for one pair: where its pictures go, what the checkpoint's author says."""
        place = self._plan.picture
        picture = place(self.side(key[0]), self.side(key[1])) if place else None
        return replace(request, picture=picture, declared=self._declared.get(key))

    def cell(self, key: Key, verdict: Verdict, level: str) -> Cell:
        """The cell of a verdict."""
        said, ref = reason(verdict), self._declared.get(key)
        named = ref is not None and key[0] != key[1]
        return Cell(key, verdict, choice(verdict, ref, said) if ref and named else said, level)

    def _alike(self, row: StoredVerdict) -> bool:
        made, plan = row.cost, self._plan
        return made is None or (
            plan.device in ("auto", made.device) and plan.dtype in ("auto", made.dtype)
        )

    @cached_property
    def _declared(self) -> dict[Key, str]:
        return dict(declarations(self._store.pairs()))

    def _model(self, sha256: str) -> Model:
        model = self._store.by_sha256(sha256)
        if model is None:
            raise NotFound("a model was removed from the registry meanwhile", "run it again")
        return model
