"""Civitai: its records, which file a REF stands for, VAEs found by words, files known by hash."""

from .base_models import declared_families
from .by_hash import Found
from .source import Civitai

__all__ = ["Civitai", "Found", "declared_families"]
