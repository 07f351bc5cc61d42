"""The command line. It parses, calls service, prints; settings of a recipe are flags: --path.to.setting value."""

import argparse
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sparring import __version__
from sparring.base.errors import UserError, WorkError, nearest

ALIASES = {"--outdir": "--run", "--output-dir": "--run", "--trunc": "--truncation", "--output": "--out"}
"""what users of other systems type"""
PRECISIONS = {"no": "fp32", "fp32": "fp32", "bf16": "bf16", "auto": "auto"}


class Parser(argparse.ArgumentParser):
    """One-line errors."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see `{self.prog} --help`)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 done, 1 failed, 2 wrong input, 130 interrupted, 143 terminated."""
    given = [_alias(a) for a in (sys.argv[1:] if arguments is None else arguments)]
    try:
        return _run(given)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except WorkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        from sparring.base.files import full_disk

        print(f"error: {full_disk(error, error.filename or 'a file')}", file=sys.stderr)
        return 1
    except Exception as error:
        if os.environ.get("SPARRING_TRACEBACK"):
            raise
        text = " ".join(str(error).split()) or type(error).__name__
        print(f"error: {type(error).__name__}: {text} (set SPARRING_TRACEBACK=1 for the whole story)", file=sys.stderr)
        return 1


def _alias(argument: str) -> str:
    name, equals, value = argument.partition("=")
    return ALIASES.get(name, name) + equals + value


def _run(given: list[str]) -> int:
    about = "Train, judge, explain and ship generative adversarial networks and their relatives."
    parser = Parser(prog="sparring", description=about, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"sparring {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, (_, add, summary) in COMMANDS.items():
        add(commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False, add_help=name != "train"))
    if given and not given[0].startswith("-") and given[0] not in COMMANDS:
        raise UserError(f"there is no command {given[0]!r}{nearest(given[0], COMMANDS)}")
    options, rest = parser.parse_known_args(given)
    if options.command is None:
        parser.print_help()
        return 0
    if rest and options.command != "train":
        raise UserError(f"unrecognised: {' '.join(rest)} (see `sparring {options.command} --help`)")
    options.settings = rest
    return COMMANDS[options.command][0](options) or 0


# ---- small helpers


