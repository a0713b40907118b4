"""Standard normal noise by numpy alone, bit for bit what torch's generator gives on a processor with AVX2.

Recipes name seeds, and a seed must stay the same picture whether torch is imported or not. The generator is MT19937 (Matsumoto
and Nishimura 1998). Sixteen numbers or more are made by Box and Muller 1958 in blocks: eight radii from the first half of a
block, eight angles from the second, with Cephes's single precision logarithm and sine (Moshier), every sum of a product rounded
once. Fewer are made one by one in double precision, each from the next two uniform numbers. On processors without AVX2 torch
rounds in another order; there the last bit differs from this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

BLOCK = 16
TINY = np.float32(1.17549435e-38)
SQRT_HALF = np.float32(0.70710678118654752)
# Cephes logf
LOG = (
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
    *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
LN2 = (-2.12194440e-4, 0.693359375)  # in two parts, the second exact
# Cephes sinf and cosf; a quarter of pi in three parts
SINE, COSINE = (
    (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1),
    (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2),
)
QUARTER = (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)


def noise(seed: int, shape: Sequence[int]) -> np.ndarray:
    """Standard normal float32 noise of a shape: one seed is one noise, whatever the device or the batch."""
    count = math.prod(shape)
    generator = np.random.RandomState(seed & 0xFFFFFFFF)
    values = _one_by_one(generator, count) if count < BLOCK else _in_blocks(generator, count)
    return values.reshape(tuple(shape))


def _in_blocks(generator: np.random.RandomState, count: int) -> np.ndarray:
    uniform = _uniform(generator, count)
    whole = count // BLOCK * BLOCK
    values = np.empty(count, np.float32)
    values[:whole] = _normal(uniform[:whole])
    if whole < count:  # the last sixteen places are drawn anew, whatever stood there
        values[-BLOCK:] = _normal(_uniform(generator, BLOCK))
    return values


def _uniform(generator: np.random.RandomState, count: int) -> np.ndarray:
    raw = generator.randint(0, 1 << 32, size=count, dtype=np.uint64)
    return (raw & 0xFFFFFF).astype(np.float32) * np.float32(1 / (1 << 24))


def _one_by_one(generator: np.random.RandomState, count: int) -> np.ndarray:
    values: list[float] = []
    while len(values) < count:
        angle, share = (_double(generator) for _ in range(2))
        radius = math.sqrt(-2 * math.log1p(-share))
        values += [radius * math.cos(2 * math.pi * angle), radius * math.sin(2 * math.pi * angle)]
    return np.array(values[:count], np.float32)


def _double(generator: np.random.RandomState) -> float:
    high, low = (int(each) for each in generator.randint(0, 1 << 32, size=2, dtype=np.uint64))
    return ((high << 32 | low) & ((1 << 53) - 1)) / (1 << 53)


def _normal(uniform: np.ndarray) -> np.ndarray:
    blocks = uniform.reshape(-1, 2, BLOCK // 2)
    radius = np.sqrt(np.float32(-2) * _log(1 - blocks[:, 0]))
    sine, cosine = _sine_and_cosine(np.float32(2 * math.pi) * blocks[:, 1])
    return np.stack([radius * cosine, radius * sine], 1).ravel()


def _fused(first: np.ndarray, second: np.ndarray | float, added: np.ndarray | float) -> np.ndarray:
    """`first * second + added` rounded once: the product of two float32 is exact in float64."""
    second = np.float64(np.float32(second)) if isinstance(second, float) else second.astype(np.float64)
    added = np.float64(np.float32(added)) if isinstance(added, float) else added
    return (first.astype(np.float64) * second + added).astype(np.float32)


def _log(values: np.ndarray) -> np.ndarray:
    bits = np.maximum(values, TINY).view(np.uint32)
    exponent = (bits >> 23).astype(np.int32) - 126
    mantissa = ((bits & np.uint32(0x807FFFFF)) | np.uint32(0x3F000000)).view(np.float32)
    small = mantissa < SQRT_HALF
    power = (exponent - small).astype(np.float32)
    rest = mantissa - 1 + np.where(small, mantissa, np.float32(0))
    square = rest * rest
    result = np.full_like(rest, LOG[0])
    for coefficient in LOG[1:]:
        result = _fused(result, rest, coefficient)
    result = _fused(result * rest, square, power * np.float32(LN2[0]))
    result = rest + _fused(-square, 0.5, result)
    return _fused(power, LN2[1], result)


def _sine_and_cosine(angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of angles from 0 on."""
    octant = ((angles * np.float32(4 / math.pi)).astype(np.int32) + 1) & ~1
    rest = angles
    for part in QUARTER:
        rest = _fused(octant.astype(np.float32), part, rest)
    square = rest * rest
    cosine, sine = np.full_like(rest, COSINE[0]), np.full_like(rest, SINE[0])
    for coefficient in COSINE[1:]:
        cosine = _fused(cosine, square, coefficient)
    cosine = 1 + _fused(cosine * square, square, -square * np.float32(0.5))
    for coefficient in SINE[1:]:
        sine = _fused(sine, square, coefficient)
    sine = _fused(sine * square, rest, rest)
    swapped = (octant & 2) != 0
    sine, cosine = np.where(swapped, cosine, sine), np.where(swapped, sine, cosine)
    return np.where(octant & 4, -sine, sine), np.where((octant - 2) & 4, cosine, -cosine)
