"""From the kind of a source to its modality's code."""

import importlib
from pathlib import Path

from sparring.base import files
from sparring.base.errors import UserError
from sparring.modalities.settings import Encoding
from sparring.modalities.source import Codec, Source

CODECS = {
    "points": "sparring.modalities.points:PointCodec",
    "images": "sparring.modalities.images:ImageCodec",
    "pairs": "sparring.modalities.pairs:PairCodec",
    "tables": "sparring.modalities.tables:TableCodec",
}


def fit(source: Source, encoding: Encoding) -> Codec:
    """The codec of a source; UserError when the encoding is for another kind of data."""
    if encoding.kind != source.kind:
        raise UserError(f"an encoding for {encoding.kind} does not fit data that are {source.kind}: leave --encoding.kind out")
    module = CODECS[source.kind].partition(":")[0]
    return importlib.import_module(module).fit(source, encoding)


def save_codec(codec: Codec, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    files.write_json(folder / "kind.json", {"kind": codec.space.kind})
    codec.save(folder)


def load_codec(folder: Path) -> Codec:
    """A run's codec; UserError when its files are missing or damaged."""
    kind = files.read_record(folder / "kind.json", "kind")["kind"]
    if not isinstance(kind, str) or kind not in CODECS:
        raise UserError(f"{folder} is for a modality called {kind!r} that this version does not have")
    module, _, name = CODECS[kind].partition(":")
    codec = getattr(importlib.import_module(module), name)
    try:
        return codec.load(folder)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{folder / 'codec.json'} is damaged ({type(error).__name__}: {error}): restore it or start a new run") from None
