"""What the extension does: filters the list, chooses the best VAE, guards every picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import is_dataclass, replace
from typing import Any

from lib_vaereg import webui
from lib_vaereg.registry_client import Registry
from lib_vaereg.wrapping import Wrapped

REGISTRY = Registry()
GUARD, FILTER, BEST = "vaereg_guard", "vaereg_filter", "vaereg_best"
STOP, WARN, OFF = "stop", "warn", "off"


class Misfit(ValueError):
    """The VAE does not decode the latents that the checkpoint makes."""


def install() -> list[Wrapped]:
    """Wrap what this webui has of the list and the choice; what it lacks is said, not guessed."""
    entry = webui.forge()
    if entry is not None:
        wanted = [(entry, "refresh_models", _modules_filtered)]
    else:
        wanted = [
            (webui.module("modules.shared_items"), "sd_vae_items", _items_filtered),
            (webui.module("modules.sd_vae"), "resolve_vae", _best_resolved),
        ]
    wrapped = []
    for module, name, change in wanted:
        if module is not None and callable(getattr(module, name, None)):
            wrapped.append(Wrapped(module, name, change, REGISTRY.say_once))
        else:
            REGISTRY.say_once(f"this webui's version has no {name} as known: that stays as it is")
    return wrapped


def guard(p: Any) -> None:  # noqa: ANN401 - the webui's own object
    """Let a picture's pair pass, warn of it, or have it stop as soon as the picture is begun.

    The webui swallows what scripts raise, so what raises is the picture's own first step (modules/
    scripts.py ScriptRunner.process, modules/processing.py process_images_inner).
    """
    mode = webui.option(GUARD, STOP)
    if mode == OFF:
        return
    for checkpoint, vae in webui.loaded_pairs(p):
        # Forge's text encoders stand in the same list.
        ignored = ("unsupported_format",) if webui.forge() else ()
        fit = REGISTRY.judged(checkpoint, vae, ignored)
        if fit is None or fit.verdict == "compatible":
            continue
        name = "the VAE baked into it" if vae == checkpoint else vae
        if fit.verdict != "incompatible":
            REGISTRY.say_once(f"{checkpoint} with {name}: {fit.verdict}, {fit.reason}")
            continue
        text = f"vaereg: {checkpoint} does not fit {name}: {fit.reason}"
        (_stop if mode == STOP else _warn)(p, text)


def _stop(p: Any, text: str) -> None:  # noqa: ANN401
    def init(*_: object, **__: object) -> None:
        raise Misfit(f"{text} (Settings > vaereg: warn instead of stop)")

    p.init = init


def _warn(p: Any, text: str) -> None:  # noqa: ANN401
    REGISTRY.say_once(text.removeprefix("vaereg: "))
    comment = getattr(p, "comment", None)
    if callable(comment):
        comment(text)


def _items_filtered(choices: list[str]) -> list[str]:
    return _filtered(choices)


def _modules_filtered(result: tuple[Any, Iterable[str]]) -> tuple[Any, list[str]]:
    """Forge's checkpoints as they are, its VAEs and text encoders filtered."""
    checkpoints, names = result
    return checkpoints, _filtered(list(names))


def _filtered(choices: list[str]) -> list[str]:
    """The choices without those known not to fit, those that fit first among the files."""
    checkpoint = webui.selected_checkpoint() if webui.option(FILTER, True) else None
    if checkpoint is None:
        return choices
    files = {name: path for name, path in webui.vae_files().items() if name in choices}
    found = REGISTRY.sorted_for(checkpoint, files)
    if found is None:
        return choices
    gone = set(found.unfit) - webui.chosen_names()
    fixed = [name for name in choices if name not in files]
    rest = [name for name in choices if name in files and name not in {*gone, *found.fits}]
    return [*fixed, *found.fits, *rest]


def _best_resolved(found: Any, checkpoint_file: str) -> Any:  # noqa: ANN401
    """The registry's choice where the webui, left to itself, finds no VAE beside the checkpoint."""
    if not webui.option(BEST, False) or not webui.is_automatic():
        return found
    if not is_dataclass(found) or isinstance(found, type) or not hasattr(found, "vae"):
        REGISTRY.say_once("this webui's way to resolve a VAE is not known: the best is not chosen")
        return found
    if found.vae is not None or getattr(found, "resolved", True):
        # Resolved to none: the user has chosen the baked VAE for this checkpoint.
        return found
    files = webui.vae_files()
    best = REGISTRY.best(checkpoint_file, files)
    if best is None or best.name is None:
        return found
    return replace(found, vae=files[best.name], source="as vaereg's registry says", resolved=True)
