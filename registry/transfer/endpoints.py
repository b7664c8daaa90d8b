"""Which services are asked, with what token, and how long to wait for them."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

from ..errors import UsageError
from ..naming import shown


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service that the user configured or named, and how it is asked."""

    url: str
    """Scheme, host and port; a path is allowed."""
    service: str
    """What people call it: ``Hugging Face``, ``Civitai``."""
    token: str | None = field(default=None, repr=False)
    """Sent as a bearer token to this very scheme, host and port, nowhere else."""
    remedy: str | None = None
    """What to do where it asks for a sign-in, as a sentence."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds and bytes a second."""

    connect: float = 10.0
    read: float = 30.0
    slowest: int = 1024
    window: float = 20.0
    """Slower than ``slowest`` over so many seconds is given up."""
    tries: int = 5
    """In a row without progress."""
    longest_wait: float = 60.0
    """A longer ``Retry-After`` is an error that names the time."""

    @classmethod
    def from_environment(cls) -> Patience:
        """``VAEREG_TIMEOUT`` in seconds sets ``read`` and ``window``; raises ``UsageError``."""
        text = os.environ.get("VAEREG_TIMEOUT")
        if not text:
            return cls()
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds <= 86400:
            says = f"VAEREG_TIMEOUT is {shown(text, 40)}, which is no number of seconds"
            raise UsageError(says, "Set it to something like 60, or leave it out.")
        return cls(read=seconds, window=seconds)
