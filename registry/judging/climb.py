"""One pair judged step by step: each step costs more than the one before and runs only if needed.

Headers, configs and hashes; kinship; the colour response of the VAE; a cross-decode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from ..colours.neighbours import neighbours
from ..colours.response import Match, Neighbour, match
from ..colours.scaling import measured_scaling
from ..errors import CannotRun, MissingDependency, NotFound, StoreError
from ..families import family
from ..kinship.kinship import nearest
from ..measures import Cost, CrossTask, Reading, VaeFile
from ..naming import shown
from ..ports import Prober, Store
from ..values import Latent, Model, Verdict
from ..verdicts.conventions import conventions
from ..verdicts.judge import judge
from ..verdicts.seen import Seen
from ..weights import open_weights
from .pairing import pair_of, relation_to_baked
from .reference import Known, Reference, known_vaes, references_of, vae_file
from .settling import BY_KIN, by_match, of_family, side_with, with_latent
from .sides import Side

MOST_REFERENCES = 3
"""References tried where one after the other does not give back what it encodes."""


@dataclass(frozen=True, slots=True)
class Request:
    """How far to climb, and with what."""

    probe: str
    """``none`` | ``auto`` (to the first certain answer) | ``weights`` | ``decode``."""
    prober: Callable[[], Prober]
    """Makes the prober on first need; may raise ``MissingDependency`` and ``NoDevice``."""
    picture: str | None = None
    """Where a cross-decode writes its strip."""
    image: str | None = None
    """A user's own picture instead of the test card."""
    again: bool = False
    """Read weights anew although their reading is recorded."""
    declared: str | None = None
    """The REF by which the checkpoint's author names this VAE."""

    @property
    def level(self) -> str:
        """The shallowest level whose recorded answer will do."""
        return "none" if self.probe == "auto" else self.probe


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict, how deep the climb went, and what it took."""

    verdict: Verdict
    level: str
    """``none`` | ``weights`` | ``decode``."""
    vae: Side
    """The VAE with what was found out of it."""
    steps: tuple[str, ...]
    """What was done, in order, for people."""
    cost: Cost | None = None
    images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be recorded."""


def climb(store: Store, model: Side, vae: Side, request: Request) -> Answer:
    """Judge a checkpoint and a VAE as deep as asked; what is read of weights is recorded.

    Raises ``UnsupportedFormat`` where one of them is not what its place asks for, ``FileError``,
    ``ProbeError``, and ``MissingDependency`` where a probe was asked for by name and torch is not
    installed; ``auto`` then stays at what it has and says so in its advice.
    """
    return _Climb(store, model, vae, request).run()


