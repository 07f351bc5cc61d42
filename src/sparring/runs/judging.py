"""Judging a run: which extractors see its items, and the items that are judged."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sparring.base.errors import UserError
from sparring.base.seeding import generator, reseed
from sparring.extractors.choice import extractors_for
from sparring.games.capabilities import Restores, Transforms, Translates
from sparring.metrics import paired
from sparring.metrics.catalogue import METRICS, PAIRED, TRANSLATED, Metric, named
from sparring.metrics.judge import Judge
from sparring.metrics.table_catalogue import METRICS as TABLES
from sparring.modalities.pairs import recoloured
from sparring.modalities.source import Codec, Source
from sparring.play.game import Game, Generates
from sparring.play.watching import sample
from sparring.runs.data import Data, frequencies

if TYPE_CHECKING:
    from sparring.metrics.tables import TableJudge

FEWEST = 10
"""held-out items below which nothing is measured"""
ABREAST = 3
"""answers in a row of a sheet"""
ANSWERED = 32
"""given items that are answered at a time"""
COMPARED = 200_000
"""training rows of a table that a judge has before it, and rows of another program that it judges, at most"""
AVERAGED = 1000
"""training pictures that a mean picture is made of, at most"""


def metrics_of(kind: str, names: Iterable[str]) -> list[Metric]:
    """The metrics of these names that data of a kind are judged by; UserError for one that is none."""
    return named(names, TABLES if kind == "tables" else METRICS)


def judge_for(
    data: Data, part: str, *, names: Iterable[str] = (), n: int | None = None, inception: str | None = None, density: Any = None,
    game: Game | None = None, target: str | None = None, judge_steps: int | None = None,
) -> "Judge | TableJudge | None":  # fmt: skip
    """A judge with the training part as reference and `part` as held-out items; None where too few are held out. `game`: one that answers to
    given items, whose trivial answers are then the baseline; what it translates back has a judge of its own. `target`: the column of a
    table that others predict, by default that of its encoding. `judge_steps`: how long the extractor of these data learns, by default a minute."""
    if judge_steps is not None and (data.source.kind == "tables" or not data.codec.space.pictures):
        raise UserError(f"{data.text} holds {data.source.kind}, which no trained network judges: leave --judge-steps out")
    if target is not None and data.source.kind != "tables":
        raise UserError(f"a target is a column of a table, and {data.text} holds {data.source.kind}: leave --target out")
    if data.count(part) < FEWEST:
        return None
    names = tuple(names)
    if data.source.kind == "tables":
        from sparring.metrics.tables import TableJudge

        learnt, held = (data.rows[name] for name in ("train", part))
        some = compared(learnt)
        both = data.source.take(np.concatenate([some, held]))                                # at once: of a file that is one pass
        copies = None if some is learnt else lambda rows: float(data.source.holds(learnt, rows).mean())
        return TableJudge(
            both.slice(0, len(some)), both.slice(len(some)), data.codec.columns, target=target or data.codec.encoding.target,
            names=names or None, n=n, copies=copies,
        )  # fmt: skip
    parts = data.part("train"), data.part("test")
    extractors = extractors_for(data.codec, data.source.name, *parts, names=names, inception=inception, steps=judge_steps)
    density = density if density is not None else getattr(data.source, "density", None)
    trivial = answers(data, game, part, n or data.count(part), seed=0) if isinstance(game, Transforms) else None
    baseline = None if trivial is None else {name: trivial["trivial" if name == "x" else name] for name in ("x", "y") if name in trivial}
    both = isinstance(game, Translates) and "b2a" in game.directions
    back = judge_back(data, part, n) if both and (not names or "fd_b2a" in names) else None
    return Judge(data.codec, data.part("train"), data.part(part), extractors, names=names or None, density=density, n=n, trivial=baseline, back=back)


def judge_back(data: Data, part: str, n: int | None) -> Judge | None:
    """A judge of items that are translated back, with the given pictures of the training part as reference and an extractor that learnt from
    them; the items themselves are the trivial answer. None for label maps, which no extractor sees."""
    codec = data.codec.taken.codec
    if codec is None:
        return None
    training, held_out = ({"x": data.given(name)} for name in ("train", part))
    extractors = extractors_for(codec, data.source.a.name, training, held_out)
    x = data.part(part)["x"]
    items = x[torch.randperm(len(x), generator=generator("returns", 0))].permute(0, 2, 3, 1).numpy()        # (n, c, h, w) -> (n, h, w, c)
    trivial = {"x": codec.compact(recoloured(items, codec.space.shape[0]))}
    return Judge(codec, training, held_out, extractors, names=["fd"], n=n, trivial=trivial)


def judged(judge: Judge, data: Data, game: Game, part: str, n: int, seed: int) -> dict[str, Any]:
    """The document of `measure --json` about n of the game's items; of items that have a target also how near they are to it, of translations
    what they keep of what they came from, of those there and back how much that changed them, and how good those back are."""
    if data.source.kind == "tables":
        return judge.judge(data.codec.decode(sample(game, n, seed)))
    made = fakes(data, game, part, n, seed)
    document = judge.judge(made)
    names = lambda of, usual: [m.name for m in judge.metrics if m.of == of] or list(usual)
    if "target" in made:
        found = paired.measure(names("pairs", PAIRED), made, data.codec.expand, judge.extractors["own"])
        document["metrics"] = found | document["metrics"]
    if "cycle" in made:
        document["metrics"]["cycle"] = paired.cycle(made)
    if isinstance(game, Translates):
        document["metrics"] |= kept(names("translations", TRANSLATED), judge, data, made)
    if judge.back is not None:
        back = judge.back.judge({"x": returns(data, game, part, n, seed)})
        for what in ("metrics", "skipped"):
            document[what] |= {f"{name}_b2a": said for name, said in back[what].items()}
    document["skipped"] = {name: why for name, why in document["skipped"].items() if name not in document["metrics"]}
    return document


def judge_source(judge: "Judge | TableJudge", codec: Codec, made: Source) -> dict[str, Any]:
    """The same about the items of a source, of any program."""
    return judge.judge(codec.items(made).take(compared(np.arange(len(made)))) if made.kind == "tables" else codec.encode(made))


def compared(rows: np.ndarray) -> np.ndarray:
    """These numbers of rows, or `COMPARED` random ones of them in order."""
    if len(rows) <= COMPARED:
        return rows
    return np.sort(rows[torch.randperm(len(rows), generator=generator("compared"))[:COMPARED].numpy()])


def kept(names: list[str], judge: Judge, data: Data, made: dict[str, Tensor]) -> dict[str, dict]:
    """Entries of what translations keep of what they came from, as far as both sides can be compared: by pictures, by labels."""
    found, expand, own = {}, data.codec.expand, judge.extractors["own"]
    if data.codec.space.alike and "content" in names:
        found["content"] = paired.content(made, expand, own)
    if data.codec.space.alike and "inversion" in names:
        found["inversion"] = paired.inversion(made, expand, *belonging(data, made))
    if "label" in made and (floor := judge.columns(METRICS["label_accuracy"], len(made["x"])).get("floor")) is not None:
        found["label_kept"] = paired.label_kept(made, expand, judge.extractors.get("labels", own), floor.value)
    return found


def belonging(data: Data, made: dict[str, Tensor]) -> tuple[Tensor, Tensor, str]:
    """Compact real pictures of both sides that belong together, and what they are: what was given and its targets, or the mean pictures."""
    if "target" in made:
        return made["shown"], made["target"], "what was given and its target"
    return data.codec.shown(mean_given(data)), mean_item(data), "the mean training pictures of both sides"


def asked_labels(data: Data, game: Game, n: int, seed: int) -> Tensor | None:
    """n conditions with the training data's frequencies, labels (n,) or attributes (n, d), for games that are told them; else None."""
    if not game.conditional:
        return None
    if "y" not in data.part("train"):
        what = "attributes" if game.space.attributes else "labels"
        raise UserError(f"{data.text} has none of the {what} that this run was told: measure it against data that have them")
    if game.space.attributes:
        known = data.part("train")["y"]
        return known[torch.randint(len(known), (n,), generator=generator("asked", seed))]
    return torch.multinomial(frequencies(data.part("train"), len(game.space.labels)), n, True, generator=generator("asked", seed))


