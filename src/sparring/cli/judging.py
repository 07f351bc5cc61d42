"""Commands that judge: measure, compare, doctor, report."""

import os
from pathlib import Path

from sparring.base.errors import UserError
from sparring.cli.common import emit, json_flag, number, table


def add_measure(parser):
    parser.add_argument("what", metavar="RUN|SAMPLES", help="a run, whose measure.json it is added to, or a file or folder of samples of any program")
    parser.add_argument("--data", help="judge against these data (default: those of the run)")
    parser.add_argument("--metrics", default="", help="names, with commas between (`sparring list metrics`)")
    parser.add_argument("-n", type=int, help="items judged (default 1,500; 2,500 points; 10,000 rows of a table)")
    parser.add_argument("--inception", metavar="FILE", help="the published Inception weights, for fid")
    _judge_steps(parser)
    parser.add_argument("--target", metavar="COLUMN", help="of a table, the column that others predict, for tstr and augmented")
    parser.add_argument("--kind", choices=("points", "tables"), help="of samples: what to take a .csv of numbers for")
    parser.add_argument("--schema", metavar="FILE", help="of samples: a YAML or JSON file that says what columns of a table are")
    json_flag(parser)


def measure(options):
    from sparring import service

    names = tuple(m for m in options.metrics.split(",") if m)
    if options.inception and "fid" not in names and names:
        names += ("fid",)
    if options.n is not None and options.n < 10:
        raise UserError("-n must be at least 10")
    asked = {"metrics": names, "n": options.n, "inception": options.inception, "target": options.target, "judge_steps": _judge_steps_of(options)}
    if (Path(options.what) / "recipe.json").exists():
        if options.kind or options.schema:
            raise UserError(f"{options.what} is a run, which knows what its data are: leave --kind and --schema out")
        run = service.load_run(options.what)
        document = run.measure(options.data, **asked)
        if options.data is None and run.status["state"] != "running" and os.access(run.path, os.W_OK):
            emit(options, document, measure_lines)
            run.keep(document)
            return
    elif options.data is None:
        raise UserError(f"{options.what} is no run folder: to judge samples say what they should look like, with --data")
    else:
        document = service.measure_samples(options.what, options.data, **asked, kind=options.kind, schema=options.schema)
    emit(options, document, measure_lines)


def measure_lines(document):
    columns = ("value", "floor", "baseline", "control", "skill")
    rows = [["metric", "better", *("real items" if c == "floor" else c for c in columns), "protocol"]]
    for name, entry in document["metrics"].items():
        protocol = ", ".join(f"{k} {number(v)}" for k, v in entry["protocol"].items() if k not in ("extractor_hash",))
        rows.append([name, entry["better"], *(number(entry.get(c, "")) for c in columns), protocol])
    return [f"{document.get('run') or document.get('samples')} against {document['data']}, n = {document['n']:,}", *table(rows),
            *(f"not measured: {name} ({why})" for name, why in document["skipped"].items())]  # fmt: skip


def _judge_steps(parser):
    parser.add_argument(
        "--judge-steps", type=int, metavar="N",
        help="optimizer steps of the network that judges pictures (default: about a minute's): more sees finer, and is another ruler",
    )


def _judge_steps_of(options):
    if options.judge_steps is not None and options.judge_steps < 1:
        raise UserError("--judge-steps must be at least 1")
    return options.judge_steps


def add_compare(parser):
    parser.add_argument("runs", metavar="RUN", nargs="+")
    _judge_steps(parser)
    parser.add_argument("--grid", type=Path, metavar="FILE", help="a picture of every run's samples beside real ones")
    json_flag(parser)


def compare(options):
    from sparring.service import compare

    def lines(document):
        runs = document["runs"]
        names = list(dict.fromkeys(name for run in runs for name in run["metrics"]))
        rows = [["", *(Path(run["run"]).name for run in runs), "real items"]]
        rows += [[what, *(str(run[what]) for run in runs), ""] for what in ("recipe", "rounds", "verdict")]
        for name in names:
            cells = [run["metrics"].get(name, {}) for run in runs]
            rows.append([name, *(number(c.get("value", "-")) for c in cells), number(cells[0].get("floor", ""))])
        drawn = [document["picture"]] if "picture" in document else []
        return [f"on {document['data']}, n = {runs[0]['n']:,}", *table(rows), *drawn]

    emit(options, compare(options.runs, options.grid, _judge_steps_of(options)), lines)


def add_doctor(parser):
    parser.add_argument("run", metavar="RUN", nargs="?", help="without it: this machine and installation")
    json_flag(parser)


def doctor(options):
    from sparring import service

    document = service.machine() if options.run is None else service.load_run(options.run).doctor()

    def lines(document):
        found = [f"{document['run'] or 'this machine'}: {document['verdict']}"]
        if document["run"] is None:
            found += [f"  {k}: {number(v)}" for k, v in document.items() if k not in ("run", "verdict", "findings")]
        for f in document["findings"]:
            found += [f"{f['severity']}: {f['code']} since round {f['since_round']}", f"  {f['cause']}",
                      "  " + ", ".join(f"{k} {number(v)}" for k, v in f["evidence"].items()), *(f"  - {a}" for a in f["advice"])]  # fmt: skip
        return found

    emit(options, document, lines)


def add_report(parser):
    parser.add_argument("run", metavar="RUN")


def report(options):
    from sparring.service import load_run

    print(load_run(options.run).report())
