"""A game in the plane: what is played, changed and travelled to is a function of its history."""

import pytest
import torch

from sparring import service
from sparring.base.errors import UserError
from sparring.play.checkpoint import digest
from sparring.playground.frames import Playground, View
from sparring.playground.presets import COURSE, PRESETS, begun
from sparring.playground.session import KEPT, Event, Session

SMALL = {"game.generator.width": 8, "game.discriminator.width": 8, "batch": 16, "points": 64}


def session(**more) -> Session:
    return Session(begun(SMALL | more))


def played() -> Session:
    """With every kind of event."""
    s = session()
    s.advance(7)
    s.change({"game.objective": "hinge", "gamma": 0.5})
    s.change({"discriminator.width": 12})
    s.advance(5)
    s.move("generator")
    s.move("discriminator")
    s.advance(6)
    return s


def test_a_history_is_the_state():
    s = played()
    again = Session.at(s.history())
    assert (again.round, again.play) == (20, s.play) and digest(again.game) == digest(s.game)
    assert again.history() == s.history()


@pytest.mark.parametrize("there", [0, 3, 7, 12, 13, 19])
def test_travelling_back_and_on_changes_nothing(there):
    s = played()
    state = digest(s.game)
    s.travel(there)
    assert s.round == there
    s.travel(20)
    assert digest(s.game) == state


def test_what_is_done_in_the_past_begins_another_history():
    s = played()
    s.travel(10)
    s.change({"gamma": 0.1})
    assert [e.round for e in s.events] == [7, 7, 10] and max(s.states) == 10
    s.advance(10)
    assert digest(Session.at(s.history()).game) == digest(s.game)


def test_states_that_are_kept_stay_few():
    s = session()
    for _ in range(5 * KEPT):
        s.advance(1)
    assert len(s.states) <= KEPT and 0 in s.states
    state = digest(s.game)
    s.travel(3)
    s.travel(5 * KEPT)
    assert digest(s.game) == state


def test_a_move_changes_one_player_alone():
    s = session()
    s.advance(3)
    before = {name: t.clone() for name, t in s.game.state_dict().items()}
    s.move("discriminator")
    moved = {name.split(".")[0] for name, t in s.game.state_dict().items() if not torch.equal(t, before[name])}
    assert moved - {"average"} == {"discriminator"} and s.round == 4                # the average follows what does not move
    with pytest.raises(UserError, match="no player 'judge', only discriminator and generator"):
        s.move("judge")


@pytest.mark.parametrize(
    ("change", "anew"),
    [
        ({"game.objective": "minimax", "gamma": 2, "generator_optimizer.lr": 1e-4, "batch": 8}, []), ({"generator.width": 12}, ["generator"]),
        ({"discriminator.depth": 1}, ["discriminator"]), ({"game.noise": 5}, ["generator"]), ({"generator.uniform": True}, []),
        ({"shape.kind": "moons"}, []), ({"game.kind": "wgan-gp"}, []), ({"game.kind": "vae"}, ["decoder", "encoder"]),
        ({"generator_optimizer.kind": "sgd"}, []),
    ],
)  # fmt: skip
def test_networks_keep_their_weights_where_they_can(change, anew):
    s = session()
    s.advance(5)
    before = {name: t.clone() for name, t in s.game.state_dict().items()}
    assert s.change(change) == anew
    kept = {name for name, t in s.game.state_dict().items() if name in before and t.shape == before[name].shape and torch.equal(t, before[name])}
    parts = {name.split(".")[0] for name in s.game.state_dict()}
    assert {name.split(".")[0] for name in kept} >= parts - set(anew) - {"average"} and s.round == 5
    s.advance(3)
    assert s.round == 8 and digest(Session.at(s.history()).game) == digest(s.game)


@pytest.mark.parametrize("change", [{"game.objective": "best"}, {"gamma": "much"}, {"colour": "red"}, {"seed": 3}, {"generator.kind": "dcgan"}])
def test_a_change_that_cannot_be_changes_nothing(change):
    s = session()
    s.advance(3)
    state, history = digest(s.game), s.history()
    with pytest.raises(UserError):
        s.change(change)
    assert digest(s.game) == state and s.history() == history
    s.advance(1)


@pytest.mark.parametrize("history", [None, 3, {}, {"play": {"shape": "blob"}}, {"play": {}, "events": [{"change": {}}]}, {"play": {}, "round": "x"}])
def test_what_is_no_history(history):
    with pytest.raises(UserError):
        Session.at(history)


def test_events_read_as_they_are_written():
    for event in (Event(3, {"gamma": 1.0}), Event(4, player="generator")):
        assert Event.read(event.plain()) == event


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_presets_begin_and_are_cured(preset):
    playground = Playground(begun(preset.begin | {"points": 64, "batch": 16}))
    playground.advance(2)
    assert playground.change(preset.cure) in ([], ["discriminator"])
    frame = playground.frame(playground.advance(2), View(measures=True, optimal=True))
    assert frame.head["round"] == 4 and {"fake", "real", "heat", "arrows", "optimal"} <= set(frame.arrays)


def test_the_course_opens_at_every_step():
    for number, step in enumerate(COURSE):
        if step.rounds <= 30:                                                   # the longer ones take seconds
            assert service.playground(step=number).round == step.rounds
        assert begun(step.begin, step.family)
    with pytest.raises(UserError, match="from 0 on"):
        service.playground(step=len(COURSE))
