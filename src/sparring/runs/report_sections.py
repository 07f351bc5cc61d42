"""The sections of a report that are made of numbers and words: curves, measures, health, configuration, how to reproduce."""

import math
import re
import shlex
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from sparring.base.settings import rows
from sparring.runs.figures import Mark, Series, curves
from sparring.runs.health import DETECTORS
from sparring.runs.report_material import Material, catalogue
from sparring.runs.report_words import SHARES, number, percent, reading, title

LN2 = math.log(2)
EQUILIBRIUM = {
    "relativistic": {"discriminator": (LN2, "ln 2"), "generator": (LN2, "ln 2")},
    "non-saturating": {"discriminator": (2 * LN2, "ln 4"), "generator": (LN2, "ln 2")},
    "minimax": {"discriminator": (2 * LN2, "ln 4"), "generator": (-LN2, "-ln 2")},
    "least-squares": {"discriminator": (0.25, "1/4"), "generator": (0.125, "1/8")},
    "hinge": {"discriminator": (2.0, "2"), "generator": (0.0, "0")},
    "wasserstein": {"discriminator": (0.0, "0")},           # the generator's mean score has no absolute zero
}
"""each player's adversarial loss when generated items cannot be told from real ones"""
PENALTIES = {"r1", "r2", "gradient penalty"}
UNITS = {"reconstruction": "Nats an item, lower is better", "divergence": "Nats an item, with its weight beta"}
COLOURS = {player: "generated" for player in ("generator", "generators", "restorer")}
COLOURS |= {player: "discriminator" for player in ("discriminator", "discriminators")}
SPARE = ("other", "real", "generated", "discriminator")
LONG = 20
"""rows of a per-label table above which it is folded away"""


