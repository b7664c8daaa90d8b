"""The test card: eight pictures made by formulas, which every probe that encodes works on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

TILE = 128
"""Side of a tile of the card in pixels: a multiple of every known spatial factor."""

Colour = Sequence[float]


def test_card() -> Tensor:
    """Eight pictures, float32 [8, 3, 128, 128] in [-1, 1]: the same bits on every machine.

    Integer hashes and the basic operations of float64 alone are used, which IEEE 754 rounds the
    same way everywhere, and the result is rounded to the 255ths of an 8-bit picture. Each tile is
    rich in luma and in chroma; few pixels are near black, white or full saturation, so that a
    decoder that exaggerates has room to show it.
    """
    pictures = torch.stack([tile() for tile in _TILES])
    return (pictures.clamp(0, 1) * 255).round().div(127.5).sub(1).to(torch.float32)


# --- the brushes: fields are float64 [128, 128], pictures [3, 128, 128], both in 0..1 ---


def _axes() -> tuple[Tensor, Tensor]:
    """x to the right and y downward, 0..1 at the pixels' centres."""
    line = (torch.arange(TILE, dtype=torch.float64) + 0.5) / TILE
    return line.expand(TILE, TILE), line.unsqueeze(1).expand(TILE, TILE)


def _smooth(share: Tensor) -> Tensor:
    share = share.clamp(0, 1)
    return share * share * (3 - 2 * share)


def _flat(colour: Colour) -> Tensor:
    return torch.tensor(colour, dtype=torch.float64).reshape(3, 1, 1).expand(3, TILE, TILE)


def _blend(below: Tensor, above: Tensor, share: Tensor) -> Tensor:
    """``above`` over ``below``, by the share of it at each pixel."""
    return below + (above - below) * share


def _ellipse(x: float, y: float, width: float, height: float, soft: float = 0.06) -> Tensor:
    across, down = _axes()
    distance = ((across - x) / width) ** 2 + ((down - y) / height) ** 2
    return _smooth((1 - distance) / soft + 0.5)


def _box(left: float, top: float, right: float, bottom: float) -> Tensor:
    across, down = _axes()
    return ((across >= left) & (across < right) & (down >= top) & (down < bottom)).double()


def _hash(x: Tensor, y: Tensor, seed: int) -> Tensor:
    """Integer lattice points to 0..1 without pattern: two rounds of multiply and shift."""
    mixed = (x * 374761393 + y * 668265263 + seed * 2246822519) & 0xFFFFFFFF
    for factor in (1274126177, 1103515245):
        mixed = ((mixed ^ (mixed >> 13)) * factor) & 0xFFFFFFFF
    return (mixed ^ (mixed >> 16)).double() / 0xFFFFFFFF


def _noise(seed: int, cells: Iterable[int] = (3, 6, 12, 24)) -> Tensor:
    """Octave noise: smoothed lattice values, each finer lattice at .6 of the coarser's weight."""
    total, weight, sum_of_weights = torch.zeros(TILE, TILE, dtype=torch.float64), 1.0, 0.0
    for number, count in enumerate(cells):
        column, row = (axis * count for axis in _axes())
        left, top = column.floor().long(), row.floor().long()
        right, down = _smooth(column - left), _smooth(row - top)
        corner = [_hash(left + dx, top + dy, seed * 16 + number) for dy in (0, 1) for dx in (0, 1)]
        upper = corner[0] + (corner[1] - corner[0]) * right
        lower = corner[2] + (corner[3] - corner[2]) * right
        total = total + weight * (upper + (lower - upper) * down)
        sum_of_weights += weight
        weight *= 0.6
    return _smooth((total / sum_of_weights - 0.2) / 0.6)


def _between(first: Colour, second: Colour, share: Tensor) -> Tensor:
    return _blend(_flat(first), _flat(second), share)


# --- the tiles ---


def _landscape() -> Tensor:
    x, y = _axes()
    canvas = _between((0.25, 0.45, 0.80), (0.95, 0.72, 0.50), _smooth(y / 0.6))
    canvas = _blend(canvas, _flat((0.98, 0.92, 0.62)), _ellipse(0.7, 0.33, 0.11, 0.11, 0.2))
    for ridge, colour, seed in ((0.42, (0.38, 0.33, 0.52), 1), (0.6, (0.16, 0.34, 0.24), 2)):
        height = ridge + 0.3 * (_noise(seed, (2, 5, 11))[64] - 0.5)
        canvas = _blend(canvas, _flat(colour), _smooth((y - height) * 40))
    meadow = _between((0.30, 0.48, 0.12), (0.72, 0.66, 0.22), _noise(3, (5, 13, 40)))
    return _blend(canvas, meadow, _smooth((y - 0.72 - 0.1 * x) * 30))


def _portrait() -> Tensor:
    x, y = _axes()
    canvas = _between((0.20, 0.36, 0.40), (0.52, 0.62, 0.55), _noise(5, (2, 4)))
    canvas = _blend(canvas, _flat((0.62, 0.16, 0.20)), _ellipse(0.5, 1.05, 0.46, 0.36))
    canvas = _blend(canvas, _flat((0.22, 0.13, 0.10)), _ellipse(0.5, 0.40, 0.31, 0.36))
    skin = _between((0.93, 0.76, 0.65), (0.66, 0.44, 0.34), _smooth(x + 0.3 * y - 0.25))
    canvas = _blend(canvas, 0.8 * skin, _box(0.41, 0.6, 0.59, 0.78))
    canvas = _blend(canvas, 0.8 * skin, _ellipse(0.5, 0.78, 0.09, 0.05))
    canvas = _blend(canvas, skin, _ellipse(0.5, 0.47, 0.23, 0.29))
    for side in (0.41, 0.59):
        canvas = _blend(canvas, _flat((0.95, 0.95, 0.93)), _ellipse(side, 0.43, 0.055, 0.03))
        canvas = _blend(canvas, _flat((0.18, 0.32, 0.52)), _ellipse(side, 0.43, 0.025, 0.028))
    return _blend(canvas, _flat((0.74, 0.24, 0.26)), _ellipse(0.5, 0.64, 0.085, 0.03))


