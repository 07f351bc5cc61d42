"""Places that become pixels again."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sparring.base.space import ImageSpace
from sparring.layers.places import Pixels
from sparring.networks.settings import R3GANGenerator


def even(x, patch):
    places = F.pixel_unshuffle(x, patch).unflatten(1, (-1, patch**2))
    return torch.allclose(places, places[:, :, :1].expand_as(places), atol=1e-6)


@pytest.mark.parametrize("patch, side", [(2, 1), (4, 3)])
def test_the_pixels_of_a_place_start_alike(patch, side):
    torch.manual_seed(0)
    pixels, x = Pixels(8, 5, patch, side), torch.randn(2, 8, 3, 5)
    assert pixels(x).shape == (2, 5, 3 * patch, 5 * patch)
    assert even(pixels(x), patch)
    nn.init.normal_(pixels[0].weight)                                                            # weights of their own: a grid
    assert not even(pixels(x), patch)


def test_a_last_convolution_looks_across_the_borders_of_places():
    """The first and the second pixel of a place depend on different neighbours."""
    torch.manual_seed(0)
    network = R3GANGenerator(width=8, patch=2).build(space=ImageSpace(shape=(3, 16, 16)), noise=8, labels=0)
    assert network.last.kernel_size == (3, 3)
    assert not even(network(torch.randn(2, 8)), 2)
