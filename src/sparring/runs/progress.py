"""What a terminal shows of a training. Everything goes to standard error."""

import sys
import time
from typing import Any, Protocol


class Display(Protocol):
    """Shows events as they come and lines that a person should read."""

    def begin(self, rounds: int, done: int) -> None: ...
    def event(self, event: dict[str, Any]) -> None: ...
    def note(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def close(self) -> None: ...


class Quiet:
    """Warnings only."""

    def begin(self, rounds: int, done: int) -> None:
        pass

    def event(self, event: dict[str, Any]) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        print(f"warning: {text}", file=sys.stderr)

    def close(self) -> None:
        pass


class Lines(Quiet):
    """A line every so many seconds, for logs and pipes."""

    def __init__(self, seconds: float = 10.0):
        self.rounds, self.pause, self.last = 0, seconds, 0.0

    def begin(self, rounds: int, done: int) -> None:
        self.rounds = rounds

    def event(self, event: dict[str, Any]) -> None:
        now = time.monotonic()
        if now - self.last >= self.pause or event["round"] >= self.rounds or event.get("metrics"):
            self.last = now
            print(f"round {event['round']}/{self.rounds}  {facts(event)}", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class Bar:
    """A live bar with the losses, the discriminator's accuracy, the last metrics and a line of warning."""

    def __init__(self):
        from rich.console import Console

        self.console, self.progress = Console(stderr=True), None

    def begin(self, rounds: int, done: int) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = [TextColumn("round {task.completed:,.0f}/{task.total:,.0f}"), BarColumn(), TimeElapsedColumn(), TextColumn("left"),
                   TimeRemainingColumn(), TextColumn("{task.fields[facts]}")]  # fmt: skip
        self.progress = Progress(*columns, console=self.console, refresh_per_second=4)
        self.task = self.progress.add_task("", total=rounds, completed=done, facts="")
        self.progress.start()

    def event(self, event: dict[str, Any]) -> None:
        self.progress.update(self.task, completed=event["round"], facts=facts(event))
        if event.get("metrics"):
            self.console.print(f"  round {event['round']:>7,}  {metrics(event)}", style="cyan", highlight=False)

    def note(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False)

    def warn(self, text: str) -> None:
        self.console.print(f"warning: {text}", style="yellow", highlight=False, markup=False)

    def close(self) -> None:
        if self.progress is not None:
            self.progress.stop()


def display(quiet: bool) -> Display:
    """What suits where standard error goes."""
    if quiet:
        return Quiet()
    return Bar() if sys.stderr.isatty() else Lines()


def facts(event: dict[str, Any]) -> str:
    """Speed, losses, accuracy and metrics of one event in a line."""
    parts = [f"{event['speed']['images']:,.0f} items/s"]
    losses = {name: value for name, value in event["terms"].items() if not name.endswith("/gradient") and value is not None}
    parts += [f"{_short(name)} {value:.3g}" for name, value in losses.items()]
    watch = event.get("watch", {})
    if "accuracy/real" in watch:
        parts.append(f"D right on real {watch['accuracy/real']:.0%} generated {watch['accuracy/fake']:.0%}")
    if event.get("metrics"):
        parts.append(metrics(event))
    return "  ".join(parts)


def metrics(event: dict[str, Any]) -> str:
    return "  ".join(f"{name} {entry['value']:.3g}" for name, entry in event["metrics"].items())


def _short(name: str) -> str:
    player, _, term = name.partition("/")
    return f"{player[0].upper()} {term}" if player.removesuffix("s") in ("generator", "discriminator") else name
