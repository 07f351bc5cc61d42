"""Settings: frozen, validated descriptions of components, and their way to and from JSON, YAML and flags.

A choice among components is a field whose type is a family (a subclass of `Component` without a `kind`); the value's
`kind` names the member. The class tree is the registry, so the set is open: importing a module adds its members.
"""

import contextlib
import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.fields import FieldInfo

from sparring.base.errors import UserError, nearest


@dataclass(frozen=True)
class Rule:
    """How a field that says `auto` gets its value, in words."""

    text: str


Auto = Literal["auto"]
"""Beside a type: the value may be derived from the data, the budget or the machine (`int | Auto`)."""


class Settings(BaseModel):
    """A frozen group of settings. The docstring under a field is its help everywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Component(Settings):
    """Settings of an exchangeable part; `build(**runtime)` imports the implementation and makes it."""

    kind: ClassVar[str] = ""
    implementation: ClassVar[str] = ""
    """`module:name` of the class or function that `build` calls with these settings."""

    @classmethod
    def choices(cls) -> dict[str, type[Self]]:
        """Every member of this family by kind."""
        found = {cls.kind: cls} if cls.__dict__.get("kind") else {}
        for child in cls.__subclasses__():
            found |= child.choices()
        return found

    @classmethod
    def family(cls) -> type["Component"]:
        """The class below Component that this one descends from: what a choice is made among."""
        return next(c for c in reversed(cls.__mro__) if issubclass(c, Component) and c is not Component)

    @classmethod
    def named(cls, kind: str) -> type[Self]:
        """The member called `kind`; UserError with the nearest name otherwise."""
        choices = cls.choices()
        if kind not in choices:
            raise UserError(f"no {cls.__name__.lower()} is called {kind!r}{nearest(kind, choices)}")
        return choices[kind]

    def build(self, **runtime: Any) -> Any:
        module, _, name = self.implementation.partition(":")
        return getattr(importlib.import_module(module), name)(self, **runtime)

    @model_validator(mode="wrap")
    @classmethod
    def _choose(cls, value, handler):
        if isinstance(value, str):
            value = {"kind": value}
        if not (isinstance(value, dict) and "kind" in value):
            return handler(value)
        choices = cls.choices()
        if value["kind"] not in choices:
            raise ValueError(f"no {cls.__name__.lower()} is called {value['kind']!r}{nearest(str(value['kind']), choices)}")
        chosen, rest = choices[value["kind"]], {k: v for k, v in value.items() if k != "kind"}
        return handler(rest) if chosen is cls else chosen.model_validate(rest)


# ---- to and from plain data


def dump(value: Any) -> Any:
    """Settings as JSON values; components carry their `kind`."""
    if isinstance(value, Settings):
        kind = {"kind": value.kind} if isinstance(value, Component) and value.kind else {}
        return kind | {name: dump(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, (tuple, list)):
        return [dump(v) for v in value]
    if isinstance(value, dict):
        return {k: dump(v) for k, v in value.items()}
    return value


S = TypeVar("S", bound="Settings")


def load(family: type[S], data: Any, source: str = "settings") -> S:
    """Validates plain data; what is wrong becomes one line that names the setting and the nearest right name."""
    try:
        return family.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{source}: {explain(error, data)}") from None


def explain(error: ValidationError, data: Any) -> str:
    """The first problem of a ValidationError in one line."""
    first = error.errors(include_url=False)[0]
    inside = ("function-", "literal[", "constrained-")               # steps of pydantic's own, not of the user's path
    spot = [str(part) for part in first["loc"] if not str(part).startswith(inside) and part not in ("int", "float", "str", "tuple")]
    path = ".".join(spot)
    if first["type"] == "extra_forbidden":
        return f"unknown setting {path!r}{nearest(spot[-1], _names(Settings))}"
    message = first["msg"].removeprefix("Value error, ")
    line = f"{path}: {message}" if path else message                  # a rule of several settings together has no path of its own
    return line if first["type"] == "value_error" else f"{line}, got {first['input']!r}"


def _names(family: type[Settings]) -> set[str]:
    return set(family.model_fields).union(*(_names(child) for child in family.__subclasses__()))


def read(path: Path) -> dict:
    """A YAML or JSON file with one mapping in it."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is neither YAML nor JSON: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path} must hold a mapping of settings, not {type(data).__name__}")
    return data


