"""The model card of a run: Markdown with YAML front matter, as the Hugging Face hub reads it."""

import re
from html import escape
from typing import Any

import yaml

from sparring.runs.report_material import Material, catalogue
from sparring.runs.report_sections import commands, listed
from sparring.runs.report_words import percent, reading, summary, title

TASKS = {
    "images": ("unconditional-image-generation", "Image generation"), "pairs": ("image-to-image", "Image translation"),
    "points": ("other", "Point generation"), "tables": ("other", "Row generation"),
}  # fmt: skip
SMOKE = {
    "dcr": "How much rather a training row than a held-out one is the nearest to a generated row",
    "membership": "How well the nearest generated row tells whether a row was trained on (AUC)",
    "exact_copies": "Generated rows that equal a training row",
}
"""the measures of tables that look for copies, in words"""
COLUMNS = {"value": "generated", "floor": "held-out real", "baseline": "trivial generator"}


def card(material: Material) -> str:
    """The whole file. It names the data and never says where on this machine they lie."""
    body = [
        f"# {plain(material.name)}", plain(summary(material)),
        "## Data", _data(material),
        "## Intended use", _use(material),
        "## Limits", _limits(material),
        *(["## Privacy", _privacy(material)] if material.facts["kind"] == "tables" else []),
        "## Measures", _measures(material),
        "## How to reproduce", _reproduce(material),
        "## Papers", "\n".join(f"- {paper}" for paper in _papers(material)) or "None recorded.",
        "## Licence", "To be chosen by whoever publishes this model: set `license` above, and mind the licence of the data it learnt from.",
    ]  # fmt: skip
    front = yaml.safe_dump(front_matter(material), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n\n".join(body) + "\n"


def plain(text: Any) -> str:
    """User text inside Markdown: neither HTML nor a table's bars nor line breaks."""
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", escape(" ".join(str(text).split()), quote=False))


def front_matter(material: Material) -> dict[str, Any]:
    task, words = TASKS.get(material.facts["kind"], ("other", "Generation"))
    matter: dict[str, Any] = {
        "library_name": "sparring",
        "license": "other",
        "license_name": "to-be-chosen",
        "tags": ["sparring", material.recipe["recipe"], material.run.configuration.game.kind, material.facts["kind"], "generative"],
        "datasets": [material.facts["name"]],
    }
    matter["tags"] = list(dict.fromkeys(matter["tags"]))
    if task != "other":
        matter["pipeline_tag"] = task
    if material.metrics:
        dataset = {"name": material.facts["name"], "type": material.facts["name"], "split": "test" if material.measured else "validation"}
        matter["model-index"] = [
            {"name": material.name, "results": [{"task": {"type": task, "name": words}, "dataset": dataset, "metrics": _results(material)}]}
        ]
    return matter


def _results(material: Material) -> list[dict[str, Any]]:
    return [{"type": name, "name": title(name), "value": entry["value"],
             "args": {column: entry[column] for column in ("floor", "baseline") if column in entry} | entry.get("protocol", {})}
            for name, entry in material.metrics.items()]  # fmt: skip


def _data(material: Material) -> str:
    facts = material.facts
    split = ", ".join(f"{n:,} {part}" for part, n in facts["split"].items())
    labels = f" Labels: {plain(listed(facts['labels']))}." if facts["labels"] else ""
    counts = f"{facts['count']:,} {material.things}, split by content hash into {split}"
    return f"{plain(facts['name'])}: {counts}.{labels} Content hash `{facts['content'][:16]}`."


def _use(material: Material) -> str:
    return (
        f"Making {material.things} like those of {plain(material.facts['name'])}, for experiments, teaching and as a baseline. "
        "Say that they are generated when you show them to others."
    )


def _limits(material: Material) -> str:
    lines = [
        f"It knows {material.facts['split']['train']:,} training {material.things} and nothing else: their gaps and biases are its own.",
        "The measures compare it with held-out items of the same collection; they say nothing about other collections.",
    ]
    if material.facts["kind"] != "tables":
        lines.append("Nearness to training items is tested; that is no guarantee of privacy.")
    if material.measured is None:
        lines.insert(0, "It was not measured on test items.")
    if material.status["state"] != "finished":
        lines.insert(0, f"The run is not finished: round {material.status['round']:,} of {material.status['rounds']:,}.")
    lines += [f"The doctor: {finding['cause']}" for finding in material.diagnosis["findings"]]
    return "\n".join(f"- {line}" for line in lines)


def _privacy(material: Material) -> str:
    """What is guaranteed (nothing), what was looked for, and what that cannot see."""
    skipped = (material.measured or {}).get("skipped", {})
    found = [_smoke(name, material.metrics[name]) for name in SMOKE if name in material.metrics]
    found += [f"{title(name).capitalize()}: not measured, {plain(skipped[name])}." for name in SMOKE if name in skipped]
    absent = [name for name in SMOKE if name not in material.metrics and name not in skipped]
    if absent:
        found.append(f"Not measured: {', '.join(absent)}.")
    return "\n".join([
        "**No formal privacy guarantee is given.** The training is not differentially private, and a model may tell something of the people in its "
        "training data even if the smoke tests below look well.", "",
        *(f"- {line}" for line in found), "",
        "These tests look at generated rows alone and at all of them together. They do not see one person whose row was memorised, a rare value or "
        "combination of values that gives somebody away, what is learnt of a small group, or what an attacker finds who has the weights or knows "
        "other data.",
    ])  # fmt: skip


def _smoke(name: str, entry: dict[str, Any]) -> str:
    if name == "exact_copies":
        return f"{SMOKE[name]}: {percent(entry['value'])} (held-out rows {percent(entry['floor'])})."
    verdict = "no more than chance does" if entry["value"] <= 0.5 + 3 * entry["std"] else "more than chance does"
    beside = f"where 0.5 is no copying and copied training rows get {entry['control']:.2f}"
    return f"{SMOKE[name]}: {entry['value']:.2f} ± {entry['std']:.2f}, {verdict}, {beside}."


def _measures(material: Material) -> str:
    if not material.metrics:
        return "Nothing was measured."
    head = f"| metric | {' | '.join(COLUMNS.values())} | what it says |"
    lines = [f"On {material.judged_on}.", "", head, "|---|" + "---:|" * len(COLUMNS) + "---|"]
    for name, known in catalogue(material.metrics):
        values = " | ".join(reading(name, material.metrics[name].get(column)) for column in COLUMNS)
        lines.append(f"| {title(name)} | {values} | {known.about if known else ''} |")
    return "\n".join([*lines, "", _protocol(material)])


def _protocol(material: Material) -> str:
    """Which extractors looked, and at how many items."""
    protocols = [entry.get("protocol", {}) for entry in material.metrics.values()]
    extractors = dict.fromkeys(f"{p['extractor']} (`{p['extractor_hash']}`)" for p in protocols if "extractor" in p)
    compared = dict.fromkeys(f"{p['n_fake']:,} generated items against {p['reference']}" for p in protocols if "reference" in p)
    parts = [f"Extractors: {'; '.join(extractors)}." if extractors else "", f"Compared: {'; '.join(compared)}." if compared else ""]
    return " ".join(part for part in parts if part)


def _reproduce(material: Material) -> str:
    name = material.facts["name"]
    source = name if material.facts["data"] == name else f"path/to/{name}"
    versions = ", ".join(f"{k} {material.recipe[k]}" for k in ("sparring", "torch", "python") if k in material.recipe)
    return f"```\n{commands(material, source)}\n```\n\n`recipe.json` is in the run folder. Made with {versions}."


def _papers(material: Material) -> tuple[str, ...]:
    return material.registered.papers if material.registered else ()
