"""The workshop as a user meets it: runs started, watched, stopped, resumed and compared in a browser."""

import re
import shutil

import pytest
from PIL import Image

import sparring
from tests.running import short_extractors
from tests.studio.conftest import opened, studio, until

HOSTILE = "<img src=x onerror=window.caught=1>"
TINY = {"game.generator.width": 8, "game.discriminator.width": 8, "hardware.threads": 1, "watching.judge": 0, "watching.metrics": "coverage"}
WATCHED = (("watching.judge", 300), ("watching.metrics", "coverage"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Data, and the network that judges digits in the cache: it is trained for long where it is not."""
    root = tmp_path_factory.mktemp("workshop")
    for label in ("plain", HOSTILE):
        (root / "data" / "photos" / label).mkdir(parents=True)
        for i in range(20):
            Image.new("RGB", (16, 16), (10 * i, 90, 200)).save(root / "data" / "photos" / label / f"{i}.png")
    (root / "secret").mkdir()
    with short_extractors(10):
        sparring.train("gan", "digits", run=root / "elsewhere" / "before", rounds=2, settings=TINY)
    return root


@pytest.fixture(scope="module")
def address(place):
    with studio("--runs", str(place / "runs"), "--allow", str(place / "data")) as found:
        yield f"{found}runs/"


@pytest.fixture
def page(browser, address):
    with opened(browser, address) as page:
        yield page


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def rounds(page):
    return int(page.get_by_test_id("round").inner_text().replace(",", ""))


def test_a_run_is_started_watched_stopped_resumed_and_judged(page):
    page.get_by_role("heading", name="There are no runs yet").wait_for()
    page.get_by_role("link", name="Start a run").click()
    page.get_by_role("button", name=re.compile("^digits images")).click()
    page.get_by_text("learnt from").wait_for()
    assert page.get_by_role("button", name=re.compile("^table-vae")).is_disabled() and page.get_by_text("takes tables, these are images").count()
    page.get_by_role("button", name=re.compile("^gan Generative")).click()
    page.get_by_text("As the recipe sets them for these data").wait_for()
    page.get_by_text("All settings").click()
    page.get_by_label("Find a setting").fill("watching")
    for path, value in (("game.generator.width", 8), ("game.discriminator.width", 8), ("hardware.threads", 1), *WATCHED):
        page.get_by_label(path, exact=True).first.fill(str(value))
        page.get_by_label(path, exact=True).first.press("Tab")
    press(page, "Rounds")
    page.get_by_label("Number of rounds").fill("600")
    page.get_by_label("Number of rounds").press("Tab")
    page.get_by_label("Name of the run").fill("../mine")
    press(page, "Start")
    until(lambda: "no name for a run" in page.get_by_role("form", name="Start").inner_text())
    page.reload()                                                       # the form keeps everything
    page.get_by_text("As the recipe sets them for these data").wait_for()
    assert page.get_by_label("hardware.threads", exact=True).first.input_value() == "1"
    page.get_by_label("Name of the run").fill("mine")
    press(page, "Start")
    page.get_by_role("heading", name="mine", exact=True).wait_for()
    page.get_by_test_id("preview").wait_for()
    press(page, "Stop")
    page.get_by_role("button", name="Resume").wait_for()
    stopped = rounds(page)
    assert 0 < stopped < 600 and page.get_by_test_id("state").inner_text() == "Stopped"
    press(page, "Resume")
    until(lambda: page.get_by_test_id("state").inner_text() == "Finished" and page.get_by_role("link", name="Report").count(), seconds=200)
    assert rounds(page) == 600
    quality = page.get_by_role("region", name="Quality")
    until(lambda: "on the test part" in quality.inner_text())
    assert "coverage" in quality.inner_text()
    slider = page.get_by_label("Preview", exact=True)
    slider.fill("0")
    until(lambda: page.get_by_test_id("preview").inner_text() == "round 15")
    page.get_by_role("link", name="Runs", exact=True).last.click()
    row = page.get_by_role("listitem").filter(has_text="mine")
    until(lambda: "Finished" in row.inner_text() and "600 rounds" in row.inner_text())


def test_two_runs_are_compared_and_names_are_only_text(page, place):
    for name in ("before", HOSTILE):
        shutil.copytree(place / "elsewhere" / "before", place / "runs" / name)
    page.reload()
    for name in ("before", HOSTILE):
        page.get_by_label(f"Choose {name} to compare").check()
    press(page, "Compare")
    page.get_by_role("heading", name="Settings that differ").wait_for()
    assert page.get_by_text("All settings are the same").count()
    page.get_by_role("link", name=HOSTILE).click()
    page.get_by_role("heading", name=HOSTILE).wait_for()
    page.get_by_text("Settings", exact=False).last.click()
    assert page.evaluate("window.caught") is None and HOSTILE in page.title()


def test_data_are_browsed_and_what_lies_outside_is_refused(page, place):
    page.goto(page.url.partition("#")[0] + "#/new")
    page.get_by_role("tab", name="On this machine").click()
    page.get_by_role("button", name="photos", exact=True).click()
    page.get_by_role("button", name=HOSTILE).wait_for()
    press(page, "Use this folder")
    page.get_by_text("plain 20").wait_for()
    page.get_by_text(f"{HOSTILE} 20").wait_for()
    page.get_by_role("tab", name="Path").click()
    for outside in (str(place / "secret"), "/etc", str(place / "data" / ".." / "secret")):
        page.get_by_label("Path of the data").fill(outside)
        press(page, "Look")
        until(lambda: "outside of what this studio may read" in page.get_by_role("alert").inner_text())
        page.get_by_label("Path of the data").fill("")
    assert page.evaluate("window.caught") is None


def test_on_a_narrow_screen_nothing_is_cut(page):
    page.set_viewport_size({"width": 360, "height": 740})
    for place in ("#/", "#/new", "#/run/mine", "#/compare/mine/before", "#/run/absent"):
        page.goto(page.url.partition("#")[0] + place)
        page.wait_for_timeout(600)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, place
    page.get_by_text("there is no run 'absent'").wait_for()
