"""The explorer's promise: what a page asks of a loaded run is answered within 150 ms for pictures of 64 px, on one core.

    python -m benchmarks.explorer [--times 20] [--out benchmarks/results/explorer.json]

Runs of dcgan, stylegan2 and vae, trained for a few rounds on `digits` at 64 px, are asked over HTTP, worker process and all; medians in milliseconds.
`load` is the first answer: torch, the run and its principal directions.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from starlette.testclient import TestClient

import sparring
from benchmarks.machine import write_result
from sparring.studio.server import create

RECIPES = ("dcgan", "stylegan2", "vae")
SIDE = 64
SETTINGS = {"resolution": SIDE, "batch": 8, "watching.judge": 0, "hardware.threads": 1}


def asked(recipe: str) -> dict[str, tuple[str, dict]]:
    """What pages ask for, by name; %d is another number every time."""
    wishes = {
        "one": ("sample", {"seeds": ["%d"]}),
        "one, moved": ("sample", {"seeds": [1], "offsets": [0.5, "%d"]}),
        "one, truncated": ("sample", {"seeds": ["%d"], "truncation": 0.7}),
        "sheet of 16": ("sample", {"n": 16, "seed": "%d"}),
        "frame": ("path", {"seeds": ["%d", 2, 3], "frame": 30}),
        "traversal of 9": ("traverse", {"seed": "%d", "along": "directions"}),
    }
    return wishes | ({"mix": ("mix", {"seed": "%d", "bands": {"fine": 1}})} if recipe == "stylegan2" else {})


def numbered(wish, number: int):
    """The wish with that number in its places."""
    if isinstance(wish, dict):
        return {name: numbered(value, number) for name, value in wish.items()}
    if isinstance(wish, list):
        return [numbered(value, number) for value in wish]
    return number % 20 if wish == "%d" else wish


def timed(call) -> float:
    start = time.perf_counter()
    answer = call()
    assert answer.status_code == 200, answer.text
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        for recipe in RECIPES:
            sparring.train(recipe, "digits", run=runs / recipe, rounds=2, settings=SETTINGS)
        with TestClient(create(runs=runs), base_url="http://127.0.0.1:7860") as page:
            for recipe in RECIPES:
                found[recipe] = {"load": round(timed(lambda recipe=recipe: page.get(f"/api/explore/{recipe}")))}
                for name, (do, wish) in asked(recipe).items():
                    ask = lambda i, do=do, wish=wish, recipe=recipe: page.post(f"/api/explore/{recipe}/{do}", json=numbered(wish, i))
                    timed(lambda ask=ask: ask(0))
                    found[recipe][name] = round(statistics.median(timed(lambda i=i, ask=ask: ask(i)) for i in range(1, options.times + 1)), 1)
                print(recipe, found[recipe], flush=True)
    if options.out:
        write_result(options.out, {"side": SIDE, "ms": found})


if __name__ == "__main__":
    main()
