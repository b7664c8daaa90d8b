"""One pair judged step by step: each step costs more than the one before and runs only if needed.

Headers, configs and hashes; kinship; the colour response of the VAE; a cross-decode; a generated
picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from ..colours.response import Match
from ..colours.scaling import measured_scaling
from ..errors import CannotRun, FileError, MissingDependency, NoSpace, OutOfMemory
from ..frontends.support import ordered, supported
from ..kinship.kinship import nearest
from ..measures import CrossTask, VaeFile
from ..naming import shown
from ..ports import Prober, Store
from ..values import Latent
from ..verdicts.conventions import conventions
from ..verdicts.judge import judge
from ..verdicts.seen import Seen
from ..weights import open_weights
from .generating import generate
from .pairing import pair_of, relation_to_baked
from .reference import Reference, vae_file
from .request import Answer, Request
from .settling import BY_KIN, by_match, of_family, side_with, with_latent
from .sides import Side
from .trust import Trust

MOST_REFERENCES = 3
"""References tried where one after the other does not give back what it encodes."""


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
        self.trust = Trust(store, lambda: self.prober, model, vae, request.again)
        self.steps = self.trust.steps
        self.steps.append("headers, configs and hashes")
        self.notes = self.trust.notes
        self.images: tuple[str, ...] = ()
        self.missing: MissingDependency | None = None
        self.made: Prober | None = None

    def run(self) -> Answer:
        self._kinship()
        # A VAE on another machine has no weights here to run; the answer says so.
        wanted = "none" if self.vae.ref else self.request.probe
        try:
            if wanted != "none" and not (wanted == "auto" and self._certain()):
                self._weights()
                deep = wanted in ("decode", "generate")
                if deep or (wanted == "auto" and not self._agreed()):
                    self._decode()
                if wanted == "generate":
                    self._generate()
        except MissingDependency as failure:
            if wanted != "auto":
                raise
            self.missing = failure
        return self._answer()

    @cached_property
    def prober(self) -> Prober:
        self.made = self.request.prober()
        return self.made

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
            for one in self.trust.known
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
        file = vae_file(self.vae)
        if file is None:
            self.pair = replace(self.pair, trouble="the VAE's file is not on the disk now.")
            return
        reading = self.trust.reading(self.vae.artifact.digests.sha256, file)
        found = self.trust.match(reading, file)
        self.level = self.level if reading.trouble else "weights"
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
        pair = self.pair
        asked = conventions(pair.denoiser, self.vae, pair.vae, files, pair.own)
        task = CrossTask(
            reference.encoder, reference.decoder, file,
            normalisation=asked[0].scaling,
            conventions=ordered(asked, self.request.frontend),
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
        self.level = "decode"
        self.steps.append(f"cross-decode with {reference.name}")
        self.images = (crossing.picture,) if crossing.picture else ()
        self.notes += crossing.notes
        seen = Seen.of(crossing, reference.name, task.conventions, reference.alone)
        self.pair = replace(self.pair, seen=seen, trouble=None)

    def _generate(self) -> None:
        """A picture that the checkpoint draws itself, through the VAE and through a reference."""
        file = vae_file(self.vae)
        if file is None or self.pair.shapes_differ:
            return
        baked = None if self.pair.is_baked else vae_file(self.model)
        references = self.trust.decoders(file, self.pair.wanted_spaces, baked)
        try:
            made = generate(
                self.prober, self.model, self.vae, self.pair, file, references, self.request
            )
        except (CannotRun, MissingDependency, OutOfMemory, NoSpace, FileError) as failure:
            self.pair = replace(self.pair, undrawn=failure.message)
            return
        self.level = self.level if made.made.verdict is None else "generate"
        self.steps.append("a generated picture")
        self.notes += made.notes
        self.images += (made.picture,) if made.picture else ()
        self.pair = replace(self.pair, made=made.made)

    # -- what the steps need ------------------------------------------------------------------

    def _references(self, file: VaeFile) -> Iterator[Reference]:
        """The baked VAE if its colours are those of the checkpoint's space; known VAEs; itself."""
        baked = vae_file(self.model)
        if baked is not None and not self.pair.is_baked and len(baked.parts) == 2:
            trusted = baked.channels == file.channels and self.trust.trusted(
                baked, self.model.artifact.digests.sha256, self.pair.wanted_spaces
            )
            if trusted:
                self._name_baked(trusted)
                yield Reference.whole(baked)
            self.pair = replace(self.pair, baked_trusted=bool(trusted))
        yield from self.trust.references(file, self.pair.wanted_spaces)
        if len(file.parts) == 2:
            yield Reference.whole(file, alone=True)

    def _name_baked(self, found: Match) -> None:
        """Record which family the checkpoint's own VAE turned out to be of."""
        vae = self.pair.baked
        if vae is not None and vae.latent is not None:
            latent = by_match(vae.latent, found, self.pair.wanted)
            self.pair = replace(self.pair, baked=replace(vae, latent=latent))
            self._remember(self.model, latent)

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
                self.trust.keep(lambda: self.store.remember([(artifact, model.locations[0])]))

    def _answer(self) -> Answer:
        # Only here: an author's word must not keep the climb from looking.
        verdict = judge(replace(self.pair, declared=self.request.declared))
        if self.request.frontend is not None:
            verdict = supported(verdict, self.request.frontend, self.vae, self.model)
        if self.missing is not None:
            hint = f"{self.missing.message}: {self.missing.hint}"
            self.notes.append(f"no weights were run: {hint}")
            verdict = replace(verdict, advice=(hint, *verdict.advice))
        if verdict.verdict != "incompatible":
            afar = tuple(_would_add(side) for side in (self.model, self.vae) if side.ref)
            # The advice to run a probe is no use where there are no weights to run.
            near = [each for each in verdict.advice if not (self.vae.ref and "--probe" in each)]
            verdict = replace(verdict, advice=(*near, *afar))
        cost = None
        if self.made is not None:
            cost = replace(self.made.cost(), asked=self.request.asked)
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
