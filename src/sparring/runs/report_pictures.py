"""The sections of a report that show items: samples beside real ones, the film, nearest neighbours, verdicts, reconstructions.

They need the weights and the data, and raise UserError where those are gone.
"""

from collections.abc import Sequence
from html import escape

import numpy as np
import torch
from PIL import Image

from sparring.base.errors import UserError
from sparring.extractors.extractor import Numbers, extract
from sparring.games.capabilities import Reconstructs, Restores, Scores, Transforms
from sparring.metrics.calibration import Calibration
from sparring.metrics.neighbours import closeness, distinct, nearest_two
from sparring.play.game import Generates
from sparring.runs.figures import Window, histogram, image, plane, scatter, sheet
from sparring.runs.judging import answers, fakes, makes, score_items, triples
from sparring.runs.report_material import SEED, Material
from sparring.runs.report_words import number, percent

ROWS, COLUMNS = 10, 10
FRAMES = 9
FRAME_SIDE, FRAME_BYTES = 480, 50_000
"""pixels of a frame of the film, and bytes above which small losses are taken"""
SUSPECTS, SEARCHED = 12, 256
"""generated items shown beside their neighbours, and how many they are picked from"""
VERDICTS = 1000
"""items of each kind that the discriminator is asked about"""
CELLS = 60
ANSWERS = 24
"""answers shown"""
JUDGEMENT = (
    (0.6, "It can hardly tell them apart, as it should be when the generator is good."),
    (0.8, "It tells many of them apart."),
    (1.01, "It tells most of them apart: to its eye generated items still differ."),
)
"""what a discriminator's accuracy below a bound means"""


# ---- samples


def samples(material: Material) -> str:
    """Generated items beside real ones in the same layout; or what was given, what came back and what it was."""
    if isinstance(material.run.game, Transforms):
        return _answers(material)
    if not isinstance(material.run.game, Generates):
        raise UserError("this game does not generate")
    kind = material.run.codec.space.kind
    if material.run.codec.space.pictures:
        return _picture_samples(material)
    if kind == "points":
        return _point_samples(material)
    if kind == "tables":
        from sparring.runs import report_tables

        return report_tables.samples(material)
    raise UserError(f"samples of {kind} cannot be shown on a page: `sparring sample {material.run.path}` writes them to files")


def _answers(material: Material) -> str:
    run = material.run
    made = answers(run.data, run.game, material.shown_part, ANSWERS, SEED)
    items, rows = triples(run.codec, made)
    if isinstance(run.game, Restores):
        words = "In every three: what was given (shown as the restoration that needs no learning), what came back, and the picture itself, which"
    elif "target" in made:
        words = "In every three: what was given, what was made of it, and its true counterpart, which"
    else:
        words = "In every three: what was given, what was made of it, and what comes of that when it is translated back; what was given"
    sheet_of = sheet(items, "given pictures, what was made of them, and what they are compared with", rows)
    return f"<p>{words} is {_real_origin(material)}.</p>{sheet_of}"


def _picture_samples(material: Material) -> str:
    names = material.run.codec.space.labels
    shown = np.unique(np.linspace(0, len(names) - 1, min(len(names), ROWS)).round().astype(int)) if material.told else np.array([], int)
    if len(shown) > 1:
        asked = np.repeat(shown, COLUMNS)
        made = material.run.sample(len(asked), seed=SEED, label=[names[i] for i in asked])
        real, labels = _real_by_label(material, shown)
        sheets = sheet(made, "generated pictures", asked), sheet(real, "real pictures", labels)
        rows = [names[i] for i in shown]
    else:
        n = COLUMNS * ROWS if max(material.run.codec.space.shape[1:]) <= 64 else 36
        real = material.items(material.some(material.shown_part, n, "shown")["x"])
        made = material.run.sample(len(real), seed=SEED)
        sheets, rows = (sheet(made, "generated pictures"), sheet(real, "real pictures")), []
    return f'<div class="pair">{_captioned("Generated", "generated", sheets[0], rows, _origin(material))}' \
           f'{_captioned("Real", "real", sheets[1], rows, _real_origin(material))}</div>'  # fmt: skip


