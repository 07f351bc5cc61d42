"""Adult, official split: our recipes of tables beside the `ctgan` package, in quality at equal time, in speed, and in rows drawn a second.

    python -m benchmarks.table_peers --adult FOLDER --peer-python PYTHON [--parts quality speed sampling] [--recipes ...] [--peers TVAE CTGAN]
        [--shares 1 0.25 0.1] [--seeds 0] [--default-epochs [300]] [--free-preparation] [--threads 1]

PYTHON is that of an environment with `ctgan`. Every row of `quality` says how many seconds the training took, reading, preparation and what is
judged meanwhile included, and how good as many rows as the test file has are by our metrics (see benchmarks.tables).

quality    our recipes for these shares of their rounds. A peer has as many epochs as fit into the seconds of each recipe that it is compared
           with, by the time of preparation and of an epoch that a first fit takes (at least one epoch); with --free-preparation its preparation
           does not count. Those are seconds of the processor, since another process may be running. --default-epochs also trains peers for
           their default, which takes long.
speed      rows a second of training on one thread, preparation apart, at the same batch and widths, interleaved. A row counts once a round,
           though our GANs draw a batch of their own for the generator. Ours once as they come and once with hardware.compile.
sampling   rows a second that come out as pandas frames, 1,000,000 of ours and --peer-sample of theirs, interleaved
Both are rates by the clock and by the processor; on a machine that is alone they are the same. Beside them stands what the matrix products of our
networks allow: the rate of these products alone, which no program with these networks can pass.
Rows of earlier calls are kept, so the table may be made in several.
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import sparring
from benchmarks.machine import write_result
from benchmarks.peers import Form, Peer
from sparring import service
from sparring.metrics.tables import TableJudge, worst
from sparring.modalities.table_source import open_table
from sparring.recipes.recipe import RECIPES
from sparring.runs.planning import plan
from sparring.runs.playing import make_trainer

aten = torch.ops.aten
TARGET = "income"
METRICS = ("shapes", "pairs", "c2st", "tstr", "detection", "rare_recall")
COMPARED = {"shapes": 1, "pairs": 1, "c2st": -1, "tstr": 1}
"""what counts when rows are compared, 1 where more is better"""
RECIPES_OF_TABLES = ("table-vae", "table-gan", "tvae", "ctgan")
AS_LONG_AS = {"TVAE": ("table-vae", "table-gan", "tvae"), "CTGAN": ("table-vae", "table-gan", "ctgan")}
"""the recipes whose time a peer has"""
ALIKE = {
    "CTGAN": ("ctgan", "table-gan", {"generator.kind": "residual", "generator.norm": "batch", "generator.width": 256, "discriminator.width": 256}),
    "TVAE": ("tvae", "table-vae", {"latent": 128, "encoder.width": 128, "decoder.width": 128}),
}
"""for each peer our recipe of its kind; as long as there is none, another one at its widths"""
OPENING = 2
"""epochs of the fit that tells how long preparation and an epoch take"""
EVERY, PART = 8, 10_000
"""rounds (all kinds of them: penalties are due in every eighth at the latest) and rows whose matrix products are also done alone"""


@dataclass
class Task:
    """What rows are learnt from and judged by. `form`: the table as peers take it."""

    file: Path
    judge: TableJudge
    n: int
    form: Form | None = None


def values(metrics: dict) -> dict:
    return {name: {k: round(m[k], 4) for k in ("value", "std", "floor", "baseline", "skill") if k in m} for name, m in metrics.items()}


def judged(task: Task, rows: pa.Table) -> dict:
    document = task.judge.judge(rows)
    return {"metrics": values(document["metrics"]), "worst": worst(document["metrics"], 3)["columns"]}


def own(recipe: str, task: Task, folder: Path, *, seed: int, threads: int, rounds: int | None = None) -> dict:
    """A recipe trained on the file, as a row."""
    start, processor = time.perf_counter(), time.process_time()
    path = folder / f"{recipe}-{rounds or 'all'}-{seed}"
    run = sparring.train(recipe, str(task.file), run=path, seed=seed, rounds=rounds, settings={"hardware.threads": threads})
    seconds = {"seconds": round(time.perf_counter() - start, 1), "processor seconds": round(time.process_time() - processor, 1)}
    found = judged(task, pa.concat_tables(run.parts(task.n, seed=1)))
    return {"model": recipe, "seed": seed, "rounds": run.status["round"], "batch": run.configuration.batch, **seconds, **found}


def theirs(model: str, task: Task, peer: Peer, *, epochs: int, seed: int) -> dict:
    """A peer trained on the same file, as a row."""
    fitted = {k: round(v, 3) if isinstance(v, float) else v for k, v in peer.fit(model, task.form, epochs=epochs, seed=seed).items()}
    return {"model": model, "seed": seed, **fitted, **judged(task, peer.rows(model, task.form, task.n))}


def opening(model: str, task: Task, peer: Peer) -> tuple[float, float]:
    """Seconds of preparation and of an epoch, by the processor."""
    first = peer.fit(model, task.form, epochs=OPENING)
    return first["processor of preparation"], first["processor an epoch"]


def epochs_in(seconds: float, preparation: float, an_epoch: float) -> int:
    return max(1, round((seconds - preparation) / an_epoch))


def rated(n: int, work: Callable[[], None]) -> dict[str, int]:
    """n items a second, by the clock and by the processor, of what is done when called."""
    start, processor = time.perf_counter(), time.process_time()
    work()
    return {"clock": round(n / (time.perf_counter() - start)), "processor": round(n / (time.process_time() - processor))}


def rate(answer: dict, of: str = "seconds") -> dict[str, int]:
    """The same of what a peer says of n items."""
    return {by: round(answer["n"] / answer[name]) for by, name in (("clock", of), ("processor", f"processor {of}"))}


def beside(rows: list[dict], name: str = "ours") -> dict[str, float]:
    """How many times as quick ours are as theirs, medians over repeats."""
    return {by: round(statistics.median(row[name][by] / row["theirs"][by] for row in rows), 2) for by in ("clock", "processor")}


class Products(TorchDispatchMode):
    """The matrix products of what is done within: `again` does them alone."""

    def __init__(self):
        super().__init__()
        self.pairs: list[list[torch.Tensor]] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in (aten.mm.default, aten.addmm.default):
            self.pairs.append([torch.empty_strided(x.shape, x.stride(), dtype=x.dtype).fill_(0.5) for x in args[-2:]])
        return function(*args, **(kwargs or {}))

    def again(self) -> None:
        for a, b in self.pairs:
            torch.mm(a, b)

    def rate(self, n: int, repeats: int) -> dict[str, int]:
        """n items a second, were these products all; the best of `repeats`, ten times each."""
        rates = [rated(10 * n, lambda: [self.again() for _ in range(10)]) for _ in range(repeats)]
        return {by: max(rate[by] for rate in rates) for by in rates[0]}


def interleaved(what: str, repeats: int, sides: dict[str, Callable[[], dict]]) -> list[dict]:
    """Rates of all sides, which take turns in going first."""
    rows = []
    for i in range(repeats):
        rows.append({name: sides[name]() for name in list(sides)[:: 1 if i % 2 else -1]})
        print(what, rows[-1], flush=True)
    return rows


def below(a: dict, b: dict) -> list[str]:
    """The compared metrics in which row a is worse than row b."""
    both = [name for name in COMPARED if name in a["metrics"] and name in b["metrics"]]
    return [name for name in both if COMPARED[name] * (a["metrics"][name]["value"] - b["metrics"][name]["value"]) < 0]


# ---- quality


def quality(options: argparse.Namespace, task: Task, peer: Peer, folder: Path, keep) -> None:
    """Calls `keep` with every row."""
    for recipe, share, seed in itertools.product(options.recipes, options.shares, options.seeds):
        whole = options.rounds or service.show(recipe, str(task.file))["configuration"]["rounds"]
        row = own(recipe, task, folder, seed=seed, threads=options.threads, rounds=round(share * whole))
        keep({"length": "its rounds" if share == 1 else f"{share} of its rounds", **row})
    if not options.peers:
        return
    times = {model: opening(model, task, peer) for model in options.peers}
    print({model: f"preparation {p:.1f} s, an epoch {e:.2f} s" for model, (p, e) in times.items()}, flush=True)
    for model, seed in itertools.product(options.peers, options.seeds):
        preparation, an_epoch = times[model]
        for recipe in AS_LONG_AS[model]:
            found = keep.find(recipe, "its rounds", seed)
            if found is not None:
                epochs = epochs_in(found["processor seconds"], 0.0 if options.free_preparation else preparation, an_epoch)
                length = f"as long as {recipe}" + (", preparation free" if options.free_preparation else "")
                keep({"length": length, **theirs(model, task, peer, epochs=epochs, seed=seed)})
        if options.default_epochs:
            keep({"length": f"{options.default_epochs} epochs", **theirs(model, task, peer, epochs=options.default_epochs, seed=seed)})


class Kept:
    """The result as far as it goes, with what earlier calls on the same rows found."""

    def __init__(self, out: Path, head: dict):
        before = json.loads(out.read_text())["result"] if out.exists() else {}
        self.out, self.result = out, head | ({k: v for k, v in before.items() if k not in head} if before.get("rows") == head["rows"] else {})
        self.result.setdefault("quality", [])

    def __call__(self, row: dict) -> None:
        key = lambda row: (row["model"], row["length"], row["seed"])
        rows = [old for old in self.result["quality"] if key(old) != key(row)]
        print(json.dumps({k: v for k, v in row.items() if k != "worst"}), flush=True)
        self.write("quality", sorted([*rows, row], key=key))

    def write(self, part: str, found: Any) -> None:
        self.result[part] = found
        write_result(str(self.out), self.result | {"medians": self.medians(), "the peers' whole training": self.whole()})

    def find(self, model: str, length: str, seed: int) -> dict | None:
        rows = (row for row in self.result["quality"] if (row["model"], row["length"], row["seed"]) == (model, length, seed))
        return next(rows, None)

    def medians(self) -> dict:
        """By model and length: seconds and metrics, medians over seeds."""
        groups: dict[str, list[dict]] = {}
        for row in self.result["quality"]:
            groups.setdefault(f"{row['model']}, {row['length']}", []).append(row)
        middle = lambda rows, get: round(statistics.median(map(get, rows)), 4)
        measured = lambda rows: [name for name in COMPARED if all(name in row["metrics"] for row in rows)]
        of = lambda rows: {name: middle(rows, lambda row, name=name: row["metrics"][name]["value"]) for name in measured(rows)}
        times = lambda rows: {name: middle(rows, lambda row, name=name: row[name]) for name in ("seconds", "processor seconds")}
        return {name: {"seeds": len(rows), **times(rows), **of(rows)} for name, rows in groups.items()}

    def whole(self) -> list[dict]:
        """For each peer after its default epochs: in which metrics `table-vae` is behind, and our quickest row that is behind in none."""
        ours = [row for row in self.result["quality"] if "rounds" in row]
        found = []
        for row in self.result["quality"]:
            if row["length"].endswith(" epochs"):
                first = min((mine for mine in ours if not below(mine, row)), key=lambda mine: mine["processor seconds"], default=None)
                said = None if first is None else {k: first[k] for k in ("model", "length", "seed", "rounds", "processor seconds")}
                times = None if first is None else round(row["processor seconds"] / first["processor seconds"], 1)
                behind = {f"{mine['model']}, seed {mine['seed']}": below(mine, row) for mine in ours if mine["length"] == "its rounds"}
                found.append({
                    "peer": row["model"], "epochs": row["epochs"], "processor seconds": row["processor seconds"], "ours that is not worse": said,
                    "times as quick": times, "metrics in which ours are worse": behind,
                })  # fmt: skip
        return found


# ---- speed


class Training:
    """A recipe's rounds, without what is judged meanwhile."""

    def __init__(self, recipe: str, settings: dict, file: Path, folder: Path, batch: int):
        planned = plan(recipe, str(file), run=folder / f"speed-{recipe}", settings=settings | {"batch": batch}, rounds=10**6)
        self.trainer = make_trainer(planned.configuration, planned.data, 0)
        self.width = planned.data.codec.space.numbers
        self.parameters = {name: sum(p.numel() for p in parameters) for name, parameters in self.trainer.parameters.items()}

    def play(self, rounds: int) -> None:
        for _ in self.trainer.rounds(rounds, every=10**6):
            pass


