"""Which VAEs a checkpoint's latents may be judged by: those whose colours are of its space."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from ..colours.neighbours import neighbours
from ..colours.response import Match, Neighbour, match
from ..errors import NotFound, StoreError
from ..families import family
from ..measures import Reading, VaeFile
from ..ports import Prober, Store
from ..values import Model
from .reference import Known, Reference, decoders_of, known_vaes, references_of
from .sides import Side


class Trust:
    """Readings of VAEs, recorded ones and those made now, for one checkpoint and one VAE."""

    def __init__(
        self, store: Store, prober: Callable[[], Prober], model: Side, vae: Side, again: bool
    ) -> None:
        self._store = store
        self._prober = prober
        self._again = again
        self._model = model.artifact.digests.sha256
        self._own = {self._model, vae.artifact.digests.sha256}
        self.steps: list[str] = []
        """What was read, for people."""
        self.notes: list[str] = []
        """What could not be recorded."""

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """Every recorded model."""
        return self._store.models()

    @cached_property
    def known(self) -> list[Known]:
        """The recorded VAEs of settled family, the surest first."""
        return known_vaes(self.models)

    @cached_property
    def _readings(self) -> dict[str, Reading]:
        return {} if self._again else dict(self._store.readings())

    @cached_property
    def _neighbours(self) -> list[Neighbour]:
        """Of the readings so far: ``reading`` drops it when another model was read."""
        return neighbours(self.models, self._readings, but=self._own)

    def reading(self, sha256: str, file: VaeFile) -> Reading:
        """What running a VAE alone tells: recorded, or made and recorded now."""
        recorded = self._readings.get(sha256)
        if recorded is not None:
            return recorded
        reading = self._readings[sha256] = self._prober().read(file)
        if sha256 not in self._own:
            vars(self).pop("_neighbours", None)
        if reading.trouble is None:
            self.keep(lambda: self._store.keep_reading(sha256, reading))
        return reading

    def keep(self, record: Callable[[], None]) -> None:
        """Record something; a registry that cannot be written to does not spoil the answer."""
        try:
            record()
        except (StoreError, NotFound) as failure:
            self.notes.append(f"not recorded. {failure.message}")

    def match(self, reading: Reading, file: VaeFile) -> Match:
        """What the colours of a VAE say of its family."""
        return match(reading, file.channels, file.mates, self._neighbours)

    def trusted(self, vae: VaeFile, sha256: str, spaces: frozenset[str]) -> Match | None:
        """A VAE's match, if its colours are of one of those spaces as far as can be known."""
        reading = self.reading(sha256, vae)
        found = self.match(reading, vae)
        step = f"colour response of {vae.name}"
        self.steps += [] if step in self.steps else [step]
        if found.space is not None:
            return found if found.space in spaces else None
        # A space without a colour table cannot pass the test; its own round trip has to do.
        tables = any(family(name).rgb_tables for name in vae.mates)
        sound = not tables and reading.finite and reading.trouble is None
        return found if sound else None

    def references(self, file: VaeFile, spaces: frozenset[str]) -> Iterator[Reference]:
        """Recorded VAEs that encode and decode, like that one in shape.

        None while the space is open: a VAE of one of several spaces cannot judge those of another.
        """
        if len(spaces) != 1:
            return
        for reference, parts in references_of(self.known, spaces, file):
            if all(self._vouches(one, spaces) for one in parts):
                yield reference

    def decoders(
        self, file: VaeFile, spaces: frozenset[str], baked: VaeFile | None
    ) -> Iterator[VaeFile]:
        """What the checkpoint's latents should look like: its own VAE, then recorded ones.

        Those only once the space is settled, as in ``references``.
        """
        own = baked is not None and "decoder" in baked.parts and baked.channels == file.channels
        if baked is not None and own and self.trusted(baked, self._model, spaces):
            yield baked
        for one in decoders_of(self.known, spaces, file) if len(spaces) == 1 else ():
            if self._vouches(one, spaces):
                yield one.vae

    def _vouches(self, one: Known, spaces: frozenset[str]) -> bool:
        return one.by == "known-hash" or bool(self.trusted(one.vae, one.sha256, spaces))