def _real_by_label(material: Material, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As many real pictures a label as generated ones, or what there is."""
    batch = material.some(material.shown_part, 10**9, "shown")
    y = batch["y"].numpy()
    rows = np.concatenate([np.flatnonzero(y == label)[:COLUMNS] for label in shown])
    return material.items(batch["x"][torch.from_numpy(rows)]), y[rows]


def _origin(material: Material) -> str:
    return f"seed {SEED}, checkpoint {int(material.run.checkpoint.name):,}; nothing was picked"


def _real_origin(material: Material) -> str:
    part = material.shown_part
    return "from the training part: nothing was held out" if part == "train" else f"from the {part} part, which it never saw"


def _captioned(words: str, colour: str, drawing: str, rows: Sequence[str], about: str) -> str:
    labels = "".join(f"<span>{escape(row)}</span>" for row in rows)
    beside = f'<div class="rows">{labels}</div>' if rows else ""
    caption = f'<figcaption><span class="key {colour} dot">{words}</span> <span class="about">{escape(about)}</span></figcaption>'
    return f'<figure class="sheet">{caption}<div class="framed">{beside}{drawing}</div></figure>'


def _point_samples(material: Material) -> str:
    real, made = (plane(p) for p in (material.items(material.some(material.shown_part, 2500, "shown")["x"]), material.run.sample(2500, seed=SEED)))
    window = Window.around(real)
    part = "held-out" if material.shown_part != "train" else "training"
    columns = f" The first two of {real_columns} coordinates are drawn." if (real_columns := len(material.run.codec.mean)) > 2 else ""
    figures = [
        scatter("Real", [(f"{part} points", "real", real)], window, about=f"What it should look like.{columns}"),
        scatter("Generated", [("generated", "generated", made)], window, probability=_heat(material, window),
                about="Behind the points: blue where the discriminator would take a point for real, orange where not." if _judges(material) else ""),
    ]  # fmt: skip
    density = material.run.data.source.density
    if getattr(density, "means", None) is not None and density.means.shape[1] == 2:
        mode, sigma = density.means[0], density.sigma
        lens = Window(mode, 10 * sigma)
        groups = [("real", "real", real), ("generated", "generated", made)]
        circle = ("3 sigma", mode, 3 * sigma)
        figures.append(scatter("One mode, enlarged", groups, lens, circle=circle, about=f"Twenty sigma wide; sigma is {sigma:g}."))
    return f'<div class="charts">{"".join(figures)}</div>'


def _judges(material: Material) -> bool:
    """Whether the discriminator can be asked about any place of the plane."""
    run = material.run
    return isinstance(run.game, Scores) and run.calibration is not None and not material.told and run.codec.space.shape == (2,)


def _heat(material: Material, window: Window) -> np.ndarray | None:
    return material.run.score_compact(material.run.codec.compact(window.raster(CELLS))) if _judges(material) else None


# ---- the film


def film(material: Material) -> str:
    """Nine previews at most, from the first to the last, closer together where the most happens: at the beginning."""
    pictures = sorted((p for p in (material.run.path / "previews").glob("*.png") if p.stem.isdigit()), key=lambda p: int(p.stem))
    if len(pictures) < 2:
        raise UserError("the run has no two previews yet")
    chosen = np.unique((np.linspace(0, 1, FRAMES) ** 1.6 * (len(pictures) - 1)).round().astype(int))
    frames = [f"<figure>{_frame(pictures[i])}<figcaption>round {int(pictures[i].stem):,}</figcaption></figure>" for i in chosen]
    return (
        f'<div class="cinema"><div class="film">{"".join(frames)}</div></div>'
        f'<p class="about">The same {"given pictures" if isinstance(material.run.game, Transforms) else "noise"} every time, so each place shows '
        f"one {'column' if material.facts['kind'] == 'tables' else 'item'} growing up.</p>"
    )


def _frame(path) -> str:
    with Image.open(path) as picture:
        colours = picture.convert("RGB")
    colours.thumbnail((FRAME_SIDE, FRAME_SIDE))
    return image(colours, f"samples at round {int(path.stem)}", largest=FRAME_BYTES)


# ---- neighbours


def neighbours(material: Material) -> str:
    """The generated pictures that are most like copies, each beside the training picture nearest to it."""
    run = material.run
    if not run.codec.space.pictures:
        raise UserError("neighbours are shown for pictures")
    known = material.some("train", 20_000, "known")["x"]
    if len(known) < 3:
        raise UserError("there are too few training pictures to speak of neighbours")
    look = lambda x: extract(Numbers(tuple(run.codec.space.shape)), run.codec.expand, x)
    made = run.codec.compact(run.items(SEARCHED, seed=SEED))
    training, judged = look(known), look(made)
    kept = distinct([training])
    known, training = known[kept], training[kept]
    distance, index = nearest_two(judged, training)
    suspects = closeness(training, judged).argsort()[:SUSPECTS]
    shown, near = material.items(made[suspects]), material.items(known[index[suspects, 0]])
    return (
        f'<p>Of {SEARCHED} generated pictures, these {len(suspects)} are the most like copies. On the left of each couple is what was generated, '
        f"on the right the nearest of {len(known):,} training pictures, by pixels. {_distances(material, look, training, distance[:, 0])}</p>"
        f"{_couples(shown, near, 'a generated picture and its nearest training picture')}"
    )


def _couples(left: np.ndarray, right: np.ndarray, alt: str) -> str:
    """Pictures two by two."""
    return '<div class="couples">' + "".join(f"<div>{sheet(np.stack(couple), alt)}</div>" for couple in zip(left, right)) + "</div>"


def _distances(material: Material, look, training: torch.Tensor, distance: torch.Tensor) -> str:
    made = f"The median distance to the nearest training picture is {number(float(distance.median()))}"
    if material.shown_part == "train":
        return made + "."
    held, _ = nearest_two(look(material.some(material.shown_part, SEARCHED, "distances")["x"]), training)
    return f"{made}; that of held-out real pictures is {number(float(held[:, 0].median()))}."


# ---- the discriminator's verdict


@torch.no_grad()
def verdicts(material: Material) -> str:
    """How sure the discriminator is: probabilities of held-out real and of generated items."""
    run = material.run
    if not isinstance(run.game, Scores) or not makes(run.game):
        raise UserError("this game has no discriminator")
    if run.calibration is None:
        raise UserError("the discriminator has not been watched yet, so its verdicts are not calibrated")
    if material.shown_part == "train":
        raise UserError("nothing is held out to ask the discriminator about")
    real = material.some(material.shown_part, VERDICTS, "verdicts")
    made = fakes(run.data, run.game, material.shown_part, len(real["x"]), SEED)
    scores = [score_items(run.game, run.codec, batch).double() for batch in (real, made)]
    chart, words = (_sure if run.calibration.scale > 0 else _at_a_loss)(material, run.calibration, *scores)
    return f'<div class="charts">{chart}<div class="words">{words}{_ranking(material, *scores)}</div></div>'


def _sure(material: Material, calibration: Calibration, real: torch.Tensor, made: torch.Tensor) -> tuple[str, str]:
    """Histogram and words for a discriminator that knows something."""
    p_real, p_made = calibration(real).numpy(), calibration(made).numpy()
    right = float((p_real > 0.5).mean()), float((p_made <= 0.5).mean())
    groups = [("held-out real", "real", p_real), ("generated", "generated", p_made)]
    chart = histogram("Probability of being real", groups, 0, 1, middle=0.5, about="One half means that it cannot tell.")
    meaning = next(words for bound, words in JUDGEMENT if sum(right) / 2 < bound)
    return chart, (
        f"<p>The discriminator is right about <b>{percent(right[0])}</b> of real {material.things} that it never saw and about "
        f"<b>{percent(right[1])}</b> of generated ones, where guessing is right about half of them. {meaning}</p>"
    )


def _at_a_loss(material: Material, calibration: Calibration, real: torch.Tensor, made: torch.Tensor) -> tuple[str, str]:
    """Histogram and words for a discriminator that had nothing to say on the part that its verdicts are calibrated on."""
    low, high = (float(v) for v in torch.cat([real, made]).quantile(torch.tensor([0.005, 0.995], dtype=torch.float64)))
    groups = [("held-out real", "real", real.numpy()), ("generated", "generated", made.numpy())]
    chart = histogram("The discriminator's score", groups, low, max(high, low + 1e-6), about="Higher is more real to its eye.")
    return chart, (
        f"<p>On the {escape(calibration.on)} part the discriminator did not score real {material.things} above generated ones, so it gives every "
        "item a probability of one half. It has lost against its generator; that is not to say that people would be fooled.</p>"
    )


def _ranking(material: Material, real: torch.Tensor, made: torch.Tensor) -> str:
    """The share of pairs in which the real item has the higher score (the area under the ROC curve), which needs no calibration."""
    above = (real[:, None] > made).double().mean() + 0.5 * (real[:, None] == made).double().mean()
    return (
        f"<p>Shown a real and a generated one, it gives the real one the higher score in <b>{percent(float(above))}</b> of all pairs.</p>"
        f'<p class="about">{len(real):,} items of each kind; the real ones are from the {material.shown_part} part. A score has no absolute zero: '
        "probabilities come from a fit on held-out items (Platt scaling).</p>"
    )


# ---- reconstructions


def reconstructions(material: Material) -> str:
    """Real items, and what comes back through the bottleneck."""
    run = material.run
    if not isinstance(run.game, Reconstructs):
        raise UserError("this game does not reconstruct")
    if run.codec.space.kind == "tables":
        from sparring.runs import report_tables

        return report_tables.reconstructions(material)
    items = material.items(material.some(material.shown_part, 500, "reconstructed")["x"])
    back = run.reconstruct(items)
    error = float(np.sqrt(np.mean((items.astype(float) - back.astype(float)) ** 2)))
    spread = float(items.astype(float).std())
    words = f"<p>Root mean square error {number(error)}, where {material.things} spread by {number(spread)}; {_real_origin(material)}.</p>"
    if run.codec.space.pictures:
        couples = _couples(items[:SUSPECTS], back[:SUSPECTS], "a real picture and its reconstruction")
        return f"<p>On the left of each couple the original, on the right its reconstruction.</p>{couples}{words}"
    if run.codec.space.kind == "points":
        groups = [("original", "real", plane(items)), ("reconstructed", "generated", plane(back))]
        return f'<div class="charts">{scatter("Reconstruction", groups, Window.around(plane(items)))}</div>{words}'
    return words
