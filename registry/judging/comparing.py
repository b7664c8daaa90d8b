"""One picture through several VAEs: what is compared with what, and what that says of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..drawing import CompareTask, Comparison, Decoded, Drawing, Shown
from ..errors import CannotRun
from ..families import family
from ..measures import Cost, Look, Scaling, VaeFile
from ..ports import LEVELS, Prober, Store, StoredVerdict
from ..values import Component, Latent, Verdict
from ..verdicts.conventions import conventions
from ..verdicts.crossing import outcome
from ..verdicts.half_precision import denoiser_switches
from ..verdicts.judge import judge
from ..verdicts.made import Made
from ..verdicts.pair import possible
from ..verdicts.rules import RULES_VERSION
from ..verdicts.seen import View
from .generating import draw_task
from .pairing import pair_of, relation_to_baked
from .recording import stored_now
from .reference import vae_file
from .request import Request
from .settling import by_match
from .sides import Side, checkpoint_of, vae_of
from .trust import Trust

OWN, KNOWN, ASKED = "checkpoint's own VAE", "a recorded VAE of its latent space", "the first asked"


@dataclass(frozen=True, slots=True)
class Files:
    """Where a comparison is written; None for nowhere."""

    sheet: str | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One VAE of a comparison, with the verdict that its picture speaks for."""

    vae: Side
    decoded: Decoded | None
    """None where it was not decoded: ``trouble`` says why."""
    verdict: Verdict | None
    """None for the first, which the others are judged by, and where that is not trusted."""
    trouble: str | None = None
    settled: bool = False
    """Whether this picture gave the verdict: then it is worth recording."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What the checkpoint drew, through every VAE."""

    drawing: Drawing
    comparison: Comparison
    first: Decoded
    projection: Decoded | None
    columns: tuple[Column, ...]
    trusted: bool
    """Whether the first VAE is one that others may be judged by."""
    cost: Cost
    notes: tuple[str, ...]


def compare(
    store: Store, model: Side, vaes: Sequence[Side], request: Request, files: Files
) -> Compared:
    """Draw once (or encode ``request.image``), decode with the checkpoint's own VAE and with each.

    Raises ``UnsupportedFormat`` where one of them is not what its place asks for, ``CannotRun``
    where there is nothing to draw or to decode with, ``FileError``, ``ProbeError`` and
    ``MissingDependency``.
    """
    return _Comparing(store, model, vaes, request, files).run()


