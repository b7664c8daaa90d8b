"""Whether the tensors of a view are a VAE, and which latents it works in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..families import family
from ..naming import shown
from ..values import Component, Latent, Notice
from .vae_config import narrowed
from .vae_kl import IMAGE_CHANNELS, KlSpace, KlStructure
from .vae_rows import VaeSignature
from .vae_shapes import contradictions
from .vae_tables import LEFTOVERS, LOOKALIKES, QUANTISATION, QUANTISED, SIGNATURES, WIDEST_CODE
from .vae_whole import astray
from .view import View

VAE_PREFIXES = (
    "first_stage_model.",
    "vae.",
    "model.first_stage_model.",
    "model.vae.",
    "module.",
    "conditioner.embedders.1.encoder.",
)
"""Where a VAE lies in a bundle, the usual place first (huggingface/diffusers
loaders/single_file_utils.py, yzkee/ComfyUI comfy/supported_models.py)."""

SURE = 0.97
"""Confidence in a family that names and shapes settle."""


class Finding(NamedTuple):
    """A VAE component, or why the tensors that resemble one are none."""

    component: Component | None
    notices: tuple[Notice, ...] = ()


def identify_vae(
    view: View, layout_prefix: str = "", config: Mapping[str, object] | None = None
) -> Component | None:
    """The VAE of a view, None where its tensors are no VAE, or a damaged one.

    ``layout_prefix`` stands before the view's own prefix (a sub-folder and a slash); ``config`` is
    the VAE's ``config.json``, which counts only where the tensors do not contradict it.
    """
    return examine_vae(view, layout_prefix, config).component


def examine_vae(
    view: View, layout_prefix: str = "", config: Mapping[str, object] | None = None
) -> Finding:
    """As ``identify_vae``, and for a damaged VAE what is wrong with it."""
    view = _cleaned(view)
    if _lookalike(view):
        return Finding(None)
    notices: tuple[Notice, ...] = ()
    for part, row in _candidates(view):
        if notices:
            break  # The decoder is that of a VAE that cannot be: its encoder makes it none either.
        remains = _remains_of_decoder(view, row) if part == "encoder" else 0
        if remains:
            return Finding(None, (_cut_decoder(remains),))
        measured = _Measured(view, row, part)
        if measured.damaged:
            return Finding(None, measured.notices)
        component = measured.component(layout_prefix, config or {})
        if component is not None:
            return Finding(component)
        notices = measured.notices
    return Finding(None, notices)


def _candidates(view: View) -> Iterator[tuple[str, VaeSignature]]:
    """The first row that the decoder fits, then the first that the encoder alone fits."""
    for part in ("decoder", "encoder"):
        for row in SIGNATURES:
            half = row.half(part)
            if half is not None and half.keys.holds(view):
                yield part, row
                break


def _remains_of_decoder(view: View, row: VaeSignature) -> int:
    """Tensors of a decoder that is not whole enough to prove the row, beside a whole encoder."""
    if row.overlapping:
        return 0
    if row.decoder is None:
        return sum(name.startswith("decoder.") for name in view)
    return row.decoder.found(view, _accessory)


def _cut_decoder(remains: int) -> Notice:
    return Notice("parts_missing", f"only {remains} tensors of the VAE's decoder are there")


def _cleaned(view: View) -> View:
    if not any(view.has(f"{start}*") for start in LEFTOVERS):
        return view
    kept = {name: held for name, held in view.tensors.items() if not name.startswith(LEFTOVERS)}
    return View(kept, view.prefix)


def _lookalike(view: View) -> bool:
    code = view.extent("quantize.embedding.weight", 1)
    return any(keys.holds(view) for keys in LOOKALIKES) or (
        code is not None and code >= WIDEST_CODE
    )


def _accessory(name: str) -> bool:
    """Whether a tensor only goes with a quantised weight."""
    return name.endswith(QUANTISATION)


class _Measured:
    """One view held against the row that its names fit."""

    def __init__(self, view: View, row: VaeSignature, part: str) -> None:
        self.view = view
        self.row = row
        self.notices: tuple[Notice, ...] = ()
        self.kl = KlStructure(view) if row.kl else None
        self.parts = tuple(half for half in ("encoder", "decoder") if self._there(half))
        if not self.damaged:
            self._note(*self._astray())
        self.channels = self._channels(part)

    def component(self, layout_prefix: str, config: Mapping[str, object]) -> Component | None:
        """The component, None where the halves are scraps or contradict each other."""
        if not self.parts or self._contradictory():
            return None
        latent, architecture = self._latent()
        latent, remarks = narrowed(latent, architecture, config, self._statistics())
        self._note(*remarks)
        self._remark(latent)
        return Component(
            role="vae",
            architecture=architecture,
            layout=self.row.layout,
            prefix=layout_prefix + self.view.prefix,
            parts=self.parts,
            dtypes=self.view.dtypes(),
            tensors=len(self.view),
            parameters=self.view.parameters(),
            latent=latent,
            notices=self.notices,
        )

    def _note(self, *notices: Notice) -> None:
        self.notices += notices

    @property
    def damaged(self) -> bool:
        """Whether a half of which something is there is not all there."""
        return any(note.code == "parts_missing" for note in self.notices)

    def _there(self, part: str) -> bool:
        """Whether a half is there; notes what a damaged one lacks."""
        half = self.row.half(part)
        if half is None or (self.row.overlapping and not half.keys.holds(self.view)):
            return False
        found = half.found(self.view, _accessory)
        if found == 0:
            return False
        whole, example = half.whole(found), ""
        missing = self.kl.missing(part) if self.kl else None
        if missing and missing.names:
            whole, found = missing.expected, missing.expected - len(missing.names)
            example = f" ({shown(missing.names[0])} ...)"
        if found < whole:
            self._note(
                Notice(
                    "parts_missing",
                    f"only {found} of the {whole} tensors of the VAE's {part} are there{example}",
                )
            )
        return True

    def _astray(self) -> Iterator[Notice]:
        """The first of the tensors beside the halves that is not there though its partner is."""
        for name in astray(self.view, self.row, len(self.parts) == 2):
            yield Notice("parts_missing", f"the VAE lacks {shown(name)}")
            return

    def _channels(self, part: str) -> int | None:
        """Latent channels as the half that proved the row says it, else the row's only ones."""
        half = self.row.half(part)
        if half is not None and half.channels is not None:
            return half.channels(self.view)
        return self.row.spaces[0].channels if len(self.row.spaces) == 1 else None

    def _contradictory(self) -> bool:
        """Whether shapes rule out that this is one working VAE; notes which."""
        faults = [*self._disagreements(), *contradictions(self.view)]
        if self.kl is not None:
            faults += [name for part in self.parts for name in self.kl.contradictions(part)]
            if self.kl.image_channels() - set(IMAGE_CHANNELS):
                return True
        if faults:
            listed = ", ".join(shown(name) for name in faults[:3])
            self._note(
                Notice("inconsistent_shapes", f"the VAE's shapes do not fit together: {listed}")
            )
        return bool(faults)

    def _disagreements(self) -> Iterator[str]:
        """Where the two halves say different numbers of latent channels."""
        for part in self.parts:
            half = self.row.half(part)
            reading = half.channels if half else None
            if reading and reading.name in self.view and reading(self.view) != self.channels:
                yield reading.name

    def _latent(self) -> tuple[Latent, str]:
        """What names and shapes alone say, and the architecture's name."""
        space: KlSpace | None = None
        factor = (
            self.kl.factor if self.kl else self.row.factor(self.view) if self.row.factor else None
        )
        if self.kl and not self.row.spaces and self.row.architecture == "autoencoder-kl":
            space = self.kl.space(self.channels)
        families = space.families if space else self.row.families(self.channels, factor)
        rows = [family(identifier) for identifier in families]
        latent = Latent(
            channels=self.channels,
            spatial_factor=rows[0].spatial_factor if rows else factor or self.row.factors[0],
            temporal_factor=rows[0].temporal_factor if rows else self.row.factors[1],
            candidates=families,
        )
        if len(rows) == 1:
            latent = replace(latent, family=rows[0].id, determined_by="header", confidence=SURE)
        return latent, space.architecture if space else self.row.architecture

    def _statistics(self) -> bool:
        return any(name in self.view for name in self.row.statistics)

    def _remark(self, latent: Latent) -> None:
        """Notes what a user should know of a VAE that is whole."""
        if latent.family == "flux2" and self.row.kl and not self._statistics():
            self._note(
                Notice(
                    "statistics_missing",
                    "the file lacks the statistics that FLUX.2 latents are normalised with"
                    " (bn.running_mean, bn.running_var); the published ones are taken instead",
                )
            )
        if latent.channels == 16 and self.view.extent("decoder.head.2.weight", 0) == 12:
            self._note(Notice("upscaling_decoder", "the decoder writes pictures of twice the size"))
        dtypes = self.view.dtypes()
        if any(dtype.startswith(QUANTISED) for dtype in dtypes) or any(map(_accessory, self.view)):
            self._note(
                Notice("quantised", f"the VAE's weights are quantised ({', '.join(dtypes)})")
            )
