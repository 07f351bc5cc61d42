"""A run on disk as an object: what `sparring.load` gives. Opening one executes nothing from the folder."""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from sparring.base.errors import UserError, nearest
from sparring.games.capabilities import Encodes, Reconstructs, Scores, Transforms
from sparring.games.tables import Foretells
from sparring.latents.space import best_space, truncate, truncated_noise
from sparring.latents.space import items as items_of
from sparring.metrics.calibration import Calibration
from sparring.metrics.items import NotComputable
from sparring.metrics.probing import measure
from sparring.modalities.kinds import load_codec
from sparring.modalities.source import Codec
from sparring.modalities.split import Split
from sparring.play.checkpoint import clock_of, load_weights
from sparring.play.game import Game, Generates
from sparring.play.watching import Render, sample, settle
from sparring.recipes.recipe import Configuration
from sparring.runs import health
from sparring.runs.data import Data, reopen
from sparring.runs.folder import Folder
from sparring.runs.judging import FEWEST, judge_for, judged, mean_skill, metrics_of, score_items, tells
from sparring.runs.probing import subject

if TYPE_CHECKING:
    import pandas

    from sparring.games.asking import Asking

Where = Mapping[str, Any] | Sequence[str]
"""what is asked of items: NAME=VALUE, of tables also NAME>=VALUE ..., or values by name"""


