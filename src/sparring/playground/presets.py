"""Failures of the game that textbooks describe, as settings that bring them about, each with its cure; and a course for someone new. Torch-free."""

from sparring.base.settings import Settings, override
from sparring.playground.settings import Play, default_game

PLAIN = {"game.penalty.kind": "none", "game.objective": "non-saturating"}
"""the game of 2014: nothing holds the discriminator's slope"""
SHARP = {"game.discriminator.octaves": 6, "game.discriminator.width": 128}
"""a discriminator that sees the finest detail"""
SGD = {"game.generator_optimizer.kind": "sgd", "game.discriminator_optimizer.kind": "sgd"}
STABLE = {"game.objective": "relativistic", "game.penalty.kind": "r1+r2", "game.penalty.gamma": 0.1}


def rates(generator: float, discriminator: float) -> dict[str, float]:
    return {"game.generator_optimizer.lr": generator, "game.discriminator_optimizer.lr": discriminator}


class Preset(Settings):
    """A failure and its cure."""

    name: str
    title: str
    begin: dict[str, str | float]
    """settings, by path, beside the defaults"""
    happens: str
    """what there is to see, and why"""
    cure: dict[str, str | float]
    """settings that are changed while it is played"""
    helps: str
    """why they help"""
    watch: str
    """where to look"""


PRESETS = (
    Preset(
        name="mode-collapse", title="Mode collapse",
        begin=PLAIN | SHARP | rates(5e-4, 5e-3),
        happens="There are eight heaps of real points, and the generator makes one of them, over and over. Each of its points is pulled to the "
        "nearest place that the discriminator likes, and nothing tells it that the other heaps are empty: every point is judged alone.",
        cure=STABLE | {"game.discriminator.octaves": 2} | rates(2e-3, 2e-3),
        helps="Relativistic pairs compare generated with real points, so an empty heap counts, and the penalty makes the discriminator smooth, so "
        "that pulls reach from one heap to the next.",
        watch="modes",
    ),
    Preset(
        name="vanishing-gradient", title="Vanishing gradient",
        begin=PLAIN | SHARP | rates(3e-5, 1e-2) | {
            "shape.kind": "disjoint", "shape.distance": 1.7, "shape.sigma": 0.06, "game.objective": "minimax",
        },
        happens="The discriminator is right about every point, and so sure of it that its verdict is the same wherever a generated point goes. "
        "The generator's loss log(1 - D) is flat there: the arrows shrink to nothing and the points stand still.",
        cure={"game.objective": "non-saturating"},
        helps="-log D is steep exactly where log(1 - D) is flat. The fixed point is the same; the generator is pulled again.",
        watch="arrows",
    ),
    Preset(
        name="oscillation", title="Going in circles",
        begin=PLAIN | SGD | rates(0.1, 0.1) | {
            "shape.kind": "dirac", "game.objective": "wasserstein", "game.generator.depth": 0, "game.discriminator.depth": 0,
            "game.discriminator.octaves": 0, "game.noise": 1,
        },
        happens="All real points lie at one place and both players are linear. The generator runs towards it, the discriminator turns when it has "
        "passed, and so on: in the plane of (where the points are, where the discriminator leans) the game draws circles and never arrives.",
        cure={"game.penalty.kind": "r1", "game.penalty.every": 1, "game.penalty.gamma": 1.0},
        helps="The penalty on the discriminator's slope at real points is friction: the circle becomes a spiral into the middle.",
        watch="phase",
    ),
    Preset(
        name="too-strong", title="A discriminator that is too strong",
        begin=PLAIN | SHARP | rates(1e-4, 1e-2) | {"shape.kind": "moons"},
        happens="The discriminator learns a hundred times as quickly as the generator. It is right about nearly every point, its map is a "
        "patchwork of steep walls, and the arrows point anywhere: a teacher who only says no.",
        cure=STABLE | {"game.discriminator.octaves": 2} | rates(2e-3, 2e-3),
        helps="Equal rates, and a penalty on the slope: the map becomes a hill that can be climbed.",
        watch="accuracy",
    ),
    Preset(
        name="too-fast", title="Learning rates that are too high",
        begin=rates(2e-2, 2e-2),
        happens="Every step goes too far. Points leap from one side to the other, losses jump, and what was found is lost again.",
        cure=rates(1e-3, 1e-3),
        helps="Small steps let each player answer the other before it has run away.",
        watch="losses",
    ),
)  # fmt: skip


