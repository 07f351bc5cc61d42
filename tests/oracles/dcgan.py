"""DCGAN as one would write it by hand: Radford et al. 2015 with the non-saturating loss of 2014."""

import torch
import torch.nn.functional as F


def train(generator, discriminator, data, *, noise: int, rounds: int, seed_round, lr: float = 2e-4, beta1: float = 0.5) -> None:
    """Plays `rounds` rounds in place. `data[k]` is the k-th batch (n, c, h, w); each player's turn has a batch of its own."""
    options = {"lr": lr, "betas": (beta1, 0.999), "fused": True}
    optimizer_d, optimizer_g = torch.optim.Adam(discriminator.parameters(), **options), torch.optim.Adam(generator.parameters(), **options)
    for r in range(rounds):
        seed_round(r)
        real = data[2 * r]
        with torch.no_grad():
            fake = generator(torch.randn(len(real), noise))
        loss = F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake)).mean()
        optimizer_d.zero_grad()
        loss.backward()
        optimizer_d.step()

        n = len(data[2 * r + 1])
        loss = F.softplus(-discriminator(generator(torch.randn(n, noise)))).mean()
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()
