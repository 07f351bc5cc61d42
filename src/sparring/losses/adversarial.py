"""What the two players minimise, as functions of the discriminator's logits on real and generated items."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Objective(NamedTuple):
    """`discriminator(real, fake)` and `generator(fake, real)` give scalars; `real` is a thunk for the generator, because
    only a relativistic objective looks at the real items' logits in its turn. `sureness(real, fake)` (n,) is above 0 where the
    discriminator is right about a real item."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Callable[[], Tensor]], Tensor]
    sureness: Callable[[Tensor, Tensor], Tensor] = lambda real, fake: real


# Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, Eq. 1: min_G max_D E log D(x) + E log(1 - D(G(z))), D = sigmoid(logit)


def logistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def minimax_generator(fake: Tensor, real: Callable[[], Tensor]) -> Tensor:
    """E log(1 - D(G(z))): its gradient vanishes where the discriminator wins."""
    return -F.softplus(fake).mean()


def non_saturating_generator(fake: Tensor, real: Callable[[], Tensor]) -> Tensor:
    """-E log D(G(z)), section 3: the same fixed point, with gradients where the discriminator wins."""
    return F.softplus(-fake).mean()


# Mao et al. 2017, https://arxiv.org/abs/1611.04076, Eq. 9 with a = 0, b = c = 1


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return 0.5 * ((real - 1).square().mean() + fake.square().mean())


def least_squares_generator(fake: Tensor, real: Callable[[], Tensor]) -> Tensor:
    return 0.5 * (fake - 1).square().mean()


# Lim & Ye 2017, https://arxiv.org/abs/1705.02894; Miyato et al. 2018, https://arxiv.org/abs/1802.05957, Eq. 16-17


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def linear_generator(fake: Tensor, real: Callable[[], Tensor]) -> Tensor:
    return -fake.mean()


# Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875, Eq. 2


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


# Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734; Huang et al. 2024 (R3GAN), https://arxiv.org/abs/2501.05441, Eq. 2


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(fake - real).mean()


def relativistic_generator(fake: Tensor, real: Callable[[], Tensor]) -> Tensor:
    return F.softplus(real() - fake).mean()


OBJECTIVES = {
    "minimax": Objective(logistic_discriminator, minimax_generator),
    "non-saturating": Objective(logistic_discriminator, non_saturating_generator),
    "least-squares": Objective(least_squares_discriminator, least_squares_generator, lambda real, fake: real - 0.5),
    "hinge": Objective(hinge_discriminator, linear_generator),
    "wasserstein": Objective(wasserstein_discriminator, linear_generator, torch.sub),
    "relativistic": Objective(relativistic_discriminator, relativistic_generator, torch.sub),
}
