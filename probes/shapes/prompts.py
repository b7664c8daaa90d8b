"""Prompts of the small checkpoint and their token ids: no tokenizer is needed or shipped."""

from __future__ import annotations

from collections.abc import Iterator

from ...registry.errors import UsageError
from ...registry.naming import shown

COLOURS = ("red", "green", "blue", "yellow", "magenta", "cyan")
SHAPES = ("circle", "cross")

LENGTH = 77
"""Tokens of every prompt, as CLIP has them (openai/clip-vit-large-patch14 config.json)."""
VOCABULARY = 64
BOS, EOS = VOCABULARY - 2, VOCABULARY - 1
"""The two last ids, and padding with the end as in SD1
(runwayml/stable-diffusion-v1-5 tokenizer/special_tokens_map.json)."""

WORDS = ("a", *COLOURS, *SHAPES)
"""A word's place is its id."""


def ids(colour: str, shape: str) -> tuple[int, ...]:
    """Token ids of "a <colour> <shape>"; ``UsageError`` for a word that it never learned."""
    return _framed("a", colour, shape)


def empty_ids() -> tuple[int, ...]:
    """Token ids of the empty prompt, which guidance steers away from."""
    return _framed()


def every_prompt() -> Iterator[tuple[str, str]]:
    """The colour and the shape of each prompt that the checkpoint was trained on."""
    yield from ((colour, shape) for colour in COLOURS for shape in SHAPES)


def _framed(*words: str) -> tuple[int, ...]:
    tokens = (BOS, *map(_id, words))
    return tokens + (EOS,) * (LENGTH - len(tokens))


def _id(word: str) -> int:
    if word not in WORDS:
        message = f"the checkpoint of coloured shapes never learned the word {shown(word)}"
        raise UsageError(message, f"its words are {', '.join(WORDS)}")
    return WORDS.index(word)
