"""InvokeAI: the models of its database, the default VAE of each, and the scale it decodes at."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence

from ..families import family
from ..identify.vae_config import SCALING_DEFAULT
from ..naming import shown
from ..values import Notice
from .base import ASKED, BAKED, FILE, NONE, Effective, Installation, Listed, Listing, ModelFolder
from .declared import architecture
from .folders import located
from .invokeai_records import Record, read_records
from .plain_yaml import MOST_BYTES, BadYaml, parse
from .settings import assigned, read_object, read_text

SETTINGS = "invokeai.yaml"
DATABASE = "invokeai.db"

FAMILIES = {"sd-1": "sd1", "sd-2": "sd1", "sdxl": "sdxl", "sdxl-refiner": "sdxl", "sd-3": "sd3"}
"""Latent family by InvokeAI's base, where a main model holds its VAE: invoke-ai/InvokeAI
invokeai/backend/model_manager/taxonomy.py."""
_BY_DEFAULT_SCALE = ("sd-1", "sd-2", "sdxl", "sdxl-refiner")
"""Bases whose single-file VAEs go through diffusers' ``AutoencoderKL.from_single_file`` without a
config: invoke-ai/InvokeAI invokeai/backend/model_manager/load/model_loaders/vae.py."""
_TEXT_ENCODERS = ("clip_embed", "t5_encoder", "qwen_vl_encoder")
_GUESSES = (("sdxl", re.compile("xl", re.I)), ("sd-2", re.compile("sd2", re.I)))
_SAID = (("stable-diffusion-xl", "sdxl"), ("stable-diffusion-v2", "sd-2"))
_VERSION = "invokeai/version/invokeai_version.py"


class InvokeAI:
    """Fulfils ``Frontend``."""

    name = "invokeai"
    title = "InvokeAI"

    def __init__(self) -> None:
        self._last: tuple[Listing, tuple[Record, ...]] | None = None

    def recognises(self, root: str) -> bool:
        """``invokeai.yaml``, or the database where it has not been written."""
        names = (SETTINGS, os.path.join("databases", DATABASE))
        return any(os.path.isfile(os.path.join(root, name)) for name in names)

    def read(self, root: str) -> Installation:
        """The settings and the folder of models."""
        root = os.path.abspath(root)
        notices: list[Notice] = []
        options = _settings(os.path.join(root, SETTINGS), notices)
        version = _version(root)
        if version is None:
            notices.append(Notice("version-unknown", "InvokeAI's version is not known."))
        if not os.path.isfile(_database(root, options)):
            what = f"{shown(_database(root, options))} is not there: InvokeAI lists no models."
            notices.append(Notice("database-missing", what))
        models = _models(root, options)
        roles = ("checkpoint", "diffusion_model", "vae", "text_encoder")
        folders = tuple(ModelFolder(role, models, "models_dir") for role in roles)
        return Installation(self.name, root, version, folders, options, {}, tuple(notices))

    def listing(self, installation: Installation) -> Listing:
        """The records whose role is known, wherever their files lie."""
        notices: list[Notice] = []
        found = records(installation, notices)
        models = tuple(
            Listed(role, one.name, one.path, _gone(one)) for one in found if (role := _role(one))
        )
        for one in found:
            notices += _wrong_base(one)
        listing = Listing(models, tuple(notices))
        self._last = (listing, found)
        return listing

    def effective(
        self, installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
    ) -> Effective:
        """``default_settings.vae`` of the main model, else its own VAE."""
        if self._last is None or self._last[0] is not listing:
            self._last = (listing, records(installation, []))
        known = self._last[1]
        main = next((one for one in known if one.path == checkpoint.path), None)
        if main is None:
            return Effective(ASKED, None, "InvokeAI's database holds no record of it.")
        if main.default_vae in (None, "", "default"):
            return _own(main, has_baked, ())
        vae = next((one for one in known if one.key == main.default_vae), None)
        if vae is None or vae.type != "vae":
            what = f"default_settings.vae of {shown(main.name)} names a VAE that has no record."
            return _own(main, has_baked, (Notice("unknown-vae", what),))
        return _by_default(main, vae)


def records(installation: Installation, notices: list[Notice]) -> tuple[Record, ...]:
    """The records of an installation's database."""
    root, options = installation.root, installation.options
    return read_records(_database(root, options), _models(root, options), notices)


def guessed_base(name: str) -> str:
    """The base that InvokeAI gives a four-channel VAE by its file's name.

    invoke-ai/InvokeAI invokeai/backend/model_manager/configs/vae.py: ``xl`` anywhere means SDXL,
    ``sd2`` SD 2, everything else SD 1.
    """
    return next((base for base, pattern in _GUESSES if pattern.search(name)), "sd-1")


