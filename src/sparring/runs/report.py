"""The report of a run: one page that needs nothing but itself, and the model card beside it."""

import re
from collections.abc import Callable
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from sparring.base import files
from sparring.base.errors import UserError
from sparring.games.capabilities import Reconstructs, Translates
from sparring.runs import report_pictures as pictures
from sparring.runs import report_sections as sections
from sparring.runs.card import card
from sparring.runs.report_material import Material
from sparring.runs.report_words import key_figures, summary
from sparring.runs.run import Run

Section = Callable[[Material], str]

ALWAYS: tuple[tuple[str, str, Section], ...] = (
    ("samples", "Samples", pictures.samples),
    ("film", "How it learnt", pictures.film),
    ("measures", "How good it is", sections.measures),
)
AUTOENCODERS: tuple[tuple[str, str, Section], ...] = (("reconstructions", "There and back", pictures.reconstructions),)
ADVERSARIAL: tuple[tuple[str, str, Section], ...] = (("verdicts", "What the discriminator thinks", pictures.verdicts),)
PICTURES: tuple[tuple[str, str, Section], ...] = (("neighbours", "Is it copying?", pictures.neighbours),)
AFTER: tuple[tuple[str, str, Section], ...] = (
    ("training", "Training", sections.training),
    ("health", "Health", sections.health),
    ("data", "Data", sections.data),
    ("configuration", "Configuration", sections.configuration),
    ("reproduce", "Reproduce", sections.reproduction),
    ("citations", "Cite", sections.citations),
)


def write_report(run: Run) -> Path:
    """Writes report.html and card.md into the run folder and returns the report's path. Works for any run, however young or broken."""
    material = Material(run)
    files.write(run.path / "card.md", card(material))
    report = run.path / "report.html"
    files.write(report, page(material))
    return report


def page(material: Material) -> str:
    """The whole HTML page."""
    template = Template(resources.files("sparring.runs").joinpath("report_page.html").read_text(encoding="utf-8"))
    chosen = [(anchor, title, content) for anchor, title, section in plan(material) if (content := attempt(section, material))]
    return template.substitute(
        title=escape(material.name),
        about=escape(_about(material)),
        summary=escape(summary(material)),
        figures="".join(_figure(*figure) for figure in key_figures(material)),
        contents="".join(f'<a href="#{anchor}">{title}</a>' for anchor, title, _ in chosen),
        sections="".join(f'<section id="{anchor}"><h2>{title}</h2>{content}</section>' for anchor, title, content in chosen),
        version=escape(str(material.recipe.get("sparring", ""))),
    )


def _about(material: Material) -> str:
    """The recipe's line, without what it says of flags."""
    return re.sub(r" *\([^()]*--[^()]*\)", "", material.registered.summary) if material.registered else ""


def plan(material: Material) -> list[tuple[str, str, Section]]:
    """The sections that suit the game and the data."""
    settings = material.run.configuration.game
    chosen = [*ALWAYS]
    if _can(material, Reconstructs):
        chosen += AUTOENCODERS
    if hasattr(settings, "discriminator") and not _can(material, Translates):     # which ask about pairs, or about one side each
        chosen += ADVERSARIAL
    if material.facts["kind"] == "images":
        chosen += PICTURES
    if material.facts["kind"] == "tables":
        from sparring.runs import report_tables

        chosen += [("worst", "Worst columns and pairs", report_tables.worst_parts)]
    return [*chosen, *AFTER]


def _can(material: Material, capability: type) -> bool:
    """Whether the game has a capability; no, where its weights are gone."""
    try:
        return isinstance(material.run.game, capability)
    except UserError:
        return False


def attempt(section: Section, material: Material) -> str:
    """A section; where what it shows is gone or was never there, the reason in a line."""
    try:
        return section(material)
    except UserError as reason:
        return f'<p class="about">Not shown: {escape(str(reason))}.</p>'


def _figure(value: str, words: str, beside: str) -> str:
    return f'<div class="figure"><b>{escape(value)}</b><span>{escape(words)}</span><small>{escape(beside)}</small></div>'