def tells(game: Game) -> bool:
    """Whether a game's generator is asked for one of several labels."""
    return bool(game.space.labels) and game.conditional


def makes(game: Game) -> bool:
    """Whether a game makes items that can be judged."""
    return isinstance(game, (Generates, Transforms))


def fakes(data: Data, game: Game, part: str, n: int, seed: int) -> dict[str, Tensor]:
    """n items that the game makes as compact rows, as they would be written to files: generated ones, or `answers` to a part's items. The
    game must be watched or settled."""
    if isinstance(game, Transforms):
        return answers(data, game, part, n, seed)
    if not isinstance(game, Generates):
        raise TypeError(f"{type(game).__name__} does not generate")
    labels = asked_labels(data, game, n, seed)
    x = data.codec.compact(data.codec.decode(sample(game, n, seed, None if labels is None else game.space.told(labels))))
    return {"x": x} if labels is None else {"x": x, "y": labels}


def answers(data: Data, game: Transforms, part: str, n: int, seed: int) -> dict[str, Tensor]:
    """What a game makes of at most n given items of a part, as compact rows: the answers "x", the "trivial" ones, what was given as it is
    "shown", and the "target" and "y" of items that have them. A function of the weights, the part and the seed."""
    return translations(data, game, part, n, seed) if isinstance(game, Translates) else restorations(data, game, part, n, seed)


@torch.no_grad()
def restorations(data: Data, game: Restores, part: str, n: int, seed: int) -> dict[str, Tensor]:
    """Items, damaged and restored."""
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
    whole |= {"shown": whole["trivial"]}
    return whole | ({"y": batch["y"][rows]} if "y" in batch else {})


