"""What `make demo` reaches: the same command on several seeds, judged on the 1,500 test digits.

    python -m benchmarks.demo [--seeds 3] [--minutes 4.5] [--out benchmarks/results/demo.json]

The extractor is trained anew for the first seed (an empty cache), as on a fresh machine; `seconds` is the wall time of the whole command.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import write_result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=4.5)
    parser.add_argument("--out", default="benchmarks/results/demo.json")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"SPARRING_CACHE": f"{folder}/cache"}
        for seed in range(options.seeds):
            run = Path(folder) / f"digits-{seed}"
            command = ["-m", "sparring", "train", "dcgan", "--data", "digits", "--minutes", str(options.minutes), "--seed", str(seed), "--run", str(run)]
            start = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, env=environment, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - start
            metrics = json.loads((run / "measure.json").read_text())["metrics"]
            recipe = json.loads((run / "recipe.json").read_text())
            rows.append({
                "seed": seed, "seconds": round(seconds, 1), "rounds": recipe["rounds"], "threads": recipe["configuration"]["hardware"]["threads"],
                "fd over floor": round(metrics["fd"]["value"] / metrics["fd"]["floor"], 3),
                "extractor accuracy": metrics["label_accuracy"]["protocol"]["extractor_accuracy"],
                **{name: {k: round(m[k], 4) for k in ("value", "floor", "baseline", "control")} for name, m in metrics.items()},
            })  # fmt: skip
            print(json.dumps(rows[-1]), flush=True)
    write_result(options.out, {"data": "digits: 3,000 training, 500 validation, 1,500 test", "rows": rows})


if __name__ == "__main__":
    main()
