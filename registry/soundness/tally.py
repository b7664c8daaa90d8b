"""What one tensor's numbers say while its bytes pass by: signs, size, what is no number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from ..values import Tensor
from ..weights import decoder_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Bytes = NDArray[np.uint8]

HUGE = 2.0**20
"""Beyond this no trained weight lies: half precision, which nearly every published VAE and denoiser
is kept in, ends at 65504; a flipped exponent bit leads to 2**64 times the number."""

_STEP = 1 << 16
"""Numbers worked on at once: their intermediate results stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a tensor's numbers came to."""

    kind: str
    """``float`` | ``integer`` | ``raw`` (quantised or packed: bytes without known values)."""
    mark: bytes
    """BLAKE3 of a float tensor's sign bits, of an integer's values as int64, of raw bytes."""
    zero: bool
    """Every number is zero."""
    nan: bool = False
    inf: bool = False
    huge: bool = False
    """A finite number's absolute value exceeds ``HUGE``."""
    squares: float = 0.0
    """Sum of squares of the finite numbers of a float tensor."""


class Tally(Protocol):
    """Takes a tensor's bytes in order, in pieces of any length."""

    def feed(self, data: memoryview) -> None:
        """The next bytes."""
        ...

    def figures(self) -> Figures:
        """What all bytes together came to; called once, after the last of them."""
        ...


def tally_of(tensor: Tensor) -> Tally:
    """An empty tally for a tensor's type."""
    if tensor.dtype in _FLOATS:
        return _FloatTally(tensor)
    if tensor.dtype in _INTEGERS:
        return _IntegerTally(_INTEGERS[tensor.dtype])
    return _RawTally()


class _Hashing:
    """Cuts what is fed into whole groups of eight numbers, so that sign bits fill whole bytes."""

    def __init__(self, width: int) -> None:
        from blake3 import blake3

        self._hash = blake3()
        self._group = 8 * width
        self._rest = b""
        self.zero = True

    def feed(self, data: memoryview) -> None:
        if self._rest:
            lacking = self._group - len(self._rest)
            self._rest += bytes(data[:lacking])
            data = data[lacking:]
            if len(self._rest) < self._group:
                return
            rest, self._rest = self._rest, b""
            self._take(_bytes(rest))
        whole = len(data) // self._group * self._group
        if whole:
            self._take(_bytes(data[:whole]))
        self._rest = bytes(data[whole:])

    def _take(self, data: Bytes) -> None:
        step = _STEP * self._group // 8
        for start in range(0, len(data), step):
            self._block(data[start : start + step])

    def _block(self, data: Bytes) -> None:
        raise NotImplementedError

    def _mark(self) -> bytes:
        if self._rest:
            self._take(_bytes(self._rest))
            self._rest = b""
        return self._hash.digest()


class _FloatTally(_Hashing):
    def __init__(self, tensor: Tensor) -> None:
        self._width, self._squares_of = _FLOATS[tensor.dtype]
        super().__init__(self._width)
        self._tensor = tensor
        self._squares = 0.0
        self._nan = self._inf = self._huge = False

    def _block(self, data: Bytes) -> None:
        import numpy as np

        negative = data.view(f"<i{self._width}") < 0
        squares = self._squares_of(data)
        if not squares < HUGE * HUGE:
            squares = self._look_closer(data, negative)
        if squares:
            self.zero = False
        elif self.zero:
            bits = data.view(f"<u{self._width}")
            self.zero = not (bits << bits.dtype.type(1)).any()
        self._squares += squares
        self._hash.update(np.packbits(negative).data)

    def _look_closer(self, data: Bytes, negative: Array) -> float:
        """The sum of squares of a block with odd numbers in it; NaN is made positive."""
        import numpy as np

        values = _values(data, self._tensor)
        nan, inf = np.isnan(values), np.isinf(values)
        negative &= ~nan
        finite = values[~(nan | inf)]
        self._nan |= bool(nan.any())
        self._inf |= bool(inf.any())
        self._huge |= bool(finite.size and np.abs(finite).max() > HUGE)
        if finite.size < values.size:
            self.zero = False
        with np.errstate(over="ignore"):
            return float(np.dot(finite, finite))

    def figures(self) -> Figures:
        """As ``Tally`` says."""
        mark = self._mark()
        return Figures("float", mark, self.zero, self._nan, self._inf, self._huge, self._squares)


