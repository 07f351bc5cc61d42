"""WGAN-GP as one would write it by hand: no game, no trainer, one page."""

import torch


def train(generator, discriminator, data, *, noise: int, rounds: int, seed_round, moves: int = 5, weight: float = 10.0) -> None:
    """Plays `rounds` rounds in place. `data[k]` is the k-th batch (n, d); `seed_round(r)` seeds torch before round r."""
    options = {"lr": 1e-4, "betas": (0.0, 0.9), "fused": True}
    optimizer_d, optimizer_g = torch.optim.Adam(discriminator.parameters(), **options), torch.optim.Adam(generator.parameters(), **options)
    k = 0
    for r in range(rounds):
        seed_round(r)
        for _ in range(moves):
            real = data[k]
            k += 1
            fake = generator(torch.randn(len(real), noise)).detach()
            real_score, fake_score = discriminator(real), discriminator(fake)
            t = torch.rand(len(real), *[1] * (real.ndim - 1))
            middle = torch.lerp(real, fake, t).requires_grad_(True)
            (gradient,) = torch.autograd.grad(discriminator(middle).sum(), middle, create_graph=True)
            penalty = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
            loss = fake_score.mean() - real_score.mean() + weight * penalty
            optimizer_d.zero_grad()
            loss.backward()
            optimizer_d.step()
        loss = -discriminator(generator(torch.randn(len(real), noise))).mean()
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()
