"""The report and the model card: whole, honest, safe, and written for any run however young."""

import json
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
import yaml
from PIL import Image

import sparring
from sparring.runs.figures import Mark, Scale, Series, curves, round_numbers, short, thinned
from sparring.runs.report import write_report
from sparring.runs.report_sections import EQUILIBRIUM
from sparring.runs.report_words import grade, number, percent, reading
from tests.running import short_extractors

EVIL = "<script>"
VOID = {"meta", "img", "input", "br", "link", "hr"}


class Outline(HTMLParser):
    """Checks that tags close in order; keeps what they refer to, and the text outside scripts and styles."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.sources, self.links, self.scripts, self.text = [], [], [], 0, []
        self.feed(page)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.scripts += tag == "script"
        self.sources += [given[name] for name in ("src", "srcset", "xlink:href") if name in given]
        if "href" in given:
            (self.links if tag == "a" else self.sources).append(given["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        if "href" in dict(attributes):
            self.sources.append(dict(attributes)["href"])

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes what is not open"

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


def read(run) -> tuple[str, Outline]:
    page = (run.path / "report.html").read_text(encoding="utf-8")
    return page, Outline(page)


def front_matter(run) -> dict:
    return yaml.safe_load((run.path / "card.md").read_text(encoding="utf-8").split("---\n")[1])


def train(tmp_path, recipe, data, rounds=20, **settings):
    """A run so small that it takes about a second."""
    small = {"watching.judge": 10, "watching.preview": 5, "watching.items": 50, "hardware.threads": 1, "hardware.precision": "fp32"}
    with short_extractors(60):
        return sparring.train(recipe, str(data), run=tmp_path / "run", rounds=rounds, settings=small | settings)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    pytest.importorskip("sklearn")
    return train(tmp_path_factory.mktemp("digits"), "dcgan", "digits8")


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    return train(tmp_path_factory.mktemp("ring"), "gan", "ring")


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory):
    pytest.importorskip("sklearn")
    return train(tmp_path_factory.mktemp("vae"), "vae", "digits8")


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """A labelled collection whose names try to be markup, too small to hold anything out."""
    folder = tmp_path_factory.mktemp("evil") / '<b>"pictures"&'
    draw = np.random.default_rng(0)
    for label in (EVIL, "a|b`*"):
        (folder / label).mkdir(parents=True)
        for i in range(6):
            Image.fromarray(draw.integers(0, 255, (8, 8), dtype=np.uint8)).save(folder / label / f"{i}.png")
    (folder / EVIL / "<img src=x>.png").write_bytes(b"not a picture")
    return train(folder.parent, "dcgan", folder, rounds=5)


@pytest.mark.parametrize("name", ["digits", "ring", "autoencoder", "evil"])
def test_one_file_that_needs_nothing_else(name, request):
    run = request.getfixturevalue(name)
    page, outline = read(run)
    assert all(source.startswith("data:image/") for source in outline.sources)
    assert all(link.startswith(("#", "https://")) for link in outline.links)
    anchors = set(re.findall(r'id="([^"]+)"', page))
    assert {link[1:] for link in outline.links if link.startswith("#")} <= anchors
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", page)
    assert len(page.encode()) < 3e6
    assert outline.scripts == 1                                               # its own
    assert not re.search(r"\b(nan|inf)\b", re.sub(r'base64,[^"]*', "", page))


@pytest.mark.parametrize("name", ["digits", "ring", "autoencoder"])
def test_the_numbers_of_measure_json_are_there(name, request):
    run = request.getfixturevalue(name)
    _, outline = read(run)
    measured = json.loads((run.path / "measure.json").read_text())
    words = " ".join(outline.words.split())
    for metric, entry in measured["metrics"].items():
        for column in ("value", "floor", "baseline", "control"):
            if column in entry:
                assert " ".join(reading(metric, entry[column]).split()) in words, (metric, column)
        assert entry["protocol"].get("extractor_hash", "") in words
    for why in measured["skipped"].values():
        assert why in words


@pytest.mark.parametrize("name", ["digits", "ring", "autoencoder", "evil"])
def test_the_card_can_be_read_by_a_program(name, request):
    run = request.getfixturevalue(name)
    matter = front_matter(run)
    assert matter["library_name"] == "sparring" and "sparring" in matter["tags"]
    assert matter["datasets"] == [json.loads((run.path / "data.json").read_text())["name"]]
    measured = run.folder.measured()
    if measured is None:
        assert "model-index" not in matter
        return
    (result,) = matter["model-index"][0]["results"]
    assert {m["type"]: m["value"] for m in result["metrics"]} == {k: m["value"] for k, m in measured["metrics"].items()}
    assert result["dataset"]["split"] == "test"


def test_users_words_are_escaped(evil):
    page, outline = read(evil)
    assert EVIL in outline.words and "<script>, a|b" not in page
    assert "<img src=x>" not in page and "&lt;img src=x&gt;" in page
    card = (evil.path / "card.md").read_text(encoding="utf-8")
    assert EVIL not in card.split("---\n", 2)[2]
    assert str(evil.path.parent) not in card                                  # a card is published: no paths of this machine


def test_says_what_could_not_be_measured(evil):
    _, outline = read(evil)
    assert "Nothing has been measured" in outline.words
    assert "0 items are held out" in outline.words
    assert "nothing was held out" in outline.words


def test_sections_suit_the_game(digits, ring, autoencoder):
    has = lambda run: set(re.findall(r'<section id="(\w+)"', read(run)[0]))
    everywhere = {"samples", "film", "measures", "training", "health", "data", "configuration", "reproduce", "citations"}
    assert has(digits) == everywhere | {"verdicts", "neighbours"}
    assert has(ring) == everywhere | {"verdicts"}
    assert has(autoencoder) == everywhere | {"reconstructions", "neighbours"}


def test_says_how_to_train_it_again(digits):
    _, outline = read(digits)
    assert "sparring train dcgan --data digits8 --rounds 20 --seed 0 --config recipe.json" in unescape(outline.words)


def test_is_the_same_when_rebuilt(digits):
    before = (digits.path / "report.html").read_bytes()
    assert sparring.load(digits.path).report() == digits.path / "report.html"
    assert (digits.path / "report.html").read_bytes() == before


def test_an_interrupted_run_is_shown_as_one(tmp_path, digits):
    import shutil

    shutil.copytree(digits.path, tmp_path / "run")
    (tmp_path / "run" / "measure.json").unlink()
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    (tmp_path / "run" / "status.json").write_text(json.dumps(status | {"state": "interrupted", "rounds": 99}))
    run = sparring.load(tmp_path / "run")
    write_report(run)
    _, outline = read(run)
    assert "interrupted at round 20 of 99" in outline.words
    assert "numbers here are from the validation part at round 20" in outline.words
    assert front_matter(run)["model-index"][0]["results"][0]["dataset"]["split"] == "validation"


def test_a_run_without_events_or_data_still_has_a_report(tmp_path, ring):
    import shutil

    shutil.copytree(ring.path, tmp_path / "run")
    for name in ("measure.json", "events.jsonl", "status.json"):
        (tmp_path / "run" / name).unlink()
    shutil.rmtree(tmp_path / "run" / "previews")
    facts = json.loads((tmp_path / "run" / "data.json").read_text())
    (tmp_path / "run" / "data.json").write_text(json.dumps(facts | {"data": "/gone/away.csv"}))
    run = sparring.load(tmp_path / "run")
    write_report(run)
    _, outline = read(run)
    assert "has not played a recorded round yet" in outline.words
    assert "Not shown" in outline.words
    assert front_matter(run)["library_name"] == "sparring"


# ---- the small functions


def test_curves_survive_odd_numbers():
    drawn = curves("loss", [Series("a", "real", [0, 1, 2], [None, float("nan"), 3.0])], [Mark("m", "", 1.0)])
    assert "nan" not in drawn and "<svg" in drawn
    assert curves("loss", [Series("a", "real", [0, 1], [None, float("inf")])]) == ""
    assert "nan" not in curves("flat", [Series("a", "real", [0, 0], [0.0, 0.0])])
    assert "logarithmic" in curves("wide", [Series("a", "real", [0, 1], [0.001, 10.0])])


def test_a_long_curve_keeps_its_end_and_its_mean():
    points = [(float(i), float(i % 2)) for i in range(10_001)]
    short_one = thinned(points)
    assert len(short_one) <= 301 and short_one[-1] == points[-1]
    assert np.mean([y for _, y in short_one]) == pytest.approx(0.5, abs=0.05)


def test_ticks_are_round_and_inside():
    assert round_numbers(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert Scale(0.02, 40, 0, 1, logarithmic=True).ticks() == pytest.approx([0.1, 1, 10])
    assert [short(v) for v in (0, 0.25, 1500, 20_000, 3e6, 1e-5)] == ["0", "0.25", "1500", "20k", "3M", "1e-5"]


@pytest.mark.parametrize("objective", sorted(EQUILIBRIUM))
def test_equilibrium_is_what_the_losses_give_where_nobody_can_tell(objective):
    """Logits 0, or for least squares and hinge those of the best discriminator: 1/2 and 0."""
    import torch

    from sparring.losses.adversarial import OBJECTIVES

    logits = torch.full((4,), 0.5 if objective == "least-squares" else 0.0)
    losses = OBJECTIVES[objective]
    expected = {"discriminator": losses.discriminator(logits, logits), "generator": losses.generator(logits, lambda: logits)}
    for player, (value, _) in EQUILIBRIUM[objective].items():
        assert float(expected[player]) == pytest.approx(value)
    sure = losses.sureness(logits + 0.1, logits), losses.sureness(logits, logits), losses.sureness(logits - 0.1, logits)
    assert all((said.sign() == sign).all() for said, sign in zip(sure, (1, 0, -1))), "an undecided discriminator is not sure"


def test_words_for_numbers():
    assert [number(v) for v in (0, 1.179, 0.0123, 12345.6, None, float("nan"))] == ["0", "1.18", "0.0123", "12,346", "–", "–"]
    assert percent(0.984) == "98.4\u202f%" and percent(1.0) == "100\u202f%"
    assert [grade(r).split()[0] for r in (1.0, 1.4, 2.0, 5.0, 50.0)] == ["as", "nearly", "near", "recognisably", "far"]