class _Comparing:
    def __init__(
        self, store: Store, model: Side, vaes: Sequence[Side], request: Request, files: Files
    ) -> None:
        for vae in vaes:
            vae_of(vae)
        self.model, self.vaes, self.request, self.files = model, vaes, request, files
        vaes = list({vae.artifact.digests.sha256 or vae.ref: vae for vae in vaes}.values())
        self.vaes = vaes
        self.stored = _decoded_before(store.verdicts(), model)
        self.latent = checkpoint_of(model).latent or Latent()
        self.own = model.artifact.identity.component("vae")
        self.prober: Prober = request.prober()
        self.trust = Trust(store, lambda: self.prober, model, model, request.again)
        self.file_of = {id(vae): vae_file(vae) for vae in vaes}

    def run(self) -> Compared:
        first, note, trusted = self._first()
        drawing = self._drawing(first)
        asked = [vae for vae in self.vaes if self._is_other(vae, first, drawing)]
        shown = (
            Shown(first, self._scaling(first), note),
            *(Shown(file, self._scaling(file)) for vae in asked if (file := self.file_of[id(vae)])),
        )
        comparison = self.prober.compare(self._task(drawing, shown))
        own, *rest = comparison.pictures
        projection = rest.pop(0) if len(rest) > len(asked) else None
        decoded = dict(zip(map(id, asked), rest, strict=True))
        columns = tuple(
            self._column(vae, decoded.get(id(vae)), first, drawing, own if trusted else None)
            for vae in self.vaes
        )
        notes = (*drawing.notes, *self._cure(drawing), *comparison.notes, *self.trust.notes)
        return Compared(
            drawing,
            comparison,
            own,
            projection,
            columns,
            trusted,
            replace(self.prober.cost(), dtype="float32", asked=self.request.asked),
            notes,
        )

    def _cure(self, drawing: Drawing) -> tuple[str, ...]:
        if drawing.overflowed is None:
            return ()
        said = f"black pictures in {drawing.overflowed} whatever the VAE; run the denoiser so"
        return (f"{said}: {denoiser_switches()}",)

    def _first(self) -> tuple[VaeFile, str, bool]:
        """What the others are compared with, what it is, and whether it can judge them."""
        spaces = frozenset(family(name).space for name in possible(self.latent))
        baked = vae_file(self.model)
        if baked is not None and "decoder" in baked.parts:
            found = self.trust.trusted(baked, self.model.artifact.digests.sha256, spaces)
            if found and self.own and self.own.latent:
                latent = by_match(self.own.latent, found, self.latent)
                self.own = replace(self.own, latent=latent)
            return baked, OWN, found is not None
        files = [file for file in self.file_of.values() if file and "decoder" in file.parts]
        if not files:
            raise CannotRun(
                f"{self.model.name} has no VAE of its own and none that decodes was named",
                "name one with --vae",
            )
        known = next(self.trust.decoders(files[0], spaces, None), None)
        return (known, KNOWN, True) if known else (files[0], ASKED, False)

    def _drawing(self, first: VaeFile) -> Drawing:
        if self.request.image is None:
            drawing = self._drawn()
            if not drawing.finite:
                raise CannotRun(
                    f"{self.model.name} itself makes latents that are not finite (step "
                    f"{drawing.failed_at} of {drawing.steps}), whatever VAE decodes them",
                    "use another copy of the checkpoint, or compare on a picture with --image FILE",
                )
            return drawing
        files = (first, *self.file_of.values())
        encoder = next((file for file in files if file and "encoder" in file.parts), None)
        if encoder is None:
            raise CannotRun(
                "none of these VAEs has an encoder to make latents of a picture with",
                "name a whole VAE with --vae, or leave out --image",
            )
        folder = self.request.drawn.folder
        return self.prober.encode(self.request.image, encoder, self._scaling(encoder), folder)

    def _drawn(self) -> Drawing:
        task = draw_task(self.model, self.request)
        try:
            return self.prober.draw(task, self.request.drawn.watch)
        except CannotRun as failure:
            hint = "compare on a picture of yours instead: --image FILE"
            raise CannotRun(failure.message, hint) from failure

    def _scaling(self, file: VaeFile) -> Scaling:
        """The checkpoint's normalisation, as A1111, Forge and ComfyUI undo it for any VAE."""
        denoiser = checkpoint_of(self.model)
        decoder = self.own or self._component(file) or denoiser
        return conventions(denoiser, self.model, decoder, (file,), self.own)[0].scaling

    def _component(self, file: VaeFile) -> Component | None:
        """The VAE asked for that lies in a file."""
        sides = (vae for vae in self.vaes if self.file_of[id(vae)] == file)
        return next((vae_of(side) for side in sides), None)

    def _is_other(self, vae: Side, first: VaeFile, drawing: Drawing) -> bool:
        file = self.file_of[id(vae)]
        fits = file is not None and "decoder" in file.parts and file.channels == drawing.channels
        return fits and file != first

    def _task(self, drawing: Drawing, shown: tuple[Shown, ...]) -> CompareTask:
        latents = (self.latent, self.own and self.own.latent)
        families = [latent.family for latent in latents if latent and latent.family]
        families += possible(self.latent)
        how = (
            f"{drawing.text!r}, {drawing.steps} steps, seed {drawing.seed}, drawn once in "
            f"{drawing.dtype} on {drawing.device}"
            if drawing.steps
            else f"{drawing.text}, encoded once"
        )
        return CompareTask(
            drawing,
            shown,
            family=families[0] if families else None,
            sheet=self.files.sheet,
            page=self.files.page,
            captions=(f"{self.model.name} through {_count(len(shown))}", how),
        )

    def _column(
        self, vae: Side, decoded: Decoded | None, first: VaeFile, drawing: Drawing,
        judge_by: Decoded | None,
    ) -> Column:  # fmt: skip
        if decoded is None and self.file_of[id(vae)] == first:
            return Column(vae, None, None, "it is the one that the others are compared with")
        pair = pair_of(self.model, vae)
        if decoded is None:
            return Column(vae, None, judge(pair), self._why_not(vae, drawing))
        if decoded.trouble is not None or decoded.scores is None or judge_by is None:
            return Column(vae, decoded, None, decoded.trouble)
        pair = replace(pair, relation=_relation(self.model, vae))
        asked = conventions(pair.denoiser, vae, pair.vae, (), self.own)[:1]
        look = Look(asked[0].name, decoded.scores)
        view = View(asked[0], look.scores, outcome(look.scores))
        made = Made(drawing, judge_by.name, (view,), decoded.kind, judge_by.kind, None)
        before = self.stored.get(vae.artifact.digests.sha256)
        if before is not None and made.verdict != "incompatible":
            return Column(vae, decoded, before)
        settled = made.verdict is not None and not (before and before.verdict == "incompatible")
        return Column(vae, decoded, judge(replace(pair, made=made)), settled=settled)

    def _why_not(self, vae: Side, drawing: Drawing) -> str:
        file = self.file_of[id(vae)]
        if file is None:
            there = f"vaereg pull {vae.ref}" if vae.ref else "vaereg scan finds it where it is now"
            return f"it is not on this machine: {there}"
        if "decoder" not in file.parts:
            return "it has no decoder"
        return (
            f"it decodes {file.channels} latent channels, not the checkpoint's {drawing.channels}"
        )


def _relation(model: Side, vae: Side) -> str | None:
    kin = relation_to_baked(model, vae)
    return kin.relation if kin else None


def _count(vaes: int) -> str:
    return f"{vaes} VAEs" if vaes > 1 else "its VAE"


def verdicts_to_keep(model: Side, compared: Compared) -> Iterator[StoredVerdict]:
    """What the pictures settled, for models that are on this machine."""
    level = "generate" if compared.drawing.steps else "decode"
    images = tuple(path for path in (compared.comparison.sheet,) if path)
    for column in compared.columns:
        here = model.ref is None and column.vae.ref is None
        if column.settled and column.verdict and here:
            yield stored_now(model, column.vae, column.verdict, level, compared.cost, images)


def _decoded_before(stored: Iterable[StoredVerdict], model: Side) -> Mapping[str, Verdict]:
    """What cross-decodes and deeper looks settled for a checkpoint, by the VAE's SHA-256.

    Looks are theirs: the test card is made to show them, a single picture misleads.
    """
    own, levels = model.artifact.digests.sha256, LEVELS[LEVELS.index("decode") :]
    rows = [
        row
        for row in stored
        if row.model_sha256 == own
        and row.rules_version == RULES_VERSION
        and row.level in levels
        and row.verdict.verdict != "unknown"
    ]
    rows.sort(key=lambda row: LEVELS.index(row.level))
    return {row.vae_sha256: row.verdict for row in rows}
