"""One picture through several VAEs: what is compared with what, and what that says of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..drawing import CompareTask, Comparison, Decoded, Drawing, Shown
from ..errors import CannotRun
from ..measures import Cost, Look, Scaling, VaeFile
from ..ports import LEVELS, Prober, Store, StoredVerdict
from ..values import Verdict
from ..verdicts.conventions import conventions
from ..verdicts.crossing import outcome
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
        self.latent = checkpoint_of(model).latent
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
        notes = (*drawing.notes, *comparison.notes, *self.trust.notes)
        return Compared(
            drawing, comparison, own, projection, columns, trusted, self.prober.cost(), notes
        )

    def _first(self) -> tuple[VaeFile, str, bool]:
        """What the others are compared with, what it is, and whether it can judge them."""
        spaces = pair_of(self.model, self.vaes[0] if self.vaes else self.model).wanted_spaces
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
            drawing = self.prober.draw(
                draw_task(self.model, self.request), self.request.drawn.watch
            )
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

    def _scaling(self, file: VaeFile) -> Scaling:
        """The checkpoint's normalisation, as A1111, Forge and ComfyUI undo it for any VAE."""
        denoiser = checkpoint_of(self.model)
        own = self.own or denoiser
        return conventions(denoiser, self.model, own, (file,), self.own)[0].scaling

    def _is_other(self, vae: Side, first: VaeFile, drawing: Drawing) -> bool:
        file = self.file_of[id(vae)]
        fits = file is not None and "decoder" in file.parts and file.channels == drawing.channels
        return fits and file != first

    def _task(self, drawing: Drawing, shown: tuple[Shown, ...]) -> CompareTask:
        latents = (self.latent, self.own and self.own.latent)
        families = [latent.family for latent in latents if latent and latent.family]
        families += possible(self.latent) if self.latent else ()
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
        return Column(vae, decoded, judge(replace(pair, made=made)))

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


def verdicts_to_keep(
    stored: Iterable[StoredVerdict], model: Side, compared: Compared
) -> Iterator[StoredVerdict]:
    """What each picture says, for pairs on which no deeper look is recorded.

    A generated picture never overrides what a cross-decode found broken.
    """
    level = "generate" if compared.drawing.steps else "decode"
    images = tuple(path for path in (compared.comparison.sheet,) if path)
    known = {
        (row.model_sha256, row.vae_sha256)
        for row in stored
        if row.rules_version == RULES_VERSION and _says_more(row, level)
    }
    for column in compared.columns:
        pair = (model.artifact.digests.sha256, column.vae.artifact.digests.sha256)
        here = model.ref is None and column.vae.ref is None
        if column.decoded and column.verdict and here and pair not in known:
            yield stored_now(model, column.vae, column.verdict, level, compared.cost, images)


def _says_more(row: StoredVerdict, level: str) -> bool:
    deeper = LEVELS.index(row.level) >= LEVELS.index(level)
    return deeper or (row.level == "decode" and row.verdict.verdict == "incompatible")
