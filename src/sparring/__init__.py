"""Sparring: generative adversarial networks and their relatives, trained, judged and explained.

    run = sparring.train("dcgan", data="photos/", minutes=10)
    run.sample(64, seed=0)
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "train": "sparring.service",
    "fit": "sparring.service",
    "resume": "sparring.service",
    "load": "sparring.service:load_run",
    "inspect": "sparring.service",
    "compare": "sparring.service",
    "transform": "sparring.service",
    "measure": "sparring.service:measure_samples",
    "Synthesizer": "sparring.estimator",
    "UserError": "sparring.base.errors",
    "Run": "sparring.runs.run",
    "Trainer": "sparring.play.trainer",
    "Stream": "sparring.play.stream",
    "Game": "sparring.play.game",
}
"""public names, imported when they are first asked for: `import sparring` itself is instant"""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sparring' has no attribute {name!r}")
    module, _, other = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), other or name)


def __dir__() -> list[str]:
    return sorted(__all__)