def _emit(options: argparse.Namespace, document: Any, lines: Callable[[Any], Sequence[str]]) -> None:
    """One JSON document, or lines for a person, on standard output."""
    if options.json:
        from sparring.service import to_json

        print(to_json(document))
    else:
        print("\n".join(lines(document)))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _number(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{k} {_number(v)}" for k, v in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def parse_settings(rest: Sequence[str]) -> dict[str, str]:
    """`--path.to.setting value` and `--path=value` pairs. UserError for anything else."""
    settings, i = {}, 0
    while i < len(rest):
        flag = rest[i]
        if not flag.startswith("--") or flag == "--":
            raise UserError(f"unrecognised: {flag!r}; settings are written --path.to.setting value")
        name, equals, value = flag[2:].partition("=")
        if not equals:
            if i + 1 >= len(rest) or rest[i + 1].startswith("--"):
                raise UserError(f"setting --{name} needs a value")
            value, i = rest[i + 1], i + 1
        if name.replace("-", "_") == "mixed_precision":
            if value not in PRECISIONS:
                raise UserError(f"--mixed-precision is no, bf16 or auto, not {value!r}")
            name, value = "hardware.precision", PRECISIONS[value]
        settings[name] = value
        i += 1
    return settings


# ---- the catalogue


def _add_list(parser):
    parser.add_argument("what", nargs="?", default="recipes", choices=("recipes", "games", "data", "metrics"))
    _json(parser)


def _list(options):
    from sparring.service import catalogue

    def lines(entries):
        return _table([[e["name"], "/".join(e.get("takes", [])) or e.get("better", ""), e["summary"], (e.get("papers") or [""])[0]] for e in entries])

    _emit(options, catalogue(options.what), lines)


def _add_show(parser):
    parser.add_argument("recipe")
    parser.add_argument("--data", help="resolve the recipe for these data")
    _json(parser)


def _show(options):
    from sparring.service import show

    def lines(document):
        yield f"{document['recipe']}: {document['summary']}"
        yield f"takes {' or '.join(document['takes'])}{' with labels' if document['needs labels'] else ''}"
        yield from (f"  {paper}" for paper in document["papers"])
        yield from ("", *_setting_lines(document["settings"]))

    _emit(options, show(options.recipe, options.data), lines)


def _setting_lines(settings: list[dict]) -> list[str]:
    from sparring.base.settings import shortened

    lines, paths = [], [row["path"] for row in settings]
    for row in settings:
        value = row["value"] if not isinstance(row["value"], list) else ",".join(map(str, row["value"])) or "none"
        head = f"  --{shortened(row['path'], 'game', paths).replace('_', '-')} {value}"
        rule = f" (auto: {row['rule']})" if row["rule"] and row["value"] == "auto" else ""
        text = textwrap.fill(f"[{row['type']}] {row['help']}{rule}", 118, initial_indent=" " * 10, subsequent_indent=" " * 10)
        lines.append(f"{head}\n{text}")
    return lines


def _add_cite(parser):
    parser.add_argument("recipe")


def _cite(options):
    from sparring.service import cite

    print(cite(options.recipe), end="")


def _add_inspect(parser):
    parser.add_argument("data", metavar="DATA")
    _json(parser)


def _inspect(options):
    from sparring.service import inspect

    def lines(document, indent=""):
        found = []
        for key, value in document.items():
            if isinstance(value, dict):
                found += [f"{indent}{key}:", *lines(value, indent + "  ")] if value else [f"{indent}{key}: none"]
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                found += [f"{indent}{key}:"] + [f"{indent}  " + "  ".join(f"{k} {_number(v)}" for k, v in item.items()) for item in value]
            elif isinstance(value, list) and len(value) > 3:
                found += [f"{indent}{key}:"] + [f"{indent}  {_number(v)}" for v in value]
            else:
                found.append(f"{indent}{key}: {', '.join(map(_number, value)) or 'none' if isinstance(value, list) else _number(value)}")
        return found

    _emit(options, inspect(options.data), lines)


# ---- training


def _add_train(parser):
    parser.add_argument("recipe", nargs="?", help="see `sparring list recipes`")
    parser.add_argument("--data", help="a path, or the name of a built-in (`sparring list data`)")
    parser.add_argument("--run", help="the run folder to make (default: runs/<recipe>-<data>-<number>)")
    parser.add_argument("--rounds", type=int, help="length in rounds")
    parser.add_argument("--minutes", type=float, help="length as wall time of the whole command")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--device", help="auto, cpu, cuda or mps")
    parser.add_argument("--from", dest="from_run", metavar="RUN", help="start from the weights of another run")
    parser.add_argument("--config", metavar="FILE", help="settings as YAML or JSON, as `show --json` and recipe.json hold them")
    parser.add_argument("--dry-run", action="store_true", help="print what would be trained, and stop")
    parser.add_argument("--quiet", action="store_true", help="print the last line and warnings only")
    parser.add_argument("-h", "--help", action="store_true", help="print this help, with every setting of the recipe when one is named")
    _json(parser)
    parser.set_defaults(parser=parser)


def _train(options):
    if options.help:
        options.parser.print_help()
        if options.recipe:
            from sparring.service import show

            document = show(options.recipe)
            print(f"\nsettings of {options.recipe} ({document['summary']})\n" + "\n".join(_setting_lines(document["settings"])))
        return 0
    if options.recipe is None:
        raise UserError("which recipe? See `sparring list recipes`")
    import time

    from sparring import service
    from sparring.recipes.recipe import find

    began = time.perf_counter()
    find(options.recipe)
    if options.data is None:
        raise UserError("which data? Give --data PATH, or the name of a built-in (`sparring list data`)")
    settings = parse_settings(options.settings)
    if options.device is not None and options.device not in ("auto", "cpu", "cuda", "mps"):
        raise UserError(f"--device is auto, cpu, cuda or mps, not {options.device!r}")
    if options.rounds is not None and options.minutes is not None:
        raise UserError("give --rounds or --minutes, not both")
    service.check_length(options.rounds, options.minutes)
    plan = service.plan(
        options.recipe, options.data, run=options.run, rounds=options.rounds, seed=options.seed,
        settings=settings, config=options.config, device=options.device,
    )  # fmt: skip
    if options.dry_run:
        _emit(options, plan.describe(), _plan_lines)
        return 0

    def work(display):
        return service.carry_out(plan, minutes=options.minutes, began=began, from_run=options.from_run, display=display)

    return _work(work, options)


def _plan_lines(document):
    yield f"{document['recipe']} on {document['data']}, seed {document['seed']}: {document['rounds']:,} rounds, {document['items']:,} items"
    yield f"would go to {document['run']}"
    yield "parameters: " + ", ".join(f"{name} {n:,}" for name, n in document["parameters"].items())
    yield "memory: " + ", ".join(f"{name.split(',')[0]} {n / 2**20:,.1f} MiB" for name, n in document["memory"].items())
    for path, why in document["derived"].items():
        yield f"derived {path}: {why}"
    import yaml

    yield yaml.safe_dump(document["configuration"], sort_keys=False, allow_unicode=True)


def _work(work: Callable, options: argparse.Namespace) -> int:
    """Runs a training; the last line on standard output names the run folder."""
    from sparring.base.ranks import rank
    from sparring.runs.playing import Interrupted
    from sparring.runs.progress import display

    leads = rank() == 0                          # of several processes one talks
    try:
        path, code = work(display(options.quiet or not leads)).path, 0
    except Interrupted as interruption:
        path, code = interruption.path, interruption.code
        if leads:
            print(interruption, file=sys.stderr)
    if leads:
        print(path)
    return code


def _add_resume(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--rounds", type=int, help="a new total")
    parser.add_argument("--minutes", type=float, help="stop after so long, resumably")
    parser.add_argument("--quiet", action="store_true", help="print the last line and warnings only")


def _resume(options):
    from sparring import service

    return _work(lambda display: service.resume(options.run, rounds=options.rounds, minutes=options.minutes, display=display), options)


# ---- what a run is for


def _add_sample(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("-n", type=int, default=64, help="how many (default 64)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", metavar="A-B", help="one sample of each seed instead")
    parser.add_argument("--label", help="what to make, for runs with labels (default: labels take turns); tags with commas between")
    parser.add_argument("--where", metavar="NAME=VALUE", action="append", default=[], help="an attribute, for runs with attributes; may be repeated")
    parser.add_argument("--truncation", type=float, help="less variety, better items: psi of styles (0.7), or the largest number of the noise (1.5)")
    parser.add_argument("--out", type=Path, help="a folder, or a file by its suffix (default: samples/ in the run folder)")
    parser.add_argument("--grid", action="store_true", help="one picture of all samples")


def _sample(options):
    import numpy as np

    from sparring.service import load_run

    run = load_run(options.run)
    asked = {"label": options.label, "where": _where(options.where), "truncation": options.truncation}
    if options.seeds:
        items = np.concatenate([run.sample(1, seed=seed, **asked) for seed in _range(options.seeds, "--seeds")])
    else:
        items = run.sample(options.n, seed=options.seed, **asked)
    labels = None if options.seeds and options.label is None else run.label_numbers(len(items), options.label, options.seed)
    out = options.out or run.path / "samples" / ("grid.png" if options.grid else run.codec.file_name)
    if options.grid:
        if out.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise UserError(f"--grid makes one picture: end the name {out} in .png")
        out.parent.mkdir(parents=True, exist_ok=True)
        run.codec.preview(items, out, labels)
    else:
        run.codec.write(items, out, labels)
    print(out)


def _range(text: str, flag: str) -> range:
    """`0-9`, or one number."""
    first, _, last = text.partition("-")
    if not (first.isdigit() and (last or first).isdigit() and int(last or first) >= int(first)):
        raise UserError(f"{flag} is a range like 0-9, not {text!r}")
    return range(int(first), int(last or first) + 1)


def _where(pairs: Sequence[str]) -> dict[str, float]:
    """NAME=VALUE pairs."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise UserError(f"--where is NAME=VALUE with a number, not {pair!r}") from None
        if not equals:
            raise UserError(f"--where is NAME=VALUE with a number, not {pair!r}")
    return found


def _add_explore(parser):
    parser.add_argument("run", metavar="RUN")
    tools = parser.add_subparsers(dest="tool", metavar="TOOL", parser_class=Parser, required=True)

    def tool(name: str, summary: str, *flags: tuple[str, dict]) -> None:
        added = tools.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False)
        for flag, described in flags:
            added.add_argument(flag, **described)
        added.add_argument("--out", type=Path, help=f"a folder (default: explore/{name} in the run folder)")
        _json(added)

    label = ("--label", {"help": "what to make, for runs with labels"})
    seed = ("--seed", {"type": int, "default": 0})
    seeds = ("--seeds", {"default": "0-3", "metavar": "A-B", "help": "items to go through (default 0-3)"})
    tool("interpolate", "a film through the items of several seeds", seeds,
         ("--frames", {"type": int, "default": 24, "help": "between two items (default 24)"}),
         ("--way", {"choices": ("line", "sphere"), "default": "sphere"}), ("--space", {"choices": ("z", "w")}),
         ("--formats", {"default": "gif", "help": "gif, mp4, or both with a comma between (default gif)"}), label)  # fmt: skip
    tool("mix", "coarse, middle and fine styles of rows on columns", ("--rows", {"default": "0-3", "metavar": "A-B"}),
         ("--columns", {"default": "10-15", "metavar": "A-B"}), label)  # fmt: skip
    tool("project", "the latents of your own pictures", ("--input", {"required": True, "help": "a picture or a folder of pictures"}),
         ("--space", {"choices": ("auto", "z", "w", "w+"), "default": "auto"}), ("--steps", {"type": int, "default": 300}), label)  # fmt: skip
    tool("directions", "directions that change one thing, and what they do to the labels",
         ("--how", {"choices": ("auto", "sefa", "pca", "labels"), "default": "auto"}),
         ("-k", {"type": int, "default": 5, "help": "how many (default 5)"}),
         ("--layers", {"choices": ("all", "coarse", "middle", "fine"), "default": "all"}))  # fmt: skip
    tool("vary", "items near one item", seed, ("-n", {"type": int, "default": 24}),
         ("--amount", {"type": float, "default": 0.3, "help": "0 is the same, 1 unrelated (default 0.3)"}), label)  # fmt: skip
    tool("traverse", "one number of the latent vector at a time", seed, ("--numbers", {"type": int, "default": 8}),
         ("--steps", {"type": int, "default": 9}), label)  # fmt: skip
    tool("gallery", "samples, an interpolation film and the film of the training", ("--truncation", {"type": float}))


def _explore(options):
    from sparring import service

    told = {k: v for k, v in vars(options).items() if k not in ("command", "run", "tool", "out", "json", "settings")}
    for name in ("seeds", "rows", "columns"):
        if name in told:
            told[name] = list(_range(told[name], f"--{name}"))
    if "formats" in told:
        told["formats"] = told["formats"].split(",")
    if "space" in told:
        told["which"] = told.pop("space")
    if "input" in told:
        told["data"] = told.pop("input")
    document = service.explore(options.run, options.tool, options.out, **told)

    def lines(document):
        for entry in document.get("from -3 to +3 deviations, mean of 64 items", []) + document.get("items", []):
            yield "  ".join(f"{k} {_number(v)}" for k, v in entry.items() if k != "changes")
        yield from document["files"]

    _emit(options, document, lines)


def _add_score(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("input", metavar="INPUT", help="a file or folder of items")
    _json(parser)


def _score(options):
    from sparring.service import score

    _emit(options, score(options.run, options.input), lambda d: _table([[f"{100 * e['real']:6.2f} % real", e["item"]] for e in d]))


def _add_measure(parser):
    parser.add_argument("what", metavar="RUN|SAMPLES")
    parser.add_argument("--data", help="judge against these data (default: those of the run)")
    parser.add_argument("--metrics", default="", help="names, with commas between (`sparring list metrics`)")
    parser.add_argument("-n", type=int, help="items judged (default 1,500; 2,500 points)")
    parser.add_argument("--inception", metavar="FILE", help="the published Inception weights, for fid")
    _json(parser)


def _measure(options):
    from sparring import service

    names = tuple(m for m in options.metrics.split(",") if m)
    if options.inception and "fid" not in names and names:
        names += ("fid",)
    if options.n is not None and options.n < 10:
        raise UserError("-n must be at least 10")
    if (Path(options.what) / "recipe.json").exists():
        document = service.load_run(options.what).measure(options.data, metrics=names, n=options.n, inception=options.inception)
    elif options.data is None:
        raise UserError(f"{options.what} is no run folder: to judge samples say what they should look like, with --data")
    else:
        document = service.measure_samples(options.what, options.data, metrics=names, n=options.n, inception=options.inception)

    _emit(options, document, measure_lines)


def measure_lines(document):
    columns = ("value", "floor", "baseline", "control", "skill")
    table = [["metric", "better", *("real items" if c == "floor" else c for c in columns), "protocol"]]
    for name, entry in document["metrics"].items():
        protocol = ", ".join(f"{k} {_number(v)}" for k, v in entry["protocol"].items() if k not in ("extractor_hash",))
        table.append([name, entry["better"], *(_number(entry.get(c, "")) for c in columns), protocol])
    return [f"{document.get('run') or document.get('samples')} against {document['data']}, n = {document['n']:,}", *_table(table),
            *(f"not measured: {name} ({why})" for name, why in document["skipped"].items())]  # fmt: skip


def _add_compare(parser):
    parser.add_argument("runs", metavar="RUN", nargs="+")
    parser.add_argument("--grid", type=Path, metavar="FILE", help="a picture of every run's samples beside real ones")
    _json(parser)


def _compare(options):
    from sparring.service import compare

    def lines(document):
        runs = document["runs"]
        names = list(dict.fromkeys(name for run in runs for name in run["metrics"]))
        table = [["", *(Path(run["run"]).name for run in runs), "real items"]]
        table += [[what, *(str(run[what]) for run in runs), ""] for what in ("recipe", "rounds", "verdict")]
        for name in names:
            cells = [run["metrics"].get(name, {}) for run in runs]
            table.append([name, *(_number(c.get("value", "-")) for c in cells), _number(cells[0].get("floor", ""))])
        drawn = [document["picture"]] if "picture" in document else []
        return [f"on {document['data']}, n = {runs[0]['n']:,}", *_table(table), *drawn]

    _emit(options, compare(options.runs, options.grid), lines)


def _add_doctor(parser):
    parser.add_argument("run", metavar="RUN", nargs="?", help="without it: this machine and installation")
    _json(parser)


def _doctor(options):
    from sparring import service

    document = service.machine() if options.run is None else service.load_run(options.run).doctor()

    def lines(document):
        found = [f"{document['run'] or 'this machine'}: {document['verdict']}"]
        if document["run"] is None:
            found += [f"  {k}: {_number(v)}" for k, v in document.items() if k not in ("run", "verdict", "findings")]
        for f in document["findings"]:
            found += [f"{f['severity']}: {f['code']} since round {f['since_round']}", f"  {f['cause']}",
                      "  " + ", ".join(f"{k} {_number(v)}" for k, v in f["evidence"].items()), *(f"  - {a}" for a in f["advice"])]  # fmt: skip
        return found

    _emit(options, document, lines)


def _add_report(parser):
    parser.add_argument("run", metavar="RUN")


def _report(options):
    from sparring.service import load_run

    print(load_run(options.run).report())


def _add_cache(parser):
    parser.add_argument("--clear", action="store_true", help="remove everything in it")
    _json(parser)


def _cache(options):
    from sparring.service import cache_contents

    def lines(document):
        done = "cleared, was " if document["cleared"] else ""
        return [f"{document['cache']}: {done}{document['bytes'] / 2**20:,.1f} MiB of at most {document['limit'] / 2**20:,.0f}",
                *(f"  {e['bytes'] / 2**20:10,.1f} MiB  {e['name']}" for e in document["entries"])]  # fmt: skip

    _emit(options, cache_contents(options.clear), lines)


COMMANDS = {
    "list": (_list, _add_list, "what there is: recipes, games, data or metrics"),
    "show": (_show, _add_show, "every setting of a recipe, its papers, what data it takes"),
    "inspect": (_inspect, _add_inspect, "what is in a collection of data"),
    "train": (_train, _add_train, "train a recipe on data"),
    "resume": (_resume, _add_resume, "finish a run that was interrupted, or lengthen it"),
    "sample": (_sample, _add_sample, "make items with a run"),
    "explore": (_explore, _add_explore, "latent tools: interpolate, mix, project, directions, vary, traverse, gallery"),
    "score": (_score, _add_score, "the probability that each item is real"),
    "measure": (_measure, _add_measure, "how good a run, or a folder of samples, is"),
    "doctor": (_doctor, _add_doctor, "what is wrong with a training, or with this machine"),
    "compare": (_compare, _add_compare, "runs side by side, on the same data and protocol"),
    "report": (_report, _add_report, "rebuild a run's report"),
    "cite": (_cite, _add_cite, "BibTeX of what a recipe uses"),
    "cache": (_cache, _add_cache, "what the cache holds"),
}


if __name__ == "__main__":
    sys.exit(main())
