"""What there is to see of a game at a moment, as numbers and arrays, and as bytes for a page that draws them."""

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sparring.base.settings import Settings, rows
from sparring.base.space import PointSpace
from sparring.games.capabilities import Encodes, Scores
from sparring.games.settings import GAN, VAE, WassersteinGAN
from sparring.metrics.calibration import Calibration, calibrate
from sparring.play.trainer import Record
from sparring.play.watching import watching
from sparring.playground.measures import SAMPLE, edges, floors, measure, shares
from sparring.playground.session import Session
from sparring.recipes.recipe import RECIPES, Facts, configure

POINTS = 400
"""real and generated points that are drawn"""
ARROWS = 100
"""generated points whose pull is drawn"""
CELLS = 48
"""of the heat map, to a side"""
LINES = 20
"""of the generator's grid, to a side"""
EXTENT = 2.0
"""noise that the grid spans, in deviations both ways"""
SMOOTH = 1.5
"""cells over which the generated density is smoothed for the optimal discriminator"""
ABSOLUTE = ("minimax", "non-saturating")
"""objectives whose discriminator is a probability by itself"""
EQUILIBRIUM = {
    "minimax": {"discriminator": math.log(4), "generator": -math.log(2)},
    "non-saturating": {"discriminator": math.log(4), "generator": math.log(2)},
    "least-squares": {"discriminator": 0.25, "generator": 0.125},
    "hinge": {"discriminator": 2.0, "generator": 0.0},
    "wasserstein": {"discriminator": 0.0, "generator": 0.0},
    "relativistic": {"discriminator": math.log(2), "generator": math.log(2)},
}
"""the adversarial terms where generated points are as real ones and the discriminator says so with logits of 0"""


class View(Settings):
    """What a page wants to see."""

    averaged: bool = False
    """points and grid of the averaged generator, instead of the one that plays"""
    heat: bool = True
    """what the discriminator says of every place"""
    optimal: bool = False
    """what the best discriminator would say: p / (p + q)"""
    grid: bool = True
    """where the generator puts a grid of noise"""
    arrows: bool = True
    """how generated points are pulled"""
    measures: bool = False
    """distances between the two densities"""
    phase: bool = True
    """where the generated points are, and which way the discriminator leans"""


