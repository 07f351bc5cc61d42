"""The explorer over HTTP, as a page uses it: a real worker process under the real application."""

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import struct
import threading
import time
import zipfile

import numpy as np
import pytest
import uvicorn
from PIL import Image
from starlette.testclient import TestClient

import sparring
from sparring.studio import explorer_worker
from sparring.studio.explorer import Explorer
from sparring.studio.explorer_worker import Inbox, Worker, heard
from sparring.studio.pipes import Out
from sparring.studio.server import create
from tests.studio.explorable import RUNS, photo


@pytest.fixture(scope="module")
def place(explorable):
    return explorable


@pytest.fixture(scope="module")
def page(place):
    with TestClient(create(runs=place / "runs", allowed=(place / "photos",)), base_url="http://127.0.0.1:7860") as client:
        yield client


def seen(answer):
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png", answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def sent(picture, format="PNG"):
    file = io.BytesIO()
    picture.save(file, format)
    return file.getvalue()


def alike(a, b):
    return a.shape == b.shape and np.abs(a.astype(int) - b.astype(int)).max() <= 1


def test_what_runs_can_do_is_told(page):
    about = {name: page.get(f"/api/explore/{name}").json() for name in RUNS}
    kinds = {name: about[name]["kind"] for name in RUNS}
    assert kinds == dict.fromkeys(RUNS, "images") | {"table": "tables", "maps": "pairs"}
    can = lambda what: {name for name in RUNS if about[name][what]}
    assert can("generates") == set(RUNS) - {"inpaint", "maps"} and can("styles") == {"style"} and can("conditions") == {"table"}
    assert can("encodes") == can("reconstructs") == {"vae"} and can("transforms") == can("transform") == {"inpaint", "maps"}
    assert about["dcgan"]["labels"] == list("0123456789") and about["dcgan"]["checkpoints"] == {"best": "000002", "last": "000002"}
    assert about["style"]["layers"] == sum(map(len, about["style"]["bands"].values())) and len(about["style"]["directions"]) > 4
    assert about["inpaint"]["transform"]["mask"] and about["inpaint"]["directions"] == [] and about["inpaint"]["transform"]["colours"] == []
    given, shown = zip(*about["maps"]["transform"]["colours"])
    assert [*given] == [[0] * 3, [3] * 3, [7] * 3] and len({tuple(colour) for colour in shown}) == 3 and all(max(colour) > 128 for colour in shown)
    assert about["table"]["columns"][1]["name"] == "town" and "<b>" in about["table"]["columns"][1]["values"]


@pytest.mark.parametrize("name", ["dcgan", "style", "vae"])
def test_samples_are_those_of_the_run(page, place, name):
    run = sparring.load(place / "runs" / name)
    sample = lambda **wish: seen(page.post(f"/api/explore/{name}/sample", json=wish))
    assert alike(sample(seeds=[3]), run.sample(1, seed=3)[0, ..., 0])
    label = {"label": "7"} if name != "vae" else {}
    assert alike(sample(seeds=[3], truncation=0.5, **label), run.sample(1, seed=3, truncation=0.5, **label)[0, ..., 0])
    assert alike(sample(seeds=[3]), run.sample(1, seed=3)[0, ..., 0])                       # truncation left nothing behind
    assert sample(n=6, columns=3).shape == (134, 200) and sample(seeds=[1, 2, 3, 4]).shape == (134, 134)
    assert alike(sample(seeds=[3], offsets=[0, 0]), sample(seeds=[3])) and not alike(sample(seeds=[3], offsets=[9]), sample(seeds=[3]))


