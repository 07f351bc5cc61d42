"""Commands that a run is for: sample, explore, score."""

import itertools
import sys
from pathlib import Path

from sparring.base.errors import UserError
from sparring.cli.common import Parser, emit, json_flag, number, table


def add_sample(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("-n", type=int, default=64, help="how many (default 64)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default 0)")
    parser.add_argument("--seeds", metavar="A-B", help="one sample of each seed instead")
    parser.add_argument("--label", help="what to make, for runs with labels (default: labels take turns); tags with commas between")
    parser.add_argument("--where", metavar="NAME=VALUE", action="append", default=[],
                        help="an attribute; or what every row of a table obeys, with = != < <= > >=; may be repeated")  # fmt: skip
    parser.add_argument("--conditions", type=Path, metavar="FILE", help="of tables: a CSV file of conditions, a kind of rows a line, how many as n")
    parser.add_argument("--truncation", type=float, help="less variety, better items: psi of styles (0.7), or the largest number of the noise (1.5)")
    parser.add_argument("--out", type=Path, help="a folder, or a file by its suffix (default: samples/ in the run folder)")
    parser.add_argument("--grid", action="store_true", help="one picture of all samples")


def sample(options):
    from sparring.service import load_run

    run = load_run(options.run)
    asked = {"label": options.label, "where": tuple(options.where), "truncation": options.truncation}
    out = options.out or run.path / "samples" / ("grid.png" if options.grid else run.codec.file_name)
    if run.codec.part and not options.seeds and not options.grid:
        wanted = {asked["where"]: options.n}
        if options.conditions:
            wanted = {(*asked["where"], *some): n for some, n in run.codec.asked_by(options.conditions, options.n).items()}
        for where in filter(None, wanted):
            run.asking(where)                                                # what is wrong with any is said before the first is made
        if len(wanted) > 1 and run.codec.unique:
            raise UserError("--conditions of several kinds could repeat rows that are to be unique in this run: ask for one kind at a time")
        parts = (run.parts(n, seed=options.seed, **asked | {"where": where}) for where, n in wanted.items())
        run.codec.write_parts(run.codec.numbered(itertools.chain.from_iterable(parts), options.seed), out)
        for where in filter(None, wanted):
            print(run.asking(where), file=sys.stderr)
        print(out)
        return
    if options.conditions:
        raise UserError("--conditions are for many rows of a table: leave it out, or --seeds and --grid")
    if options.seeds:
        if run.codec.unique:
            raise UserError("--seeds could repeat rows that are to be unique in this run: ask for several rows of one --seed")
        seeds = _range(options.seeds, "--seeds")
        items = run.codec.joined([run.items(1, seed=seed, **asked) for seed in seeds])
        labels = run.label_numbers(len(items), options.label, seeds[0])
    else:
        items = run.items(options.n, seed=options.seed, **asked)
        labels = run.label_numbers(len(items), options.label, options.seed)
    if options.grid:
        if out.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise UserError(f"--grid makes one picture: end the name {out} in .png")
        out.parent.mkdir(parents=True, exist_ok=True)
        run.codec.preview(items, out, labels)
    else:
        run.codec.write(*run.codec.numbered([items], options.seed), out, labels)
    print(out)


def _range(text: str, flag: str) -> range:
    """`0-9`, or one number."""
    first, _, last = text.partition("-")
    if not (first.isdigit() and (last or first).isdigit() and int(last or first) >= int(first)):
        raise UserError(f"{flag} is a range like 0-9, not {text!r}")
    return range(int(first), int(last or first) + 1)


def add_explore(parser):
    parser.add_argument("run", metavar="RUN")
    tools = parser.add_subparsers(dest="tool", metavar="TOOL", parser_class=Parser, required=True)

    def tool(name: str, summary: str, *flags: tuple[str, dict]) -> None:
        added = tools.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".", allow_abbrev=False)
        for flag, described in flags:
            added.add_argument(flag, **described)
        added.add_argument("--out", type=Path, help=f"a folder (default: explore/{name} in the run folder)")
        json_flag(added)

    label = ("--label", {"help": "what to make, for runs with labels"})
    seed = ("--seed", {"type": int, "default": 0, "help": "of the item that is changed (default 0)"})
    seeds = ("--seeds", {"default": "0-3", "metavar": "A-B", "help": "items to go through (default 0-3)"})
    tool("interpolate", "a film through the items of several seeds", seeds,
         ("--frames", {"type": int, "default": 24, "help": "between two items (default 24)"}),
         ("--way", {"choices": ("line", "sphere"), "help": "default: line in w, sphere in z"}),
         ("--space", {"choices": ("z", "w"), "help": "noise or styles (default: styles where there are any)"}),
         ("--formats", {"default": "gif", "help": "gif, mp4, or both with a comma between (default gif)"}), label)  # fmt: skip
    tool("mix", "coarse, middle and fine styles of rows on columns",
         ("--rows", {"default": "0-3", "metavar": "A-B", "help": "seeds that give the styles (default 0-3)"}),
         ("--columns", {"default": "10-15", "metavar": "A-B", "help": "seeds that take them (default 10-15)"}), label)  # fmt: skip
    tool("project", "the latents of your own pictures", ("--input", {"required": True, "help": "a picture or a folder of pictures"}),
         ("--space", {"choices": ("auto", "z", "w", "w+"), "default": "auto", "help": "noise, one style, or one a layer, which comes nearest "
                      "(default: w+, or z for models without styles)"}),
         ("--steps", {"type": int, "default": 300, "help": "of the optimisation (default 300)"}), label)  # fmt: skip
    tool("directions", "directions that change one thing, and what they do to the labels",
         ("--how", {"choices": ("auto", "sefa", "pca", "steepest", "labels"), "default": "auto", "help": "in closed form or by principal "
                    "components of styles, by gradients in z, or by what labels see (default: sefa; labels or steepest for models without styles)"}),
         ("-k", {"type": int, "help": "how many (default 5, or all labels)"}),
         ("--layers", {"choices": ("all", "coarse", "middle", "fine"), "default": "all", "help": "that sefa and pca move (all)"}))  # fmt: skip
    tool("vary", "items near one item", seed, ("-n", {"type": int, "default": 24, "help": "how many (default 24)"}),
         ("--amount", {"type": float, "default": 0.3, "help": "0 is the same, 1 unrelated (default 0.3)"}), label)  # fmt: skip
    tool("traverse", "one number of the latent vector at a time", seed,
         ("--numbers", {"type": int, "default": 8, "help": "how many of them, or of the directions (default 8)"}),
         ("--steps", {"type": int, "default": 9, "help": "items a row (default 9)"}),
         ("--along", {"metavar": "FOLDER", "help": "the directions in this folder, as `directions` wrote them, instead"}), label)  # fmt: skip
    tool("gallery", "samples, an interpolation film and the film of the training", ("--truncation", {"type": float, "help": "as of `sample`"}))


