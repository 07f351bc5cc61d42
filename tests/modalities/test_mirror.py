"""Mirroring is a question to the data."""

import pytest
import torch

from sparring.base.errors import UserError
from sparring.modalities.kinds import fit
from sparring.modalities.mirror import mirrors, told_from_mirror_images
from sparring.modalities.open import open_data
from sparring.modalities.settings import Images


def test_noise_has_no_handedness():
    x = torch.randint(0, 256, (600, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert 0.4 < told_from_mirror_images(x) < 0.6 and mirrors(x)


def test_arrows_have():
    x = torch.randint(0, 100, (600, 1, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x[..., 2:5] += 100
    assert told_from_mirror_images(x) > 0.95 and not mirrors(x)
    both = torch.cat([x, x.flip(3)])
    assert mirrors(both)


def test_pictures_that_are_their_own_mirror_images():
    x = torch.randint(0, 256, (100, 1, 8, 4), dtype=torch.uint8)
    assert told_from_mirror_images(torch.cat([x, x.flip(3)], 3)) == 0.5


@pytest.mark.parametrize("odd", [1, 30])
def test_few_that_are_not_their_own_mirror_images(odd):
    x = torch.randint(0, 256, (200, 1, 8, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x = torch.cat([x, x.flip(3)], 3)
    x[:odd, :, :, :3] = 255
    assert 0.5 <= told_from_mirror_images(x) < 0.6 and mirrors(x)


def test_too_few_to_tell_means_no():
    assert not mirrors(torch.zeros(10, 1, 8, 8, dtype=torch.uint8))


def test_digits_are_not_mirrored():
    try:
        source = open_data("digits8")
    except UserError as error:
        pytest.skip(str(error))
    assert fit(source, Images()).facts(source) == {"mirrors": False}
