"""What a game can do beside generating, asked with isinstance: the studio shows a panel for each, the exporter a graph."""

from abc import ABC, abstractmethod

from torch import Tensor


class Scores(ABC):
    """Has a discriminator whose verdict on an item can be asked."""

    @abstractmethod
    def score(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Logits (n,), higher for items that look real. Only differences mean something until they are calibrated."""


class Transforms:
    """Makes pictures out of pictures of any size."""

    scale: int = 1
    """how many times larger than what is given the picture that is made is"""
    reach: int = 0
    """pixels of what is given, to each side, that one pixel of what is made can depend on"""
    multiple: int = 1
    """what the sides of what is given should be multiples of"""


class Restores(Transforms, ABC):
    """Undoes damage: makes items from what is left of them."""

    given: int = 3
    """channels of the picture that it is given"""
    masked: bool = False
    """whether it is given one channel more, which is 1 where the picture is missing and 0 elsewhere"""

    @abstractmethod
    def damage(self, x: Tensor) -> Tensor:
        """What is left of items (n, *shape). Draws from torch's random state."""

    @abstractmethod
    def restore(self, given: Tensor) -> Tensor:
        """Items (n, *shape) from what is left of them. Deterministic; pictures of any size."""

    @abstractmethod
    def trivial(self, given: Tensor) -> Tensor:
        """The restoration that needs no learning, (n, *shape): what a learnt one must beat, and how a damaged item is shown."""


class Translates(Transforms, ABC):
    """Makes items (n, *space.shape) from what is given (n, *space.given), and perhaps the other way round."""

    directions: tuple[str, ...] = ("a2b",)
    """a2b: items from what is given; b2a: back"""

    @abstractmethod
    def translate(self, given: Tensor, direction: str = "a2b") -> Tensor:
        """Pictures (n, channels of the other side, h, w) in [-1, 1] from pictures (n, channels, h, w). Deterministic; any size."""


class Encodes(ABC):
    """Maps items to latents."""

    @abstractmethod
    def encode(self, x: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latent posterior, each (n, *noise_shape)."""


class Reconstructs(ABC):
    """Maps items to themselves through a bottleneck."""

    @abstractmethod
    def reconstruct(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Items (n, *shape) again."""