def to_json(value: Any) -> str:
    return json.dumps(dump(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


# ---- rows: the same list drives `show`, `--help`, the flags and the studio's form


@dataclass(frozen=True)
class Row:
    """One setting: its dotted path, type, value, help, and the rule when it can be derived."""

    path: str
    type: str
    value: Any
    help: str
    rule: str | None


def rows(settings: Settings, prefix: str = "", about: str = "") -> Iterator[Row]:
    """Every setting of a concrete instance, in order of definition; a component's `kind` comes first in its group.

    `about` is the help of the field that holds the group: `learning rate: value at round 0`.
    """
    help = lambda text: " ".join(f"{about}: {text}".removeprefix(": ").split())
    if isinstance(settings, Component) and settings.kind and prefix:
        family = type(settings).family()
        names = sorted(family.choices())
        if len(names) > 1:
            yield Row(f"{prefix}kind", "|".join(names), settings.kind, help((family.__doc__ or "").split("\n")[0]), None)
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            yield from rows(value, f"{prefix}{name}.", field.description or "")
        else:
            rule = next((m.text for m in field.metadata if isinstance(m, Rule)), None)
            yield Row(f"{prefix}{name}", spell(field), dump(value), help(field.description or ""), rule)


def spell(field: FieldInfo) -> str:
    """A field's type in a user's words: `int|auto`, `constant|linear|cosine`."""

    def words(annotation) -> list[str]:
        arguments = get_args(annotation)
        if str(annotation).startswith("typing.Literal"):
            return [str(a) for a in arguments]
        if getattr(annotation, "__metadata__", None):
            return words(arguments[0])
        if getattr(annotation, "__origin__", None) is tuple:
            return ["list of " + "|".join(words(arguments[0]))]
        if arguments:
            return [w for a in arguments for w in words(a)]
        return ["none" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))]

    return "|".join(dict.fromkeys(words(field.annotation)))


# ---- flags


def override(settings: Settings, changes: dict[str, Any]) -> Settings:
    """Settings with dotted paths replaced. A path may be shortened to any tail that names one setting: `gamma`.

    Kinds are changed first, then whole groups before their parts, so that `--gamma 2 --penalty r1` keeps both. A new kind keeps
    what it has in common with the old one: `--game.kind gan` of a conditional GAN is the same game without the label.
    """
    first = known_paths(settings)

    def order(typed: str) -> tuple[bool, int]:
        with contextlib.suppress(UserError):
            path = resolve(typed, first)
            return not path.endswith("kind"), path.count(".")
        return not typed.endswith("kind"), len(typed)                   # a part of a kind that is not there yet

    for typed in sorted(changes, key=order):
        path = resolve(typed, known_paths(settings))
        settings = _replace(settings, path.split("."), _literal(changes[typed]), path)
    return settings


def known_paths(settings: Settings) -> list[str]:
    """Everything that `override` can replace."""
    return [*groups(settings), *(row.path for row in rows(settings))]


def groups(settings: Settings, prefix: str = "") -> Iterator[str]:
    """Paths of groups of settings, which can be given whole (a schedule by one number, a component by its kind)."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            yield f"{prefix}{name}"
            yield from groups(value, f"{prefix}{name}.")


def resolve(typed: str, paths: list[str]) -> str:
    """The full path for what a user typed (dashes or underscores, full or a unique tail)."""
    wanted = typed.replace("-", "_")
    if wanted in paths:
        return wanted
    tails = sorted((p for p in paths if p.endswith("." + wanted)), key=lambda p: p.count("."))
    if len(tails) == 1 or (tails and tails[0].count(".") < tails[1].count(".")):
        return tails[0]
    if tails:
        raise UserError(f"setting --{typed} could be any of {', '.join('--' + t for t in tails)}: write one of them in full")
    shorts = {p.rsplit(".", 1)[-1]: p for p in reversed(paths)}
    close = nearest(wanted, paths)
    if "did you mean" not in close:
        close = nearest(wanted.rsplit(".", 1)[-1], shorts)
    close = close.replace("did you mean '", "did you mean '--") if "did you mean" in close else "; see `sparring show RECIPE`"
    raise UserError(f"unknown setting --{typed}{close}")


def shortened(path: str, group: str, paths: list[str]) -> str:
    """A path without the name of this outermost group, where the rest still names the same setting."""
    tail = path.removeprefix(f"{group}.")
    with contextlib.suppress(UserError):
        return tail if resolve(tail, paths) == path else path
    return path


def _replace(settings: Settings, path: list[str], value: Any, whole: str) -> Settings:
    head, *rest = path
    inner = getattr(settings, head)
    if not rest and isinstance(value, str) and (isinstance(inner, Component) or (isinstance(inner, Settings) and "kind" in type(inner).model_fields)):
        rest = ["kind"]
    if isinstance(inner, Component) and rest == ["kind"]:
        new = _of_kind(inner, value)
    elif rest:
        new = _replace(inner, rest, value, whole)
    else:
        new = value
    plain = {name: getattr(settings, name) for name in type(settings).model_fields} | {head: new}
    try:
        return type(settings).model_validate(plain)
    except ValidationError as error:
        raise UserError(f"--{whole}: {explain(error, plain)}") from None


def _of_kind(old: Component, kind: str) -> dict[str, Any]:
    """Another member of a family, with the old one's values of the fields that both inherit from the same class."""
    new = type(old).family().choices().get(kind)
    kept = [name for name in type(old).model_fields if new and name in new.model_fields and _owner(new, name) is _owner(type(old), name)]
    return {"kind": kind} | {name: getattr(old, name) for name in kept}


def _owner(member: type[Settings], field: str) -> type:
    return next(c for c in member.__mro__ if field in c.__dict__.get("__annotations__", {}))


def _literal(value: Any) -> Any:
    """Text from a command line: lists and mappings are read as YAML, all else is left to the field's own conversion."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return yaml.safe_load(value)
        except yaml.YAMLError:
            return value
    return value