@torch.no_grad()
def translations(data: Data, game: Translates, part: str, n: int, seed: int) -> dict[str, Tensor]:
    """Given pictures, translated; with targets where they are paired, with the "label" of what was given where they are not, and where the game
    translates back also what comes "back", as it is shown, and how far that is from what was given: "cycle" (n,), beside that of the mean
    picture, "cycle of the mean" (n,)."""
    given, codec, device = data.given(part), data.codec, next(game.parameters()).device
    rows = torch.randperm(len(given), generator=generator("answers", seed))[:n]
    both = "b2a" in game.directions
    made: dict[str, list[Tensor]] = {}
    mean = mean_given(data) if both else None
    for some in rows.split(ANSWERED):
        a = codec.expand({"given": given[some].to(device)})["given"]
        x = game.translate(a)
        found = {"x": codec.compact(codec.decode(x.float().cpu())), "shown": codec.shown(a)}
        if both:
            back = game.translate(x, "b2a").float().cpu()
            error = lambda y, a=a: 127.5 * (y - a.cpu()).abs().flatten(1).mean(1)            # of 255
            found |= {"back": codec.shown(back), "cycle": error(back), "cycle of the mean": error(mean)}
        for name, items in found.items():
            made.setdefault(name, []).append(items)
    whole = {name: torch.cat(parts) for name, parts in made.items()}
    if not codec.space.paired:
        labels = data.given_labels(part)
        return whole | {"trivial": whole["shown"]} | ({} if labels is None else {"label": labels[rows]})
    batch = data.part(part)
    whole |= {"target": batch["x"][rows]} | ({"y": batch["y"][rows]} if "y" in batch else {})
    return whole | {"trivial": _without_learning(data, whole["shown"])}


@torch.no_grad()
def returns(data: Data, game: Translates, part: str, n: int, seed: int) -> Tensor:
    """At most n items of a part, translated back, as compact rows of given pictures."""
    x, taken, device = data.part(part)["x"], data.codec.taken.codec, next(game.parameters()).device
    rows = torch.randperm(len(x), generator=generator("returns", seed))[:n]
    items = (data.codec.expand({"x": x[some].to(device)})["x"] for some in rows.split(ANSWERED))
    return torch.cat([taken.compact(taken.decode(game.translate(b, "b2a").float().cpu())) for b in items])


def _without_learning(data: Data, shown: Tensor) -> Tensor:
    """The answers of pairs that need no learning: what was given, or, where that is a label map, the mean of the training items."""
    if not data.codec.space.classes:
        return shown
    return mean_item(data).expand_as(shown)


def mean_item(data: Data) -> Tensor:
    """The mean training item, a compact row (1, c, h, w)."""
    return data.codec.compact(data.codec.decode(mean_picture(data.part("train")["x"], lambda x: data.codec.expand({"x": x})["x"])))


def mean_given(data: Data) -> Tensor:
    """The mean of what is given in training, as games see it, (1, c, h, w)."""
    return mean_picture(data.given("train"), lambda x: data.codec.expand({"given": x})["given"])


def mean_picture(compact: Tensor, expand: Callable[[Tensor], Tensor]) -> Tensor:
    """(1, c, h, w) floats, the mean of compact rows, or of a thousand of them, evenly spaced."""
    rows = torch.linspace(0, len(compact) - 1, min(len(compact), AVERAGED)).long()
    return sum(expand(compact[some]).double().sum(0, keepdim=True) for some in rows.split(256)).div(len(rows)).float()


def triples(codec: Codec, made: dict[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Answers side by side, each as what was given, what was made of it, and the target or, without one, what came of it back; and the row
    of each."""
    columns = [made[name] for name in ("shown", "x", "target" if "target" in made else "back") if name in made]
    together = torch.stack(columns, 1).flatten(0, 1)                                        # (columns * n, ...)
    items = codec.decode(codec.expand({"x": together})["x"])
    return items, np.arange(len(items)) // (len(columns) * ABREAST)


def score_items(game: Game, codec, batch: dict[str, Tensor]) -> Tensor:
    """Logits (n,) on the CPU of compact items, told their label where the game wants one; the game must be watched or settled."""
    device = next(game.parameters()).device
    scores = []
    for first in range(0, len(batch["x"]), 256):
        part = codec.expand({name: column[first : first + 256].to(device) for name, column in batch.items()})
        scores.append(game.score(part["x"], part.get("y")).float().cpu())
    return torch.cat(scores)


def mean_skill(metrics: dict[str, dict]) -> float | None:
    """Mean over metrics of skill cut to [0, 1]: what `best` is picked by. 1 is as good as held-out real items, 0 as a trivial generator."""
    skills = [min(1.0, max(0.0, m["skill"])) for m in metrics.values() if "skill" in m]
    return sum(skills) / len(skills) if skills else None
