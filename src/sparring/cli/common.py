"""What all commands share: one-line errors, a JSON document or lines for a person, settings as flags."""

import argparse
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from sparring.base.errors import UserError

PRECISIONS = {"no": "fp32", "fp32": "fp32", "bf16": "bf16", "auto": "auto"}


class Parser(argparse.ArgumentParser):
    """One-line errors."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see `{self.prog} --help`)")


def emit(options: argparse.Namespace, document: Any, lines: Callable[[Any], Sequence[str]]) -> None:
    """One JSON document, or lines for a person, on standard output."""
    if options.json:
        from sparring.service import to_json

        print(to_json(document))
    else:
        print("\n".join(lines(document)))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def json_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def number(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{k} {number(v)}" for k, v in value.items())
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


def setting_lines(settings: list[dict]) -> list[str]:
    from sparring.base.settings import shortened

    lines, paths = [], [row["path"] for row in settings]
    for row in settings:
        value = row["value"] if not isinstance(row["value"], list) else ",".join(map(str, row["value"])) or "none"
        head = f"  --{shortened(row['path'], 'game', paths).replace('_', '-')} {value}"
        rule = f" (auto: {row['rule']})" if row["rule"] and row["value"] == "auto" else ""
        text = textwrap.fill(f"[{row['type']}] {row['help']}{rule}", 118, initial_indent=" " * 10, subsequent_indent=" " * 10)
        lines.append(f"{head}\n{text}")
    return lines
