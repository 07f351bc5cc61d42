"""A run as the subject of metrics that ask the game itself."""

import torch
from torch import Tensor

from sparring.base.seeding import generator
from sparring.extractors.extractor import Extractor
from sparring.games.capabilities import Scores
from sparring.latents import space
from sparring.metrics.probing import Subject
from sparring.play.game import Game, Generates
from sparring.play.watching import conditions
from sparring.runs.data import Data
from sparring.runs.judging import fakes, score_items


def subject(data: Data, game: Game, extractor: Extractor) -> Subject:
    """The game must be watched or settled. Held out are validation and test items together: the discriminator saw neither."""
    parts = [data.part(name) for name in ("validation", "test")]
    held_out = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    pictures = game.space.pictures and isinstance(game, Generates)
    return Subject(
        expand=data.codec.expand, extractor=extractor, shape=game.space.shape, classes=len(game.space.labels), training=data.part("train"),
        held_out=held_out, fakes=lambda n: fakes(data, game, "test", n, seed=3),
        steps=(lambda n, epsilon: steps(game, n, epsilon)) if pictures else None,
        score=(lambda batch: score_items(game, data.codec, batch)) if isinstance(game, Scores) else None,
    )  # fmt: skip


@torch.no_grad()
def steps(game: Game, n: int, epsilon: float) -> tuple[Tensor, Tensor]:
    """Items at n random places of random paths, and epsilon further on: spheres in z, lines in w."""
    which = space.best_space(game)
    y = conditions(game, n, seed=5)
    a, b = (space.latents(game, space.draw(game, n, seed), y, which) for seed in (6, 7))
    t = torch.rand(n, generator=generator("steps"))
    way = space.sphere if which == "z" else space.line
    at = lambda t: torch.cat([way(p, q, u.view(1)) for p, q, u in zip(a, b, t)])
    return tuple(space.items(game, at(moment), y, which).cpu() for moment in (t, t + epsilon))
