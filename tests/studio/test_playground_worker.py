"""The playground over its socket, as a page uses it: a real worker process behind a real server."""

import json
import os
import struct
import subprocess
import sys
import time

import pytest
from websockets.sync.client import connect

SMALL = {"game.generator.width": 8, "game.discriminator.width": 8, "batch": 16, "points": 64}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    server = subprocess.Popen([sys.executable, "-m", "sparring", "studio", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        yield server.stdout.readline().split()[2].removeprefix("http://").rstrip("/")
    finally:
        server.terminate()
        assert server.wait(10) in (0, -15, 143)


class Page:
    """What the page does with the socket."""

    def __init__(self, address):
        self.connection = connect(f"ws://{address}/api/playground/play", max_size=2**24, open_timeout=20)

    def __enter__(self):
        self.socket = self.connection.__enter__()
        return self

    def __exit__(self, *problem):
        self.connection.__exit__(*problem)

    def do(self, what, **more):
        self.socket.send(json.dumps({"do": what, **more}))

    def hear(self, wanted):
        """The next message of this kind: a frame, or what is said."""
        while True:
            message = self.socket.recv(timeout=30)
            if isinstance(message, bytes):
                self.do("seen")
                (length,) = struct.unpack("<I", message[:4])
                found = json.loads(message[4 : 4 + length]) | {"say": "frame"}
            else:
                found = json.loads(message)
            if found["say"] == wanted:
                return found


def test_a_game_is_begun_played_changed_and_travelled_in(address):
    with Page(address) as page:
        page.do("begin", settings=SMALL)
        game = page.hear("game")
        assert game["players"] == ["discriminator", "generator"] and {"path", "type", "value", "help", "rule"} == set(game["rows"][0])
        assert page.hear("frame")["round"] == 0
        page.do("advance", rounds=5)
        assert page.hear("frame")["round"] == 5
        page.do("move", player="generator")
        frame = page.hear("frame")
        assert frame["round"] == 6 and {name.split("/")[0] for name in frame["losses"]} == {"generator"}
        page.do("change", settings={"game.generator.width": 9})
        assert page.hear("game")["restarted"] == ["generator"]
        page.do("verdict", at=[0.1, 0.2])
        assert 0 <= page.hear("verdict")["real"] <= 1
        page.do("travel", round=2)
        assert page.hear("frame")["round"] == 2
        page.do("run", rounds=3, frames=50)
        rounds = [page.hear("frame")["round"] for _ in range(6)]
        assert rounds == sorted(rounds) and rounds[-1] > rounds[0]
        page.do("pause")
        page.do("history")
        said = page.hear("history")
        assert said["command"].startswith("sparring train gan") and said["history"]["round"] >= rounds[-1]
        page.do("begin", game="b", history=said["history"])
        assert page.hear("game")["game"] == "b"


def test_what_is_wrong_is_said_and_changes_nothing(address):
    with Page(address) as page:
        page.do("advance")
        assert "begin one" in page.hear("error")["message"]
        page.do("begin", settings=SMALL)
        page.hear("frame")
        for message in ({"do": "change", "settings": {"game.objective": "best"}}, {"do": "fly"}, {"do": "change"}, {"do": "move", "player": 3},
                        {"do": "begin", "preset": "none"}, {"do": "travel", "round": -1}, {"do": "verdict", "at": "x"}):  # fmt: skip
            page.socket.send(json.dumps(message))
            assert page.hear("error")["message"]
        page.socket.send("{no json")
        assert page.hear("error")
        page.do("advance", rounds=1)
        assert page.hear("frame")["round"] == 1


def test_a_slow_page_gets_no_more_frames_than_it_sees(address):
    with Page(address) as page:
        page.do("begin", settings=SMALL)
        page.hear("frame")
        page.do("run", rounds=1, frames=60)
        time.sleep(1.5)
        waiting = 0
        with pytest.raises(TimeoutError):
            while True:
                waiting += isinstance(page.socket.recv(timeout=0.5), bytes)
        assert waiting <= 3


def test_a_worker_ends_with_its_page(address):
    workers = lambda: [p for p in os.listdir("/proc") if p.isdigit() and b"playground_worker" in _command(p)]
    if not os.path.isdir("/proc/self"):
        pytest.skip("without /proc processes cannot be looked for")
    before = set(workers())
    with Page(address) as page:
        page.do("begin", settings=SMALL)
        page.hear("frame")
        mine = set(workers()) - before
        assert len(mine) == 1
    deadline = time.monotonic() + 10
    while set(workers()) & mine and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not set(workers()) & mine


def _command(process: str) -> bytes:
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""
