import pytest
import torch

from sparring.metrics import neighbours
from sparring.metrics.neighbours import copies, coverage, density, precision, recall


@pytest.fixture
def sets():
    g = torch.Generator().manual_seed(0)
    return torch.randn(230, 6, generator=g), 0.3 + 0.8 * torch.randn(180, 6, generator=g)


def test_equal_the_prdc_package(sets, monkeypatch, capsys):
    prdc = pytest.importorskip("prdc")
    monkeypatch.setattr(neighbours, "BLOCK", 50)
    reference, judged = sets
    theirs = prdc.compute_prdc(reference.double().numpy(), judged.double().numpy(), nearest_k=5)
    for metric in (precision, recall, density, coverage):
        assert metric(reference, judged, k=5) == pytest.approx(theirs[metric.__name__], abs=1e-12), metric.__name__


def test_precision_counts_the_border_and_coverage_does_not():
    reference = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    assert precision(reference, torch.tensor([[2.0]]), k=1) == 1
    assert coverage(reference, torch.tensor([[2.0]]), k=1) == 0


def test_collapse_is_seen_by_recall_and_coverage_not_by_precision(sets):
    reference, _ = sets
    collapsed = reference[:1].expand(100, -1) + 1e-3
    assert precision(reference, collapsed) == 1
    assert recall(reference, collapsed) < 0.05
    assert coverage(reference, collapsed) < 0.1


def test_copies_flags_copies_and_few_fresh_items(monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK", 700)
    g = torch.Generator().manual_seed(1)
    training, fresh = torch.randn(3000, 4, generator=g), torch.randn(3000, 4, generator=g)
    assert copies([training], [training[:500] + 1e-5]) == 1
    assert copies([training], [fresh]) == pytest.approx(0.01, abs=0.006)
    half = torch.cat([training[:100], fresh[:100]])
    assert copies([training, training], [half, half]) == pytest.approx(0.5, abs=0.02)


def test_copies_are_near_copies_too_wherever_they_lie():
    g = torch.Generator().manual_seed(3)
    crowded, lonely = 0.01 * torch.randn(1000, 4, generator=g), 10 * torch.randn(1000, 4, generator=g)
    training = torch.cat([crowded, lonely])
    near = torch.cat([crowded + 1e-4 * torch.randn(1000, 4, generator=g), lonely + 0.1 * torch.randn(1000, 4, generator=g)])
    fresh = torch.cat([0.01 * torch.randn(1000, 4, generator=g), 10 * torch.randn(1000, 4, generator=g)])
    assert copies([training], [near]) > 0.85
    assert copies([training], [fresh]) < 0.03


def test_copies_in_a_training_set_full_of_duplicates():
    g = torch.Generator().manual_seed(2)
    training, fresh = torch.randn(100, 4, generator=g).repeat(3, 1), torch.randn(100, 4, generator=g)
    assert copies([training], [training[:50]]) == 1
    assert copies([training], [fresh]) < 0.05


@pytest.mark.parametrize("twins", [12, 30, 300])
def test_copies_where_some_training_items_have_a_twin(twins):
    """The likeliest to be known by heart are those that are there twice."""
    g = torch.Generator().manual_seed(4)
    training, fresh = torch.randn(600, 4, generator=g), torch.randn(600, 4, generator=g)
    training = torch.cat([training, training[:twins]])
    assert copies([training, training.exp()], [training, training.exp()]) == 1
    assert copies([training], [training + 1e-4]) > 0.95
    assert copies([training], [fresh]) < 0.03
