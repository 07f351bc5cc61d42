"""What a report is made of: everything that a run folder says, read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparring.base import files
from sparring.base.seeding import generator
from sparring.metrics.catalogue import METRICS, Metric
from sparring.metrics.table_catalogue import METRICS as TABLES
from sparring.recipes.recipe import RECIPES, Recipe
from sparring.runs.judging import tells
from sparring.runs.run import Run

SEED = 0
"""of the samples shown; measures use others"""


@dataclass
class Material:
    """A run and what its files say. What needs the weights or the data is in `report_pictures`, and may raise UserError."""

    run: Run

    @cached_property
    def recipe(self) -> dict[str, Any]:
        return self.run.folder.recipe()

    @cached_property
    def facts(self) -> dict[str, Any]:
        """data.json"""
        return files.read_json(self.run.path / "data.json")

    @cached_property
    def status(self) -> dict[str, Any]:
        return self.run.status

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        return self.run.folder.events()

    @cached_property
    def measured(self) -> dict[str, Any] | None:
        """measure.json"""
        return self.run.folder.measured()

    @cached_property
    def diagnosis(self) -> dict[str, Any]:
        return self.run.doctor()

    @property
    def name(self) -> str:
        return f"{self.recipe['recipe']} on {self.facts['name']}"

    @property
    def registered(self) -> Recipe | None:
        """The recipe that it was made by, where this version still has it."""
        return RECIPES.get(self.recipe["recipe"])

    @property
    def things(self) -> str:
        """What the items are called in sentences."""
        return {"images": "pictures", "pairs": "pictures", "points": "points", "tables": "rows"}.get(self.facts["kind"], "items")

    # ---- numbers

    @cached_property
    def _last_look(self) -> dict[str, Any] | None:
        return next((event for event in reversed(self.events) if event.get("metrics")), None)

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """Of the test part; of a run that was never measured, those of its last look at the validation part."""
        if self.measured is not None:
            return self.measured["metrics"]
        return self._last_look["metrics"] if self._last_look else {}

    @property
    def judged_on(self) -> str:
        if self.measured is not None:
            return f"the test part at checkpoint {int(self.measured['checkpoint']):,}"
        return f"the validation part at round {self._last_look['round']:,}" if self._last_look else "nothing"

    def ratio(self, metric: str) -> float | None:
        """How many times the value of held-out real items a metric is."""
        entry = self.metrics.get(metric, {})
        return entry["value"] / entry["floor"] if entry.get("floor", 0) > 0 else None

    def column(self, group: str, name: str) -> tuple[list[int], list[float | None]]:
        """Rounds and values of one logged number."""
        seen = [(event["round"], event[group][name]) for event in self.events if name in event.get(group, {})]
        return [r for r, _ in seen], [v for _, v in seen]

    def logged(self, group: str) -> list[str]:
        """Names of the numbers of a group, in the order in which they came up."""
        return list(dict.fromkeys(name for event in self.events for name in event.get(group, {})))

    # ---- items

    @property
    def shown_part(self) -> str:
        """The part that real items are shown from."""
        return next((name for name in ("test", "validation") if self.run.data.count(name)), "train")

    @property
    def told(self) -> bool:
        """Whether the generator is asked for labels."""
        return tells(self.run.game)

    def items(self, compact: Tensor) -> np.ndarray:
        """Compact rows as people know them."""
        codec = self.run.codec
        return codec.decode(codec.expand({"x": compact})["x"])

    def some(self, part: str, n: int, purpose: str) -> dict[str, Tensor]:
        """At most n compact items of a part, at random, always the same."""
        batch = self.run.data.part(part)
        rows = torch.randperm(len(batch["x"]), generator=generator("report", purpose))[:n]
        return {name: column[rows] for name, column in batch.items()}


def catalogue(names: Sequence[str]) -> list[tuple[str, Metric | None]]:
    """Metrics by name; None for one that another version measured."""
    return [(name, METRICS.get(name) or TABLES.get(name)) for name in names]
