import pytest
import torch

from sparring.metrics.frechet import frechet_distance, frechet_distance_infinity, gaussian_distance, moments


def test_diagonal_gaussians_have_a_closed_form():
    m1, m2 = torch.tensor([0.0, 1.0]).double(), torch.tensor([2.0, 1.0]).double()
    v1, v2 = torch.tensor([1.0, 4.0]).double(), torch.tensor([9.0, 1.0]).double()
    formula = 4 + ((v1.sqrt() - v2.sqrt()) ** 2).sum()  # |m1 - m2|^2 + sum (sigma1 - sigma2)^2
    assert gaussian_distance(m1, v1.diag(), m2, v2.diag()).item() == pytest.approx(formula.item(), rel=1e-12)


def test_any_gaussians_equal_the_product_form():
    g = torch.Generator().manual_seed(0)
    a, b = (torch.randn(300, 7, generator=g) @ torch.randn(7, 7, generator=g) for _ in range(2))
    (m1, s1), (m2, s2) = moments(a), moments(b)
    root = torch.linalg.eigvals(s1 @ s2).real.sqrt().sum()
    formula = (m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * root
    assert frechet_distance(a, b) == pytest.approx(formula.item(), rel=1e-9)


def test_covariance_is_that_of_torch_with_divisor_n_minus_1():
    x = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(moments(x)[1], torch.cov(x.double().T))


def test_fewer_items_than_features_stays_real_and_is_zero_on_itself():
    x = torch.randn(10, 64, generator=torch.Generator().manual_seed(2))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-5)


def test_infinity_removes_most_of_the_bias():
    g = torch.Generator().manual_seed(3)
    reference, judged = torch.randn(50_000, 16, generator=g), torch.randn(4000, 16, generator=g)
    assert abs(frechet_distance_infinity(reference, judged)) < 0.5 * frechet_distance(reference, judged)


def test_equals_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid")

    class Flat(torch.nn.Module):
        num_features = 12

        def forward(self, x):
            return x.flatten(1).float()

    g = torch.Generator().manual_seed(4)
    a = torch.randint(256, (200, 3, 2, 2), generator=g, dtype=torch.uint8)
    b = torch.randint(180, (150, 3, 2, 2), generator=g, dtype=torch.uint8)
    theirs = fid.FrechetInceptionDistance(feature=Flat(), input_img_size=(3, 2, 2)).set_dtype(torch.float64)
    theirs.update(a, real=True)
    theirs.update(b, real=False)
    assert theirs.compute().item() == pytest.approx(frechet_distance(a.flatten(1), b.flatten(1)), rel=1e-6)
