"""Restoration: its terms, with networks whose answers are known."""

import pytest
import torch
from torch import nn

from sparring.base.space import ImageSpace
from sparring.games.restoration_settings import Grey, Restoration
from sparring.games.settings import Penalty
from sparring.networks.patch import Discriminator
from sparring.networks.translator_settings import PatchDiscriminator, ResidualTranslator


class Judge(nn.Module):
    """Scores the mean of a picture."""

    def forward(self, x):
        return x.mean((1, 2, 3))[:, None]


def restoration(**more):
    game = Restoration(
        degradation=Grey(), restorer=ResidualTranslator(width=4, blocks=1), discriminator=PatchDiscriminator(width=4, layers=1),
        objective="least-squares", penalty=Penalty(kind="none"), **more,
    ).build(space=ImageSpace(shape=(3, 16, 16)))  # fmt: skip
    game.discriminator = Judge()
    game.attempt = lambda x: x + 0.25
    return game


def test_terms():
    x = torch.full((2, 3, 16, 16), 0.5)
    terms = restoration(pixels=2.0, adversary=0.5).restorer_loss({"x": x})
    assert terms["pixels"] == pytest.approx(2 * 0.25) and terms["adversarial"] == pytest.approx(0.5 * 0.5 * (0.75 - 1) ** 2)
    assert set(terms) == {"pixels", "adversarial"}


def test_a_patch_discriminator_tells_its_maps():
    critic = Discriminator(PatchDiscriminator(width=4, layers=2), inputs=3)
    x = torch.randn(2, 3, 16, 16)
    *maps, logits = critic.maps(x)
    assert [tuple(m.shape) for m in maps] == [(2, 4, 8, 8), (2, 8, 4, 4), (2, 16, 3, 3)] and torch.equal(logits, critic(x))