class _IntegerTally(_Hashing):
    def __init__(self, code: str) -> None:
        super().__init__(int(code[-1]))
        self._code = code

    def _block(self, data: Bytes) -> None:
        values = data.view(self._code).astype("<i8")
        self.zero = self.zero and not values.any()
        self._hash.update(values.view("u1").data)

    def figures(self) -> Figures:
        """As ``Tally`` says."""
        return Figures("integer", self._mark(), self.zero)


class _RawTally(_Hashing):
    def __init__(self) -> None:
        super().__init__(1)

    def _block(self, data: Bytes) -> None:
        self.zero = self.zero and not data.any()
        self._hash.update(data.data)

    def figures(self) -> Figures:
        """As ``Tally`` says."""
        return Figures("raw", self._mark(), self.zero)


def _bytes(data: bytes | memoryview) -> Bytes:
    """The bytes as an array, copied where numbers would lie across the machine's words."""
    import numpy as np

    array = np.frombuffer(data, np.uint8)
    return array if array.ctypes.data % 8 == 0 else array.copy()


def _values(data: Bytes, tensor: Tensor) -> Array:
    """A block's numbers as float64."""
    import numpy as np

    if tensor.dtype == "float64":
        return data.view("<f8")
    return decoder_of(tensor, "")(data.data).astype(np.float64)


# A finite sum of squares proves every number finite, so none is looked at twice. Each function
# gives infinity or NaN where a block holds one; half precision's are found by their exponent.


def _squares32(data: Bytes) -> float:
    import numpy as np

    values = data.view("<f4")
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.dot(values, values))


def _squares64(data: Bytes) -> float:
    import numpy as np

    values = data.view("<f8")
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.dot(values, values))


def _squares_brain(data: Bytes) -> float:
    """A bfloat16 is the upper half of a float32."""
    import numpy as np

    return _squares32((data.view("<u2").astype(np.uint32) << np.uint32(16)).view(np.uint8))


def _squares_half(data: Bytes) -> float:
    """By moving the bits to a float32's places, a third faster than numpy's conversion."""
    import numpy as np

    bits = data.view("<u2") & np.uint16(0x7FFF)
    if bits.max() >= 0x7C00:
        return math.nan
    values = (bits.astype(np.uint32) << np.uint32(13)).view(np.float32)
    values *= np.float32(2.0**112)  # the difference of the two exponents' biases, 127 - 15
    return float(np.dot(values, values))


def _squares_byte(dtype: str) -> Callable[[Bytes], float]:
    """An 8-bit float has 256 values: counting each is faster than converting all."""

    def squares(data: Bytes) -> float:
        import numpy as np

        counts = np.bincount(data, minlength=256)
        held = counts > 0
        return float(np.dot(counts[held], _byte_squares(dtype)[held]))

    return squares


@cache
def _byte_squares(dtype: str) -> Array:
    import numpy as np

    codes = np.arange(256, dtype=np.uint8)
    return np.asarray(_values(codes, Tensor("", dtype, (256,), 1, 256)) ** 2)


_FLOATS: dict[str, tuple[int, Callable[[Bytes], float]]] = {
    "float64": (8, _squares64),
    "float32": (4, _squares32),
    "float16": (2, _squares_half),
    "bfloat16": (2, _squares_brain),
    "float8_e4m3fn": (1, _squares_byte("float8_e4m3fn")),
    "float8_e5m2": (1, _squares_byte("float8_e5m2")),
}
"""Bytes a number, and how a block's sum of squares is found."""

_INTEGERS = {
    "int64": "<i8", "int32": "<i4", "int16": "<i2", "int8": "i1",
    "uint64": "<u8", "uint32": "<u4", "uint16": "<u2", "uint8": "u1", "bool": "u1",
}  # fmt: skip
"""numpy's codes of the integer types."""
