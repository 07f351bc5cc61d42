"""The explorer as a user meets it: finished runs, steered, mixed, asked and given pictures in a browser."""

import io

import pytest
from PIL import Image

from tests.studio.conftest import opened, studio, until
from tests.studio.explorable import label_map, photo


@pytest.fixture(scope="module")
def address(explorable):
    with studio("--runs", str(explorable / "runs"), "--allow", str(explorable / "photos")) as found:
        yield f"{found}runs/"


@pytest.fixture
def explore(browser, address):
    """Opens a run and waits for what there is to see of it."""
    with opened(browser, address, width=1440, height=900) as page:

        def open_run(name: str, asked: str = ""):
            page.goto(f"{address}#/run/{name}/explore{asked}")
            page.locator("main[aria-busy=false] header a", has_text=name).wait_for()
            return page

        yield open_run


def shown(page) -> str:
    """Where the large picture is; another place whenever another was drawn."""
    return page.get_by_test_id("picture").get_attribute("src")


def changes(page, act) -> None:
    before = shown(page)
    act()
    until(lambda: shown(page) != before)


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def keep(page, *seeds: int) -> None:
    for seed in seeds:
        changes(page, lambda: page.get_by_label("Seed", exact=True).fill(str(seed)))
        press(page, "Keep")
    until(lambda: page.get_by_label("Tray").locator("img").count() == len(seeds))


def file(name: str, picture: Image.Image) -> dict:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": content.getvalue()}


def test_a_picture_is_steered_kept_and_played_on_a_path(explore):
    page = explore("dcgan")
    slider = page.get_by_label("direction 1", exact=True)
    changes(page, lambda: slider.fill("2"))
    changes(page, lambda: press(page, "7"))
    changes(page, lambda: page.get_by_label("largest number of noise", exact=True).fill("0.5"))
    changes(page, lambda: press(page, "Dice"))
    until(lambda: {"directions=2", "label=7", "truncation=0.5"} < set(page.evaluate("location.hash").partition("?")[2].split("&")))
    page.reload()
    until(lambda: slider.input_value() == "2")
    assert page.get_by_role("button", name="7", exact=True).get_attribute("aria-pressed") == "true"
    changes(page, lambda: press(page, "Seed 5"))                    # of the grid
    keep(page, 1, 2, 3)
    page.get_by_role("tab", name="Path").click()
    press(page, "All of the tray")
    page.get_by_label("frames a step").fill("3")
    page.get_by_label("frames a step").press("Enter")
    press(page, "Play")
    until(lambda: page.get_by_label("Frames that are there").evaluate("bar => bar.value") == 9)
    seen = set()
    until(lambda: len(seen.add(shown(page)) or seen) > 4)           # it goes round and round
    with page.expect_download() as film:
        press(page, "GIF")
    assert Image.open(film.value.path()).n_frames == 9
    press(page, "Pause")
    changes(page, lambda: press(page, "Back to seed 3"))


def test_styles_are_mixed_by_dragging_and_by_choosing(explore):
    page = explore("style")
    keep(page, 1, 2)
    page.get_by_role("tab", name="Mix").click()
    tray = page.get_by_label("Tray").locator("li button")
    changes(page, lambda: tray.first.drag_to(page.locator("[data-band=coarse]")))
    until(lambda: page.get_by_label("coarse styles from").locator("option:checked").inner_text() == "seed 1")
    assert page.locator("figcaption").inner_text() == "seed 2, mixed"
    tray.first.click()
    changes(page, lambda: press(page, "Take its fine"))
    changes(page, lambda: page.get_by_label("coarse styles from").select_option("its own"))
    page.get_by_alt_text("Pictures of the columns with the coarse styles of the rows").first.wait_for()
    page.get_by_role("tab", name="Sheet").click()
    page.get_by_alt_text("The picture along directions 1 to 6").first.wait_for()


def test_rows_obey_conditions_and_are_only_text(explore):
    page = explore("table")
    page.get_by_text("100 rows", exact=True).wait_for()
    press(page, "Add a condition")
    condition = page.get_by_role("group", name="Condition 1")
    condition.get_by_label("From").fill("60")
    press(page, "Add a condition")
    condition = page.get_by_role("group", name="Condition 2")
    condition.get_by_label("Value").select_option("<b>")
    rows = lambda: page.locator("tbody tr").evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")
    until(lambda: rows() and all(int(age) >= 60 and town == "<b>" for age, town in rows()))
    assert "acceptance" in page.get_by_test_id("told").inner_text()
    page.get_by_role("group", name="Condition 1").get_by_label("From").fill("900")
    until(lambda: "age" in page.get_by_test_id("told").inner_text())
    page.get_by_role("button", name="Remove condition 1").click()
    page.get_by_label("rows", exact=True).fill("7")
    with page.expect_download() as table:
        press(page, "Download")
    assert len(table.value.path().read_text().splitlines()) == 8


def test_pictures_of_the_user_are_given_back_and_filled_in(explore):
    page = explore("vae")
    page.get_by_role("tab", name="Picture").click()
    page.get_by_label("Encode a picture", exact=True).set_input_files(file("mine.png", photo(30, 20)))
    page.get_by_label("Line between given and given back").wait_for()
    changes(page, lambda: press(page, "Take it to the sliders"))
    changes(page, lambda: page.get_by_label("direction 1", exact=True).fill("1"))

    page = explore("inpaint")
    page.get_by_label("Give a picture", exact=True).set_input_files(file("mine.png", photo(40, 60)))
    box = page.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3, steps=3)
    page.mouse.up()
    press(page, "Fill in")
    page.get_by_label("Line between given and made").wait_for()
    with page.expect_download() as result:
        press(page, "Download")
    assert Image.open(result.value.path()).size == (60, 40)


def test_label_maps_are_shown_in_colours_that_can_be_told_apart(explore):
    page = explore("maps")
    page.get_by_label("Give a picture", exact=True).set_input_files(file("map.png", label_map(24, 30)))
    page.get_by_label("Line between given and made").wait_for()
    shown = page.get_by_alt_text("given").evaluate("""image => {
        const pen = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext('2d')
        pen.drawImage(image, 0, 0)
        return [5, 15, 25].map(x => [...pen.getImageData(x, 9, 1, 1).data.slice(0, 3)])
    }""")
    assert len({tuple(colour) for colour in shown}) == 3 and all(max(colour) > 128 for colour in shown)


def test_what_is_wrong_is_said(explore):
    page = explore("absent")
    assert "no run" in page.get_by_role("alert").inner_text()
    page = explore("dcgan", "?seed=3&label=dog")
    until(lambda: "label" in page.get_by_role("alert").inner_text())
    press(page, "any")
    until(lambda: shown(page) is not None and page.get_by_role("alert").count() == 0)
