"""YAML of other programs: plain values only, and no file that could grow without bound."""

from __future__ import annotations

from ..naming import shown

MOST_BYTES = 64 * 1024
"""What a caller should read of a file: PyYAML takes a second for it; real settings have 5 kB."""
MOST_ALIASES = 16
"""Aliases of aliases multiply; real settings hold none."""
DEEPEST = 40
"""Collections within collections; PyYAML's time grows with the square of it."""
_REFUSED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What PyYAML's constructors raise on hostile values besides its own errors."""


class BadYaml(Exception):
    """What is wrong with the text, as the end of a sentence about it."""


def parse(text: str) -> object:
    """The value, by PyYAML's safe loader; raises ``BadYaml``."""
    import yaml  # type: ignore[import-untyped]

    try:
        aliases = depth = 0
        for event in yaml.parse(text):
            aliases += isinstance(event, yaml.AliasEvent)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if aliases > MOST_ALIASES or depth > DEEPEST:
                raise BadYaml("is nested or refers to itself more than any settings need")
        return yaml.safe_load(text)
    except (yaml.YAMLError, *_REFUSED) as fault:
        raise BadYaml(f"is no valid YAML: {_where(fault)}") from None


def _where(fault: Exception) -> str:
    mark = getattr(fault, "problem_mark", None)
    problem = getattr(fault, "problem", None) or type(fault).__name__
    line = f"line {mark.line + 1}: " if mark is not None else ""
    return shown(f"{line}{problem}")