class Step(Settings):
    """One step of the course: a live state of the playground and what to do with it."""

    title: str
    text: str
    begin: dict[str, str | float] = {}
    """settings, by path, beside the defaults"""
    family: str = "gan"
    rounds: int = 0
    """rounds that have been played when it opens"""
    show: tuple[str, ...] = ("real", "fake")
    """what is drawn"""
    do: str = ""
    """what the reader is asked to do"""


COURSE = (
    Step(
        title="A counterfeiter and an inspector",
        text="Blue dots are real. Orange diamonds are made by the generator, a counterfeiter who has never seen a real one. The discriminator, an "
        "inspector, is shown both and says for each how likely it is to be real. Nobody tells the generator what is right: it learns from the "
        "inspector's face.",
        do="Look at the two clouds. They have nothing in common yet.",
    ),
    Step(
        title="From noise to points",
        text="The generator turns random numbers into points. The grid is a grid of these numbers: where its cells are small many points land. "
        "Learning bends the grid until the crowded places are those of the real points.",
        show=("real", "fake", "grid"), do="Play a few rounds and watch the grid bend.",
    ),
    Step(
        title="The inspector moves",
        text="One move of the discriminator: it sees real and generated points, and changes its weights so that it tells them apart a little "
        "better. Its map shows how real it finds every place.",
        show=("real", "fake", "heat"), do="Press the discriminator's move several times. Only the map changes; the points stay.",
    ),
    Step(
        title="The counterfeiter moves",
        text="One move of the generator: each arrow shows where its point would look more real. The generator changes its weights so that its "
        "points follow. Its only teacher is the slope of the discriminator's map.",
        rounds=30, show=("real", "fake", "heat", "arrows"), do="Press the generator's move. The points follow the arrows; the map stays.",
    ),
    Step(
        title="The game",
        text="They take turns. When the points have moved the map is wrong, so the discriminator learns again, and so on. Neither loss falls to "
        "zero, for what one wins the other loses.",
        show=("real", "fake", "heat", "arrows"), do="Press play, and follow the losses. Where do they settle?",
    ),
    Step(
        title="Why it gets better",
        text="The best possible discriminator says p / (p + q): the share of real points among all that land in a place. Where generated points "
        "lie as densely as real ones it can only say one half. Then there is no slope, and the generator is done: at the equilibrium the losses "
        "are those drawn as dashed lines.",
        rounds=800, show=("real", "fake", "optimal"), do="Compare the best discriminator with the one that was learnt.",
    ),
    Step(
        title="It can fail: mode collapse",
        text="Here the generator found one heap that convinces the discriminator, and stays. Points look perfect one by one; the set of them is "
        "wrong. A low loss does not tell you that: count the modes.",
        begin=PRESETS[0].begin, rounds=1500, show=("real", "fake", "heat", "arrows"), do="Watch the number of modes.",
    ),
    Step(
        title="And be cured",
        text="The discriminator's slope was without bounds, and each point was judged alone. A gradient penalty and pairs of real and generated "
        "points change both.",
        begin=PRESETS[0].begin, rounds=1500, show=("real", "fake", "heat", "arrows"), do="Press the cure, and play on.",
    ),
    Step(
        title="It can fail: circles",
        text="Two linear players and one real place, the smallest game there is. Each answers the other's last move, and they go round for ever. "
        "Follow the curve of where they stand.",
        begin=PRESETS[2].begin, show=("real", "fake", "phase"), do="Play, then press the cure: the circle becomes a spiral.",
    ),
    Step(
        title="What an autoencoder does instead",
        text="A variational autoencoder has no opponent. An encoder packs each real point into a few numbers, a decoder unpacks them, and the "
        "packed numbers are kept near to plain noise. It never collapses, and its points are blurred: it fills the gaps between heaps, because it "
        "must be able to unpack everything.",
        family="vae", show=("real", "fake", "grid"), do="Play, and compare with the game beside it.",
    ),
)  # fmt: skip


def begun(settings: dict[str, str | float], family: str = "gan", seed: int = 0) -> Play:
    """The default game of a family with these settings."""
    return override(Play(game=default_game(family), seed=seed), settings)