class _Climb:
    def __init__(self, store: Store, model: Side, vae: Side, request: Request) -> None:
        self.store = store
        self.model = model
        self.vae = vae
        self.request = request
        self.pair = pair_of(model, vae, relation_to_baked(model, vae))
        self.told = self.pair.offered
        self.level = "none"
        self.steps = ["headers, configs and hashes"]
        self.images: tuple[str, ...] = ()
        self.notes: list[str] = []
        self.missing: MissingDependency | None = None
        self.made: Prober | None = None

    def run(self) -> Answer:
        self._kinship()
        # A VAE on another machine has no weights here to run; the answer says so.
        wanted = "none" if self.vae.ref else self.request.probe
        try:
            if wanted != "none" and not (wanted == "auto" and self._certain()):
                self._weights()
                if wanted == "decode" or (wanted == "auto" and not self._agreed()):
                    self._decode()
        except MissingDependency as failure:
            if wanted != "auto":
                raise
            self.missing = failure
        return self._answer()

    @cached_property
    def prober(self) -> Prober:
        self.made = self.request.prober()
        return self.made

    @cached_property
    def models(self) -> tuple[Model, ...]:
        return self.store.models()

    @cached_property
    def known(self) -> list[Known]:
        return known_vaes(self.models)

    @cached_property
    def readings(self) -> dict[str, Reading]:
        return {} if self.request.again else dict(self.store.readings())

    @cached_property
    def neighbours(self) -> list[Neighbour]:
        """Of the readings so far: ``_reading`` drops it when another model was read."""
        return neighbours(self.models, self.readings, but=self._own)

    # -- what stops a climb -------------------------------------------------------------------

    def _certain(self) -> bool:
        """Whether it is settled before any weights are run: by shape, damage or a published hash.

        A config may lie, a finetune may be ruined, a baked VAE may be foreign to its checkpoint.
        """
        verdict = judge(self.pair).verdict
        if verdict == "incompatible":
            return self.pair.offered.determined_by not in ("config", "weights")
        by_hash = self.pair.offered.determined_by == "known-hash"
        return verdict != "unknown" and by_hash and not self.pair.doubted

    def _agreed(self) -> bool:
        """Whether colours refute the pair, or bear out what was known of the VAE otherwise.

        Colours alone do not prove a fit: two channels may be swapped and look much the same.
        """
        verdict, found = judge(self.pair).verdict, self.pair.match
        if verdict == "incompatible" or found is None:
            return verdict == "incompatible"
        borne_out = not found.ranked or found.space in self.pair.wanted_spaces
        claimed = self.told.determined_by in ("header", "config")
        stands = claimed and self.told.family == self.pair.offered.family
        return verdict == "compatible" and borne_out and (stands or self.pair.same_weights)

    # -- the steps ----------------------------------------------------------------------------

    def _kinship(self) -> None:
        """With the baked VAE, and, while the family is open, with every VAE in the registry."""
        if self.pair.relation is not None:
            self.steps.append("kinship with the baked VAE")
        file = vae_file(self.vae)
        if file is None or self.pair.is_baked or self.pair.kin_of_baked or self.pair.shapes_differ:
            return
        # Who is of a family by kinship or by a config that may lie vouches for nobody.
        others = [
            one.vae
            for one in self.known
            if one.by in ("known-hash", "header", "weights")
            and (one.vae.architecture, one.vae.channels) == (file.architecture, file.channels)
            and one.vae.path != file.path
        ]
        if not others:
            return
        self.steps.append(f"kinship with {len(others)} known VAE{'s' if others[1:] else ''}")
        with open_weights(file.path, file.prefix) as weights:
            found = nearest(weights, others)
        if found is not None and found.kinship.settles and found.vae.family is not None:
            self.pair = replace(self.pair, kin=found)
            if self.pair.offered.family is None:
                self._settle(of_family(self.pair.offered, found.vae.family, "kinship", BY_KIN))

    def _weights(self) -> None:
        """The colour response of the VAE, recorded or read now."""
        self.level = "weights"
        file = vae_file(self.vae)
        if file is None:
            self.pair = replace(self.pair, trouble="the VAE's file is not on the disk now.")
            return
        reading = self._reading(self.vae.artifact.digests.sha256, file)
        found = self._match(reading, file)
        self.steps.append("colour response of the VAE")
        self.pair = replace(
            self.pair, match=found, scaling=measured_scaling(reading, self.pair.offered, found)
        )
        beside = self.pair.wanted if self.pair.is_baked else None
        self._settle(by_match(self.pair.offered, found, beside))

    def _decode(self) -> None:
        """The latents of a reference through the VAE; the first reference that works decides."""
        file = vae_file(self.vae)
        if file is None:
            return
        self.level = "decode"
        tried = 0
        for reference in self._references(file):
            tried += 1
            self._cross(file, reference)
            if (self.pair.seen and self.pair.seen.trusted) or tried == MOST_REFERENCES:
                return
        if not tried:
            self.pair = replace(self.pair, trouble=_NOTHING_TO_COMPARE)

    def _cross(self, file: VaeFile, reference: Reference) -> None:
        files = (file, reference.encoder, reference.decoder)
        asked = conventions(self.pair.denoiser, self.vae, self.pair.vae, files)
        task = CrossTask(
            reference.encoder, reference.decoder, file,
            normalisation=asked[0].scaling,
            conventions=asked,
            image=self.request.image,
            picture=self.request.picture,
            captions=(
                f"{self.vae.name} for {self.model.name}",
                f"latents of {reference.name}, decoded by it and by {self.vae.name}",
            ),
        )  # fmt: skip
        try:
            crossing = self.prober.cross(task)
        except CannotRun as failure:
            self.pair = replace(self.pair, trouble=failure.message)
            return
        self.steps.append(f"cross-decode with {reference.name}")
        self.images = (crossing.picture,) if crossing.picture else ()
        seen = Seen.of(crossing, reference.name, asked, reference.alone)
        self.pair = replace(self.pair, seen=seen, trouble=None)

    # -- what the steps need ------------------------------------------------------------------

    def _reading(self, sha256: str, file: VaeFile) -> Reading:
        recorded = self.readings.get(sha256)
        if recorded is not None:
            return recorded
        reading = self.readings[sha256] = self.prober.read(file)
        if sha256 not in self._own:
            vars(self).pop("neighbours", None)
        if reading.trouble is None:
            self._keep(lambda: self.store.keep_reading(sha256, reading))
        return reading

    def _keep(self, record: Callable[[], None]) -> None:
        """Record something; a registry that cannot be written to does not spoil the answer."""
        try:
            record()
        except (StoreError, NotFound) as failure:
            self.notes.append(f"not recorded. {failure.message}")

    def _match(self, reading: Reading, file: VaeFile) -> Match:
        return match(reading, file.channels, file.mates, self.neighbours)

    @property
    def _own(self) -> set[str]:
        return {self.vae.artifact.digests.sha256, self.model.artifact.digests.sha256}

    def _references(self, file: VaeFile) -> Iterator[Reference]:
        """The baked VAE if its colours are those of the checkpoint's space; known VAEs; itself."""
        baked = vae_file(self.model)
        if baked is not None and not self.pair.is_baked and len(baked.parts) == 2:
            trusted = baked.channels == file.channels and self._trusted(
                baked, self.model.artifact.digests.sha256
            )
            if trusted:
                self._name_baked(trusted)
                yield Reference.whole(baked)
            self.pair = replace(self.pair, baked_trusted=bool(trusted))
        for reference, parts in references_of(self.known, self.pair.wanted_spaces, file):
            if all(one.by == "known-hash" or self._trusted(one.vae, one.sha256) for one in parts):
                yield reference
        if len(file.parts) == 2:
            yield Reference.whole(file, alone=True)

    def _trusted(self, vae: VaeFile, sha256: str) -> Match | None:
        """A VAE's match, if its colours are those of the checkpoint's space as far as known."""
        reading = self._reading(sha256, vae)
        found = self._match(reading, vae)
        self.steps.append(f"colour response of {vae.name}")
        if found.space is not None:
            return found if found.space in self.pair.wanted_spaces else None
        # A space without a colour table cannot pass the test; its own round trip has to do.
        tables = any(family(name).rgb_tables for name in vae.mates)
        sound = not tables and reading.finite and reading.trouble is None
        return found if sound else None

    def _name_baked(self, found: Match) -> None:
        """Record which family the checkpoint's own VAE turned out to be of."""
        vae = self.model.artifact.identity.component("vae")
        if vae is not None and vae.latent is not None:
            self._remember(self.model, by_match(vae.latent, found, self.pair.wanted))

    def _settle(self, latent: Latent) -> None:
        if latent == self.pair.offered:
            return
        self.vae, component = side_with(self.vae, latent)
        self.pair = replace(self.pair, vae=component)
        self._remember(self.vae, latent)

    def _remember(self, side: Side, latent: Latent) -> None:
        """Record a settled family, where the model is recorded."""
        model = self.store.by_sha256(side.artifact.digests.sha256)
        if model is not None and model.locations:
            artifact = with_latent(model.artifact, latent)
            if artifact != model.artifact:
                self._keep(lambda: self.store.remember([(artifact, model.locations[0])]))

    def _answer(self) -> Answer:
        # Only here: an author's word must not keep the climb from looking.
        verdict = judge(replace(self.pair, declared=self.request.declared))
        if self.missing is not None:
            hint = f"{self.missing.message}: {self.missing.hint}"
            verdict = replace(verdict, advice=(hint, *verdict.advice))
        if verdict.verdict != "incompatible":
            afar = tuple(_would_add(side) for side in (self.model, self.vae) if side.ref)
            # The advice to run a probe is no use where there are no weights to run.
            near = [each for each in verdict.advice if not (self.vae.ref and "--probe" in each)]
            verdict = replace(verdict, advice=(*near, *afar))
        cost = self.made.cost() if self.made is not None else None
        return Answer(
            verdict, self.level, self.vae, tuple(self.steps), cost, self.images, tuple(self.notes)
        )


def _would_add(side: Side) -> str:
    """What a download would add to a verdict on headers, configs and stated hashes."""
    what = (
        "a VAE inside it to compare with"
        if side.artifact.identity.component("denoiser")
        else "the colours of its weights, their health, kinship and a cross-decode"
    )
    trust = [n.message for n in side.artifact.identity.all_notices if n.code == "hash_stated"]
    if side.declared:
        trust.append(f"its author declares {shown(side.declared)}")
    lead = f"{side.name} is not on this machine: vaereg pull {side.ref} would add {what}"
    return "; ".join((lead, *trust))


_NOTHING_TO_COMPARE = (
    "there is no VAE of the checkpoint's latent space to compare with: record one that is known to "
    "fit with vaereg scan, then check again"
)