def speed(options: argparse.Namespace, task: Task, peer: Peer, folder: Path) -> list[dict]:
    found = []
    for model in options.peers:
        kind, other, settings = ALIKE[model]
        recipe, settings = (kind, {}) if kind in RECIPES else (other, settings)
        settings = settings | {"hardware.threads": options.threads}
        mine, compiled = (Training(recipe, settings | {"hardware.compile": on}, task.file, folder, options.batch) for on in (False, True))
        some = open_table(task.file).table.slice(0, 20 * options.batch)
        some = some.slice(0, len(some) // options.batch * options.batch)                     # whole batches, whatever becomes of the last one
        form = Form(some, task.judge.columns, peer.file("speed.csv"))
        fit = lambda: peer.fit(model, form, epochs=options.epochs, settings={"batch_size": options.batch})
        mine.play(3), compiled.play(3)
        played = lambda training: rated(options.block * options.batch, lambda: training.play(options.block))
        theirs = lambda: rate({"n": len(some)} | fit(), "an epoch")
        rows = interleaved(model, options.repeats, {"ours": lambda: played(mine), "compiled": lambda: played(compiled), "theirs": theirs})
        with Products() as products:
            mine.play(EVERY)
        found.append({"peer": model, "ours": recipe, "settings": settings, "batch": options.batch, "choices and values": mine.width,
                      "parameters": mine.parameters, "rows a second": rows, "ratio": beside(rows),
                      "ratio with hardware.compile": beside(rows, "compiled"), "bar": 3,
                      "products alone": products.rate(EVERY * options.batch, options.repeats)})  # fmt: skip
    return found


# ---- rows drawn a second


def sampling(options: argparse.Namespace, task: Task, peer: Peer, folder: Path) -> list[dict]:
    """How long a model was trained changes nothing about how quick it is."""
    found = []
    for model, recipe in (("TVAE", "table-vae"), ("CTGAN", "table-gan")):
        if model not in options.peers:
            continue
        run = sparring.train(recipe, str(task.file), run=folder / f"sampling-{recipe}", rounds=20, settings={"hardware.threads": options.threads})
        peer.fit(model, task.form, epochs=1)
        run.sample(1000)
        ours = lambda: rated(options.sample, lambda: draw(run, options.sample))
        theirs = lambda: rate(peer.ask("sample", model=model, n=options.peer_sample, file=None))
        rows = interleaved(model, options.repeats, {"ours": ours, "theirs": theirs})
        with Products() as products:
            draw(run, PART)
        found.append({"peer": model, "ours": recipe, "rows of ours": options.sample, "rows of theirs": options.peer_sample, "rows a second": rows,
                      "ratio": beside(rows), "bar": 10, "products alone": products.rate(PART, options.repeats)})  # fmt: skip
    return found


def draw(run: sparring.Run, n: int) -> None:
    """Rows as pandas frames, a part at a time."""
    for part in run.parts(n, seed=1):
        run.codec.handed(part)


def main() -> None:
    known = [recipe for recipe in RECIPES_OF_TABLES if recipe in RECIPES]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--adult", type=Path, required=True, help="a folder with train.csv and test.csv")
    parser.add_argument("--peer-python", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", default=["quality", "speed", "sampling"], choices=["quality", "speed", "sampling"])
    parser.add_argument("--recipes", nargs="*", default=known)
    parser.add_argument("--peers", nargs="*", default=["TVAE", "CTGAN"])
    parser.add_argument("--shares", type=float, nargs="+", default=[1, 0.25, 0.1], help="of a recipe's rounds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--default-epochs", type=int, nargs="?", const=300, help="also train peers for so many epochs")
    parser.add_argument("--free-preparation", action="store_true", help="peers have the seconds for training alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, help="of each file, the first so many")
    parser.add_argument("--rounds", type=int, help="of all recipes, instead of their own")
    parser.add_argument("--batch", type=int, default=500, help="of `speed`")
    parser.add_argument("--repeats", type=int, default=5, help="of `speed` and `sampling`")
    parser.add_argument("--block", type=int, default=100, help="rounds of ours in a repeat of `speed`")
    parser.add_argument("--epochs", type=int, default=5, help="of theirs on 20 batches in a repeat of `speed`")
    parser.add_argument("--sample", type=int, default=1_000_000)
    parser.add_argument("--peer-sample", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/table-peers.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name, Peer(options.peer_python, options.threads) as peer:
        folder = Path(name)
        file, test = (shortened(options.adult / part, options.rows, folder / part) for part in ("train.csv", "test.csv"))
        training = open_table(file)
        held_out = open_table(test).like(training.columns)
        judge = TableJudge(training.table, held_out.table, training.columns, target=TARGET, names=METRICS, n=len(held_out))
        task = Task(file, judge, len(held_out), Form(training.table, training.columns, peer.file("train.csv")))
        keep = Kept(options.out, {"data": "Adult, official split", "rows": [len(training), len(held_out)], "target": TARGET})
        if "speed" in options.parts:
            keep.write("speed", speed(options, task, peer, folder))
        if "sampling" in options.parts:
            keep.write("sampling", sampling(options, task, peer, folder))
        if "quality" in options.parts:
            quality(options, task, peer, folder, keep)


def shortened(file: Path, rows: int | None, to: Path) -> Path:
    """The file, or one of its first rows as they are written."""
    if rows is None:
        return file
    with open(file, encoding="utf-8") as lines:
        to.write_text("".join(itertools.islice(lines, rows + 1)), encoding="utf-8")
    return to


if __name__ == "__main__":
    main()
