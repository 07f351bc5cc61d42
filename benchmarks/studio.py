"""The studio in a browser: how soon it is there and how large, how smoothly the playground plays, how quickly many runs are listed, and what it
costs a training to be watched.

    python -m benchmarks.studio [--parts first playground slider runs watching] [--seconds 20] [--repeats 4] [--out benchmarks/results/studio.json]

first       seconds from `sparring studio` to its first answer, and from there until the page has painted; bytes that it loads, both pages
playground  frames drawn and rounds played a second of the default game at full speed, as the page counts them, medians over --seconds
slider      milliseconds from a slider's move to the picture that it asks for, stylegan2 at 64 px, 30 moves
runs        500 runs in the folder (copies of one with a preview): seconds of the answer, and until the page shows all rows
watching    rounds a second of a training with a page open on it and without, taking turns, as a share
Parts of earlier calls are kept. All in headless Chromium, which draws without a graphics card and shares the machine's cores.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from playwright.sync_api import Browser, sync_playwright

import sparring
from benchmarks.machine import write_result

MANY = 500
ROUNDS = 900
TRAINING = {"hardware.threads": 1, "watching.judge": 0}


@contextlib.contextmanager
def studio(runs: Path) -> Iterator[str]:
    served = subprocess.Popen([sys.executable, "-m", "sparring", "studio", "--port", "0", "--runs", str(runs)], stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+", served.stdout.readline()).group()
    finally:
        served.terminate()
        served.wait(60)


def answered(address: str) -> float:
    """Seconds of one request."""
    start = time.perf_counter()
    with urllib.request.urlopen(address) as answer:
        answer.read()
    return time.perf_counter() - start


def first(browser: Browser, options: argparse.Namespace, folder: Path) -> dict:
    started, painted, bytes_of = [], [], {}
    for _ in range(options.repeats):
        start = time.perf_counter()
        with studio(folder / "none") as address:
            answered(address)
            started.append(time.perf_counter() - start)
            page = browser.new_context().new_page()
            page.goto(address)
            painted.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? performance.now()") / 1000)
            for path in ("", "runs/"):
                page.goto(address + path)
                page.wait_for_timeout(500)
                sizes = "performance.getEntries().filter((e) => 'encodedBodySize' in e && !e.name.includes('/api/')).map((e) => e.encodedBodySize)"
                bytes_of[f"/{path}"] = sum(page.evaluate(sizes))
            page.context.close()
    middle = lambda values: round(statistics.median(values), 2)
    return {"seconds to the first answer": middle(started), "seconds from there to the first paint": middle(painted),
            "bytes of the pages": bytes_of, "bars": {"seconds": 1, "bytes": 500_000}}  # fmt: skip


def playground(browser: Browser, options: argparse.Namespace, folder: Path) -> dict:
    with studio(folder / "none") as address:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.goto(address)
        speed = page.get_by_test_id("speed")
        speed.wait_for()
        page.get_by_label("Speed of the game").fill(options.speed)
        if page.get_by_role("button", name="Play", exact=True).count():
            page.get_by_role("button", name="Play", exact=True).click()
        page.wait_for_timeout(3000)
        seen = []
        for _ in range(int(options.seconds)):
            page.wait_for_timeout(1000)
            seen.append((float(speed.get_attribute("data-frames")), float(speed.inner_text())))
        page.context.close()
    frames, rounds = (statistics.median(values) for values in zip(*seen))
    least = [min(values) for values in zip(*seen)]
    return {"frames a second": frames, "rounds a second": rounds, "least": least, "bars": {"frames": 15, "rounds": 60}}


MOVES = """async () => {
  const slider = document.querySelector('input[aria-label="direction 1"]'), picture = document.querySelector('[data-testid=picture]')
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set, found = []
  for (let i = 0; i < 35; i++) {
    const drawn = new Promise((done) => {
      const watch = new MutationObserver(() => { watch.disconnect(); requestAnimationFrame(() => done(performance.now())) })
      watch.observe(picture, { attributes: true, attributeFilter: ['src'] })
    })
    const start = performance.now()
    set.call(slider, String(-2 + 0.1 * i))
    slider.dispatchEvent(new Event('input', { bubbles: true }))
    found.push(await drawn - start)
    await new Promise((done) => setTimeout(done, 60))
  }
  return found.slice(5)
}"""


def slider(browser: Browser, options: argparse.Namespace, folder: Path) -> dict:
    settings = TRAINING | {"resolution": 64, "batch": 8}
    sparring.train("stylegan2", "digits", run=folder / "explored" / "style", rounds=4, settings=settings)
    with studio(folder / "explored") as address:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.goto(f"{address}runs/#/run/style/explore")
        page.get_by_test_id("picture").wait_for()
        page.wait_for_timeout(4000)
        found = page.evaluate(MOVES)
        page.context.close()
    return {"milliseconds": round(statistics.median(found)), "nine of ten below": round(statistics.quantiles(found, n=10)[-1]), "bar": 150}


def runs(browser: Browser, options: argparse.Namespace, folder: Path) -> dict:
    many = folder / "many"
    made = sparring.train("dcgan", "digits", run=folder / "one", rounds=4, settings=TRAINING)
    for i in range(MANY):
        shutil.copytree(made.path, many / f"dcgan-digits-{i + 1}", ignore=shutil.ignore_patterns("checkpoints", "tensorboard"))
    with studio(many) as address:
        answers = [answered(f"{address}api/runs") for _ in range(options.repeats)]
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        shown = []
        for _ in range(options.repeats):
            start = time.perf_counter()
            page.goto(f"{address}runs/#/")
            page.locator("a[href*='/run/dcgan-digits-']").nth(MANY - 1).wait_for(state="attached")
            shown.append(time.perf_counter() - start)
            page.goto("about:blank")
        page.context.close()
    return {"runs": MANY, "seconds of the first answer": round(answers[0], 3), "seconds of an answer": round(statistics.median(answers), 3),
            "seconds until all are shown": round(statistics.median(shown), 3), "bar": 1}  # fmt: skip


def watching(browser: Browser, options: argparse.Namespace, folder: Path) -> dict:
    """Rounds a second between the second event of a training and its last one, by the seconds that the run itself counts."""

    def speed(root: Path, name: str) -> float:
        flags = [f"--{path}={value}" for path, value in TRAINING.items()]
        command = ["train", "dcgan", "--data", "digits", "--run", str(root / name), "--rounds", str(ROUNDS), "--quiet", "--watching.tick=30", *flags]
        subprocess.run([sys.executable, "-m", "sparring", *command], check=True)
        events = [json.loads(line) for line in (root / name / "events.jsonl").read_text().splitlines()]
        events = [event for event in events if "seconds" in event]
        return (events[-1]["round"] - events[1]["round"]) / (events[-1]["seconds"] - events[1]["seconds"])

    root, pairs = folder / "watched", []
    root.mkdir()
    with studio(root) as address:
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        for i in range(options.repeats):
            pair = {}
            for how in ("alone", "watched")[:: 1 if i % 2 else -1]:
                page.goto("about:blank" if how == "alone" else f"{address}runs/#/run/{how}-{i}")
                if how == "watched":                        # the run is not there yet: the page is told again when it is
                    page.evaluate("setTimeout(() => location.reload(), 6000)")
                pair[how] = round(speed(root, f"{how}-{i}"), 2)
            pairs.append(pair)
            print(pair, flush=True)
        page.context.close()
    return {"rounds a second": pairs, "cost of being watched": round(1 - statistics.median(p["watched"] / p["alone"] for p in pairs), 4), "bar": 0.03}


def main() -> None:
    parts = {"first": first, "playground": playground, "slider": slider, "runs": runs, "watching": watching}
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", default=list(parts), choices=list(parts))
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--speed", default="3", help="of the playground's slider")
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--out", default="benchmarks/results/studio.json")
    options = parser.parse_args()
    out = Path(options.out)
    result = json.loads(out.read_text())["result"] if out.exists() else {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium") or shutil.which("google-chrome"), args=["--no-sandbox"])
        for part in options.parts:
            result[part] = parts[part](browser, options, Path(folder))
            print(part, result[part], flush=True)
        browser.close()
    write_result(options.out, result)


if __name__ == "__main__":
    main()
