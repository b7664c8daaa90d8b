"""The codes of the notices that tell damage, by what is damaged."""

from __future__ import annotations

RUINED_WEIGHTS = frozenset({"not_finite", "zeroed_tail", "absurd_magnitude", "archive_crc"})
"""Numbers that make black or ruined pictures."""
DAMAGED_VAE = RUINED_WEIGHTS | {"parts_missing", "inconsistent_shapes"}
"""A VAE that no other may be judged by."""
DAMAGED_MODEL = DAMAGED_VAE | {"missing_shard", "missing_tensors"}
"""A model that lacks something of what it claims to be, or whose weights are ruined."""
