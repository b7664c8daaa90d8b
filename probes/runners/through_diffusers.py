"""Autoencoders run by the classes of diffusers: built without values, filled from the file."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...registry.errors import INSTALL_PROBES, CannotRun, MissingDependency
from ...registry.naming import shown
from .canonical import CanonicalWeights, Fill, same
from .network import HALVES, Network
from .published import Config, Recipe

_CHANNELS = ("z_dim", "z_channels", "latent_channels")
"""What the classes call the number of latent channels."""
_QUANT = {"encoder": "quant_conv", "decoder": "post_quant_conv"}
_OURS = (
    *(f"{half}." for half in HALVES),
    *(f"{stem}." for stem in (*_QUANT.values(), "conv1", "conv2", "quantize")),
    *("latents_", "per_channel_statistics."),
)
"""Beginnings of a VAE's names in any layout; training leaves others beside it."""
_DECODE_TIMESTEP = 0.05
"""What LTX decoders with a timestep are run at: Lightricks/LTX-Video inference examples."""
_MOST = {"number": 1 << 20, "layers": 64, "entries": 1024}
"""Beyond these a ``config.json`` describes no VAE, and building it might take for ever."""


class DiffusersNetwork(Network):
    """A model of diffusers as a network of one frame."""

    def __init__(self, model: nn.Module, video: bool) -> None:
        super().__init__()
        self.model = model
        self.video = video

    def encode(self, pictures: Tensor) -> Tensor:
        given = pictures.unsqueeze(2) if self.video else pictures
        made = self.model.encode(given)  # type: ignore[operator]
        if hasattr(made, "latent_dist"):
            latents: Tensor = made.latent_dist.mode()
        else:
            latents = made.latents if hasattr(made, "latents") else made.latent
        return latents[:, :, 0] if self.video else latents

    def decode(self, latents: Tensor) -> Tensor:
        given = latents.unsqueeze(2) if self.video else latents
        cards = [given.device] if given.device.type == "cuda" else []
        with torch.random.fork_rng(cards):
            # LTX-Video 0.9.1 adds noise to its layers: the same one every time.
            torch.manual_seed(0)
            made: Tensor = self.model.decode(given, **self._extras(given)).sample  # type: ignore[operator]
        return made[:, :, 0] if self.video else made

    def blocks(self) -> Iterator[tuple[str, nn.Module]]:
        for name, module in self.model.named_modules():
            if name and name not in HALVES:
                yield name, module

    def _extras(self, given: Tensor) -> dict[str, object]:
        """What some classes want beside the latents."""
        extras: dict[str, object] = {}
        if getattr(self.model.config, "timestep_conditioning", False):
            extras["temb"] = given.new_full((given.shape[0],), _DECODE_TIMESTEP)
        if "num_frames" in inspect.signature(self.model.decode).parameters:  # type: ignore[arg-type]
            extras["num_frames"] = 1
        return extras


def builder(recipe: Recipe) -> Callable[[CanonicalWeights, tuple[str, ...]], tuple[Network, Fill]]:
    """The builder of the networks of a recipe, for the catalog."""
    return lambda weights, halves: _Maker(weights, halves, recipe).network()


