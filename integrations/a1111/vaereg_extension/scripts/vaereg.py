"""The extension's hooks into the webui: settings, the list of VAEs, a guard of every picture."""

from __future__ import annotations

from typing import Any

from lib_vaereg import steps
from modules import script_callbacks, scripts, shared

_wrapped: list[Any] = []
SECTION = ("vaereg", "vaereg")


class VaeregGuard(scripts.Script):
    """Looks at the pair of checkpoint and VAE before a picture is made."""

    def title(self) -> str:
        """Its name in lists of scripts."""
        return "vaereg: VAE guard"

    def show(self, is_img2img: bool) -> object:
        """Always at work, without a panel of its own."""
        del is_img2img
        return scripts.AlwaysVisible

    def process(self, p: Any, *_: object) -> None:  # noqa: ANN401 - the webui's own object
        """Stop or warn where the pair does not fit; whatever fails here changes nothing."""
        try:
            steps.guard(p)
        except Exception as failure:
            steps.REGISTRY.say_once(f"the pair is not checked: {type(failure).__name__}: {failure}")


def on_before_ui() -> None:
    """Wrap the list before the page is built from it."""
    on_script_unloaded()
    _wrapped.extend(steps.install())


def on_script_unloaded() -> None:
    """Leave the webui as it was found."""
    while _wrapped:
        _wrapped.pop().restore()


def on_ui_settings() -> None:
    """The settings section "vaereg"."""
    import gradio as gr

    rows = (
        (steps.GUARD, steps.STOP, "A VAE that does not fit the checkpoint", gr.Radio,
         {"choices": [steps.STOP, steps.WARN, steps.OFF]}),
        (steps.FILTER, True, "Leave VAEs out of the list that do not fit the checkpoint",
         gr.Checkbox, {}),
        (steps.BEST, False, "SD VAE on Automatic: take the best VAE that the registry knows for "
         "the checkpoint where none lies beside it", gr.Checkbox, {}),
    )  # fmt: skip
    for key, default, label, component, arguments in rows:
        info = shared.OptionInfo(default, label, component, arguments, section=SECTION)
        shared.opts.add_option(key, info)


script_callbacks.on_before_ui(on_before_ui)
script_callbacks.on_script_unloaded(on_script_unloaded)
script_callbacks.on_ui_settings(on_ui_settings)