def test_paths_mixes_and_traversals(page):
    post = lambda do, run="style", **wish: seen(page.post(f"/api/explore/{run}/{do}", json=wish))
    for run in ("style", "dcgan"):
        for way in ("line", "sphere"):
            frames = [post("path", run, seeds=[1, 2], frames=2, way=way, frame=i, label=["1", "8"]) for i in range(4)]
            ends = [post("sample", run, seeds=[seed], label=label) for seed, label in ((1, "1"), (2, "8"))]
            assert alike(frames[0], ends[0]) and alike(frames[2], ends[1]) and alike(frames[1], frames[3]) and not alike(*frames[:2])
    assert alike(post("path", seeds=[1, 2], frames=2, frame=2, closed=False), post("sample", seeds=[2]))
    assert alike(post("mix", seed=1, bands={"coarse": 2, "middle": 2, "fine": 2}), post("sample", seeds=[2]))
    assert alike(post("mix", seed=1, bands={"0-1": 1}), post("sample", seeds=[1]))
    assert post("traverse", "vae", seed=3, rows=2, steps=5).shape == post("traverse", along="directions", rows=2, steps=5).shape == (134, 332)
    film = page.post("/api/explore/dcgan/film", json={"seeds": [1, 2], "frames": 3})
    assert film.headers["content-type"] == "image/gif" and Image.open(io.BytesIO(film.content)).n_frames == 6


def test_items_that_are_steered_and_mixed_go_wherever_seeds_go(page):
    post = lambda do, run="style", **wish: seen(page.post(f"/api/explore/{run}/{do}", json=wish))
    steered = {"seed": 3, "offsets": [2.0], "label": "4"}
    for run, psi in (("style", 0.7), ("dcgan", 1.5)):
        same = post("sample", run, seeds=[3], offsets=[2.0], label="4", truncation=psi)
        assert alike(post("sample", run, seeds=[steered], label="9", truncation=psi), same)
        assert alike(post("path", run, seeds=[1, steered], frames=2, frame=2, truncation=psi), same)
    mixed = {"seed": 1, "bands": {"fine": steered, "0": 2}, "offsets": [0.0, -1.0]}
    assert alike(post("mix", seed=1, bands={"0": 2, "fine": steered}, offsets=[0.0, -1.0]), post("sample", seeds=[mixed]))
    assert alike(post("sample", seeds=[{"seed": 1, "bands": dict.fromkeys(("coarse", "middle", "fine"), steered)}]), post("sample", seeds=[steered]))
    table = post("mixtures", columns=[1, 2], rows=[mixed, 4, 5], styles="coarse")
    assert table.shape == (2 + 4 * 66, 2 + 3 * 66) and (table[:66, :66] == 255).all()
    cell = post("mix", seed=2, bands={"coarse": 5}).repeat(8, 0).repeat(8, 1)
    assert alike(table[-66:-2, -66:-2], cell) and alike(table[68:132, 2:66], post("sample", seeds=[mixed]).repeat(8, 0).repeat(8, 1))


def test_rows_with_conditions_and_files(page, place):
    found = page.post("/api/explore/table/sample", json={"n": 20, "where": ["age>=60", "town=Ulm"]}).json()
    assert [c["name"] for c in found["columns"]] == ["age", "town"] and len(found["rows"]) == 20 and 0 < found["acceptance"] < 1
    assert all(int(age) >= 60 and town == "Ulm" for age, town in found["rows"])
    file = page.get("/api/explore/table/download", params={"n": 7, "where": ["age>=60"]})
    assert file.headers["content-type"].startswith("text/csv") and 'filename="table.csv"' in file.headers["content-disposition"]
    assert len(file.text.splitlines()) == 8 and file.text.startswith("age,town\n")
    assert page.get("/api/explore/table/download", params={"n": 7, "format": "parquet"}).content[:4] == b"PAR1"
    file = page.get("/api/explore/dcgan/download", params={"n": 3, "label": "4", "seed": 5})
    archive = zipfile.ZipFile(io.BytesIO(file.content))
    pixels = [np.asarray(Image.open(archive.open(name))) for name in sorted(archive.namelist())]
    assert alike(np.stack(pixels), sparring.load(place / "runs" / "dcgan").sample(3, seed=5, label="4")[..., 0])


