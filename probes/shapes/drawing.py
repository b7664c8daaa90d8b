"""The pictures that the small checkpoint learned to draw, and what a picture of its shows."""

from __future__ import annotations

from collections.abc import Callable

import torch

Colour = tuple[float, float, float]

BACKGROUND = 0.8
"""Grey level of everything beside the shape, in [0, 1]."""
PALETTE: dict[str, Colour] = {
    # As far from grey as leaves room for a decoder that draws them 1.4 times as vivid.
    "red": (0.80, 0.18, 0.18),
    "green": (0.20, 0.70, 0.22),
    "blue": (0.20, 0.28, 0.80),
    "yellow": (0.82, 0.76, 0.18),
    "magenta": (0.76, 0.22, 0.72),
    "cyan": (0.18, 0.72, 0.76),
}
"""RGB in [0, 1]."""
RADIUS = 0.36
"""Of the circle and of the cross, as a share of the side."""
ARM = 0.35
"""Half the thickness of the cross's arms, as a share of its radius."""
_FULL = 0.68
"""Share of its bounding box above which a shape is a circle: that has pi / 4, the cross 0.58."""


_INSIDE: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    # From the distances down and across, in radii.
    "circle": lambda down, across: down**2 + across**2 < 1,
    "cross": lambda down, across: (down.maximum(across) < 1) & (down.minimum(across) < ARM),
}


def draw(
    colour: str, shape: str, side: int, centre: tuple[float, float] = (0.5, 0.5), size: float = 1.0
) -> torch.Tensor:
    """A plain shape on a plain background, [3, side, side] in [-1, 1].

    ``centre`` is in shares of the side (right, down), ``size`` multiplies ``RADIUS``.
    """
    steps = (torch.arange(side) + 0.5) / side
    down, right = (steps - centre[1])[:, None], (steps - centre[0])[None, :]
    inside = _INSIDE[shape](down.abs() / (RADIUS * size), right.abs() / (RADIUS * size))
    paint = torch.tensor(PALETTE[colour])[:, None, None]
    return torch.where(inside, paint, torch.tensor(BACKGROUND)) * 2 - 1


def seen(picture: torch.Tensor) -> tuple[str, str]:
    """The colour and shape that a picture [3, H, W] in [0, 1] shows, as near as can be said.

    The colour is the palette's nearest in hue to the mean of what stands out from the border; the
    shape follows from how much of its bounding box that fills.
    """
    border = torch.cat([picture[:, 0], picture[:, -1], picture[:, :, 0], picture[:, :, -1]], 1)
    distance = (picture - border.median(1).values[:, None, None]).norm(dim=0)
    inside = distance > distance.max() / 2
    return _nearest(picture[:, inside].mean(1)), _outline(inside)


def _nearest(colour: torch.Tensor) -> str:
    names = list(PALETTE)
    hues = _chroma(torch.tensor([PALETTE[name] for name in names]))
    return names[int((hues @ _chroma(colour[None])[0]).argmax())]


def _chroma(colours: torch.Tensor) -> torch.Tensor:
    """Directions away from grey, [N, 3]."""
    return torch.nn.functional.normalize(colours - colours.mean(1, keepdim=True), dim=1)


def _outline(inside: torch.Tensor) -> str:
    rows, columns = (torch.nonzero(inside.any(axis))[:, 0] for axis in (1, 0))
    height, width = (int(line.max() - line.min()) + 1 for line in (rows, columns))
    return "circle" if inside.sum() > _FULL * height * width else "cross"
