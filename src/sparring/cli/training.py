"""Commands that train: train, resume."""

import argparse
import sys
from collections.abc import Callable

from sparring.base.errors import UserError
from sparring.cli.common import emit, json_flag, parse_settings, setting_lines


def add_train(parser):
    parser.add_argument("recipe", nargs="?", help="see `sparring list recipes`")
    parser.add_argument("--data", help="a path, or the name of a built-in (`sparring list data`)")
    parser.add_argument("--run", help="the run folder to make (default: runs/<recipe>-<data>-<number>)")
    parser.add_argument("--rounds", type=int, help="length in rounds (default: the recipe's)")
    parser.add_argument("--minutes", type=float, help="length as wall time of the whole command")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--device", help="auto, cpu, cuda or mps")
    parser.add_argument("--from", dest="from_run", metavar="RUN", help="start from the weights of another run")
    parser.add_argument("--config", metavar="FILE", help="settings as YAML or JSON, as `show --json` and recipe.json hold them")
    parser.add_argument("--dry-run", action="store_true", help="print what would be trained, and stop")
    parser.add_argument("--quiet", action="store_true", help="print the last line and warnings only")
    parser.add_argument("-h", "--help", action="store_true", help="print this help, with every setting of the recipe when one is named")
    json_flag(parser)
    parser.set_defaults(parser=parser)


def train(options):
    if options.help:
        options.parser.print_help()
        if options.recipe:
            from sparring.service import show

            document = show(options.recipe)
            space = document["for"]
            shape = "x".join(map(str, space["shape"]))
            made_up = f"values for made-up {space['kind']} of {shape}; for yours: sparring show {options.recipe} --data PATH"
            print(f"\nsettings of {options.recipe} ({document['summary']})\n{made_up}\n" + "\n".join(setting_lines(document["settings"])))
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
    if options.json and not options.dry_run:
        raise UserError("--json prints what --dry-run finds: give both; a run's results are in its folder, as JSON")
    plan = service.plan(
        options.recipe, options.data, run=options.run, rounds=options.rounds, seed=options.seed,
        settings=settings, config=options.config, device=options.device,
    )  # fmt: skip
    if options.dry_run:
        if options.minutes is not None:
            print("how many rounds fit into the minutes is measured when it starts: these are the recipe's", file=sys.stderr)
        emit(options, plan.describe(), _plan_lines)
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


def add_resume(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--rounds", type=int, help="a new total")
    parser.add_argument("--minutes", type=float, help="stop after so long, resumably")
    parser.add_argument("--quiet", action="store_true", help="print the last line and warnings only")


def resume(options):
    from sparring import service

    return _work(lambda display: service.resume(options.run, rounds=options.rounds, minutes=options.minutes, display=display), options)
