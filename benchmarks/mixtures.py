"""Points: the default `gan` recipe on `grid` and `ring` by the PacGAN protocol, beside the non-saturating GAN of 2014 on the same budget.

    python -m benchmarks.mixtures [--seeds 0 1 2] [--data grid ring] [--kinds default "of 2014"] [--out benchmarks/results/mixtures.json]

Every run is a whole `sparring train` on one thread; 2,500 samples of its best checkpoint are judged.
"""

import argparse
import tempfile
import time
from pathlib import Path

import sparring
from benchmarks.machine import write_result

PLAIN = {"objective": "non-saturating", "penalty.kind": "none"}


def one(data: str, seed: int, settings: dict, folder: Path) -> dict:
    start = time.perf_counter()
    run = sparring.train("gan", data, seed=seed, run=folder, settings=settings | {"hardware.threads": 1, "watching.preview": 0})
    seconds = time.perf_counter() - start
    metrics = run.measure()["metrics"]
    return {
        "data": data, "seed": seed, "rounds": run.status["round"], "seconds": round(seconds), "checkpoint": run.checkpoint.name,
        **{name: round(m["value"], 4) for name, m in metrics.items()}, "floor": {name: round(m["floor"], 4) for name, m in metrics.items()},
        "verdict": run.doctor()["verdict"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", nargs="+", default=["grid", "ring"])
    parser.add_argument("--kinds", nargs="+", default=["default", "of 2014"])
    parser.add_argument("--out", default="benchmarks/results/mixtures.json")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for data in options.data:
            for kind in options.kinds:
                for seed in options.seeds if kind == "default" else options.seeds[:1]:
                    rows.append({"recipe": kind} | one(data, seed, PLAIN if kind == "of 2014" else {}, Path(folder) / f"{data}-{kind[:2]}-{seed}"))
                    print(rows[-1], flush=True)
    write_result(options.out, {"protocol": "2,500 samples, high quality within 3 sigma, KL of captured modes against uniform in nats", "rows": rows})


if __name__ == "__main__":
    main()
