import pytest
import torch

from sparring.metrics import kernel
from sparring.metrics.kernel import cubic, kernel_distance


def brute_force(x, y):
    n = len(x)
    xx, yy, xy = cubic(x, x), cubic(y, y), cubic(x, y)
    off = lambda k: (k.sum() - k.diagonal().sum()) / (n * (n - 1))
    return off(xx) + off(yy) - 2 * xy.mean()


def test_one_pass_equals_brute_force_over_the_same_subsets(monkeypatch):
    monkeypatch.setattr(kernel, "BLOCK", 7)  # several blocks
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 5, generator=g).double(), 0.5 + torch.randn(30, 5, generator=g).double()
    mean, std, size = kernel_distance(x, y)
    draw = kernel.generator("kid", 0)
    a, b = kernel.members(40, 15, draw).bool(), kernel.members(30, 15, draw).bool()
    each = torch.stack([brute_force(x[i], y[j]) for i, j in zip(a, b)])
    assert size == 15
    assert mean == pytest.approx(each.mean().item(), rel=1e-9)
    assert std == pytest.approx(each.std(correction=0).item(), rel=1e-9)


def test_is_unbiased_and_not_clipped():
    g = torch.Generator().manual_seed(1)
    values = [kernel_distance(torch.randn(60, 4, generator=g), torch.randn(60, 4, generator=g))[0] for _ in range(40)]
    assert min(values) < 0
    assert abs(sum(values) / len(values)) < 0.1


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance`")
def test_equals_torchmetrics():
    kid = pytest.importorskip("torchmetrics.image.kid")
    g = torch.Generator().manual_seed(2)
    x, y = torch.randn(64, 6, generator=g).double(), torch.randn(64, 6, generator=g).double() * 1.5
    assert brute_force(x, y).item() == pytest.approx(kid.poly_mmd(x, y).item(), rel=1e-9)

    class Flat(torch.nn.Module):
        num_features = 12

        def forward(self, x):
            return x.flatten(1).float()

    a, b = (torch.randint(256, (120, 3, 2, 2), generator=g, dtype=torch.uint8) for _ in range(2))
    torch.manual_seed(0)
    theirs = kid.KernelInceptionDistance(feature=Flat(), subsets=200, subset_size=60)
    theirs.update(a, real=True)
    theirs.update(b // 2, real=False)
    mean, std = (v.item() for v in theirs.compute())
    ours, deviation, _ = kernel_distance(a.flatten(1), (b // 2).flatten(1))
    assert ours == pytest.approx(mean, abs=3 * std / 100**0.5)
    assert deviation == pytest.approx(std, rel=0.3)
