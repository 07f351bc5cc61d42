"""The workshop's interface: runs listed, started, watched, stopped and resumed; nothing outside of the roots."""

import json
import os
import re
import time

import numpy as np
import pytest
from starlette.testclient import TestClient

from sparring.cli import main
from sparring.studio.server import create

SMALL = {"game.generator.width": 8, "game.discriminator.width": 8, "watching.judge": 0, "watching.preview": 40, "watching.tick": 20}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("studio")
    (root / "data").mkdir()
    np.savetxt(root / "data" / "points.csv", np.random.default_rng(0).normal(size=(300, 2)), delimiter=",")
    (root / "data" / "<b>bold").mkdir()
    (root / "secret.txt").write_text("secret")
    os.symlink(root / "secret.txt", root / "data" / "link.csv")
    return root


@pytest.fixture(scope="module")
def page(place):
    with TestClient(create(runs=place / "runs", allowed=(place / "data",)), base_url="http://127.0.0.1:7860") as client:
        yield client


def wait(page, name, wanted, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run = page.get(f"/api/runs/{name}").json()
        if wanted(run):
            return run
        time.sleep(0.1)
    raise AssertionError(run)


def test_a_run_is_started_watched_stopped_and_resumed(page, place):
    new = {"recipe": "gan", "data": str(place / "data" / "points.csv"), "name": "mine", "rounds": 4000, "settings": SMALL}
    answer = page.post("/api/runs", json=new)
    assert answer.status_code == 201 and answer.json()["name"] == "mine" and answer.json()["state"] == "running"
    assert page.post("/api/runs", json=new).status_code == 400                                 # it is being played
    wait(page, "mine", lambda run: run["previews"] and run["round"] is not None)
    first = page.get("/api/runs/mine/events").json()
    assert first["events"][0]["round"] == 20 and first["state"] == "running" and first["busy"] and first["previews"][0] == "000040.png"
    scores = first["events"][0]["scores"]
    assert sum(scores["real"]) == sum(scores["fake"]) > 0 and len(scores["real"]) == 24 and scores["range"][0] < scores["range"][1]
    preview = wait(page, "mine", lambda run: run["previews"])["previews"][0]
    assert page.get(f"/api/runs/mine/previews/{preview}").headers["content-type"] == "image/png"
    stopped = page.post("/api/runs/mine/stop").json()
    assert stopped["state"] == "interrupted" and 0 < stopped["round"] < 4000
    assert page.post("/api/runs/mine/stop").status_code == 400
    more = page.get("/api/runs/mine/events", params={"after": first["next"]}).json()
    rounds = [e["round"] for e in first["events"] + more["events"]]
    assert rounds == sorted(set(rounds)) and more["next"] == (place / "runs" / "mine" / "events.jsonl").stat().st_size
    assert page.get("/api/runs/mine/events", params={"after": more["next"]}).json()["events"] == []
    for after in (10**9, more["next"] - 7):                              # the log began anew, and may have grown longer than it was
        assert page.get("/api/runs/mine/events", params={"after": after}).json()["events"][0]["round"] == 20
    total = stopped["round"] + 40
    answer = page.post("/api/runs/mine/resume", json={"rounds": total})
    assert answer.status_code == 200, answer.text
    done = wait(page, "mine", lambda run: run["state"] == "finished" and run["report"])
    assert done["round"] == total and done["checkpoints"][-1] == f"{total:06d}" and done["diagnosis"]["verdict"] in ("healthy", "warning", "failing")
    assert {"path", "type", "value", "help", "rule"} == set(done["settings"][0])
    report = page.get("/api/runs/mine/report")
    assert report.status_code == 200 and "sandbox" in report.headers["content-security-policy"]
    listed = page.get("/api/runs").json()
    assert page.get("/api/runs", params={"name": ["mine", "none"]}).json() == listed and page.get("/api/runs", params={"name": "none"}).json() == []
    assert [run["name"] for run in listed] == ["mine"] and listed[0]["recipe"] == "gan" and listed[0]["preview"]


def test_what_cannot_be_trained_is_said_in_the_commands_words(page, place):
    start = lambda **more: page.post("/api/runs", json={"recipe": "gan", "data": str(place / "data" / "points.csv"), "rounds": 5} | more)
    for more, words in (
        ({"recipe": "gam"}, "did you mean 'gan'"), ({"settings": {"game.objective": "best"}}, "objective"), ({"name": "../up"}, "no name"),
        ({"data": "nowhere"}, "outside"), ({"data": str(place / "data" / "absent.csv")}, "absent.csv"), ({"name": ".hidden"}, "no name"),
        ({"data": f"{place}/data/points.csv::/etc"}, "outside"),
    ):  # fmt: skip
        answer = start(**more)
        assert answer.status_code == 400 and words in answer.json()["error"], answer.text
    assert "rounds" in start(rounds=0).json()["error"] and "colour" in start(colour="red").json()["error"]
    text = lambda body: page.post("/api/runs", content=body, headers={"content-type": "application/json"})
    names = (r'"\ud800"', r'"a\u0000"', f'"{"a" * 300}"')
    for odd in (r'"minutes": NaN', r'"\ud800": 1', r'"settings": {"\u0000": 1}', '"seed": 1e400', *(f'"name": {name}' for name in names)):
        answer = text('{"recipe": "gan", "data": "ring", %s}' % odd)    # noqa: UP031 - braces all over
        assert answer.status_code == 400 and answer.json()["error"], answer.text


def test_settings_are_no_way_around_the_roots(page, place, capsys):
    """Every flag of the command that is no setting, whatever will be added to it, and the settings that name files."""
    main(["train", "--help"])
    flags = set(re.findall(r"--([a-z-]+)", capsys.readouterr().out)) | {"outdir", "out", "dry_run"}
    assert {"data", "run", "from", "config"} < flags
    outside = str(place / "secret.txt")
    for settings, words in (
        *(({flag: outside}, "no setting") for flag in flags), ({"data=ring --run": 1}, "no setting"), ({"encoding.schema": outside}, "outside"),
        ({"schema": outside}, "outside"), ({"encoding": json.dumps({"kind": "tables", "schema": outside})}, "no setting"),
    ):  # fmt: skip
        answer = page.post("/api/runs", json={"recipe": "table-gan", "data": str(place / "data" / "points.csv"), "rounds": 5, "settings": settings})
        assert answer.status_code == 400 and words in answer.json()["error"], answer.text
    assert {path.name for path in (place / "runs").iterdir()} <= {"mine"}


@pytest.mark.parametrize("path", ["/etc", "/", "../..", "secret.txt", "link.csv", "\0", "data/../../secret.txt"])
def test_nothing_outside_of_the_roots_is_read(page, place, path):
    inside = path if path.startswith("/") else str(place / "data" / path)
    for address in ("browse", "inspect"):
        answer = page.get(f"/api/{address}", params={"path": inside, "data": inside})
        assert answer.status_code == 400 and "secret" not in answer.json()["error"].replace("secret.txt", "")


def test_browsing(page, place):
    roots = page.get("/api/browse").json()
    assert [e["name"] for e in roots["entries"]] == [str((place / "data").resolve())]
    found = page.get("/api/browse", params={"path": roots["entries"][0]["name"]}).json()
    assert [e["name"] for e in found["entries"]] == ["<b>bold", "points.csv"] and found["parent"] is None         # the link leads outside


@pytest.mark.parametrize("name", ["absent", "a" * 300, "%2e%2e", "..%2f..%2fetc", "mine%2f.."])
def test_runs_outside_are_none(page, name):
    for rest in ("", "/events", "/report", "/previews/000001.png"):
        assert page.get(f"/api/runs/{name}{rest}").status_code in (400, 404)


def test_previews_that_are_none(page, place):
    run = place / "runs" / "other"
    (run / "previews").mkdir(parents=True)
    (run / "recipe.json").write_text("{}")
    os.symlink(place / "secret.txt", run / "previews" / "000001.png")
    assert page.get("/api/runs/other/previews/000001.png").status_code == 400
    assert page.get("/api/runs/other/previews/..%2frecipe.json").status_code in (400, 404)
    damaged = next(run for run in page.get("/api/runs").json() if run["name"] == "other")
    assert damaged["state"] == "damaged" and "recipe.json" in damaged["error"]


def test_recipes_and_data(page):
    assert "dcgan" in {r["name"] for r in page.get("/api/recipes").json()}
    assert page.get("/api/recipes/dcgan").json()["settings"] and page.get("/api/recipes/dcgam").status_code == 400
    assert "ring" in {d["name"] for d in page.get("/api/data").json()} and "fd" in {m["name"] for m in page.get("/api/metrics").json()}
    assert [r["name"] for r in page.get("/api/recipes").json() if r["needs labels"]] == ["cgan"]
    decoder = lambda **data: next(row for row in page.get("/api/recipes/vae", params=data).json()["settings"] if row["path"] == "game.decoder.kind")
    assert decoder()["value"] != decoder(data="ring")["value"]              # convolutions for pictures, perceptrons for points
    assert "takes tables" in page.get("/api/recipes/tvae", params={"data": "ring"}).json()["error"]
    assert page.get("/api/inspect", params={"data": "ring"}).json()["kind"] == "points"


def test_five_hundred_runs_are_listed_in_a_second(tmp_path):
    event = {"round": 5, "terms": {}, "watch": {}, "metrics": {"fd": {"value": 1.0, "skill": 0.5}}, "health": [], "speed": {}, "seconds": 3.0}
    for i in range(500):
        run = tmp_path / f"run-{i}"
        (run / "previews").mkdir(parents=True)
        (run / "previews" / "000005.png").touch()
        files = {
            "recipe.json": {"recipe": "gan", "configuration": {}, "seed": 0, "rounds": 5}, "data.json": {"data": "d", "name": "d", "kind": "points"},
            "status.json": {"state": "finished", "pid": 1, "round": 5, "rounds": 5, "error": None},
        }  # fmt: skip
        for name, content in files.items():
            (run / name).write_text(json.dumps(content))
        later = event | {"round": 6, "metrics": {}}
        (run / "events.jsonl").write_text((json.dumps(event | {"health": ["mode-collapse"]}) + "\n") * 200 + json.dumps(later) + "\n")
    client = TestClient(create(runs=tmp_path), base_url="http://127.0.0.1:7860")
    client.get("/api/about")
    start = time.process_time()
    found = client.get("/api/runs").json()
    assert time.process_time() - start < 1 and len(found) == 500
    assert found[0]["skill"] == 0.5 and found[0]["health"] == ["mode-collapse"] and found[0]["preview"] == "000005.png"


def test_the_server_never_imports_torch():
    import subprocess
    import sys

    code = (
        "import sys; from sparring.studio.server import create; from starlette.testclient import TestClient\n"
        "c = TestClient(create(), base_url='http://127.0.0.1')\n"
        "for place in ('playground', 'runs', 'recipes/dcgan', 'metrics'): c.get(f'/api/{place}')\n"
        "print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_the_interface_is_described(page):
    described = page.get("/openapi.json").json()
    assert {"/api/runs", "/api/runs/{name}/events", "/api/playground"} <= set(described["paths"])
    assert all(way.get("description") or way.get("summary") for path in described["paths"].values() for way in path.values())