class _Maker:
    """Finds the class and the config that a file's tensors are of."""

    def __init__(self, weights: CanonicalWeights, halves: tuple[str, ...], recipe: Recipe) -> None:
        self.weights = weights.in_diffusers_names()
        self.halves = halves
        self.recipe = recipe
        tensors = self._tensors()
        weights.require_bounded(tensors)
        self.shapes = {name: tuple(it.shape) for name, it in tensors.items()}

    def network(self) -> tuple[Network, Fill]:
        """The network without values, tried on the meta device, and what fills it."""
        make, model = self._fitting()
        network = DiffusersNetwork(model, self.recipe.video)
        config: Mapping[str, Any] = dict(model.config)  # type: ignore[arg-type]
        network.channels = next(config[key] for key in _CHANNELS if key in config)
        given = config.get("in_channels", config.get("input_channels"))
        network.image_channels = 4 if given == 4 else 3
        network.factor = self._factor(network)
        return network, lambda device, dtype: self._fill(network, make, device, dtype)

    def _fitting(self) -> tuple[Callable[[], nn.Module], nn.Module]:
        """The first candidate that has just the file's tensors."""
        nearest: list[str] | None = None
        for class_name, config in self._candidates():
            make = self._constructor(class_name, config)
            try:
                model = make()
            except CannotRun:
                continue  # A false config.json is passed over: the tensors decide.
            misfits = list(self._misfits(model))
            if not misfits:
                return make, model
            if nearest is None or len(misfits) < len(nearest):
                nearest = misfits
        reason = nearest[0] if nearest else "no class of diffusers is like it"
        raise self.weights.unfit(f"its structure is not known: {reason}")

    def _candidates(self) -> Iterator[tuple[str, Config]]:
        config = dict(self.weights.config)
        named = config.get("_class_name")
        if isinstance(named, str) and named in self.recipe.classes and _sane(config):
            yield named, config
        measured = self.recipe.measure(self.shapes) if self.recipe.measure else {}
        for class_name in self.recipe.classes:
            for published in self.recipe.configs:
                yield class_name, published | measured

    def _constructor(self, class_name: str, config: Config) -> Callable[[], nn.Module]:
        """What builds the class, on whatever device is the default one then."""
        found = self._class(class_name)
        known = inspect.signature(found.__init__).parameters
        kept = {key: value for key, value in config.items() if key in known}

        def make() -> nn.Module:
            try:
                return self._halved(found(**kept))
            except MemoryError:
                raise
            except Exception as error:
                said = shown(str(error).partition("\n")[0])
                raise self.weights.unfit(f"its config makes no {class_name} ({said})") from error

        return make

    def _class(self, name: str) -> Callable[..., nn.Module]:
        try:
            from diffusers import __version__
            from diffusers.models import autoencoders
        except ImportError as error:
            raise MissingDependency(
                f"{self.weights.model} is run through diffusers, which is not installed",
                INSTALL_PROBES,
            ) from error
        found: Callable[..., nn.Module] | None = getattr(autoencoders, name, None)
        if found is None:
            raise self.weights.unfit(f"diffusers {__version__} has no {name}")
        return found

    def _halved(self, model: nn.Module) -> nn.Module:
        """The model without what is not to be run."""
        for half in HALVES:
            for stem in (half, _QUANT[half]):
                if half not in self.halves and hasattr(model, stem):
                    setattr(model, stem, nn.Module())
            if self.recipe.bare and f"{_QUANT[half]}.weight" not in self.shapes:
                setattr(model, _QUANT[half], nn.Identity())
        return model

    def _misfits(self, model: nn.Module) -> Iterator[str]:
        """Why a model is not the file's: nothing where it is."""
        wanted = {name: tuple(it.shape) for name, it in model.state_dict().items()}
        for name, shape in wanted.items():
            have = self.shapes.get(name)
            if have is None and not _is_statistic(name):
                yield f"it lacks {shown(name)}"
            if have is not None and not same(have, shape):
                yield f"{shown(name)} has the shape {list(have)} where {list(shape)} fits"
        starts = tuple(f"{half}." for half in self.halves)
        for name in self.shapes:
            if name.startswith(starts) and name not in wanted:
                yield f"{shown(name)} has no place in it"

    def _factor(self, network: DiffusersNetwork) -> int:
        """Picture pixels of a latent pixel, by running the network without values."""
        _moved(network.model, torch.device("meta"))
        try:
            with torch.no_grad():
                if "decoder" in self.halves:
                    return network.decode(torch.empty(1, network.channels, 4, 4)).shape[-1] // 4
                pictures = torch.empty(1, network.image_channels, 256, 256)
                return 256 // network.encode(pictures).shape[-1]
        except Exception as error:
            said = shown(str(error).partition("\n")[0])
            raise self.weights.unfit(f"its layers do not fit together ({said})") from error

    def _fill(
        self,
        network: DiffusersNetwork,
        make: Callable[[], nn.Module],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        wanted = network.model.state_dict()
        if any(name not in wanted for name, _ in network.model.named_buffers()):
            # Buffers that are in no file have their values from the constructor alone.
            with torch.device("cpu"):
                network.model = make()
        values = self._tensors(device, dtype)
        filled = {
            name: values[name].reshape(it.shape).to(dtype if it.is_floating_point() else it.dtype)
            if name in values
            else torch.zeros(it.shape, dtype=dtype, device=device)
            for name, it in wanted.items()
        }
        network.model.load_state_dict(filled, assign=True)
        _moved(network.model, device, dtype)

    def _tensors(
        self, device: torch.device | None = None, dtype: torch.dtype = torch.float32
    ) -> Mapping[str, Tensor]:
        """Every tensor by diffusers' name: without values, or with those of the wanted halves."""
        apart = tuple(f"{half}." for half in HALVES if half not in self.halves)
        found = {
            name: torch.empty(shape, device="meta")
            if device is None or name.startswith(apart)
            else self.weights.read(name, device, dtype)
            for name, shape in self.weights.shapes.items()
            if name.startswith(_OURS)
        }
        return self._converted(found) if self._is_original() else found

    def _is_original(self) -> bool:
        mark = self.recipe.original
        return bool(mark) and any(mark in name for name in self.weights.shapes)

    def _converted(self, tensors: dict[str, Tensor]) -> Mapping[str, Tensor]:
        if self.recipe.rules:
            return {self._renamed(name): tensor for name, tensor in tensors.items()}
        from diffusers.loaders import single_file_utils

        convert = getattr(single_file_utils, self.recipe.converter)
        prefixed = {self.recipe.prefix + name: tensor for name, tensor in tensors.items()}
        try:
            return dict(convert(prefixed))
        except Exception as error:
            raise self.weights.unfit("its names are not those of its release") from error

    def _renamed(self, name: str) -> str:
        for pattern, new in self.recipe.rules:
            name = re.sub(pattern, new, name)
        return name


def _moved(model: nn.Module, device: torch.device, dtype: torch.dtype | None = None) -> None:
    """torch's own ``to``: that of diffusers warns of classes with layers in fp32 by rule."""
    nn.Module.to(model, device, dtype)


def _is_statistic(name: str) -> bool:
    """Whether a tensor only serves the latents' normalisation, which is not run here."""
    return name in ("latents_mean", "latents_std")


def _sane(config: Mapping[str, object]) -> bool:
    """Whether a ``config.json`` has no figure that would take a lifetime to build."""
    return all(_is_sane(key, value) for key, value in config.items())


def _is_sane(key: str, value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= _MOST["entries"] and all(_is_sane(key, item) for item in value)
    if isinstance(value, int | float):
        limit = "layers" if any(word in key for word in ("layers", "blocks", "depth")) else "number"
        return abs(value) <= _MOST[limit]
    return not isinstance(value, dict)
