"""PatchGAN: a discriminator that judges a picture place by place, each by the patch that it sees (70 x 70 pixels with three halvings).

Isola et al. 2016 (pix2pix), https://arxiv.org/abs/1611.07004, section 3.2.2 and appendix 6.1.2. Zeros lie beyond the borders, as published.
"""

from torch import Tensor, nn

from sparring.base.errors import UserError
from sparring.networks import translator_settings
from sparring.networks.dcgan import channels
from sparring.networks.translators import InstanceNorm, published_init


class Discriminator(nn.Module):
    """(n, inputs, h, w) -> logits (n, places)."""

    def __init__(self, settings: translator_settings.PatchDiscriminator, *, inputs: int):
        super().__init__()
        self.halvings = settings.layers
        width = [inputs, *channels(settings.width, settings.layers + 1)]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(zip(width, width[1:])):
            norm = settings.norm == "instance" and i > 0                            # a norm takes the bias away
            conv = nn.Conv2d(a, b, 4, 2 if i < settings.layers else 1, 1, bias=not norm)
            layers += [conv, InstanceNorm() if norm else nn.Identity(), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width[-1], 1, 4, 1, 1))
        if settings.norm == "instance":
            published_init(self)
        else:                                                                       # nothing brings the scale back: He's initialisation keeps it
            for conv in (m for m in self.modules() if isinstance(m, nn.Conv2d)):
                nn.init.kaiming_normal_(conv.weight, 0.2)
                nn.init.zeros_(conv.bias)

    @property
    def smallest(self) -> int:
        """The side that a picture has at least: after the halvings 4 pixels are left, of which the last two convolutions make 2."""
        return 4 * 2**self.halvings

    def forward(self, x: Tensor) -> Tensor:
        return self.maps(x)[-1]

    def maps(self, x: Tensor) -> list[Tensor]:
        """What every layer makes of the picture, the logits (n, places) last."""
        h, w = x.shape[2:]
        if min(h, w) < self.smallest:
            raise UserError(f"pictures of {w} x {h} are too small for a patch discriminator of {self.halvings} layers: "
                            f"a side needs {self.smallest} pixels; set fewer layers or take larger pictures")  # fmt: skip
        found = []
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                found.append(x)
        return [*found, x.flatten(1).float()]                                       # (n, (h / 2^k - 2) * (w / 2^k - 2))
