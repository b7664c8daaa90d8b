"""Pictures and the planes that figures are counted in, each made once."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601, 2.5.1."""
BLOCK = 8
"""Pixels to a latent in most families: colours are compared, and noise in latents shows, at this
size."""
END = 0.5 / 255
"""Nearer than this to 0 or 1, an 8-bit picture shows the end itself."""
_WINDOW = tuple(math.exp(-(place**2) / (2 * 1.5**2)) for place in range(6))
"""Half of SSIM's window of 11 pixels, sigma 1.5, from its middle: Wang, Bovik, Sheikh and
Simoncelli 2004."""


class Planes:
    """N pictures on the CPU; planes have a picture's size unless they say otherwise.

    In float32: beside float64, which takes several times as long, no figure of the test card under
    12 changes moves by more than 6e-6 of itself, and the median of ``Figures.grain`` by 4e-4.
    """

    def __init__(self, colours: Tensor) -> None:
        self.colours = colours
        """[N, 3, H, W], finite, in [0, 1]."""

    @cached_property
    def means(self) -> Tensor:
        """Mean colours, [N, 3]."""
        return self.colours.mean((2, 3))

    @cached_property
    def luma(self) -> Tensor:
        """Brightness as seen, [N, H, W]."""
        return luma(self.colours)

    @cached_property
    def contrast(self) -> Tensor:
        """Standard deviations of luma, [N]."""
        return deviation(self.luma.flatten(1))

    @cached_property
    def blocks(self) -> Tensor:
        """Mean colours of blocks, [N, 3, H // 8, W // 8]."""
        return pooled(self.colours, BLOCK)

    @cached_property
    def edges(self) -> Tensor:
        """Laplacian of luma."""
        return laplacian(self.luma)

    @cached_property
    def coarse_edges(self) -> Tensor:
        """Laplacian of luma at half size."""
        return laplacian(pooled(self.luma, 2))

    @cached_property
    def dark(self) -> Tensor:
        """Numbers that an 8-bit picture shows as 0."""
        return self.colours < END

    @cached_property
    def bright(self) -> Tensor:
        """Numbers that an 8-bit picture shows as 255."""
        return self.colours > 1 - END

    @cached_property
    def clipped(self) -> Tensor:
        """Share of numbers at either end of the range, [N]."""
        ends = self.dark.flatten(1).count_nonzero(1) + self.bright.flatten(1).count_nonzero(1)
        return ends / self.colours[0].numel()

    @cached_property
    def colourfulness(self) -> Tensor:
        """M3 of Hasler and Suesstrunk, Measuring colourfulness in natural images, 2003, [N]."""
        red, green, blue = self.colours.flatten(2).unbind(1)
        across, along = red - green, (red + green) / 2 - blue
        spread = torch.hypot(deviation(across), deviation(along))
        return spread + 0.3 * torch.hypot(across.mean(1), along.mean(1))

    @cached_property
    def centred(self) -> Tensor:
        """Luma about its mean, so that products of it keep their digits."""
        return self.luma - self.luma.mean((1, 2), keepdim=True)

    @cached_property
    def local_means(self) -> Tensor:
        """``centred`` seen through SSIM's window, [N, H - 10, W - 10]."""
        return windowed(self.centred)

    @cached_property
    def local_variances(self) -> Tensor:
        """Of luma within SSIM's window."""
        return windowed(self.centred.square()).sub_(self.local_means.square())


def luma(colours: Tensor) -> Tensor:
    """Brightness of [N, 3, ...], without the channels."""
    red, green, blue = colours.unbind(1)
    made: Tensor = red * LUMA[0]
    return made.add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def pooled(planes: Tensor, size: int) -> Tensor:
    """Means over whole squares of ``size`` pixels on the last two axes; empty below one."""
    if min(planes.shape[-2:]) < size:
        return planes[..., :0, :0]
    means: Tensor = avg_pool2d(planes, size)
    return means


def laplacian(planes: Tensor) -> Tensor:
    """4-neighbour Laplacian on the last two axes, without the border; empty below 3 pixels."""
    around = planes[..., :-2, 1:-1] + planes[..., 2:, 1:-1]
    around = around.add_(planes[..., 1:-1, :-2]).add_(planes[..., 1:-1, 2:])
    return around.sub_(planes[..., 1:-1, 1:-1], alpha=4)


def deviation(rows: Tensor) -> Tensor:
    """Standard deviation on the last axis: several times quicker than torch's ``std``, and nearer
    than ``vector_norm``, whose float32 sums were off by 3e-4 on the test card."""
    return (rows - rows.mean(-1, keepdim=True)).square_().mean(-1).sqrt()


def windowed(planes: Tensor) -> Tensor:
    """Means in SSIM's window, over whole windows on the last two axes.

    By shifted sums: for one channel some ten times quicker than a convolution.
    """
    for axis in (-1, -2):
        extent = planes.shape[axis] - 10
        middle = planes.narrow(axis, 5, extent) * _WINDOW[0]
        for place in range(1, 6):
            sides = planes.narrow(axis, 5 - place, extent) + planes.narrow(axis, 5 + place, extent)
            middle.add_(sides, alpha=_WINDOW[place])
        planes = middle / (2 * sum(_WINDOW) - _WINDOW[0])
    return planes
