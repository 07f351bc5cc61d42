"""Errors a user can mend."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """The user's input is wrong. The message is one line: what, where, and what to do. Commands print it and exit with 2."""


class WorkError(Exception):
    """The work failed although the input was right (a full disk, a dead worker). One line; commands exit with 1."""


def nearest(name: str, names: Iterable[str]) -> str:
    """The known name closest to `name`, as the end of a sentence: `; did you mean 'gamma'?`, or the list of names."""
    names = sorted(names)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}" if len(names) < 40 else ""
