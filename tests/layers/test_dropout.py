import torch
from torch.testing import assert_close

from sparring.layers.dropout import Dropout


def test_drops_the_share_it_says_and_keeps_the_mean():
    torch.manual_seed(0)
    layer, x = Dropout(0.3), torch.ones(100_000, requires_grad=True)
    y = layer(x)
    assert set(y.tolist()) == {0.0, y.max().item()}
    assert abs((y == 0).float().mean() - 0.3) < 0.01
    assert abs(y.mean() - 1) < 0.01
    assert_close(torch.autograd.grad(y.sum(), x)[0], y.detach())


def test_changes_nothing_when_it_judges_or_drops_none():
    x = torch.randn(8)
    assert Dropout(0.3).eval()(x) is x
    assert Dropout(0.0)(x) is x