class Run:
    """A trained game with its codec, log and measures. The weights are those of the best checkpoint, averaged and settled."""

    def __init__(self, path: Path | str, checkpoint: str = "best"):
        self.folder = Folder.existing(path)
        self.which = checkpoint
        self.configuration: Configuration = self.folder.configuration()
        self._asked: dict[tuple, Asking] = {}

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.folder.recipe()['recipe']}, {self.status['state']})"

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def status(self) -> dict[str, Any]:
        """state (running, finished, interrupted, failed), round, rounds, pid, error."""
        return self.folder.status()

    @cached_property
    def codec(self) -> Codec:
        return load_codec(self.path / "codec")

    @cached_property
    def checkpoint(self) -> Path:
        return self.folder.checkpoint(self.which)

    @cached_property
    def game(self) -> Game:
        """On the CPU, in eval mode, ready to `render`; gradients are on, for projection and editing."""
        threads = min(self.configuration.hardware.threads, os.cpu_count() or 1)      # what was fastest: with too many a busy machine crawls
        torch.set_num_threads(threads)
        game = self.configuration.game.build(space=self.codec.space)
        load_weights(game, self.checkpoint)
        game.clock = clock_of(self.checkpoint)
        game.eval()
        if isinstance(game, Generates):
            settle(game)
        return game

    @cached_property
    def calibration(self) -> Calibration | None:
        """From logits to probabilities; None for a checkpoint at which the discriminator was not watched yet."""
        from sparring.base.files import read_json

        saved = read_json(self.checkpoint / "clock.json")["notes"].get("calibration")
        return Calibration(**saved) if saved else None

    @cached_property
    def data(self) -> Data:
        """The data that it was trained on, opened again."""
        return reopen(self.path, self.configuration.split)

    # ---- samples

    def label_numbers(self, n: int, label: str | int | list | np.ndarray | None, seed: int, start: int = 0) -> np.ndarray | None:
        """The class number of each of the samples start .. start + n - 1: one label for all, one each, or in turns, of which a seed begins with
        its own, so that single items of several seeds are of several classes; None for games that are not told."""
        names = self.codec.space.labels
        if self.game.conditional and not names:
            return None                                                    # told attributes: there is no label to sort by
        if not tells(self.game):
            if label is not None:
                raise UserError(f"{self.path} was not told labels: leave the label out" + (f" (its data have {', '.join(names)})" if names else ""))
            return None
        if label is None:
            return (seed + start + np.arange(n)) % len(names)
        given = [label] * n if isinstance(label, (str, int)) else list(label)
        if len(given) != n:
            raise UserError(f"there are {len(given)} labels for {n} samples")
        return np.array([self._number(one, names) for one in given])

    def _number(self, label: Any, names: tuple[str, ...]) -> int:
        if str(label) in names:
            return names.index(str(label))
        raise UserError(f"there is no label {str(label)!r}{nearest(str(label), names)}")

    def conditions(self, n: int, label: Any = None, where: Where | None = None, seed: int = 0, start: int = 0) -> Tensor | None:
        """What the game is told for the items start .. start + n - 1: labels (n,), or standardised attributes (n, d); None for games that are
        told nothing.

        label: one for all or one each; for tags, those that an item has, with commas between. where: attributes by name; those that are
        left out are drawn from what the training items have.
        """
        space, asked = self.codec.space, attributes_of(where or {})
        if not (self.game.conditional and space.attributes):
            if asked:
                raise UserError(f"{self.path} was not told attributes: leave --where out")
            numbers = self.label_numbers(n, label, seed, start)
            return None if numbers is None else torch.from_numpy(numbers)
        names = [a.name for a in space.attributes]
        y = space.some_conditions(start + n, "asked", seed)[start:]
        if label is not None:
            if not all(a.tag for a in space.attributes):
                raise UserError(f"{self.path} was told attributes, not tags: ask with --where {names[0]}=VALUE")
            given = [label] * n if isinstance(label, str) else list(label)
            if len(given) != n:
                raise UserError(f"there are {len(given)} labels for {n} samples")
            tags = [[part.strip() for part in str(one).split(",")] for one in given]
            for tag in {tag for row in tags for tag in row} - set(names):
                raise UserError(f"there is no tag {tag!r}{nearest(tag, names)}")
            y = space.told(torch.tensor([[float(name in row) for name in names] for row in tags]))
        for name, value in asked.items():
            if name not in names:
                raise UserError(f"there is no attribute {name!r}{nearest(name, names)}")
            attribute = space.attributes[names.index(name)]
            y[:, names.index(name)] = (float(value) - attribute.mean) / attribute.deviation
        return y

    def asking(self, where: Where) -> "Asking":
        """What draws rows of a table that obey conditions; the same one for the same conditions, so that it counts what it tries."""
        if not isinstance(self.game, Foretells):
            raise UserError(f"{self.path} holds a {self.configuration.game.kind}, which cannot be asked for rows: leave --where out")
        texts = (where,) if isinstance(where, str) else tuple(where.items()) if isinstance(where, Mapping) else tuple(where)
        if texts not in self._asked:
            from sparring.games.asking import Asking

            self._asked[texts] = Asking(self.game, self.codec.asked(where), self.codec.decode)
        return self._asked[texts]

    def items(
        self, n: int = 1, *, seed: int = 0, label: str | int | list | np.ndarray | None = None, start: int = 0, truncation: float | None = None,
        where: Where | None = None,
    ) -> np.ndarray:  # fmt: skip
        """`sample` as codecs have items: rows of tables are a pyarrow.Table."""
        if n < 1:
            raise UserError(f"cannot make {n} samples: ask for at least 1")
        if not isinstance(self.game, Generates):
            instead = ", it works on pictures: see `sparring transform`" if isinstance(self.game, Transforms) else ""
            raise UserError(f"{self.path} holds a game that does not generate{instead}")
        if where and self.codec.space.kind == "tables":
            if label is not None or truncation is not None:
                raise UserError("--where cannot be combined with --label or --truncation for tables: leave those out")
            return self.codec.decode(self.asking(where).rows(n, seed, start))
        y = self.conditions(n, label, where, seed, start)
        if truncation is None:
            return self.codec.decode(sample(self.game, n, seed, y, start))
        settles = best_space(self.game) == "z"                             # batch norm must know the noise that it will see
        if settles:
            settle(self.game, lambda noise: truncated_noise(noise, truncation))
        try:
            return self.codec.decode(sample(self.game, n, seed, y, start, self._truncated(truncation)))
        finally:
            if settles:
                settle(self.game)

    def sample(
        self, n: int = 1, *, seed: int = 0, label: str | int | list | np.ndarray | None = None, start: int = 0, truncation: float | None = None,
        where: Where | None = None,
    ) -> "np.ndarray | pandas.DataFrame":  # fmt: skip
        """n items as people know them: pictures uint8 (n, h, w, c), points (n, d) in the data's units, rows of tables as a pandas.DataFrame.

        Item i is a function of (seed, i). `label`: one for all, or one each; without it labels take turns. `where`: attributes by name;
        of tables conditions that every row obeys, ["age>=60", "town=Ulm"] or {"town": "Ulm"} (`asking(where).acceptance` says how many
        rows do so anyway). `truncation`: psi of styles where the game has them, else the largest number of the noise. UserError for wrong ones.
        """
        asked = {"seed": seed, "label": label, "truncation": truncation, "where": where}
        items = self.codec.joined([*self.parts(n, start=start, **asked)]) if self.codec.unique else self.items(n, start=start, **asked)
        return self.codec.handed(*self.codec.numbered([items], seed, start))

    def parts(self, n: int, *, start: int = 0, **asked: Any) -> Iterator[Any]:
        """The items of `items(n, start=start, **asked)`, as many at a time as the codec says: no more than those are in memory. Where columns
        of a table are unique together, without those that repeat one before."""
        if n < 1:
            raise UserError(f"cannot make {n} samples: ask for at least 1")
        if self.codec.unique:
            yield from self._distinct(n, start, **asked)
            return
        for first in range(start, start + n, self.codec.part):
            yield self.items(min(self.codec.part, start + n - first), start=first, **asked)

    def _distinct(self, n: int, start: int, **asked: Any) -> Iterator[Any]:
        """Rows start .. start + n - 1 of those that repeat none before. Which these are depends on all before, so those are made too: row i stays
        a function of (seed, i)."""
        size = min(self.codec.part, max(self.game.block, start + n))
        every = (self.items(size, start=first, **asked) for first in itertools.count(0, size))
        made = 0
        for part in self.codec.distinct(every):
            first, last = max(start - made, 0), min(start + n - made, len(part))
            if first < last:
                yield part.slice(first, last - first)
            made += len(part)
            if made >= start + n:
                return

    def _truncated(self, truncation: float) -> Render:
        def render(noise: Tensor, y: Tensor | None) -> Tensor:
            latent, which = truncate(self.game, noise, y, truncation)
            return items_of(self.game, latent, y, which)

        return render

    # ---- verdicts

    def score(self, items: np.ndarray, label: list | np.ndarray | None = None) -> np.ndarray:
        """The probability in [0, 1] that each item is real, (n,), by the discriminator calibrated on held-out items.

        `items` as `sample` gives them; `label` for games that are told labels (without it, the label that suits the item best).
        """
        return self.score_compact(self.codec.compact(self.codec.received(items)), label)

    @torch.no_grad()
    def score_compact(self, x: Tensor, label: list | np.ndarray | None = None) -> np.ndarray:
        if not isinstance(self.game, Scores):
            raise UserError(f"{self.path} holds a {self.configuration.game.kind}, which has no discriminator: it cannot score")
        if self.calibration is None:
            raise UserError(f"{self.path} has not been watched yet, so its scores are not calibrated: train it for some rounds")
        if not self.game.conditional:
            logits = score_items(self.game, self.codec, {"x": x})
        elif not tells(self.game):
            raise UserError(f"{self.path} was told attributes, which the items to be scored do not have")
        elif label is not None:
            logits = score_items(self.game, self.codec, {"x": x, "y": torch.from_numpy(self.label_numbers(len(x), label, 0))})
        else:
            every = range(len(self.codec.space.labels))
            logits = torch.stack([score_items(self.game, self.codec, {"x": x, "y": torch.full((len(x),), y)}) for y in every]).amax(0)
        return self.calibration(logits).numpy()

    # ---- autoencoders

    @torch.no_grad()
    def encode(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each item's latent posterior, (n, latent) each."""
        if not isinstance(self.game, Encodes):
            raise UserError(f"{self.path} holds a {self.configuration.game.kind}, which has no encoder")
        mean, deviation = self.game.encode(self.codec.expand({"x": self.codec.compact(self.codec.received(items))})["x"])
        return mean.numpy(), deviation.numpy()

    @torch.no_grad()
    def reconstruct(self, items: np.ndarray) -> np.ndarray:
        """Items through the bottleneck and back."""
        if not isinstance(self.game, Reconstructs):
            raise UserError(f"{self.path} holds a {self.configuration.game.kind}, which does not reconstruct")
        return self.codec.decode(self.game.reconstruct(self.codec.expand({"x": self.codec.compact(self.codec.received(items))})["x"]))

    # ---- judging

    def measure(
        self,
        data: Any = None,
        *,
        target: str | None = None,
        metrics: tuple[str, ...] = (),
        n: int | None = None,
        inception: str | None = None,
        judge_steps: int | None = None,
        seed: int = 1,
        split: Split | None = None,
    ) -> dict[str, Any]:
        """The document of `measure --json`: generated items and held-out real ones (the test part), each against the same training items.

        `data`: others than those it was trained on, a text as for `train` or a frame; `target`: the column of a table that `tstr` and
        `augmented` predict (default: that of the encoding); `judge_steps`: how long the network that judges pictures learns, by default about a
        minute; `split`: how they are cut into parts, by default as the run's own are.
        """
        held = self.data if data is None and split is None else reopen(self.path, split or self.configuration.split, data)
        with torch.random.fork_rng(devices=[]):
            judge = judge_for(
                held, "test", names=metrics, n=n, inception=inception, game=self.game, target=target, judge_steps=judge_steps
            )
            if judge is None:
                raise UserError(f"{held.text} has {held.count('test')} held-out items, measuring needs at least {FEWEST}: give more with --data")
            with torch.no_grad():
                document = judged(judge, held, self.game, "test", judge.n, seed)
            for metric in (m for m in metrics_of(held.source.kind, metrics) if m.of == "game"):
                try:
                    document["metrics"][metric.name] = measure(metric.name, subject(held, self.game, judge.extractors["own"]), judge.n)
                    document["skipped"].pop(metric.name, None)
                except NotComputable as reason:
                    document["skipped"][metric.name] = str(reason)
        return {"run": str(self.path), "data": held.text, "checkpoint": self.checkpoint.name, **document, "skill": mean_skill(document["metrics"])}

    def keep(self, measured: dict[str, Any]) -> None:
        """Adds metrics that were not measured yet, on the run's own data, to measure.json, which the report and the card show. A measurement of
        another checkpoint takes its place."""
        from sparring.base.files import read_json, write_json

        file = self.path / "measure.json"
        with self.folder.lock:
            saved = read_json(file) if file.exists() else {}
            if saved.get("checkpoint") == measured["checkpoint"]:
                metrics = measured["metrics"] | saved["metrics"]
                skipped = {name: why for name, why in (saved["skipped"] | measured["skipped"]).items() if name not in metrics}
                measured = saved | {"metrics": metrics, "skipped": skipped, "skill": mean_skill(metrics)}
            write_json(file, measured)

    def doctor(self) -> dict[str, Any]:
        """What is wrong with this training and what to do: verdict and findings."""
        return health.diagnosis(str(self.path), self.folder.events(), self.status)

    def report(self) -> Path:
        """Rebuilds report.html and card.md; returns the report's path."""
        from sparring.runs.report import write_report

        return write_report(self)


def attributes_of(where: Where) -> dict[str, float]:
    """Numbers by name, of NAME=VALUE texts."""
    if isinstance(where, Mapping):
        return {name: float(value) for name, value in where.items()}
    found = {}
    for pair in where:
        name, _, value = pair.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise UserError(f"--where is NAME=VALUE with a number, not {pair!r}") from None
    return found
