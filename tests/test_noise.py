"""A seed's noise by numpy is torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genkit.engine.noise import noise

EXACT = ("AVX2", "AVX512")  # on other processors torch rounds in another order
SHAPES = [(1,), (3,), (15,), (16,), (17,), (100,), (4, 16, 16), (1, 128, 129)]


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31, 2**32 + 5, 2**62 + 12345])
@pytest.mark.parametrize("shape", SHAPES)
def test_noise_is_that_of_torch(shape: tuple[int, ...], seed: int) -> None:
    wanted = torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed)).numpy()
    found = noise(seed, shape)
    assert found.dtype == np.float32 and found.shape == shape
    if torch.backends.cpu.get_cpu_capability() in EXACT:
        np.testing.assert_array_equal(found, wanted)
    else:
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6)


def test_noise_belongs_to_its_seed() -> None:
    assert np.array_equal(noise(7, (1, 4, 8, 8)), noise(7, (1, 4, 8, 8)))
    assert not np.array_equal(noise(7, (16,)), noise(8, (16,)))
