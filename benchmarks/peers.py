"""Other programs for tables (CTGAN and TVAE of the `ctgan` package, SDMetrics), in an environment of their own that has `ctgan` and `sdmetrics`:
`peer_program.py` runs there, tables go between as CSV files. Written for ctgan 0.12 and sdmetrics 0.32."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sparring.modalities.table_columns import Column

MISSING = "<missing>"
DAY = 86_400 * 10**6


class Peer:
    """A process that answers, one question at a time. Its threads, and the processes it may start, are as many as it is told."""

    def __init__(self, python: Path, threads: int = 1):
        self.threads, self.folder = threads, tempfile.TemporaryDirectory()
        environment = os.environ | {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT")}
        command = [str(python), "-W", "ignore", str(Path(__file__).with_name("peer_program.py"))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()

    def ask(self, do: str, **told: Any) -> dict[str, Any]:
        self.process.stdin.write(json.dumps({"do": do, **told}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the other program ended at {do!r}: its last lines on standard error say why")
        return json.loads(answer)

    def file(self, name: str) -> Path:
        return Path(self.folder.name) / name

    def fit(self, model: str, form: "Form", *, epochs: int, seed: int = 0, settings: dict[str, Any] | None = None) -> dict[str, Any]:
        """Seconds in all, of preparation and of an epoch."""
        told = {"file": str(form.file), "words": form.words, "threads": self.threads, "seed": seed, "settings": settings or {}}
        return self.ask("fit", model=model, epochs=epochs, **told)

    def rows(self, model: str, form: "Form", n: int) -> pa.Table:
        """n rows of the model that was fitted last, as tables here have them."""
        file = self.file("rows.csv")
        self.ask("sample", model=model, n=n, file=str(file))
        return form.read(file)


class Form:
    """A table as those programs take one, and back: numbers without gaps and words.

    A missing word is a word of its own. A missing number is the median, and a column of words beside it says where: more than the programs do by
    themselves. Dates are days since 1970. Constant columns stay here.
    """

    def __init__(self, table: pa.Table, columns: Sequence[Column], file: Path):
        self.schema, self.columns, self.file = table.schema, columns, file
        self.whole_days = {c.name: not (_micro(table, c.name) % DAY).any() for c in columns if c.kind == "date"}
        self.constants = {c.name: table.column(c.name)[0] for c in columns if c.kind == "constant"}
        given, self.words = {}, []
        for i, column in enumerate(columns):
            array = table.column(column.name).combine_chunks()
            if column.kind in ("category", "boolean"):
                given[f"c{i}"] = array.cast(pa.string()).fill_null(MISSING)
                self.words.append(f"c{i}")
            elif column.kind != "constant":
                number = array if column.kind == "integer" else array.cast(pa.float64()) if column.kind == "real" else _days(array)
                given[f"c{i}"] = number
                if number.null_count:
                    middle = pc.quantile(number, 0.5, interpolation="nearest")[0]
                    given[f"c{i}"] = number.fill_null(middle)
                    given[f"c{i}-missing"] = pc.if_else(number.is_null(), "yes", "no")
                    self.words.append(f"c{i}-missing")
        csv.write_csv(pa.table(given), file)

    def read(self, file: Path) -> pa.Table:
        strings = csv.ConvertOptions(column_types=dict.fromkeys(self.words, pa.string()), strings_can_be_null=False)
        made, arrays = csv.read_csv(file, convert_options=strings), []
        for i, column in enumerate(self.columns):
            kind = self.schema.field(column.name).type
            if column.kind == "constant":
                arrays.append(pa.repeat(self.constants[column.name], len(made)))
                continue
            array = made.column(f"c{i}").combine_chunks()
            if column.kind in ("category", "boolean"):
                array = pc.if_else(pc.equal(array, MISSING), None, array)
                array = pc.equal(array, "true") if column.kind == "boolean" else array
            elif f"c{i}-missing" in self.words:
                array = pc.if_else(pc.equal(made.column(f"c{i}-missing").combine_chunks(), "yes"), None, array)
            if column.kind == "date":
                array = pc.round(array.cast(pa.float64())) if self.whole_days[column.name] else array.cast(pa.float64())
                array = pc.round(pc.multiply(array, float(DAY))).cast(pa.int64(), safe=False)
            arrays.append((pc.round(array) if column.kind == "integer" else array).cast(kind, safe=False))
        return pa.table(arrays, names=[column.name for column in self.columns])


def _micro(table: pa.Table, name: str) -> np.ndarray:
    return table.column(name).drop_null().cast(pa.int64()).to_numpy()


def _days(array: pa.Array) -> pa.Array:
    return pc.divide(array.cast(pa.int64()).cast(pa.float64()), float(DAY))
