"""What a page asks for: a game in the plane, what is drawn of it, and what there is to choose. Torch-free until a game is opened."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, get_args

from sparring.base.errors import UserError, nearest
from sparring.base.settings import dump, rows

if TYPE_CHECKING:
    from sparring.playground.frames import Playground, View
    from sparring.playground.settings import Play


def playground(
    history: Mapping[str, Any] | None = None,
    *,
    preset: str | None = None,
    step: int | None = None,
    family: str = "gan",
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> "Playground":
    """A game in the plane: at a state that `history` told, or begun from a preset, a step of the course, or a family with settings by path."""
    from sparring.playground.frames import Playground
    from sparring.playground.presets import COURSE, begun

    if history is not None:
        return Playground.at(history)
    if preset is not None:
        return Playground(begun(playground_preset(preset)["begin"], seed=seed))
    if step is not None:
        if not 0 <= step < len(COURSE):
            raise UserError(f"the course has {len(COURSE)} steps, from 0 on")
        at = Playground(begun(COURSE[step].begin, COURSE[step].family, seed))
        at.travel(COURSE[step].rounds)
        return at
    return Playground(begun(dict(settings or {}), family, seed))


def playground_preset(name: str) -> dict[str, Any]:
    from sparring.playground.presets import PRESETS

    found = {preset.name: preset for preset in PRESETS}
    if name not in found:
        raise UserError(f"there is no preset {name!r}{nearest(name, found)}")
    return dump(found[name])


def playground_view(view: Mapping[str, Any]) -> "View":
    """What of a game is drawn; UserError for what cannot be."""
    from sparring.base.settings import load
    from sparring.playground.frames import View

    return load(View, dict(view), "the view")


def playground_settings(play: "Play") -> dict[str, Any]:
    """Of a game: all of its settings as plain values, and as rows for a form."""
    return {"play": dump(play), "rows": [asdict(row) for row in rows(play)]}


def playground_catalogue() -> dict[str, Any]:
    """What a playground offers, without torch: families, shapes, failures with their cures, and the course."""
    from sparring.games.settings import ObjectiveName
    from sparring.playground.presets import COURSE, PRESETS
    from sparring.playground.settings import FAMILIES, Play, Shape

    return {
        "families": dict(FAMILIES), "shapes": {kind: (c.__doc__ or "").strip().split("\n")[0] for kind, c in Shape.choices().items()},
        "objectives": list(get_args(ObjectiveName)), "presets": [dump(p) for p in PRESETS], "course": [dump(s) for s in COURSE],
        **playground_settings(Play()),
    }  # fmt: skip
