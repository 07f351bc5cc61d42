"""What tests of the pages share: a studio on a free port, a browser without a window, and pages whose scripts must not complain."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import sparring

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
PATIENCE = 60_000
"""milliseconds"""


@contextmanager
def studio(*arguments: str) -> Iterator[str]:
    """The address of a studio that runs for as long."""
    served = subprocess.Popen([sys.executable, "-m", "sparring", "studio", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+", served.stdout.readline()).group()
    finally:
        served.terminate()
        served.wait(60)


@pytest.fixture(scope="module")
def address():
    """A studio as it is without being told anything."""
    with studio() as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("the pages are tried in chromium, which is not installed: apt-get install chromium")
    if not (Path(sparring.__file__).parent / "studio" / "dist").is_dir():
        pytest.skip("the pages are not built: npm run build in web/")
    sync_api = pytest.importorskip("playwright.sync_api", reason="the pages are tried with playwright: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def explorable(tmp_path_factory):
    """A folder with `runs` of every kind that can be explored."""
    from tests.studio.explorable import train

    root = tmp_path_factory.mktemp("explorable")
    train(root)
    return root


@contextmanager
def opened(browser, address: str, width: int = 1280, height: int = 860) -> Iterator:
    """A page at an address; what its scripts complain of fails the test."""
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(address)
    yield page
    context.close()
    assert wrong == []


def until(holds: Callable[[], object], seconds: float = PATIENCE / 1000) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)
