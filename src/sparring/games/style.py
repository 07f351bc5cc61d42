"""StyleGAN2.

Karras et al. 2018, https://arxiv.org/abs/1812.04948; 2019, https://arxiv.org/abs/1912.04958; 2020 (ADA), https://arxiv.org/abs/2006.06676.
"""

import torch
from torch import Tensor
from torch.func import functional_call

from sparring.base.space import Space
from sparring.games import settings
from sparring.games.classic import GAN
from sparring.games.latents import Styles
from sparring.losses.penalties import path_lengths, zero_centered
from sparring.play.game import Batch, Stage, Terms, Turn


class StyleGAN2(GAN, Styles):
    """min_D E softplus(-D(x)) + E softplus(D(G(w))) + gamma R1,  min_G E softplus(-D(G(w))) + path length,  w = f(z)

    R1 and the path length are turns of their own, every 16th and every 4th round (2019, section 3.1), under their player's one Adam.
    """

    coupled = "the discriminator looks at the spread of a group of items"

    def __init__(self, settings: settings.StyleGAN2, *, space: Space):
        super().__init__(settings, space=space)
        self.register_buffer("length", torch.zeros(()))

    def stages(self) -> list[Stage]:
        lazy, path = self.settings.penalty, self.settings.path_length
        turns = [Turn("discriminator", self.discriminator_loss)]
        turns += [Turn("discriminator", self.slope_loss, every=lazy.every, gain=lazy.every)] if lazy.kind != "none" else []
        turns += [Turn("generator", self.generator_loss, fresh=True)]
        turns += [Turn("generator", self.path_loss, every=path.every, gain=path.every)] if path.weight else []
        return [Stage(turns)]

    def generate(self, batch: Batch) -> Tensor:
        """With probability `mixing` an item's finer layers, from a random one on, take the style of other noise (2018, section 3.1)."""
        return self.generator.paint(self.mixed_styles(batch), fresh=True)

    def mixed_styles(self, batch: Batch) -> Tensor:
        """(n, layers, d)."""
        n, device = len(batch["x"]), batch["x"].device
        y, layers = self.condition(batch.get("y")), self.generator.layers
        w = self.generator.style(torch.randn(n, *self.noise_shape, device=device), y)[:, None]
        if not self.settings.mixing:
            return w.expand(-1, layers, -1)
        other = self.generator.style(torch.randn(n, *self.noise_shape, device=device), y)[:, None]
        mixes = torch.rand(n, 1, device=device) < self.settings.mixing
        cutoff = 1 + (torch.rand(n, 1, device=device) * (layers - 1)).floor()
        finer = (torch.arange(layers, device=device) >= cutoff) & mixes                                # (n, layers)
        return torch.where(finer[..., None], other, w)

    def discriminator_loss(self, batch: Batch) -> Terms:
        y = batch.get("y")
        real_score, fake_score = self.judge(batch["x"], y), self.judge(self.generate(batch), y)
        self.augmentation.observe(self.objective.sureness(real_score, fake_score))
        self.watch(real=real_score.mean(), fake=fake_score.mean(), **self.augmentation.state())
        return {"adversarial": self.objective.discriminator(real_score, fake_score)}

    def slope_loss(self, batch: Batch) -> Terms:
        """gamma / 2 E |grad_x D(x)|^2 on real items."""
        real = batch["x"].detach().requires_grad_(True)
        return {"r1": self.settings.penalty.gamma.at(self.clock) * zero_centered(self.judge(real, batch.get("y")), real)}

    def path_loss(self, batch: Batch) -> Terms:
        """E (|J_w^T y| - a)^2, a the running mean of the lengths, on half of a batch                       (2019, Eq. 4)"""
        half = {name: t[: max(1, len(t) // 2)] for name, t in batch.items()}
        w = self.mixed_styles(half).contiguous()
        w = w if w.requires_grad else w.requires_grad_(True)
        lengths = path_lengths(self.generator.paint(w, fresh=True), w)                                 # (n,)
        self.length.lerp_(lengths.detach().mean(), self.settings.path_length.decay)
        return {"path length": self.settings.path_length.weight * (lengths - self.length.clone()).square().mean()}

    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """D's logits (n,), each item in a group with the same generated companions: a function of the item, not of who is judged beside it."""
        mates = self.settings.discriminator.group - 1 if self.settings.discriminator.kind == "stylegan2" else 0
        if not mates:
            return super().score(x, label)
        noise = self.noise(mates, seed=0).to(x.device).repeat_interleave(len(x), 0)                    # the first mate for all, the second ...
        y = None if label is None else label.repeat(mates, *[1] * (label.ndim - 1))
        beside = self.render(noise, y)
        group = torch.cat([x, beside])
        whole = None if label is None else torch.cat([label, y])
        return self.discriminator(group, self.condition(whole))[: len(x)]

    # ---- styles

    @property
    def layers(self) -> int:
        return self.generator.layers

    def style(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        return self.average.mean.style(noise, self.condition(label))

    def paint(self, styles: Tensor, noises: dict[str, Tensor] | None = None) -> Tensor:
        if noises is None:
            return self.average.mean.paint(styles)
        return functional_call(self.average.mean.synthesis, noises, (styles, False))

    def noises(self) -> dict[str, Tensor]:
        return dict(self.average.mean.synthesis.named_buffers())

    def style_matrices(self) -> list[Tensor]:
        return self.average.mean.style_matrices()
