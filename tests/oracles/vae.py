"""A variational autoencoder as one would write it by hand: Kingma & Welling 2013, Bernoulli pixels."""

import torch
import torch.nn.functional as F


def train(encoder, decoder, data, *, rounds: int, seed_round, lr: float = 1e-3) -> None:
    """Plays `rounds` rounds in place. `data[k]` is the k-th batch (n, c, h, w) in [-1, 1]."""
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=lr, betas=(0.9, 0.999), fused=True)
    for r in range(rounds):
        seed_round(r)
        x = data[r]
        mean, log_variance = encoder(x).chunk(2, 1)
        deviation = torch.exp(0.5 * log_variance)
        z = mean + deviation * torch.randn_like(mean)
        reconstruction = F.binary_cross_entropy_with_logits(decoder(z), (x + 1) / 2, reduction="none").flatten(1).sum(1).mean()
        divergence = (0.5 * (mean.square() + deviation.square() - 1 - 2 * torch.log(deviation)).sum(1)).mean()
        optimizer.zero_grad()
        (reconstruction + divergence).backward()
        optimizer.step()