def explore(options):
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
        if "projected" in document:
            yield f"projected {document['projected']}"
        for entry in document.get("from -3 to +3 deviations, mean of 64 items", []) + document.get("items", []):
            yield "  ".join(f"{k} {number(v)}" for k, v in entry.items() if k != "changes")
        yield from document["files"]

    emit(options, document, lines)


def add_transform(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("input", metavar="INPUT", help="a picture or a folder of pictures, of any size")
    parser.add_argument("--out", required=True, metavar="PATH", help="a picture's name, or a folder")
    parser.add_argument("--mask", metavar="PATH", help="white where the picture is to be filled in; for a folder, a folder of them")
    parser.add_argument("--scale", type=int, help="how many times larger (a run does what it was trained to do)")
    parser.add_argument("--direction", choices=("a2b", "b2a"), help="for translations of A::B that were learnt both ways (default a2b)")
    parser.add_argument(
        "--tile", type=int, help="side in pixels of what the network sees at once: less takes less memory (default 256, or what it learnt from)"
    )
    parser.add_argument("--quiet", action="store_true", help="print the last line and warnings only")
    json_flag(parser)


def transform(options):
    from sparring import service
    from sparring.runs.progress import display

    shown = display(options.quiet or options.json)
    document = service.transform(
        options.run, options.input, options.out, mask=options.mask, scale=options.scale, direction=options.direction, tile=options.tile, display=shown
    )

    def lines(document):
        kept = f", {document['kept']} were there already" if document["kept"] else ""
        skipped = f", {len(document['skipped'])} skipped" if document["skipped"] else ""
        yield f"{len(document['files'])} pictures, {document['megapixels']:.1f} megapixels in {document['seconds']:.1f} s{kept}{skipped}"
        yield document["out"]

    emit(options, document, lines)
    return 1 if document["skipped"] else 0


def add_score(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("input", metavar="INPUT", help="a file or folder of items")
    json_flag(parser)


def score(options):
    from sparring.service import score

    emit(options, score(options.run, options.input), lambda d: table([[f"{100 * e['real']:6.2f} % real", e["item"]] for e in d]))