def test_a_picture_is_encoded_reconstructed_and_projected(page):
    picture = {"picture": ("any.png", sent(photo(30, 20)))}
    assert seen(page.post("/api/explore/vae/reconstruct", files=picture)).shape == (8, 8)
    assert seen(page.post("/api/explore/vae/reconstruct?beside=true", files=picture)).shape == (68, 134)
    name = page.post("/api/explore/vae/encode", files=picture).json()["name"]
    again = seen(page.post("/api/explore/vae/sample", json={"seeds": [name]}))
    assert alike(again, seen(page.post("/api/explore/vae/reconstruct", files=picture)))
    assert alike(again, seen(page.get("/api/explore/vae/picture", params={"name": name})))
    assert page.post("/api/explore/dcgan/sample", json={"seeds": [name]}).status_code == 400                # it is of another run
    for run, space in (("dcgan", "z"), ("style", "w+")):
        begun = page.post(f"/api/explore/{run}/project", files=picture, params={"steps": 12, "space": space, "label": "3"})
        assert begun.status_code == 202, begun.text
        job = settled(page, run, begun.json()["job"])
        assert job["state"] == "done" and job["progress"] == 1 and job["distance"] > 0, job
        made = seen(page.get(f"/api/explore/{run}/picture", params={"name": job["name"]}))
        assert alike(made, seen(page.post(f"/api/explore/{run}/sample", json={"seeds": [job["name"]]})))
        assert alike(made, seen(page.post(f"/api/explore/{run}/path", json={"seeds": [1, job["name"]], "frames": 3, "frame": 3})))
        assert seen(page.get(f"/api/explore/{run}/picture", params={"name": job["name"], "shown": "both"})).shape == (68, 134)
    assert seen(page.post("/api/explore/style/mix", json={"seed": job["name"], "bands": {"fine": 5}})).shape == (8, 8)


