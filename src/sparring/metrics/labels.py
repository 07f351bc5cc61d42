"""Metrics of generators that are asked for a label."""

import torch
from torch import Tensor

from sparring.metrics.frechet import frechet_distance


def label_accuracy(asked: Tensor, predicted: Tensor) -> float:
    """Share of items (n,) in which the classifier sees the label that was asked for."""
    return (asked == predicted).double().mean().item()


def accuracy_per_label(asked: Tensor, predicted: Tensor) -> dict[int, dict]:
    """{label: {"value", "n"}} for every label asked for."""
    return {
        label: {"value": label_accuracy(asked[asked == label], predicted[asked == label]), "n": int((asked == label).sum())}
        for label in asked.unique().tolist()
    }


def frechet_per_label(reference: Tensor, reference_labels: Tensor, judged: Tensor, judged_labels: Tensor) -> dict[int, dict]:
    """{label: {"value", "n_real", "n_fake"}}: the Fréchet distance of each label's items alone, where both sets have two.

    Few items a label make it large by itself; only its floor tells how much of it is that.
    """
    found = {}
    for label in torch.cat([reference_labels, judged_labels]).unique().tolist():
        real, fake = reference[reference_labels == label], judged[judged_labels == label]
        if min(len(real), len(fake)) > 1:
            found[label] = {"value": frechet_distance(real, fake), "n_real": len(real), "n_fake": len(fake)}
    return found
