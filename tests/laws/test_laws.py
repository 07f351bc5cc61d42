"""The laws over every registered game, by itself."""

import ast
import time
from pathlib import Path

import pytest
import torch

import sparring
from tests.laws import checks
from tests.laws.toys import CASES, play

LAWS = [
    checks.only_the_mover_moves,
    checks.resuming_equals_never_having_stopped,
    checks.noise_is_a_function,
    checks.chunks_equal_one_batch,
    checks.watching_changes_nothing,
    checks.data_reach_the_generator_through_the_discriminator,
    checks.a_move_that_is_not_finite_changes_nothing,
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("case", CASES.values(), ids=repr)
def test_law(case, law):
    law(case)


@pytest.mark.parametrize("case", CASES.values(), ids=repr)
def test_trains_to_finite_numbers_in_two_seconds(case):
    start = time.process_time()
    trainer = play(case.trainer(length=15), 15)
    assert all(p.isfinite().all() for p in trainer.game.parameters())
    assert time.process_time() - start < 2


def test_uneven_chunks_equal_one_batch():
    """Law 5 through the trainer: 16 items in three chunks, of 6, 6 and 4."""
    whole, parts = (play(CASES["deterministic"].trainer(chunks=k), 20).game.state_dict().values() for k in (1, 3))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(whole, parts))


ROOM_FLOORS = {
    "base": 0, "layers": 1, "losses": 1, "play": 1, "networks": 2, "modalities": 2, "extractors": 2, "games": 3, "metrics": 3,
    "recipes": 4, "latents": 4, "runs": 5, "playground": 5, "release": 5, "service": 6, "estimator": 7, "studio": 7, "cli": 8, "__main__": 9,
}  # fmt: skip
SOURCE = Path(sparring.__file__).parent


def test_imports_run_downwards():
    """Law 6. A room may import from its own floor only within itself."""
    wrong = []
    for file in SOURCE.rglob("*.py"):
        room = file.relative_to(SOURCE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                parts = name.split(".")
                elsewhere = parts[0] == "sparring" and len(parts) > 1 and room != "__init__" and parts[1] != room
                if elsewhere and ROOM_FLOORS[parts[1]] >= ROOM_FLOORS[room]:
                    wrong.append(f"{file.relative_to(SOURCE)} imports {name}")
    assert not wrong, wrong


def test_games_never_import_the_trainer():
    for file in [*(SOURCE / "games").glob("*.py"), *(SOURCE / "networks").glob("*.py")]:
        assert "play.trainer" not in file.read_text(encoding="utf-8"), file


def test_base_and_play_stay_small():
    lines = sum(len(f.read_text(encoding="utf-8").splitlines()) for room in ("base", "play") for f in (SOURCE / room).glob("*.py"))
    assert lines < 1800, lines


@pytest.mark.parametrize("name", ["torch", "numpy", "pandas", "fastapi"])
def test_base_imports_without(name):
    """Floor 0 and the recipes answer `show` and `--help`: they must not load heavy packages."""
    import subprocess
    import sys

    code = f"import sparring, sparring.base.files, sparring.base.devices, sparring.recipes, sys; assert {name!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_game_is_played_without_the_compiler(tmp_path):
    """torch._dynamo takes a second to import, and torch's own optimizers import it when they are made."""
    import subprocess
    import sys

    settings = {"watching.judge": 0, "watching.preview": 0, "hardware.threads": 1}
    code = f"import sparring, sys; sparring.train('gan', 'ring', run={str(tmp_path / 'run')!r}, rounds=2, settings={settings!r})"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' in sys.modules and 'torch._dynamo' not in sys.modules"], check=True)
