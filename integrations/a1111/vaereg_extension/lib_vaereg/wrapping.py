"""Functions of the webui whose results are looked over on their way, until that is taken back."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


class Wrapped:
    """A module's function, replaced by one that hands its result through ``change``.

    ``change`` takes the result and the arguments. Where it fails, ``say`` is told and the result
    stays as it was.
    """

    def __init__(
        self,
        module: ModuleType,
        name: str,
        change: Callable[..., Any],
        say: Callable[[str], None],
    ) -> None:
        self._module, self._name = module, name
        self._change: Callable[..., Any] | None = change
        original = self._original = getattr(module, name)

        def replacement(*values: Any, **named: Any) -> Any:  # noqa: ANN401
            result = original(*values, **named)
            if self._change is None:
                return result
            try:
                return self._change(result, *values, **named)
            except Exception as failure:
                say(f"{name} is left as it is: {type(failure).__name__}: {failure}")
                return result

        self._replacement = replacement
        setattr(module, name, replacement)

    def restore(self) -> None:
        """Put the webui's own function back; another extension's wrapper around it stays."""
        self._change = None
        if getattr(self._module, self._name, None) is self._replacement:
            setattr(self._module, self._name, self._original)
