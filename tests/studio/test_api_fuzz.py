"""Whatever a page sends, the studio answers, and never with a fault of its own: every route of /openapi.json, with what its schema allows and not."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from sparring.studio.server import create

TEXT = st.text(st.characters(exclude_categories=()), max_size=12)               # lone surrogates too
NUMBERS = st.floats() | st.integers(-(2**70), 2**70)
PLAIN = st.none() | st.booleans() | NUMBERS | TEXT
ANY = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=5)
OPERATIONS = [(path, way) for path, ways in create().app.openapi()["paths"].items() for way in ways]


def drawn(schema, shared):
    """What a schema describes, and sometimes anything."""
    schema = shared[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    kind = schema.get("type")
    if "anyOf" in schema:
        good = st.one_of([drawn(each, shared) for each in schema["anyOf"]])
    elif "enum" in schema or "const" in schema:
        good = st.sampled_from(schema.get("enum", [schema.get("const")]))
    elif kind in ("integer", "number"):
        good = st.integers(schema.get("minimum", -5), 2**31) if kind == "integer" else st.floats(schema.get("minimum", -5.0), 100.0)
    elif kind == "array":
        good = st.lists(drawn(schema.get("items", {}), shared), max_size=3)
    elif kind == "object" and "properties" in schema:
        fields = {name: drawn(field, shared) for name, field in schema["properties"].items()}
        needed = set(schema.get("required", ()))
        good = st.fixed_dictionaries({n: f for n, f in fields.items() if n in needed}, optional={n: f for n, f in fields.items() if n not in needed})
    else:
        good = {"boolean": st.booleans(), "null": st.none(), "string": TEXT, "object": st.dictionaries(TEXT, ANY, max_size=3)}.get(kind, ANY)
    return st.one_of(good, good, good, ANY)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Runs that are damaged, and data that nothing can be read from."""
    root = tmp_path_factory.mktemp("fuzz")
    for name, recipe in (("damaged", "{}"), ("worse", "[1")):
        (root / "runs" / name).mkdir(parents=True)
        (root / "runs" / name / "recipe.json").write_text(recipe)
        (root / "runs" / name / "events.jsonl").write_bytes(b'{"round": 1}\n[]\n\xff\n')
    with TestClient(create(runs=root / "runs"), base_url="http://127.0.0.1:7860") as client:
        yield client


@pytest.mark.parametrize(("path", "way"), OPERATIONS, ids=lambda value: value)
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_answer_is_one_of_the_interface(page, path, way, data):
    described = page.app.app.openapi()
    shared, operation = described["components"]["schemas"], described["paths"][path][way]
    known = ["damaged", "worse"] if way == "get" and "/explore/" not in path else []                   # nothing is to be started
    names = st.sampled_from([*known, "absent", "..", "%", "a/b", "a" * 300]) | TEXT
    query = {}
    for field in operation.get("parameters", ()):
        if field["in"] == "path":
            text = data.draw(names)
            path = path.replace(f"{{{field['name']}}}", quote(text.encode(errors="surrogatepass"), safe="") or "x")
        elif field.get("required") or data.draw(st.booleans()):
            query[field["name"]] = str(data.draw(drawn(field["schema"], shared))).encode(errors="replace").decode()
    sent = {}
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = data.draw(drawn(content["application/json"]["schema"], shared))
        sent = {"content": json.dumps(body), "headers": {"content-type": "application/json"}}
    elif content:
        sent = {"files": {name: ("a.png", data.draw(st.binary(max_size=40))) for name in ("picture", "mask")}}
    answer = page.request(way.upper(), path, params=query, **sent)
    assert answer.status_code < 500, answer.text
    if answer.status_code == 400:
        assert "\n" not in answer.json()["error"]
