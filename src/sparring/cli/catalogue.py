"""Commands about what there is: list, show, cite, inspect, cache."""

from sparring.cli.common import emit, json_flag, number, setting_lines, table


def add_list(parser):
    parser.add_argument("what", nargs="?", default="recipes", choices=("recipes", "games", "data", "metrics"))
    json_flag(parser)


def list_(options):
    from sparring.service import catalogue

    def lines(entries):
        return table([[e["name"], "/".join(e.get("takes", [])) or e.get("better", ""), e["summary"], (e.get("papers") or [""])[0]] for e in entries])

    emit(options, catalogue(options.what), lines)


def add_show(parser):
    parser.add_argument("recipe")
    parser.add_argument("--data", help="resolve the recipe for these data")
    json_flag(parser)


def show(options):
    from sparring.service import show

    def lines(document):
        yield f"{document['recipe']}: {document['summary']}"
        yield f"takes {' or '.join(document['takes'])}{' with labels' if document['needs labels'] else ''}"
        yield from (f"  {paper}" for paper in document["papers"])
        yield from ("", *setting_lines(document["settings"]))

    emit(options, show(options.recipe, options.data), lines)


def add_cite(parser):
    parser.add_argument("recipe")


def cite(options):
    from sparring.service import cite

    print(cite(options.recipe), end="")


def _heads(rows):
    """The keys of all rows, each behind those that come before it in its row."""
    heads = []
    for row in rows:
        place = 0
        for key in row:
            if key not in heads:
                heads.insert(place, key)
            place = heads.index(key) + 1
    return heads


def add_inspect(parser):
    parser.add_argument("data", metavar="DATA")
    parser.add_argument("--kind", choices=("points", "tables"), help="what to take a .csv of numbers for: points, unless a recipe takes tables")
    parser.add_argument("--schema", metavar="FILE", help="a YAML or JSON file that says what columns of a table are")
    json_flag(parser)


def inspect(options):
    from sparring.service import inspect

    def lines(document, indent=""):
        found = []
        for key, value in document.items():
            if isinstance(value, dict):
                found += [f"{indent}{key}:", *lines(value, indent + "  ")] if value else [f"{indent}{key}: none"]
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                heads = _heads(value)
                rows = [heads, *([number(item[k]) if k in item else "" for k in heads] for item in value)]
                found += [f"{indent}{key}:"] + [f"{indent}  {line}" for line in table(rows)]
            elif isinstance(value, list) and (len(value) > 3 or any(len(str(v)) > 40 for v in value)):
                found += [f"{indent}{key}:"] + [f"{indent}  {number(v)}" for v in value]
            else:
                found.append(f"{indent}{key}: {', '.join(map(number, value)) or 'none' if isinstance(value, list) else number(value)}")
        return found

    emit(options, inspect(options.data, options.kind, options.schema), lines)


def add_cache(parser):
    parser.add_argument("--clear", action="store_true", help="remove everything in it")
    json_flag(parser)


def cache(options):
    from sparring.service import cache_contents

    def lines(document):
        done = "cleared, was " if document["cleared"] else ""
        return [f"{document['cache']}: {done}{document['bytes'] / 2**20:,.1f} MiB of at most {document['limit'] / 2**20:,.0f}",
                *(f"  {e['bytes'] / 2**20:10,.1f} MiB  {e['name']}" for e in document["entries"])]  # fmt: skip

    emit(options, cache_contents(options.clear), lines)
