"""Judging a run: which extractors see its items, and the items that are judged."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparring.base.seeding import generator, reseed
from sparring.extractors.choice import extractors_for
from sparring.metrics import paired
from sparring.metrics.catalogue import METRICS, PAIRED
from sparring.metrics.judge import Judge
from sparring.modalities.source import Codec
from sparring.play.game import Game, Generates, Restores
from sparring.play.watching import sample
from sparring.runs.data import Data, frequencies

FEWEST = 10
"""held-out items below which nothing is measured"""
ABREAST = 3
"""answers in a row of a sheet"""
ANSWERED = 32
"""damaged items that are restored at a time"""


def judge_for(
    data: Data, part: str, *, names: Iterable[str] = (), n: int | None = None, inception: str | None = None, density: Any = None,
    game: Game | None = None,
) -> Judge | None:  # fmt: skip
    """A judge with the training part as reference and `part` as held-out items; None where too few are held out. `game`: one that answers to
    given items, whose trivial answers are then the baseline."""
    if len(data.rows[part]) < FEWEST:
        return None
    names = tuple(names)
    extractors = extractors_for(data.codec, data.source.name, data.part("train"), data.part("test"), names=names, inception=inception)
    density = density if density is not None else getattr(data.source, "density", None)
    trivial = answers(data, game, part, n or len(data.rows[part]), seed=0) if isinstance(game, Restores) else None
    baseline = None if trivial is None else {name: trivial["trivial" if name == "x" else name] for name in ("x", "y") if name in trivial}
    return Judge(data.codec, data.part("train"), data.part(part), extractors, names=names or None, density=density, n=n, trivial=baseline)


def judged(judge: Judge, data: Data, game: Game, part: str, n: int, seed: int) -> dict[str, Any]:
    """The document of `measure --json` about n of the game's items; of items that have a target also how near they are to it."""
    made = fakes(data, game, part, n, seed)
    document = judge.judge(made)
    if "target" in made:
        names = [m.name for m in judge.metrics if m.of == "pairs"] or list(PAIRED)
        document["metrics"] = paired.measure(names, made, data.codec.expand, judge.extractors["own"]) | document["metrics"]
        document["skipped"] = {name: why for name, why in document["skipped"].items() if METRICS[name].of != "pairs"}
    return document


def asked_labels(data: Data, game: Game, n: int, seed: int) -> Tensor | None:
    """n conditions with the training data's frequencies, labels (n,) or attributes (n, d), for games that are told them; else None."""
    if not game.conditional:
        return None
    if game.space.attributes:
        known = data.part("train")["y"]
        return known[torch.randint(len(known), (n,), generator=generator("asked", seed))]
    return torch.multinomial(frequencies(data.part("train"), len(game.space.labels)), n, True, generator=generator("asked", seed))


def tells(game: Game) -> bool:
    """Whether a game's generator is asked for one of several labels."""
    return bool(game.space.labels) and game.conditional


def makes(game: Game) -> bool:
    """Whether a game makes items that can be judged."""
    return isinstance(game, (Generates, Restores))


def fakes(data: Data, game: Game, part: str, n: int, seed: int) -> dict[str, Tensor]:
    """n items that the game makes as compact rows, as they would be written to files: generated ones, or `answers` to a part's items. The
    game must be watched or settled."""
    if isinstance(game, Restores):
        return answers(data, game, part, n, seed)
    if not isinstance(game, Generates):
        raise TypeError(f"{type(game).__name__} does not generate")
    labels = asked_labels(data, game, n, seed)
    x = data.codec.compact(data.codec.decode(sample(game, n, seed, None if labels is None else game.space.told(labels))))
    return {"x": x} if labels is None else {"x": x, "y": labels}


@torch.no_grad()
def answers(data: Data, game: Restores, part: str, n: int, seed: int) -> dict[str, Tensor]:
    """At most n items of a part, damaged and restored, as compact rows: the restored "x", the "target", the "trivial" restoration, and "y" of
    items that have one. A function of the weights, the part and the seed."""
    batch, codec = data.part(part), data.codec
    rows = torch.randperm(len(batch["x"]), generator=generator("answers", seed))[:n]
    device, made = next(game.parameters()).device, {"x": [], "trivial": []}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for number, some in enumerate(rows.split(ANSWERED)):
            reseed("damage", seed, number)
            given = game.damage(codec.expand({"x": batch["x"][some].to(device)})["x"])
            for name, items in (("x", game.restore(given)), ("trivial", game.trivial(given))):
                made[name].append(codec.compact(codec.decode(items.float().cpu())))
    whole = {name: torch.cat(parts) for name, parts in made.items()} | {"target": batch["x"][rows]}
    return whole | ({"y": batch["y"][rows]} if "y" in batch else {})


def triples(codec: Codec, made: dict[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Answers side by side, each as what was given (as the trivial answer shows it), what came back, and the target; and the row of each."""
    together = torch.stack([made["trivial"], made["x"], made["target"]], 1).flatten(0, 1)          # (3 n, ...)
    items = codec.decode(codec.expand({"x": together})["x"])
    return items, np.arange(len(items)) // (3 * ABREAST)


def mean_skill(metrics: dict[str, dict]) -> float | None:
    """Mean over metrics of skill cut to [0, 1]: what `best` is picked by. 1 is as good as held-out real items, 0 as a trivial generator."""
    skills = [min(1.0, max(0.0, m["skill"])) for m in metrics.values() if "skill" in m]
    return sum(skills) / len(skills) if skills else None
