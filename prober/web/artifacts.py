"""Evidence over HTTP: asked for by id, handed out as files to keep, never as something a browser would run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

CHUNK_BYTES = 1 << 16
PICTURES = {".png": "image/png", ".jpg": "image/jpeg"}
SANDBOX = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"


def artifacts(find: Callable[[str], tuple[Path, str] | None]) -> Callable[[Request], Response]:
    """The route of everything ``find`` knows: pictures are shown, all else is a download."""

    def artifact(request: Request) -> Response:
        found = find(request.path_params["identity"])
        if found is None:
            raise HTTPException(404)
        path, _ = found
        picture = PICTURES.get(path.suffix)
        disposition = "inline" if picture else "attachment"
        headers = {
            "content-disposition": f'{disposition}; filename="{_plain(path.name)}"',
            "content-security-policy": SANDBOX,
        }
        try:
            size_bytes = path.stat().st_size
            pieces = _pieces(path)
            first = next(pieces, b"")
        except OSError:  # removed just now
            raise HTTPException(404) from None
        if request.method == "HEAD":
            headers["content-length"] = str(size_bytes)
            return Response(headers=headers, media_type=picture or "application/octet-stream")
        return StreamingResponse(
            _joined(first, pieces), headers=headers, media_type=picture or "application/octet-stream"
        )

    return artifact


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _plain(name: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
