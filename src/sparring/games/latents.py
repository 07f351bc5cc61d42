"""What latent tools ask of a game beyond noise and render: styles."""

from abc import ABC, abstractmethod

from torch import Tensor


class Styles(ABC):
    """Renders in two steps: noise to a style, one style a layer to an item. render(z) = paint(w, w, ..., w), w = style(z)."""

    @property
    @abstractmethod
    def layers(self) -> int:
        """Styles that one item takes, from coarse to fine."""

    @abstractmethod
    def style(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """Styles (n, d) of noise (n, *noise_shape)."""

    @abstractmethod
    def paint(self, styles: Tensor, noises: dict[str, Tensor] | None = None) -> Tensor:
        """Items (n, *shape) from styles (n, layers, d), with the noise maps that every item has, or others. Deterministic."""

    @abstractmethod
    def noises(self) -> dict[str, Tensor]:
        """The noise maps by name, (1, 1, h, w) each."""

    @abstractmethod
    def style_matrices(self) -> list[Tensor]:
        """The weights that read the style of each layer, (outputs, d) each: their common singular directions change items most."""
