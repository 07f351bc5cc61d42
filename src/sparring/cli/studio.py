"""`sparring studio`."""

import argparse
import secrets
from pathlib import Path

from sparring.base.errors import UserError
from sparring.cli.common import Parser

LOCAL = ("127.0.0.1", "localhost", "::1")


def add_studio(parser: Parser) -> None:
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of runs (default: runs)")
    parser.add_argument("--allow", type=Path, action="append", default=[], metavar="FOLDER",
                        help="a folder whose data may be read; may be repeated (default: the current folder)")  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="address to answer at; any other than this machine's own needs a token, which is printed")
    parser.add_argument("--port", type=int, default=7860, help="0 takes a free one")


def studio(options: argparse.Namespace) -> int:
    """Serves until it is interrupted."""
    try:
        import uvicorn

        from sparring.studio.server import create
    except ModuleNotFoundError as error:
        raise UserError(f'the studio needs {error.name}: pip install "sparring[studio]"') from None
    import socket

    from sparring.studio.guard import LOOPBACK

    for folder in options.allow:
        if not folder.is_dir():
            raise UserError(f"--allow {folder} is no folder")
    token = None if options.host in LOCAL else secrets.token_urlsafe(16)
    try:
        listening = socket.create_server((options.host, options.port), family=socket.AF_INET6 if ":" in options.host else socket.AF_INET)
    except OSError as error:
        raise UserError(f"cannot listen at {options.host} port {options.port} ({error.strerror}): give another --port") from None
    port = listening.getsockname()[1]
    name = f"[{options.host}]" if ":" in options.host else options.host
    hosts = LOOPBACK if token is None else (*LOOPBACK, name) if options.host not in ("0.0.0.0", "::") else None       # every address of this machine
    print(f"studio at http://{name}:{port}/{f'?token={token}' if token else ''} (Ctrl-C ends it)", flush=True)
    app = create(runs=options.runs, allowed=tuple(options.allow or [Path.cwd()]), hosts=hosts, token=token)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3, ws_max_size=2**24))
    server.run(sockets=[listening])
    return 0
