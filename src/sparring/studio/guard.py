"""Who may talk to the studio: pages that it served, on the host that it was started for, and with its token where others can reach it."""

import hmac
from urllib.parse import parse_qs, urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
COOKIE = "sparring_token"


class Guard:
    """ASGI middleware. A request for another Host is DNS rebinding, one from another Origin another site's page; both are refused, and
    so is one without the token, if there is one. The token comes in the first address (?token=...) and stays as a cookie."""

    def __init__(self, app, hosts: tuple[str, ...] | None, token: str | None = None):
        """`hosts`: names (without a port) under which the studio answers; None for any, which only a token makes safe."""
        self.app, self.hosts, self.token = app, hosts, token

    async def __call__(self, scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        problem = self.problem(headers, scope)
        if problem is None:
            return await self.app(scope, receive, self._remembering(scope, send))
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008, "reason": problem})
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
        return await send({"type": "http.response.body", "body": f"{problem}\n".encode()})

    def problem(self, headers: dict[str, str], scope) -> str | None:
        host = headers.get("host", "")
        if self.hosts is not None and self._name(host) not in self.hosts:
            return f"this studio does not answer for the host {self._name(host)[:100]!r}"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return "requests of other sites' pages are refused"
        if origin is None and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return "requests of other sites' pages are refused"
        if self.token is not None and not any(hmac.compare_digest(given.encode(), self.token.encode()) for given in self._tokens(headers, scope)):
            return "open the address with the token that `sparring studio` printed"
        return None

    @staticmethod
    def _name(host: str) -> str:
        return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host

    @staticmethod
    def _tokens(headers: dict[str, str], scope) -> list[str]:
        cookies = [part.strip().partition("=") for part in headers.get("cookie", "").split(";")]
        return [value for name, _, value in cookies if name == COOKIE] + parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])

    def _remembering(self, scope, send):
        if self.token is None or b"token=" not in scope.get("query_string", b""):
            return send

        async def answer(message):
            if message["type"] == "http.response.start":
                cookie = f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict; Path=/".encode()
                message = message | {"headers": [*message.get("headers", []), (b"set-cookie", cookie)]}
            await send(message)

        return answer
