"""StyleGAN's operators: equal to the reference's forms, with derivatives of derivatives that finite differences confirm."""

import pytest
import torch
from benchmarks import operators as reference

from sparring.layers import modulation, resampling
from sparring.layers.statistics import MinibatchDeviation

DRAW = lambda *shape, seed=0: torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
X, W, S = DRAW(2, 4, 6, 6), DRAW(4, 4, 3, 3, seed=1), DRAW(2, 4, seed=2)

PAIRS = {
    "doubled": (resampling.doubled, reference.doubled),
    "halved": (resampling.halved, reference.halved),
    "halving convolution": (lambda x: resampling.halving_conv(x, W), lambda x: reference.halving_conv(x, W)),
    "modulated": (lambda x: modulation.modulated_conv(x, W, S, demodulate=True), lambda x: reference.modulated_conv(x, W, S, demodulate=True)),
    "modulated, doubled": (
        lambda x: modulation.modulated_conv(x, W, S, demodulate=True, double=True),
        lambda x: reference.modulated_conv(x, W, S, demodulate=True, double=True),
    ),
    "modulated, as it is": (
        lambda x: modulation.modulated_conv(x, W, S, demodulate=False), lambda x: reference.modulated_conv(x, W, S, demodulate=False)
    ),
}  # fmt: skip


@pytest.mark.parametrize("mine, theirs", PAIRS.values(), ids=PAIRS)
def test_equals_the_reference(mine, theirs):
    assert torch.allclose(mine(X), theirs(X), atol=1e-4)


@pytest.mark.parametrize("mine, theirs", PAIRS.values(), ids=PAIRS)
def test_second_derivatives_equal_the_references(mine, theirs):
    """The gradient of |dy/dx|^2, as R1 and the path length take it."""
    found = []
    for f in (mine, theirs):
        x = X.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(f(torch.tanh(x)).square().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), x)[0])
    assert torch.allclose(*found, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("name", PAIRS)
def test_second_derivatives_equal_finite_differences(name):
    mine = PAIRS[name][0]
    x, direction = X.clone(), DRAW(*X.shape, seed=3)

    def slope(x):
        x = x.detach().requires_grad_(True)
        (g,) = torch.autograd.grad((mine(torch.tanh(x)) ** 2).sum(), x, create_graph=True)
        return x, (g * direction).sum()

    leaf, value = slope(x)
    exact = float((torch.autograd.grad(value, leaf)[0] * direction).sum())
    e = 1e-2
    rough = float((slope(x + e * direction)[1] - slope(x - e * direction)[1]).detach()) / (2 * e)
    assert abs(exact - rough) < 0.02 * abs(exact) + 0.5


@pytest.mark.parametrize("name", ["doubled", "halved", "halving convolution"])
def test_bf16_takes_another_form_of_the_same_function(name):
    mine = PAIRS[name][0]
    if name == "halving convolution":
        mine = lambda x: resampling.halving_conv(x, W.to(x.dtype))
    assert torch.allclose(mine(X.bfloat16()).float(), mine(X), atol=0.15)


def test_both_networks_in_both_forms_are_one_function():
    assert reference.agreement(16) < 1e-4


def test_weights_are_prepared_anew_when_they_change():
    conv = modulation.StyledConv(4, 4, 8, size=(6, 6)).eval()
    w = DRAW(2, 8, seed=4)
    with torch.no_grad():
        first = conv(X, w, False)
        assert torch.equal(first, conv(X, w, False))
        conv.weight.mul_(-1)
        assert not torch.allclose(first, conv(X, w, False))
        conv.weight.mul_(-1)
        assert torch.allclose(first, conv(X, w, False))


def test_minibatch_deviation_sees_a_collapsed_batch():
    layer = MinibatchDeviation(4)
    assert layer(X[:1].expand(8, -1, -1, -1))[:, -1].max() < 1e-3
    varied = layer(DRAW(8, 4, 6, 6, seed=5))
    assert varied.shape == (8, 5, 6, 6) and varied[:, -1].min() > 0.5


def test_compiled_equals_eager():
    torch._dynamo.reset()
    compiled = torch.compile(lambda x: modulation.modulated_conv(x, W, S, demodulate=True, double=True), backend="eager", fullgraph=True)
    assert torch.allclose(compiled(X), PAIRS["modulated, doubled"][0](X), atol=1e-5)
