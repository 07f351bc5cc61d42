"""The playground as a user meets it, in a browser without a window."""

import re

import pytest

from tests.studio.conftest import opened, until


@pytest.fixture
def page(browser, address):
    """The playground with its first frame."""
    with opened(browser, address) as page:
        until(lambda: number(page, "wasserstein") > 0)
        yield page


def number(page, name: str) -> float:
    """A readout; nan before there is one."""
    text = page.get_by_test_id(name).inner_text().replace(",", "").partition(" ")[0]
    return float(text) if text.replace(".", "").isdigit() else float("nan")


def still(page) -> int:
    """The round at which the game stands."""
    page.get_by_role("button", name="Play", exact=True).wait_for()
    before = -1.0
    while before != (before := number(page, "round")):
        page.wait_for_timeout(400)
    return int(before)


def test_points_move_onto_the_ring_while_the_objective_changes_and_time_goes_back(page):
    far = number(page, "wasserstein")
    page.get_by_label("Speed of the game").fill("3")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Play", exact=True).click()
    until(lambda: number(page, "wasserstein") < far / 3)
    page.get_by_label("Objective", exact=True).select_option("hinge")
    until(lambda: "hinge" in page.locator("figure[data-game=a]").inner_text())
    page.get_by_role("button", name="Pause").click()
    reached = still(page)
    page.get_by_label("Round", exact=True).fill("0")
    until(lambda: number(page, "round") == 0)
    until(lambda: number(page, "wasserstein") == far)
    until(lambda: page.get_by_label("Objective", exact=True).input_value() == "relativistic")
    page.get_by_label("Round", exact=True).fill(str(reached))
    until(lambda: number(page, "round") == reached)
    until(lambda: page.get_by_label("Objective", exact=True).input_value() == "hinge")


def test_a_reload_and_a_link_bring_the_same_state_back(page, browser):
    page.get_by_role("button", name="Round", exact=True).click()
    page.get_by_role("button", name="One move of the generator").click()
    page.get_by_label("Batch", exact=True).fill("64")
    page.get_by_label("Batch", exact=True).press("Enter")
    until(lambda: number(page, "round") == 2)
    page.wait_for_timeout(1000)
    found = number(page, "wasserstein")
    page.get_by_role("button", name="Share").click()
    until(lambda: page.get_by_label("Link", exact=True).input_value() != "")
    link = page.get_by_label("Link", exact=True).input_value()
    assert "sparring train gan --data points.csv" in page.get_by_role("dialog").inner_text()
    page.reload()
    until(lambda: number(page, "round") == 2 and number(page, "wasserstein") == found)
    other = browser.new_context()
    elsewhere = other.new_page()
    elsewhere.goto(link)
    until(lambda: number(elsewhere, "round") == 2 and number(elsewhere, "wasserstein") == found)
    assert elsewhere.get_by_label("Batch", exact=True).input_value() == "64"
    other.close()


def test_on_a_narrow_screen_nothing_is_cut_what_is_wrong_is_said_and_names_are_only_text(page):
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.get_by_label("Batch", exact=True).fill("1")
    page.get_by_label("Batch", exact=True).press("Enter")
    until(lambda: "batch" in page.get_by_role("status").first.inner_text())
    name = "<img src=x onerror=document.title='caught'>.csv"
    page.get_by_label("CSV with two columns of numbers").set_input_files({"name": name, "mimeType": "text/csv", "buffer": b"a,b\nno,numbers\n"})
    until(lambda: name in page.get_by_role("status").first.inner_text())
    assert page.title() == "Sparring playground"
    rows = "\n".join(f"{i},{i % 7}" for i in range(50)).encode()
    page.get_by_label("CSV with two columns of numbers").set_input_files({"name": name, "mimeType": "text/csv", "buffer": b"x,y\n" + rows})
    until(lambda: page.get_by_role("button", name="draw", exact=True).get_attribute("aria-pressed") == "true")
    assert page.title() == "Sparring playground"


def test_real_points_are_drawn_and_two_games_are_played_side_by_side(page):
    page.get_by_role("button", name="draw", exact=True).click()
    box = page.locator("figure[data-game=a] canvas").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 200, steps=12)
    page.mouse.up()
    page.get_by_role("button", name="Play on these").click()
    until(lambda: page.get_by_label("shape.places").first.inner_text().endswith("places"))
    page.get_by_role("button", name="Play beside it").click()
    page.get_by_role("button", name="Variational autoencoder").click()
    page.locator("figure[data-game=b]").get_by_text("VAE").wait_for()
    assert page.get_by_label("shape.places").first.inner_text().endswith("places")
    until(lambda: page.get_by_role("button", name="Round", exact=True).is_enabled())
    page.get_by_role("button", name="Round", exact=True).click()
    for game in "AB":
        page.get_by_label(re.compile(f"^Plane {game} .* at round 1$")).wait_for()


def test_a_failure_is_shown_and_cured_and_slow_motion_speaks(page):
    page.get_by_role("tab", name="Failures").click()
    page.get_by_role("button", name="Show Mode collapse").click()
    page.locator("figure[data-game=a]").get_by_text("Mode collapse").wait_for()
    page.get_by_role("button", name="Cure", exact=True).click()
    page.get_by_role("button", name="Cured").wait_for()
    page.get_by_role("button", name="Slow motion").click()
    page.get_by_text("The discriminator's move, 1 of 8").wait_for()
    for _ in range(4):
        page.get_by_role("button", name="Next").click()
    page.get_by_text(re.compile("^The loss says how wrong the scores are: adversarial [0-9.]+")).wait_for()
