"""The modules that KL autoencoders are made of, named and nested as latent-diffusion has them.

Source: CompVis/latent-diffusion ldm/modules/diffusionmodules/model.py.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6
"""Of every group norm."""


class Block(nn.Module):
    """A residual block: [N, into, h, w] to [N, out, h, w]."""

    def __init__(self, into: int, inner: int, out: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, into, EPSILON)
        self.conv1 = nn.Conv2d(into, inner, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, inner, EPSILON)
        self.conv2 = nn.Conv2d(inner, out, 3, padding=1)
        if into != out:
            self.nin_shortcut = nn.Conv2d(into, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv1(functional.silu(self.norm1(x)))
        made = self.conv2(functional.silu(self.norm2(made)))
        return made + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    """Self-attention of one head over all pixels."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, EPSILON)
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.proj_out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        pixels: Tensor = self.norm(x).flatten(2).transpose(1, 2)
        # Heads apart, as torch's fast kernels want them: [N, 1, pixels, width].
        q, k, v = (part(pixels).unsqueeze(1) for part in (self.q, self.k, self.v))
        seen = functional.scaled_dot_product_attention(q, k, v).squeeze(1)
        made: Tensor = self.proj_out(seen)
        return x + made.transpose(1, 2).reshape(x.shape)


class Downsample(nn.Module):
    """Half the resolution; the border is padded to the right and below alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return made


class Upsample(nn.Module):
    """Twice the resolution, nearest pixel, then a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0))
        return made


class Level(nn.Module):
    """The blocks of one resolution, each followed by an attention where there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.ModuleList()
        self.attn = nn.ModuleList()

    def forward(self, x: Tensor) -> Tensor:
        for place, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[place](x)
        for sample in ("downsample", "upsample"):
            if hasattr(self, sample):
                x = getattr(self, sample)(x)
        return x


class Middle(nn.Module):
    """Two blocks at the lowest resolution, with or without an attention between them."""

    block_1: nn.Module
    attn_1: nn.Module
    block_2: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        x = self.block_1(x)
        if hasattr(self, "attn_1"):
            x = self.attn_1(x)
        made: Tensor = self.block_2(x)
        return made


class Half(nn.Module):
    """An encoder (``down``) or a decoder (``up``)."""

    conv_in: nn.Conv2d
    mid: Middle
    norm_out: nn.GroupNorm
    conv_out: nn.Conv2d
    levels: int

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in getattr(self, "down", ()):
            x = level(x)
        x = self.mid(x)
        for level in reversed(getattr(self, "up", nn.ModuleList())):
            x = level(x)
        made: Tensor = self.conv_out(functional.silu(self.norm_out(x)))
        return made