def settled(page, run, job, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = page.get(f"/api/explore/{run}/project/{job}").json()
        if found["state"] not in ("waiting", "preparing", "running"):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_sliders_live_while_a_projection_goes_on_which_can_be_cancelled(page):
    picture = {"picture": ("any.png", sent(photo(30, 20)))}
    jobs = [page.post("/api/explore/style/project", files=picture, params={"steps": 2000}).json()["job"] for _ in range(2)]
    seen(page.post("/api/explore/style/sample", json={"seeds": [1]}))
    assert page.get(f"/api/explore/style/project/{jobs[0]}").json()["state"] in ("preparing", "running")
    for job in reversed(jobs):
        assert page.delete(f"/api/explore/style/project/{job}").status_code == 200
        assert settled(page, "style", job)["state"] == "cancelled"


def test_pictures_of_any_size_are_transformed(page):
    given, hole = photo(40, 300, "RGBA"), Image.new("L", (300, 40))
    hole.paste(255, (10, 10, 20, 30))
    made = seen(page.post("/api/explore/inpaint/transform", files={"picture": ("a.png", sent(given)), "mask": ("m.png", sent(hole))}))
    whole = np.asarray(given)
    assert made.shape == (40, 300, 4) and (made[..., 3] == whole[..., 3]).all()
    assert (made[:, 30:, :3] == whole[:, 30:, :3]).all() and (made[10:30, 10:20, :3] != whole[10:30, 10:20, :3]).any()


@pytest.mark.parametrize(
    ("address", "wish", "words"),
    [
        ("dcgan/sample", {"seeds": [-1]}, "seeds"), ("dcgan/sample", {"colour": 1}, "colour"), ("dcgan/sample", {"label": "dog"}, "label"),
        ("dcgan/sample", {"n": 300}, "256"), ("dcgan/sample", {"truncation": 0}, "truncation"), ("dcgan/sample", {"where": ["a=1"]}, "attributes"),
        ("dcgan/sample", {"seeds": ["p0123456789ab"]}, "project it again"), ("dcgan/sample", {"seeds": [1, 2], "label": ["1"]}, "1 labels"),
        ("dcgan/sample", {"offsets": [0] * 40}, "offsets"), ("dcgan/mix", {"bands": {"fine": 1}}, "styles"),
        ("style/mix", {"bands": {"best": 1}}, "layers"), ("dcgan/mixtures", {"columns": [1], "rows": [2]}, "styles"),
        ("dcgan/sample", {"seeds": [{"seed": 1, "bands": {"fine": 2}}]}, "styles"), ("dcgan/sample", {"seeds": [{"seed": 1, "size": 2}]}, "seeds"),
        ("style/path", {"seeds": [1, 2], "space": "z", "offsets": [1]}, "offsets"),
        ("dcgan/path", {"seeds": [1, 2], "frame": 48}, "frames"), ("dcgan/traverse", {"rows": 9, "first": 10**6}, "noise"),
        ("table/sample", {"where": ["age>=900"]}, "age"), ("table/path", {"seeds": [1, 2]}, "pictures"),
        ("table/sample", {"where": ["size=3"]}, "size"), ("inpaint/sample", {}, "transform"),
        ("absent/sample", {}, "no run"), ("..%2fruns/sample", {}, ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(page, address, wish, words):
    answer = page.post(f"/api/explore/{address}", json=wish)
    assert answer.status_code in (400, 404, 405) and words in answer.text and "\n" not in answer.text.strip(), answer.text


def test_uploads_that_are_refused(page, place):
    send = lambda content, address="vae/reconstruct", **more: page.post(f"/api/explore/{address}", files={"picture": ("a.png", content)}, **more)
    assert send(b"<svg onload=alert(1)>").status_code == 400 and "not a picture" in send(b"GIF89a").json()["error"]
    for side in (9000, 20000):                                          # few bytes, many pixels: over our limit, and over Pillow's
        assert "megapixels" in send(sent(Image.new("1", (side, 9000)))).json()["error"]
    assert send(b"\0" * (33 * 2**20)).status_code == 413
    endless = (b"\0" * 2**20 for _ in range(40))
    assert page.post("/api/explore/vae/encode", content=endless, headers={"content-type": "multipart/form-data; boundary=x"}).status_code == 413
    assert page.post("/api/explore/vae/encode").status_code == 400
    small = sent(photo(20, 20))
    assert "mask" in send(small, "inpaint/transform").json()["error"] and "encoder" in send(small, "dcgan/encode").json()["error"]
    assert "direction" in send(small, "inpaint/transform?direction=b2a").json()["error"] and send(small, "table/project").status_code == 400
    shutil.copytree(place / "runs" / "dcgan", place / "runs" / "astray")
    about = json.loads((place / "runs" / "astray" / "data.json").read_text())
    (place / "runs" / "astray" / "data.json").write_text(json.dumps(about | {"data": "/etc"}))
    assert "outside" in send(small, "astray/project").json()["error"]
    (place / "runs" / "damaged").mkdir()
    (place / "runs" / "damaged" / "recipe.json").write_text("{}")
    assert page.get("/api/explore/damaged").status_code == 400


def process():
    """The worker's id."""
    if not os.path.isdir("/proc/self"):
        pytest.skip("without /proc processes cannot be looked for")
    for number in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{number}/cmdline", "rb") as command, open(f"/proc/{number}/stat") as state:    # it may end
            if b"explorer_worker" in command.read() and int(state.read().rpartition(")")[2].split()[1]) == os.getpid():
                return int(number)
    pytest.fail("there is no worker")


def test_a_worker_that_dies_takes_nothing_else_down(page):
    seen(page.post("/api/explore/dcgan/sample", json={}))
    os.kill(process(), signal.SIGKILL)
    seen(page.post("/api/explore/dcgan/sample", json={}))               # nobody waited for it
    answers = []
    long = {"seeds": list(range(16)), "frames": 240}
    waiting = threading.Thread(target=lambda: answers.append(page.post("/api/explore/style/film", json=long)))
    waiting.start()
    time.sleep(1)
    os.kill(process(), signal.SIGKILL)
    waiting.join()
    assert answers[0].status_code == 500 and "ended" in answers[0].json()["error"]
    seen(page.post("/api/explore/dcgan/sample", json={}))


def test_of_the_wishes_of_a_page_the_latest_counts(page):
    seen(page.post("/api/explore/dcgan/sample", json={}))
    os.kill(process(), signal.SIGSTOP)
    answers, threads = {}, []
    for seed in range(4):
        ask = lambda seed=seed: answers.update({seed: page.post("/api/explore/dcgan/sample", json={"seeds": [seed], "page": "a"})})
        threads.append(threading.Thread(target=ask))
        threads[-1].start()
        time.sleep(0.2)
    os.kill(process(), signal.SIGCONT)
    for thread in threads:
        thread.join()
    codes = [answers[seed].status_code for seed in range(4)]
    assert codes[3] == 200 and 409 in codes and set(codes) <= {200, 409}


def test_a_newer_wish_takes_the_place_of_an_older_one():
    file, inbox = io.BytesIO(), Inbox()
    take_up = heard(inbox, Out(file))
    for number, (kind, who) in enumerate([("sample", "a"), ("sample", "b"), ("mix", "a"), ("sample", "a"), ("sample", ""), ("sample", "")]):
        take_up({"id": number, "do": kind, "run": "r", "wish": {"page": who}})
    assert [inbox.take(0)["id"] for _ in range(5)] == [3, 1, 2, 4, 5] and inbox.take(0) is None
    assert said(file) == [{"id": 0, "replaced": True}]


def said(file):
    content, found = file.getvalue(), []
    while content:
        (length,) = struct.unpack(">I", content[1:5])
        if content[:1] == b"J":
            found.append(json.loads(content[5 : 5 + length]))
        content = content[5 + length :]
    return found


def test_what_nobody_waits_for_is_forgotten(place, tmp_path):
    """Before it is begun, or in the middle of the work."""
    file = io.BytesIO()
    worker = Worker(Out(file), Inbox())
    take_up = heard(worker.inbox, worker.out)
    take_up({"id": 1, "do": "sample", "run": "r", "wish": {}})
    take_up({"do": "forget", "of": 1})
    assert worker.inbox.take(0) is None
    wish = {"n": 500, "format": "csv"}
    take_up({"do": "forget", "of": 2})
    worker.do({"id": 2, "do": "download", "run": str(place / "runs" / "table"), "wish": wish, "out": str(tmp_path / "out")})
    worker.do({"id": 3, "do": "download", "run": str(place / "runs" / "table"), "wish": wish, "out": str(tmp_path / "out")})
    assert [message for message in said(file) if "begun" not in message][0] == {"id": 2, "failed": "nobody waited for it any longer"}
    assert said(file)[-1]["answer"]["name"].endswith(".csv") and not worker.inbox.forgotten


def test_work_ends_when_its_page_goes_away(place, monkeypatch):
    """Over a real socket: the server that starlette's test client stands for never learns of it."""
    answers, heard_before = [], Explorer._heard

    def heard_here(self, kind, content):
        answers.append(content)
        heard_before(self, kind, content)

    monkeypatch.setattr(Explorer, "_heard", heard_here)
    server = uvicorn.Server(uvicorn.Config(create(runs=place / "runs"), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait = lambda reached: next(filter(None, (reached() or time.sleep(0.05) for _ in range(1200))))
        port = wait(lambda: server.started and server.servers[0].sockets[0].getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as page:
            page.sendall(f"GET /api/explore/table/download?n=1000000&format=csv HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            wait(lambda: any(b"begun" in said for said in answers))
        wait(lambda: any(b"nobody waited for it any longer" in said for said in answers))
    finally:
        server.should_exit = True
        thread.join()
    assert not any(b'"answer"' in said for said in answers)


def test_three_runs_stay_loaded(place):
    worker = Worker(Out(io.BytesIO()), Inbox())
    load = lambda name: worker.exploration(place / "runs" / name, "best")
    first = load("dcgan")
    for name in ("vae", "table"):
        load(name)
    assert load("dcgan") is first
    load("style")                                                       # the vae was not asked for the longest
    assert [run.name for run, _ in worker.loaded] == ["table", "dcgan", "style"] and len(worker.loaded) == explorer_worker.RUNS
    load("vae")
    assert load("dcgan") is first
    os.utime(place / "runs" / "dcgan" / "recipe.json", (1, 1))          # trained anew
    assert load("dcgan") is not first


def test_the_worker_ends_with_the_server_and_nothing_is_left(place, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with TestClient(create(runs=place / "runs"), base_url="http://127.0.0.1:7860") as client:
        assert client.get("/api/explore/table/download").status_code == 200
        assert len([*tmp_path.glob("sparring-explorer-*")]) == 1
    assert not [*tmp_path.iterdir()]
