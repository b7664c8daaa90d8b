"""What is in the latents without any VAE: their plain projection to colours."""

from __future__ import annotations

import numpy as np

from ...registry.errors import CannotRun
from ...registry.families import families
from ...registry.naming import shown
from .compared import Column
from .figures import Picture

NOTE = "no VAE: the latents' own colours"


def projected(latents: Picture, family: str, width: int, height: int) -> Column:
    """The column that shows normalised latents [C, h, w] or [1, C, h, w] with no VAE at all.

    Each latent becomes the colour that the family's published table gives it, one plain square;
    the picture is enlarged to that size by repetition. Raises ``CannotRun`` for latents of another
    shape and for a family that is unknown or has no table.
    """
    row = families().get(family)
    if row is None or not row.rgb_tables:
        raise CannotRun(
            f"nobody has published how latents of {shown(family)} look without a VAE",
            "leave their projection out",
        )
    plain = np.asarray(latents, np.float64)
    plain = plain[0] if plain.ndim == 4 and len(plain) == 1 else plain
    if plain.ndim != 3 or plain.shape[0] != row.channels or not plain.size:
        extents = " x ".join(map(str, np.shape(latents)))
        raise CannotRun(f"{extents} are no latents of {row.name}: it has {row.channels} channels")
    table = row.rgb_tables[0]
    bias = np.array(table.bias or (0, 0, 0))
    with np.errstate(all="ignore"):  # Latents may be infinite; the figures tell.
        colours = np.tensordot(np.array(table.factors).T, plain, 1) + bias[:, None, None]
    return Column(f"{row.id} latents", _enlarged(colours / 2 + 0.5, width, height), NOTE)


def _enlarged(picture: Picture, width: int, height: int) -> Picture:
    """Nearest neighbours, at the pixels' centres."""
    rows = ((np.arange(height) + 0.5) * picture.shape[1] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * picture.shape[2] / width).astype(int)
    return picture[:, rows][:, :, columns].astype(np.float32)
