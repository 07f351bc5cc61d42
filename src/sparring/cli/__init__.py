"""The command line. It parses, calls service, prints; settings of a recipe are flags: --path.to.setting value."""

import os
import sys
from collections.abc import Sequence

from sparring import __version__
from sparring.base.errors import UserError, WorkError, nearest
from sparring.cli import catalogue, judging, making, studio, training
from sparring.cli.common import Parser

FOLDERS = ("--outdir", "--output-dir", "--output", "--out")
"""what users of other systems type for the place where results go"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 done, 1 failed, 2 wrong input, 130 interrupted, 143 terminated."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    given = [_alias(argument, given[0]) for argument in given]
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


def _alias(argument: str, command: str) -> str:
    """Of a name that users of other systems type, ours."""
    name, equals, value = argument.partition("=")
    aliases = dict.fromkeys(FOLDERS, "--run" if command == "train" else "--out") | {"--trunc": "--truncation"}
    return aliases.get(name, name) + equals + value


def _run(given: list[str]) -> int:
    about = "Train, judge and explain generative adversarial networks and their relatives."
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


COMMANDS = {
    "list": (catalogue.list_, catalogue.add_list, "what there is: recipes, games, data or metrics"),
    "show": (catalogue.show, catalogue.add_show, "every setting of a recipe, its papers, what data it takes"),
    "inspect": (catalogue.inspect, catalogue.add_inspect, "what is in a collection of data"),
    "train": (training.train, training.add_train, "train a recipe on data"),
    "resume": (training.resume, training.add_resume, "finish a run that was interrupted, or lengthen it"),
    "sample": (making.sample, making.add_sample, "make items with a run"),
    "explore": (making.explore, making.add_explore, "latent tools: interpolate, mix, project, directions, vary, traverse, gallery"),
    "transform": (making.transform, making.add_transform, "make new pictures of pictures of any size: enlarge, fill in, clean, colour, translate"),
    "score": (making.score, making.add_score, "the probability that each item is real"),
    "measure": (judging.measure, judging.add_measure, "how good a run, or a folder of samples, is"),
    "doctor": (judging.doctor, judging.add_doctor, "what is wrong with a training, or with this machine"),
    "compare": (judging.compare, judging.add_compare, "runs side by side, on the same data and protocol"),
    "report": (judging.report, judging.add_report, "rebuild a run's report"),
    "studio": (studio.studio, studio.add_studio, "the web studio: watch and play the game"),
    "cite": (catalogue.cite, catalogue.add_cite, "BibTeX of what a recipe uses"),
    "cache": (catalogue.cache, catalogue.add_cache, "what the cache holds"),
}