def _own(main: Record, has_baked: bool, notices: tuple[Notice, ...]) -> Effective:
    if _role(main) == "diffusion_model":
        how = f"No default VAE is set for {shown(main.name)}: the user chooses one each time."
        return Effective(ASKED, None, how, notices)
    if has_baked:
        how = f"No default VAE is set for {shown(main.name)}: its own VAE."
        return Effective(BAKED, None, how, notices)
    how = f"{shown(main.name)} holds no VAE and no default VAE is set: the user must choose one."
    return Effective(ASKED, None, how, notices)


def _by_default(main: Record, vae: Record) -> Effective:
    notices = []
    how = f"default_settings.vae of {shown(main.name)} is {shown(vae.name)}."
    if vae.base != main.base:
        what = (
            f"{shown(vae.name)} is recorded for {shown(vae.base)}, {shown(main.name)} for "
            f"{shown(main.base)}: InvokeAI's menu does not offer the pair."
        )
        notices.append(Notice("wrong-base", what))
    if _gone(vae):
        what = f"The file of {shown(vae.name)} is gone: {shown(vae.path)}"
        return Effective(NONE, None, f"{how} Its file is gone.", (Notice("file-gone", what),))
    scaling = _scaling(vae)
    usual = family(FAMILIES[main.base]).scaling_factor if main.base in FAMILIES else None
    if scaling is None or usual is None or abs(scaling - usual) < 1e-4:
        return Effective(FILE, vae.path, how, tuple(notices))
    what = (
        f"InvokeAI decodes with {shown(vae.name)} at {scaling:g} where {shown(main.base)} needs "
        f"{usual:g}: washed-out colours. Install it as a diffusers folder with the right config."
    )
    notices.append(Notice("scaling", what))
    return Effective(FILE, vae.path, how, tuple(notices), scaling)


def _scaling(vae: Record) -> float | None:
    """The scaling factor of the VAE's config as diffusers makes it.

    ``app/invocations/latents_to_image.py`` divides by it, whatever the main model is.
    """
    if vae.format == "diffusers":
        value = read_object(os.path.join(vae.path, "config.json"), []).get("scaling_factor")
        usable = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if usable and isinstance(value, int | float) else SCALING_DEFAULT
    return SCALING_DEFAULT if vae.base in _BY_DEFAULT_SCALE else None


def _role(one: Record) -> str | None:
    if one.type == "main":
        whole = one.format == "diffusers" or one.base in FAMILIES
        return "checkpoint" if whole else "diffusion_model"
    if one.type == "vae":
        return "vae"
    return "text_encoder" if one.type in _TEXT_ENCODERS else None


def _gone(one: Record) -> str | None:
    return None if os.path.exists(one.path) else "its file is gone"


def _wrong_base(one: Record) -> Iterator[Notice]:
    """A VAE whose metadata contradicts the base that InvokeAI took from its name."""
    if one.type != "vae" or one.base not in ("sd-1", "sd-2", "sdxl") or _gone(one):
        return
    said = (architecture(one.path, (), []) or "").lower()
    meant = next((base for start, base in _SAID if said.startswith(start)), None)
    if meant is not None and meant != one.base:
        what = (
            f"{shown(one.name)} is recorded for {one.base}, its metadata says {shown(said)}: "
            f"InvokeAI offers it for the wrong checkpoints. Set its base to {meant}."
        )
        yield Notice("wrong-base", what)


def _settings(path: str, notices: list[Notice]) -> Mapping[str, object]:
    text = read_text(path, notices, MOST_BYTES)
    try:
        value = parse(text) if text else {}
    except BadYaml as fault:
        notices.append(Notice("settings-damaged", f"{shown(path)} {fault}."))
        return {}
    if not isinstance(value, dict):
        return {}
    # Before version 4 the settings stood below sections.
    paths = _below(value, ("InvokeAI", "Paths"))
    return {str(key): one for key, one in {**paths, **value}.items()}


def _below(value: object, keys: Sequence[str]) -> Mapping[object, object]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _models(root: str, options: Mapping[str, object]) -> str:
    return _folder(root, options, "models_dir", "models")


def _database(root: str, options: Mapping[str, object]) -> str:
    return os.path.join(_folder(root, options, "db_dir", "databases"), DATABASE)


def _folder(root: str, options: Mapping[str, object], key: str, default: str) -> str:
    value = options.get(key)
    usable = isinstance(value, str) and value and "\0" not in value
    return located(str(value), root) if usable else os.path.join(root, default)


def _version(root: str) -> str | None:
    """Of the package in the environment that InvokeAI's launcher makes in its folder."""
    base = glob.escape(root)
    for pattern in (".venv/lib/python3*/site-packages", ".venv/Lib/site-packages"):
        for path in sorted(glob.glob(os.path.join(base, pattern, _VERSION))):
            return assigned(path, "__version__")
    return None


FRONTEND = InvokeAI()
