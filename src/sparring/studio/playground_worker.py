"""The process in which a page's playground games are played: JSON lines in, frames and JSON out.

What comes out is a stream of messages (`pipes`): JSON text, or packed frames (`playground.frames.Frame.packed`). A page may have two games, a and b,
with one clock. Frames are sent while fewer than `AHEAD` are unseen, so a slow page slows nothing but itself.
"""

import os
import queue
import time
from typing import Any

from sparring.studio.pipes import Out, listen

AHEAD = 3
"""frames that may be on their way"""
IDLE = 60.0
"""seconds between looks at whether the server is still there"""
MEASURED = 1.0
"""seconds between measurements, which cost as much as many frames"""


class Worker:
    """The games of one page."""

    def __init__(self, out: Out):
        from sparring import service

        self.service, self.out, self.say = service, out, out.say
        self.games: dict[str, Any] = {}
        self.views: dict[str, Any] = {}
        self.known: dict[str, Any] = {}
        self.running, self.speed, self.period = False, 4, 1 / 20
        self.unseen, self.drawn, self.measured = 0, 0.0, 0.0

    # ---- messages

    def show(self, name: str, records: list, measures: bool = False) -> None:
        game, view = self.games[name], self.views[name]
        if game.play is not self.known.get(name):                       # another moment, which has other settings
            self.told(name, "moment", [])
        frame = game.frame(records, view.model_copy(update={"measures": measures or view.measures}))
        frame.head |= {"game": name, "playing": self.running}
        self.out.write(b"B", frame.packed())
        self.unseen += 1

    # ---- what a page can ask

    def do(self, message: dict[str, Any]) -> None:
        """One message; a wrong one is answered with what is wrong with it, and changes nothing."""
        from sparring.base.errors import UserError

        name = message.get("game", "a")
        try:
            action = getattr(self, f"do_{message.get('do')}", None)
            if action is None or name not in ("a", "b"):
                raise UserError(f"there is no {message.get('do')!r} for the game {name!r}")
            if name not in self.games and message["do"] not in ("begin", "seen", "run", "pause"):
                raise UserError("there is no such game: begin one")
            action(name, message)
        except UserError as error:
            self.say(say="error", game=name, message=str(error), about=message.get("do"))
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            self.say(say="error", game=name, message=f"{message.get('do')} was not understood: {error}", about=message.get("do"))

    def do_begin(self, name: str, message: dict[str, Any]) -> None:
        self.games[name] = self.service.playground(
            message.get("history"), preset=message.get("preset"), step=message.get("step"), family=message.get("family", "gan"),
            settings=message.get("settings"), seed=message.get("seed", 0),
        )  # fmt: skip
        self.do_view(name, message)
        self.told(name, "begin", list(self.games[name].players))
        self.show(name, [], measures=True)

    def do_close(self, name: str, message: dict[str, Any]) -> None:
        del self.games[name]

    def do_run(self, name: str, message: dict[str, Any]) -> None:
        self.running, self.speed = True, max(1, min(200, int(message.get("rounds", self.speed))))
        self.period = 1 / max(1, min(60, float(message.get("frames", 20))))

    def do_pause(self, name: str, message: dict[str, Any]) -> None:
        self.running = False
        for each in self.games:
            self.show(each, [], measures=True)

    def do_advance(self, name: str, message: dict[str, Any]) -> None:
        rounds = max(1, min(10_000, int(message.get("rounds", 1))))
        for each, game in self.games.items():
            self.show(each, game.advance(rounds), measures=True)

    def do_move(self, name: str, message: dict[str, Any]) -> None:
        self.show(name, self.games[name].move(str(message["player"])), measures=True)

    def do_change(self, name: str, message: dict[str, Any]) -> None:
        self.told(name, "change", self.games[name].change(dict(message["settings"])))
        self.show(name, [], measures=True)

    def do_cure(self, name: str, message: dict[str, Any]) -> None:
        self.told(name, "cure", self.games[name].change(self.service.playground_preset(str(message["preset"]))["cure"]))
        self.show(name, [], measures=True)

    def do_travel(self, name: str, message: dict[str, Any]) -> None:
        self.running = False
        for each, game in self.games.items():
            self.show(each, game.travel(int(message["round"])), measures=True)

    def do_view(self, name: str, message: dict[str, Any]) -> None:
        self.views[name] = self.service.playground_view(message.get("view", {}))
        if message["do"] == "view":
            self.show(name, [])

    def do_history(self, name: str, message: dict[str, Any]) -> None:
        self.say(say="history", game=name, history=self.games[name].history(), command=self.games[name].command())

    def do_verdict(self, name: str, message: dict[str, Any]) -> None:
        x, y = (float(v) for v in message["at"])
        found = self.games[name].verdicts([(x, y)])
        self.say(say="verdict", game=name, at=[x, y], real=None if found is None else found[0])

    def do_points(self, name: str, message: dict[str, Any]) -> None:
        self.say(say="points", game=name, points=self.games[name].data.tolist())

    def do_seen(self, name: str, message: dict[str, Any]) -> None:
        self.unseen = max(0, self.unseen - 1)

    def told(self, name: str, about: str, restarted: list[str]) -> None:
        """What the game is now, and what made it so."""
        game = self.games[name]
        self.known[name] = game.play
        self.say(say="game", game=name, about=about, restarted=restarted, round=game.round, players=list(game.players),
                 **self.service.playground_settings(game.play))  # fmt: skip

    # ---- the loop

    def serve(self, messages: "queue.Queue[dict | None]", parent: int) -> None:
        while True:
            try:
                message = messages.get(timeout=self._wait())
                if message is None:
                    return
                self.do(message)
                continue
            except queue.Empty:
                pass
            if os.getppid() != parent:                                  # the server is gone without a word
                return
            if self.running and self.games and self.unseen < AHEAD:
                self._play()

    def _wait(self) -> float:
        if not (self.running and self.games):
            return IDLE
        return 0.02 if self.unseen >= AHEAD else max(0.0, self.drawn + self.period - time.monotonic())

    def _play(self) -> None:
        self.drawn = time.monotonic()
        due = self.drawn - self.measured > MEASURED
        self.measured = self.drawn if due else self.measured
        for name, game in self.games.items():
            try:
                self.show(name, game.advance(self.speed), measures=due)
            except Exception as error:                                  # a setting that no round can be played with
                self.running = False
                self.say(say="error", game=name, message=f"no round can be played so: {' '.join(str(error).split())}", about="run")


def main() -> None:
    parent, out, messages = os.getppid(), Out.standard(), queue.Queue()
    listen(messages.put)
    import torch

    torch.set_num_threads(1)                                            # such small networks are slower on several
    Worker(out).serve(messages, parent)


if __name__ == "__main__":
    main()
