"""What the family of AUTOMATIC1111's web UI is fed alike: its settings file and its folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from ..changes.base import WriteText
from ..frontends.base import Installation, flag
from ..frontends.folders import located
from .base import Refused
from .texts import with_keys

STOPPED = (
    "Stop {title} before --apply: a running one writes its settings over {file} when it saves them."
)
"""modules/options.py ``Options.save`` writes all that it holds."""


def settings_file(installation: Installation) -> str:
    """``config.json``, or what a flag names in its place.

    AUTOMATIC1111/stable-diffusion-webui modules/cmd_args.py ``--ui-settings-file``,
    modules/paths_internal.py ``--data-dir``; vladmandic/sdnext modules/cmd_args.py ``--config``.
    """
    root = installation.root
    data = located(flag(installation, "--data-dir") or root, root)
    if installation.frontend == "sdnext":
        return located(flag(installation, "--config") or "config.json", data)
    named = flag(installation, "--ui-settings-file")
    return located(named or os.path.join(data, "config.json"), root)


def set_option(
    installation: Installation, keys: Mapping[str, object], why: str
) -> WriteText | Refused:
    """The change of the settings file."""
    return with_keys(settings_file(installation), keys, why)


def with_options(installation: Installation, keys: Mapping[str, object]) -> Installation:
    """The installation as it would be with those settings."""
    return replace(installation, options={**installation.options, **keys})
