"""What is to be drawn and how, and the prompt that ships as token ids."""

from __future__ import annotations

from dataclasses import dataclass

LENGTH = 77
"""Tokens of every prompt (openai/clip-vit-large-patch14 config.json)."""
BOS, EOS = 49406, 49407
"""openai/CLIP clip/simple_tokenizer.py: the last two of 49408."""
VOCABULARY = 49408
MULTIPLE = 64
"""Sides are multiples of it: every UNet here halves the latents, an eighth of that, thrice."""
LARGEST = 4096
"""Pixels beyond which no model was trained, and attention takes more memory than machines have."""
MOST_STEPS = 1000
"""Of noise in training (``num_train_timesteps`` of the published scheduler_config.json)."""
SMALLEST = 256
"""Pixels below which the large models draw nothing that can be recognised."""

TEXT = "a photo of a cat"
WORDS = (320, 1125, 539, 320, 2368)
"""``TEXT`` in the vocabulary of openai/CLIP (clip/bpe_simple_vocab_16e6.txt.gz)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One picture to be drawn; the same recipe gives the same latents on the CPU every time."""

    ids: tuple[int, ...]
    """Token ids of the prompt: begin, words, then the end up to ``LENGTH``."""
    negative_ids: tuple[int, ...]
    """Of what guidance steers away from."""
    seed: int = 0
    steps: int = 8
    guidance: float = 7.0
    """1 or less: none, which halves the time."""
    width: int = 512
    """Pixels."""
    height: int = 512
    clip_skip: int | None = None
    """As diffusers counts: 0 or None for the usual layer, 1 for the one before it."""
    text: str = TEXT
    """The prompt in words, for pipelines that bring a tokenizer."""


def drawable(side: int) -> bool:
    """Whether pictures of so many pixels to a side can be drawn."""
    return MULTIPLE <= side <= LARGEST and side % MULTIPLE == 0


def framed(*words: int) -> tuple[int, ...]:
    """Token ids of a prompt of CLIP's: begin, at most 75 words, the end up to ``LENGTH``."""
    kept = words[: LENGTH - 2]
    return (BOS, *kept) + (EOS,) * (LENGTH - 1 - len(kept))


def padded(ids: tuple[int, ...], architecture: str) -> tuple[int, ...]:
    """The ids with what a text encoder was trained to see after the end.

    Those of open_clip saw zeros (mlfoundations/open_clip src/open_clip/tokenizer.py), openai's the
    end repeated.
    """
    if not architecture.startswith("open-clip") or EOS not in ids:
        return ids
    end = ids.index(EOS) + 1
    return ids[:end] + (0,) * (len(ids) - end)