@dataclass
class Frame:
    head: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def packed(self) -> bytes:
        """Four bytes with the length of a JSON text, the text (padded with spaces to whole fours), and the arrays that it lists, one after
        the other, little-endian, each padded to whole fours."""
        kinds = {"float32": "f4", "uint8": "u1"}
        told = [{"name": n, "shape": list(a.shape), "type": kinds[str(a.dtype)]} for n, a in self.arrays.items()]
        text = json.dumps(self.head | {"arrays": told}, allow_nan=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        body = b"".join(b + b"\0" * (-len(b) % 4) for b in (np.ascontiguousarray(a).tobytes() for a in self.arrays.values()))
        return struct.pack("<I", len(text)) + text + body


def frame(session: Session, records: Sequence[Record], view: View) -> Frame:
    """The session as it stands; losses and gradients are means over the records."""
    game, seen = session.game, Frame({
        "round": session.round, "epoch": session.epoch, "images": session.trainer.clock.images, "extent": session.scene.reach,
        "losses": _mean([r.terms for r in records]), "skipped": sum(sum(r.skipped.values()) for r in records), "players": list(session.players),
        "rounds_per_second": _speed(records), "equilibrium": EQUILIBRIUM.get(getattr(session.play.game, "objective", ""), {}),
    })  # fmt: skip
    network = _generator(session, view.averaged)
    with watching(game):
        noise = game.noise(POINTS, seed=1)
        fake, real = network(noise), session.data[:POINTS]
        seen.arrays |= {"real": _floats(real), "fake": _floats(fake)}
        if view.grid and game.noise_shape[0] <= 2:
            seen.arrays["grid"] = _floats(network(_grid(game.noise_shape[0])))
        if isinstance(game, Scores):
            verdict, probability = _verdict(session, real, fake)
            seen.head |= verdict
            if view.heat:
                seen.arrays["heat"] = _bytes(probability(_places(session.scene.reach)))
        if isinstance(game, Encodes):
            seen.arrays["codes"] = _floats(game.encode(real)[0])
        if view.optimal or view.measures:
            many = network(game.noise(SAMPLE, seed=2))
            if view.optimal:
                seen.arrays["optimal"] = _bytes(optimal(session, many))
            if view.measures:
                noise = {name: {"mean": mean, "deviation": deviation} for name, (mean, deviation) in floors(session.scene).items()}
                seen.head["measures"] = {name: {"value": v, "noise": noise[name]} for name, v in measure(session.scene, many).items()}
    if isinstance(game, Scores):
        if view.arrows:
            seen.arrays["arrows"] = _floats(pull(session, seen.arrays["fake"][:ARROWS]))
        if view.phase:
            seen.head["phase"] = phase(session, fake)
    return seen


class Playground(Session):
    """A session to be looked at."""

    def frame(self, records: Sequence[Record], view: View) -> Frame:
        return frame(self, records, view)

    def verdicts(self, places: Sequence[tuple[float, float]]) -> list[float] | None:
        """The probability of being real at places of the plane; None for a game that does not judge."""
        if not isinstance(self.game, Scores):
            return None
        with watching(self.game):
            fake = _generator(self, False)(self.game.noise(POINTS, seed=1))
            _, probability = _verdict(self, self.data[:POINTS], fake)
            return probability(torch.tensor(places, dtype=torch.float32).view(-1, 2)).tolist()

    def command(self) -> str:
        """The command line that trains the same game on the same points, which are saved as points.csv."""
        space = PointSpace(shape=(2,))
        names = {GAN: "gan", WassersteinGAN: "wgan-gp", VAE: "vae"}
        usual = configure(RECIPES[names[type(self.play.game)]], Facts(space, len(self.data)))
        as_they_are = usual.encoding.model_copy(update={"standardise": False})
        wanted = usual.model_copy(update={"game": self.play.game, "batch": self.play.batch, "encoding": as_they_are})
        typed = {path: value for path, value in _typed(wanted).items() if _typed(usual).get(path) != value}
        start = f"sparring train {names[type(self.play.game)]} --data points.csv --rounds {max(1, self.round)} --seed {self.play.seed}"
        return " ".join([start, *(f"--{path} {value}" for path, value in typed.items())])


def _typed(settings: Settings) -> dict[str, str]:
    """Settings as one types them: a constant schedule is one number."""
    values = {row.path: row.value for row in rows(settings)}
    constant = [path.removesuffix("shape") for path, value in values.items() if path.endswith(".shape") and value == "constant"]
    found = {}
    for path, value in values.items():
        group = next((c for c in constant if path.startswith(c)), None)
        if group is None or path == f"{group}start":
            text = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
            found[path if group is None else group[:-1]] = text
    return found


# ---- parts


def _generator(session: Session, averaged: bool):
    """Noise to points: of the network that plays, or of its average."""
    game = session.game
    network = getattr(game, "generator", None)
    return game.render if averaged or network is None else network


def _grid(dimensions: int) -> Tensor:
    """Noise on a grid, (LINES^2, 2) or (LINES^2, 1)."""
    axis = torch.linspace(-EXTENT, EXTENT, LINES)
    return torch.cartesian_prod(axis, axis).flip(1) if dimensions == 2 else torch.linspace(-EXTENT, EXTENT, LINES**2)[:, None]


def _places(reach: float) -> Tensor:
    """The middles of the heat map's cells, rows from low y to high y, (CELLS^2, 2)."""
    axis = (torch.arange(CELLS) + 0.5) / CELLS * 2 * reach - reach
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


def _verdict(session: Session, real: Tensor, fake: Tensor):
    """Accuracy in all, on real and on generated points, and the function from points to the probability of being real: the discriminator's own
    where its objective makes it one, else calibrated on these points."""
    score = session.game.score
    own = getattr(session.play.game, "objective", "") in ABSOLUTE
    probability = Calibration(1.0, 0.0, "") if own else calibrate(score(real), score(fake), "")
    called_real = lambda x: float(torch.heaviside(probability(score(x)) - 0.5, torch.tensor(0.5, dtype=torch.float64)).mean())     # one half: a guess
    told = {"real": called_real(real), "fake": 1 - called_real(fake)}
    return {"accuracy": told | {"all": (told["real"] + told["fake"]) / 2}}, lambda x: probability(score(x))


# D*(x) = p(x) / (p(x) + q(x))                                              (Goodfellow et al. 2014, Proposition 1)
def optimal(session: Session, fake: Tensor) -> Tensor:
    """(CELLS^2,) of the density of real points and of that of generated ones (n, 2), both smoothed alike."""
    p = session.scene.mass(edges(session.scene, CELLS))
    q = shares(session.scene, fake, CELLS)[:-1].view(CELLS, CELLS)
    p, q = _smooth(torch.stack([p, q]))
    return (p / (p + q).clamp(min=1e-12) + 0.5 * ((p + q) < 1e-12)).flatten()


def _smooth(x: Tensor) -> Tensor:
    """(n, k, k) with a Gaussian of `SMOOTH` cells."""
    at = torch.arange(-5, 6, dtype=x.dtype)
    line = torch.exp(-at.square() / (2 * SMOOTH**2))
    line /= line.sum()
    x = F.conv2d(x[:, None], line.view(1, 1, -1, 1), padding=(5, 0))
    return F.conv2d(x, line.view(1, 1, 1, -1), padding=(0, 5))[:, 0]


def pull(session: Session, points: np.ndarray) -> Tensor:
    """-d loss / d x of the generator's loss at each generated point, (n, 2): where it is pulled, and how hard."""
    game = session.game
    x = torch.from_numpy(points.copy()).requires_grad_()
    with torch.enable_grad():
        real = lambda: game.score(session.data[torch.arange(len(points)) % len(session.data)])
        loss = game.objective.generator(game.score(x), real) * len(points)
        (slope,) = torch.autograd.grad(loss, x)
    return -slope


def phase(session: Session, fake: Tensor) -> list[float]:
    """The two numbers of the smallest game: how far the mean of generated points lies from that of real ones along x, and the slope of the
    discriminator's logit along x at the mean of real ones (Mescheder et al. 2018, section 2)."""
    centre = session.data.mean(0, keepdim=True).requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(session.game.score(centre).sum(), centre)
    found = (torch.stack([fake.mean(0)[0] - centre.detach()[0, 0], slope[0, 0]])).tolist()
    return [value if np.isfinite(value) else 0.0 for value in found]


def _mean(terms: list[dict[str, float]]) -> dict[str, float]:
    """Term by term; nothing for what is not finite."""
    names = dict.fromkeys(name for t in terms for name in t)
    found = {name: float(np.mean([t[name] for t in terms if name in t])) for name in names}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _speed(records: Sequence[Record]) -> float:
    seconds = sum(r.seconds for r in records)
    return sum(r.speed["rounds"] * r.seconds for r in records) / seconds if seconds else 0.0


def _floats(x: Tensor) -> np.ndarray:
    return torch.nan_to_num(x.detach().float(), 0.0, 1e6, -1e6).numpy()


def _bytes(x: Tensor) -> np.ndarray:
    """Probabilities in 255ths."""
    return (torch.nan_to_num(x.detach().double(), 0.5) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
