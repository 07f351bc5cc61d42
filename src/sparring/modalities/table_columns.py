"""What the columns of a table hold, as settings: as found, and as a schema file tells. No torch, no arrow."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sparring.base.settings import Settings, load, read

Kind = Literal["category", "boolean", "integer", "real", "date", "constant"]


class Column(Settings):
    """A column that is modelled. `table_types.restored` and `table_types.as_text` write values back from this."""

    name: str
    kind: Kind
    why: str = ""
    """the reason for the kind, in words"""
    missing: bool = False
    """whether values are missing somewhere"""
    infinite: bool = False
    """whether a real number is infinite somewhere"""
    type: str = ""
    """the arrow type that results have, as text: the file's, or of a text file that of the kind"""
    decimals: int | None = None
    """most digits after the point of real numbers (of seconds, for dates); None where they are written with as many as they need"""
    least: int = 0
    """fewest digits after the point in a text file"""
    comma: bool = False
    """whether a text file writes real numbers with a comma for the point"""
    grouped: bool = False
    """whether a text file writes numbers with a comma before every thousand"""
    format: str | None = None
    """how dates are written in text, as strptime has it (%-d: without a leading zero); None for those of a binary file"""
    words: tuple[str, str] | None = None
    """how text writes booleans: the word for false and the word for true"""
    null: str = ""
    """how a text file writes a missing value"""
    absent: tuple[str, ...] | None = None
    """values that a schema takes for missing"""
    categories: tuple[str, ...] | None = None
    """the words of a column of a frame that lists them, in their order, whether they occur or not"""
    value: str | None = None
    """of a constant column, its value as text that arrow casts to `type`"""


def _as_words(value):
    """Numbers in a list are words too; yes and no are truths in YAML."""
    if not isinstance(value, (list, tuple)):
        return value
    if any(isinstance(word, bool) for word in value):
        raise ValueError("put words like yes and no in quotes")
    return [word if isinstance(word, str) else str(word) for word in value]


class Told(Settings):
    """What a schema file says of a column."""

    kind: Literal["category", "boolean", "integer", "real", "date", "drop", "key"] | None = None
    """none: it is found; key: not modelled, and made anew for every generated row"""
    format: str | None = None
    """of dates in text, as strptime has it"""
    words: Annotated[tuple[str, str] | None, BeforeValidator(_as_words)] = None
    """of booleans in text, the word for false and the word for true"""
    missing: Annotated[tuple[str, ...] | None, BeforeValidator(_as_words)] = None
    """values that stand for missing ones, instead of the usual words (an empty cell always does)"""


class Together(Settings):
    """Columns of which only such combinations are made as the data have."""

    together: tuple[str, ...] = Field(min_length=2)

    def __str__(self) -> str:
        return f"together: [{', '.join(self.together)}]"


class Unique(Settings):
    """Columns that together are another in every row. One alone is a key, which is made anew."""

    unique: tuple[str, ...] = Field(min_length=1)

    def __str__(self) -> str:
        return f"unique: [{', '.join(self.unique)}]"


def _as_constraint(value):
    """A text, or a mapping of one word to names of columns."""
    if isinstance(value, dict) and len(value) == 1:
        (word, names), kinds = next(iter(value.items())), {"together": Together, "unique": Unique}
        names = _as_words([names] if isinstance(names, str) else names)
        least = 2 if word == "together" else 1
        if word in kinds and isinstance(names, list) and len(set(names)) == len(names) >= least:
            return kinds[word](**{word: names})
    if isinstance(value, str):
        return value
    raise ValueError(f'a constraint is like "start <= end", "age >= 17", {{together: [city, country]}} or {{unique: [id]}}, not {value!r}')


class TableSchema(Settings):
    """{columns: {age: integer, id: drop, when: {kind: date, format: "%d/%m/%Y"}}, constraints: ["start <= end", {together: [city, country]}]}; the
    kinds of columns that are not named are found."""

    columns: dict[str, Annotated[Told, BeforeValidator(lambda value: {"kind": value} if isinstance(value, str) else value)]] = {}
    constraints: tuple[Annotated[str | Together | Unique, BeforeValidator(_as_constraint)], ...] = ()

    @property
    def told(self) -> dict[str, Told]:
        """What is said of columns, in `columns` and by constraints."""
        keys = [one.unique[0] for one in self.constraints if isinstance(one, Unique) and len(one.unique) == 1]
        return self.columns | {name: self.columns.get(name, Told()).model_copy(update={"kind": "key"}) for name in keys}

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that are made anew."""
        return tuple(name for name, told in self.told.items() if told.kind == "key")

    @property
    def rules(self) -> bool:
        """Whether something is said of whole rows."""
        return bool(self.constraints) or any(told.kind == "key" for told in self.columns.values())


def read_schema(path: str | Path) -> TableSchema:
    """A schema from a YAML or JSON file; UserError when it is none."""
    return load(TableSchema, read(Path(path)), str(path))
