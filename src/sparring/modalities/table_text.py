"""The bytes of a text file as UTF-8."""

import codecs
import gzip
from pathlib import Path

from sparring.base.errors import UserError

HEAD = 2**18
"""bytes of the beginning, in which what kind of text it is, the delimiter and the names are found"""
BLOCK = 2**24
"""bytes of a text file that are parsed in one go"""
FOREIGN = {
    b"PAR1": "a Parquet file: call it .parquet",
    b"ARROW1": "an Arrow file: call it .arrow",
    b"PK\x03\x04": "a zip archive or an Excel sheet: save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel sheet: save it as CSV",
    b"SQLite format": "a database: export its table as CSV",
}


def content(path: Path) -> tuple[bytes, list[str]]:
    """A text file's bytes as UTF-8 without a byte order mark, and what to say about its encoding. UserError when it is no text."""
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    for magic, what in FOREIGN.items():
        if data.startswith(magic):
            raise UserError(f"{path} is {what}")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeError:
            raise UserError(f"{path} begins as UTF-16 and is none: save it as UTF-8") from None
    data = data.removeprefix(codecs.BOM_UTF8)
    at, head = data.find(b"\0"), data[:HEAD]
    if at >= 0:
        raise UserError(f"{path} line {line_of(data, at)} holds a zero byte: it is no text, or damaged (save it anew as UTF-8)")
    if len(head) - len(head.translate(None, bytes([*range(1, 9), *range(14, 32), 127]))) > len(head) // 50:
        raise UserError(f"{path} is no text: a table is text (CSV, UTF-8), Parquet, Arrow or JSON lines")
    if not data.strip():
        raise UserError(f"{path} is empty: a table has a line of names and a row an item")
    try:
        data.decode()
        return data, []
    except UnicodeDecodeError as error:
        at = error.start
    text = data.decode(errors="replace")
    wrong = text.count("\ufffd")
    if wrong < len(text) - len(text.encode("ascii", "ignore")) - wrong:             # most of what is no ASCII is UTF-8
        return text.encode(), [f"line {line_of(data, at)} is no UTF-8: {wrong} letters became \ufffd; save the file as UTF-8"]
    for encoding in ("cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.encode(), [f"line {line_of(data, at)} is no UTF-8: the file is read as {encoding}; save it as UTF-8 if letters look wrong"]
    raise AssertionError("latin-1 takes every byte")


def line_of(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1