_HUES = (
    (0.84, 0.18, 0.16),
    (0.90, 0.58, 0.14),
    (0.84, 0.82, 0.24),
    (0.22, 0.62, 0.24),
    (0.18, 0.64, 0.70),
    (0.20, 0.28, 0.74),
    (0.56, 0.24, 0.66),
    (0.86, 0.46, 0.60),
)


def _stripes() -> Tensor:
    """Four bands of bars 2, 4, 8 and 16 pixels wide, the two colours of a pair changing along."""
    canvas = _flat((0.5, 0.5, 0.5))
    column = torch.arange(TILE).expand(TILE, TILE)
    row = torch.arange(TILE).unsqueeze(1).expand(TILE, TILE)
    for band, width in enumerate((16, 8, 4, 2)):
        along = column if band % 2 == 0 else column + row
        bars = (along // width % 2).double()
        block = (column // 32).clamp(max=3)
        for place in range(4):
            light = _HUES[(band + 2 * place) % 8]
            dark = [0.5 * part for part in _HUES[(band + 2 * place + 3) % 8]]
            here = ((row // 32 == band) & (block == place)).double()
            canvas = _blend(canvas, _between(dark, light, bars), here)
    return canvas


def _chart() -> Tensor:
    """Eight hues across, from dark to pale downward, with a row of greys."""
    canvas = _flat((0.5, 0.5, 0.5))
    for place, hue in enumerate(_HUES):
        left, right = place / 8, (place + 1) / 8
        shades = ((0.45, 0.0), (1.0, 0.0), (0.55, 0.40))
        for line, (gain, lift) in enumerate(shades):
            colour = [gain * part + lift for part in hue]
            canvas = _blend(canvas, _flat(colour), _box(left, line / 4, right, (line + 1) / 4))
        grey = [0.08 + 0.12 * place] * 3
        canvas = _blend(canvas, _flat(grey), _box(left, 0.75, right, 1))
    return canvas


def _marble() -> Tensor:
    """Octave noise with a field of its own for each primary colour."""
    return torch.stack([0.12 + 0.76 * _noise(seed) for seed in (11, 12, 13)])


def _night() -> Tensor:
    canvas = _between((0.05, 0.06, 0.13), (0.17, 0.10, 0.24), _noise(21, (2, 5, 9)))
    lamps = [(int(1000 * h) % 97 / 97, h) for h in _hash(torch.arange(14), torch.arange(14), 7)]
    for number, (x, value) in enumerate(lamps):
        y, radius = float(value), 0.035 + 0.012 * (number % 4)
        glow = _ellipse(x, y, 3 * radius, 3 * radius, 2.0) * 0.45
        canvas = _blend(canvas, _flat(_HUES[number % 8]), glow)
        canvas = _blend(canvas, _flat(_HUES[(number + 1) % 8]), _ellipse(x, y, radius, radius))
    return canvas


def _petals() -> Tensor:
    """Pale colours on a light ground."""
    canvas = _between((0.96, 0.93, 0.86), (0.78, 0.86, 0.93), _noise(31, (2, 4, 16)))
    places = _hash(torch.arange(24), torch.arange(24) * 3, 9)
    for number in range(12):
        x, y = float(places[2 * number]), float(places[2 * number + 1])
        colour = [0.45 + 0.5 * part for part in _HUES[(5 * number) % 8]]
        canvas = _blend(canvas, _flat(colour), _ellipse(x, y, 0.13, 0.08 + 0.01 * number))
    return canvas


def _page() -> Tensor:
    """Rows of letter-like blocks of 3 x 5 cells on coloured papers."""
    x, _ = _axes()
    canvas = _between((0.94, 0.91, 0.82), (0.80, 0.88, 0.90), (x > 0.5).double())
    canvas = _blend(canvas, _flat((0.23, 0.28, 0.45)), _box(0, 0.7, 1, 1))
    column = torch.arange(TILE).expand(TILE, TILE) // 2
    row = torch.arange(TILE).unsqueeze(1).expand(TILE, TILE) // 2
    inside = (column % 4 < 3) & (row % 8 > 1) & (row % 8 < 7) & (column > 2) & (column < 61)
    written = inside & (_hash(column, row, 41) > 0.42)
    inks = ((0.10, 0.09, 0.12), (0.62, 0.12, 0.14), (0.12, 0.24, 0.52), (0.92, 0.84, 0.52))
    for line, ink in enumerate(inks):
        here = written & ((row // 8) % 3 == line) & (row < 40)
        here |= written & (row >= 48) & (line == 3)
        canvas = _blend(canvas, _flat(ink), here.double())
    return canvas


_TILES: tuple[Callable[[], Tensor], ...] = (
    _landscape, _portrait, _stripes, _chart, _marble, _night, _petals, _page,
)  # fmt: skip
