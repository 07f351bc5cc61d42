"""The playground's promises: the default game finds the ring, failures fail and cures cure, and frames cost little.

    python -m benchmarks.playground [--seeds 10] [--out benchmarks/results/playground.json]

default     seconds and rounds until all 8 modes of the ring are covered with at least half of the points of high quality
collapse    modes at round 2,000 of the preset, and 2,000 rounds after its cure
vanishing   mean pull on generated points at round 1,000, and 200 rounds after the cure
oscillation farthest that the points go from the real place in rounds 600 to 800, and in the last 100 of 400 rounds after the cure
perfect     what the measures say of real points, in deviations of the drawn noise
frames      rounds and frames a second where 20 frames a second are made
"""

import argparse
import time

import torch

from benchmarks.machine import write_result
from sparring.play.watching import watching
from sparring.playground.frames import Playground, View
from sparring.playground.measures import SAMPLE, floors, measure
from sparring.playground.presets import PRESETS, begun

NAMED = {preset.name: preset for preset in PRESETS}
RING = 8


def measured(playground: Playground) -> dict[str, float]:
    with watching(playground.game):
        return measure(playground.scene, playground.game.generator(playground.game.noise(SAMPLE, seed=2)))


def default(seed: int) -> dict:
    playground, start = Playground(begun({}, seed=seed)), time.perf_counter()
    while (seconds := time.perf_counter() - start) < 30:
        playground.advance(50)
        found = measured(playground)
        if found["modes"] == RING and found["hq"] >= 0.5:
            return {"covered": True, "seconds": round(seconds, 2), "rounds": playground.round}
    return {"covered": False, "modes": found["modes"], "hq": round(found["hq"], 3)}


def collapse(seed: int) -> dict:
    preset = NAMED["mode-collapse"]
    playground = Playground(begun(preset.begin, seed=seed))
    playground.advance(2000)
    before = measured(playground)["modes"]
    playground.change(preset.cure)
    playground.advance(2000)
    return {"modes": before, "cured": measured(playground)["modes"]}


def vanishing(seed: int) -> dict:
    preset, view = NAMED["vanishing-gradient"], View()
    playground = Playground(begun(preset.begin, seed=seed))
    playground.advance(1000)
    pull = lambda: float(abs(playground.frame([], view).arrays["arrows"]).mean())
    before = pull()
    playground.change(preset.cure)
    playground.advance(200)
    return {"pull": float(f"{before:.2g}"), "cured": float(f"{pull():.2g}")}


def oscillation(seed: int) -> dict:
    preset, view = NAMED["oscillation"], View()
    playground = Playground(begun(preset.begin, seed=seed))

    def farthest(rounds: int) -> float:
        away = []
        for _ in range(rounds // 5):
            playground.advance(5)
            away.append(abs(playground.frame([], view).head["phase"][0]))
        return round(max(away), 3)

    playground.advance(600)
    before = farthest(200)
    playground.change(preset.cure)
    playground.advance(300)
    return {"farthest": before, "cured": farthest(100)}


def perfect(seed: int) -> dict:
    scene = begun({}).shape.build()
    found, noise = measure(scene, scene.sample(SAMPLE, "perfect", seed)), floors(scene)
    return {name: round((value - noise[name][0]) / max(noise[name][1], 1e-12), 2) for name, value in found.items() if noise[name][1]}


def frames(seed: int) -> dict:
    """Four rounds a frame, drawn as quickly as they come."""
    playground, view, start, n = Playground(begun({}, seed=seed)), View(), time.perf_counter(), 200
    size = 0
    for _ in range(n):
        size = len(playground.frame(playground.advance(4), view).packed())
    seconds = time.perf_counter() - start
    return {"frames a second": round(n / seconds, 1), "rounds a second": round(4 * n / seconds), "bytes a frame": size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--out", default="benchmarks/results/playground.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    parts = {f.__name__: f for f in (default, collapse, vanishing, oscillation, perfect, frames)}
    rows = {}
    for name in options.only or parts:
        rows[name] = [parts[name](seed) for seed in range(options.seeds)]
        print(name, rows[name], flush=True)
    write_result(options.out, {"seeds": options.seeds, "threads": 1, "rows": rows})


if __name__ == "__main__":
    main()
