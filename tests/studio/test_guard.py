"""Who may talk to the studio."""

import pytest
from starlette.testclient import TestClient

from sparring.studio.guard import COOKIE
from sparring.studio.server import create


def client(host="127.0.0.1:7860", **options) -> TestClient:
    return TestClient(create(**options), base_url=f"http://{host}")


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "localhost", "[::1]:7860"])
def test_this_machine_may(host):
    answer = client().get("/api/about", headers={"host": host})
    assert answer.status_code == 200 and answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost.evil.example:7860", ""])
def test_other_hosts_are_dns_rebinding(host):
    assert client().get("/api/about", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
                                     {"origin": "http://127.0.0.1:9999"}, {"origin": "http://127.0.0.1:7860.evil.example"}])  # fmt: skip
def test_other_sites_pages_may_not(headers):
    assert client().get("/api/about", headers=headers).status_code == 403
    assert client().get("/api/about", headers={"origin": "http://127.0.0.1:7860"}).status_code == 200


def test_a_socket_of_another_site_is_refused():
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client().websocket_connect("/api/playground/play", headers={"origin": "http://evil.example"}):
        pass


def test_elsewhere_a_token_is_needed_and_remembered():
    page = client("studio.example:7860", hosts=None, token="secret")
    assert page.get("/api/about").status_code == 403
    assert page.get("/api/about?token=wrong").status_code == 403
    first = page.get("/api/about?token=secret")
    assert first.status_code == 200 and "HttpOnly" in first.headers["set-cookie"] and "SameSite=Strict" in first.headers["set-cookie"]
    page.cookies.set(COOKIE, "secret")
    assert page.get("/api/about").status_code == 200