def table(head: Sequence[str], body: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table of cells that are HTML already. On a narrow screen every row becomes a block, whose cells name their column."""
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = "".join("<tr>" + "".join(f'<td data-name="{escape(name)}">{cell}</td>' for name, cell in zip(head, row)) + "</tr>" for row in body)
    return f'<table class="{kind}"><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>'


def folded(summary: str, content: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def pairs(facts: dict[str, Any]) -> str:
    """Names and values."""
    return '<dl class="facts">' + "".join(f"<dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd>" for k, v in facts.items()) + "</dl>"


# ---- curves


def training(material: Material) -> str:
    """Losses by named term, the discriminator's accuracy, gradients and speed."""
    if not material.events:
        return "<p>No round has been recorded yet.</p>"
    charts = [*_losses(material), *_watched(material), _gradients(material), _speed(material)]
    return f'<div class="charts">{"".join(charts)}</div>'


def _series(material: Material, group: str, name: str, words: str, colour: str) -> Series:
    return Series(words, colour, *material.column(group, name))


def _losses(material: Material) -> list[str]:
    """A chart of the adversarial terms, one of the penalties, and one of each other term."""
    names = [name for name in material.logged("terms") if not name.endswith("/gradient")]
    term = lambda name: name.partition("/")[2]
    adversarial = [n for n in names if term(n) == "adversarial"]
    penalties = [n for n in names if term(n) in PENALTIES]
    charts = []
    if adversarial:
        about = "Dashed: the value when generated items cannot be told from real ones"
        charts.append(curves("Adversarial losses", _by_player(material, adversarial), equilibrium(material), about=about, linear=True))
    if penalties:
        series = [_series(material, "terms", n, term(n), SPARE[i % len(SPARE)]) for i, n in enumerate(penalties)]
        charts.append(curves("Penalties on the discriminator's slope", series, about="With their weight, as they enter the loss"))
    others = [n for n in names if n not in adversarial and n not in penalties]
    return charts + [curves(term(n).capitalize(), _by_player(material, [n]), about=UNITS.get(term(n), "")) for n in others]


def _by_player(material: Material, names: Sequence[str]) -> list[Series]:
    """Series of `player/term` names, each called and coloured like its player."""
    players = [name.partition("/")[0] for name in names]
    return [_series(material, "terms", name, player, COLOURS.get(player, "discriminator")) for name, player in zip(names, players)]


def equilibrium(material: Material) -> list[Mark]:
    """Where the adversarial losses of this objective come to rest; one mark where both players' values agree."""
    game = material.run.configuration.game
    players = EQUILIBRIUM.get(getattr(game, "objective", None), {})
    if hasattr(game, "adversary"):                          # the other player's term has that weight
        players = {player: at for player, at in players.items() if player == "discriminator"}
    if len(players) == 2 and len(set(players.values())) == 1:
        value, words = next(iter(players.values()))
        return [Mark(f"equilibrium {words}", "", value)]
    return [Mark(f"equilibrium {words}", COLOURS[player], value) for player, (value, words) in players.items()]


def _watched(material: Material) -> list[str]:
    names = material.logged("watch")
    charts = []
    if "accuracy/real" in names:
        shown = (("accuracy/real", "held-out real", "real"), ("accuracy/fake", "generated", "generated"))
        series = [_series(material, "watch", *one) for one in shown]
        charts.append(curves("How often the discriminator is right", series, [Mark("guessing", "", 0.5)], share=True))
    scores = [n for n in names if n in ("real", "fake")]
    if scores:
        words = {"real": ("real batches", "real"), "fake": ("generated batches", "generated")}
        about = "Only the gap between the two means something."
        charts.append(curves("The discriminator's mean score", [_series(material, "watch", n, *words[n]) for n in scores], about=about))
    charts += [curves(n, [_series(material, "watch", n, n, "other")]) for n in names if n not in scores and not n.startswith("accuracy/")]
    return charts


def _gradients(material: Material) -> str:
    names = [n for n in material.logged("terms") if n.endswith("/gradient")]
    return curves("Gradient norms", _by_player(material, names))


def _speed(material: Material) -> str:
    return curves("Speed", [_series(material, "speed", "images", "items a second", "other")])


def progress(material: Material) -> str:
    """Each metric over the rounds, with what real items get."""
    names = material.logged("metrics")
    charts = []
    for name, known in catalogue(names):
        looks = [(e["round"], e["metrics"][name]) for e in material.events if name in e.get("metrics", {})]
        floors = [look["floor"] for _, look in looks if look.get("floor") is not None]
        marks = [Mark(f"real {material.things}", "real", floors[-1])] if floors else []
        series = Series("generated", "generated", [r for r, _ in looks], [look["value"] for _, look in looks])
        about = {"lower": "Lower is better", "higher": "Higher is better", "floor": "The nearer to real the better"}[known.better] if known else ""
        charts.append(curves(title(name), [series], marks, about=about, share=name in SHARES))
    if not charts:
        return ""
    items = material.run.configuration.watching.items
    note = f'<p class="about after">At most {items:,} generated items, beside the validation part; the best checkpoint was picked by these.</p>'
    return f'<h3>Over the rounds</h3><div class="charts">{"".join(charts)}</div>{note}'


# ---- measures


def measures(material: Material) -> str:
    """The numbers of measure.json, each beside what real items, a trivial generator and spoilt items get."""
    if material.measured is None:
        split = material.facts["split"]
        few = f" {split['test']:,} items are held out for it, and it takes at least 10." if split["test"] < 10 else ""
        return f"<p>There is no measurement on test items.{few}</p>{progress(material)}"
    head = ("Metric", "Generated", "Real held-out", "Trivial", "Spoilt", "Skill")
    body = [_measure(name, material.metrics[name], known) for name, known in catalogue(material.metrics)]
    return (
        f"<p>Every number stands beside the same number for real {material.things} that were held out (what a perfect generator would get), "
        "for a trivial generator, and for spoilt items that the metric must punish. Skill is 0 for the trivial generator and 100 for real items.</p>"
        f"{table(head, body, 'measures')}{_left_out(material)}{_per_label(material)}{progress(material)}"
    )


def _left_out(material: Material) -> str:
    skipped = "; ".join(f"{title(name)} ({why})" for name, why in material.measured.get("skipped", {}).items())
    return f'<p class="about after">Not measured: {escape(skipped)}.</p>' if skipped else ""


def _measure(name: str, entry: dict[str, Any], known: Any) -> list[str]:
    about = f"<p>{escape(known.about)}</p>" if known else ""
    spread = f" <small>± {number(entry['std'])}</small>" if entry.get("std") else ""
    arrow = {"lower": "↓", "higher": "↑", "floor": "→"}.get(entry["better"], "")
    hint = {"lower": "lower is better", "higher": "higher is better", "floor": "the nearer to real the better"}.get(entry["better"], "")
    what = f'<b>{escape(title(name))}</b> <span title="{hint}">{arrow}</span>{about}<p class="protocol">{protocol(entry.get("protocol", {}))}</p>'
    columns = [reading(name, entry.get(column)) for column in ("floor", "baseline", "control")]
    return [what, f"<b>{reading(name, entry['value'])}</b>{spread}", *columns, _skill(entry.get("skill"))]


def _skill(skill: float | None) -> str:
    if skill is None:
        return "–"
    width = 100 * min(1.0, max(0.0, skill))
    return f'<span class="bar"><i style="width:{width:.0f}%"></i></span> {f"{100 * skill:.0f}" if skill >= 0 else "below 0"}'


def protocol(protocol: dict[str, Any]) -> str:
    """How a metric was taken, in a line."""
    parts = []
    if "extractor" in protocol:
        parts.append(f"{protocol['extractor']} ({protocol['extractor_hash']})")
    if "extractor_accuracy" in protocol:
        parts.append(f"which is right about {percent(protocol['extractor_accuracy'])} of test items")
    if "reference" in protocol:
        parts.append(f"{protocol.get('n_fake', 0):,} items against {protocol['reference']}")
    known = {"extractor", "extractor_hash", "extractor_accuracy", "reference", "n_fake", "n_real"}
    parts += [f"{k.replace('_', ' ')} {v}" for k, v in protocol.items() if k not in known]
    return escape(" · ".join(parts))


def _per_label(material: Material) -> str:
    """One row a label, one column for each metric that is known by label."""
    found = {name: entry["per_label"] for name, entry in material.metrics.items() if entry.get("per_label")}
    if not found:
        return ""
    labels = list(dict.fromkeys(label for rows in found.values() for label in rows))
    cell = lambda name, row: "–" if row is None else f"<b>{reading(name, row['value'])}</b>" + (
        f' <small>real {reading(name, row["floor"])}</small>' if row.get("floor") is not None else "")  # fmt: skip
    count = lambda label: next((row.get("n_fake", row.get("n")) for rows in found.values() if (row := rows.get(label))), None)
    body = [[escape(str(label)), number(count(label)), *(cell(name, rows.get(label)) for name, rows in found.items())] for label in labels]
    content = table(("Label", "Generated items", *(title(name) for name in found)), body, "labels")
    few = '<p class="about">Few items a label make a distance large by itself: read each beside that of real items.</p>' if "fd" in found else ""
    return f"<h3>By label</h3>{folded(f'{len(labels)} labels', content + few) if len(labels) > LONG else content + few}"


# ---- health


def health(material: Material) -> str:
    """What the doctor found, or what it looked for in vain."""
    if not material.events:
        return "<p>There is nothing to examine yet.</p>"
    looked = "".join(f"<li><b>{escape(code.replace('-', ' '))}</b>: {escape(_first_line(look))}</li>" for code, look in DETECTORS.items())
    searched = folded("What the doctor looks for", f"<ul>{looked}</ul>")
    findings = material.diagnosis["findings"]
    if not findings:
        return f'<p><span class="verdict healthy">healthy</span> Nothing wrong was found with the training.</p>{searched}'
    return "".join(_finding(f) for f in findings) + searched


def _first_line(function: Any) -> str:
    return (function.__doc__ or "").strip().split("\n")[0]


def _finding(finding: dict[str, Any]) -> str:
    evidence = ", ".join(f"{k} {number(v)}" for k, v in finding["evidence"].items())
    advice = "".join(f"<li>{escape(one)}</li>" for one in finding["advice"])
    severity = escape(finding["severity"])
    return (
        f'<div class="finding {severity}"><p><span class="verdict {severity}">{severity}</span> <b>{escape(finding["code"].replace("-", " "))}</b> '
        f'since round {finding["since_round"]:,}</p><p>{escape(finding["cause"])}</p><p class="about">{escape(evidence)}</p><ul>{advice}</ul></div>'
    )


# ---- data, configuration, how to reproduce


def data(material: Material) -> str:
    facts = material.facts
    parts = {"train": "to learn from", "validation": "to pick the best checkpoint", "test": "to report with"}
    shown = {
        "Source": facts["data"],
        "Kind": f"{facts['kind']}, {' × '.join(str(n) for n in material.run.codec.space.shape)} numbers an item",
        **_origin(material),
        "Items": f"{facts['count']:,}",
        **{part.capitalize(): f"{n:,} {parts.get(part, '')}" for part, n in facts["split"].items()},
        "Labels": listed(facts["labels"]) or "none",
        "Content": f"sha256 {facts['content'][:16]}…",
    }
    problems = "".join(f"<li>{escape(p)}</li>" for p in facts["problems"])
    noted = f"<h3>What was noticed</h3><ul>{problems}</ul>" if problems else ""
    equal = "equal rows count as different ones" if facts["kind"] == "tables" else "equal items never fall on two sides"
    note = f'<p class="about">Items are split by a hash of their content: {equal}, and every run sees the same split.</p>'
    return f"{pairs(shown)}{note}{noted}"


def _origin(material: Material) -> dict[str, str]:
    """What items are made from, where that is part of the data."""
    space = material.run.codec.space
    if space.kind != "pairs":
        return {}
    what = f"label maps of {space.classes} classes" if space.classes else f"pictures of {' × '.join(map(str, space.given))} numbers"
    return {"Made from": f"{what}, {'one each' if space.paired else 'a collection of their own'}"}


def listed(labels: Sequence[str], most: int = 40) -> str:
    """Labels in a line, the first forty of them."""
    more = f" … and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more


def configuration(material: Material) -> str:
    """Every setting with its meaning, folded away; what was derived, and why."""
    body = [[f"<code>{escape(r.path)}</code>", f"<code>{escape(_plain(r.value))}</code>", escape(r.help)] for r in rows(material.run.configuration)]
    why = [[f"<code>{escape(k)}</code>", escape(v)] for k, v in material.recipe["why"].items()]
    derived = f"<h3>What was derived, and why</h3>{table(('Setting', 'Why'), why, 'settings')}" if why else ""
    return f"{folded(f'All {len(body)} settings', table(('Setting', 'Value', 'Meaning'), body, 'settings'))}{derived}"


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def commands(material: Material, source: str) -> str:
    """The commands that train this again, a line each, with the configuration from the run folder."""
    saved, first = material.recipe, material.run.configuration.rounds
    began = saved["why"].get("from", "").removeprefix("the weights of ").partition(";")[0]
    words = ["sparring", "train", saved["recipe"], "--data", source, "--rounds", str(first), "--seed", str(saved["seed"]), "--config", "recipe.json",
             *(["--from", began] if began else [])]  # fmt: skip
    lines = [" ".join(shlex.quote(word) for word in words)]
    if saved["rounds"] != first:
        lines.append(f"sparring resume RUN --rounds {saved['rounds']}")
    return "\n".join(lines)


def promise(material: Material) -> str:
    """How near to this run they come."""
    if material.recipe["rounds"] != material.run.configuration.rounds:
        return "This run was lengthened, perhaps several times; what it became is not promised to the last bit."
    same = "With the same data, versions, kind of machine and number of threads the weights are the same to the last bit"
    return same + (", if those of the run that it began from are." if "from" in material.recipe["why"] else ".")


def reproduction(material: Material) -> str:
    saved = material.recipe
    here = {k: saved[k] for k in ("sparring", "torch", "numpy", "python", "system", "machine", "cores", "world") if k in saved}
    hardware = material.run.configuration.hardware
    here |= {"device": hardware.device, "threads": hardware.threads, "precision": hardware.precision}
    return (
        f"<pre><code>{escape(commands(material, material.facts['data']))}</code></pre>"
        f"<p><code>recipe.json</code> lies in the run folder beside this page. {promise(material)}</p><h3>Where it was made</h3>{pairs(here)}"
    )


def citations(material: Material) -> str:
    """The papers of the recipe and of the metrics that were used."""
    recipe = material.registered
    used = [known.source for _, known in catalogue(material.metrics) if known and "http" in known.source]
    lists = [("The method", recipe.papers if recipe else ()), ("The measures", dict.fromkeys(used))]
    return "".join(f"<h3>{words}</h3><ul>{''.join(f'<li>{_linked(p)}</li>' for p in papers)}</ul>" for words, papers in lists if papers)


def _linked(paper: str) -> str:
    return re.sub(r"https?://[^\s<&]+", lambda m: f'<a href="{m[0]}">{m[0].removeprefix("https://")}</a>', escape(paper))
