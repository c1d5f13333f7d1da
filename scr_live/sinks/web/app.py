"""What the server answers."""

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from fastapi import FastAPI, Header, HTTPException, Path, Request, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.requests import ClientDisconnect

from scr_live import __version__
from scr_live.sinks.web import schemas
from scr_live.sinks.web.assets import read_assets
from scr_live.sinks.web.changes import SCHEMA, checked
from scr_live.sinks.web.hub import MOST_VIEWERS, Hub, NoAnswerError
from scr_live.sinks.web.metrics import CONTENT_TYPE, exposition
from scr_live.sinks.web.streams import BOUNDARY, Viewer, mjpeg, server_sent

_BODY_S: Final = 10.0
_DIGITS: Final = 15  # of an event's number
_FULL = f"{MOST_VIEWERS} watch already, which is the most that can. Close a page and try again."
_NO_PICTURE = "There is no picture yet."
_Answers: TypeAlias = dict[int | str, dict[str, Any]]
_JPEG: Final[_Answers] = {
    200: {"content": {"image/jpeg": {}}, "description": "A JPEG."},
    404: {"model": schemas.Problem},
}
_NOT_READY: Final[_Answers] = {503: {"content": {"text/plain": {}}, "description": "The reason."}}


def _stream(kind: str) -> _Answers:
    return {200: {"content": {kind: {}}, "description": "It has no end."}, 503: {"model": schemas.Problem}}


def create_app(hub: Hub) -> FastAPI:
    """Return the application of a run that is known as far as the hub knows it."""
    app = FastAPI(
        title="scr-live",
        version=__version__,
        summary="A run of scr-live: research software, not a medical device.",
        description="Any request may be refused with 400, 401, 403, 413, 421, 429 or 431, and a sentence.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.hub = hub
    _add_page(app)
    _add_health(app, hub)
    _add_facts(app, hub)
    _add_control(app, hub)
    _add_streams(app, hub)
    return app


def _add_page(app: FastAPI) -> None:
    assets = read_assets()

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return Response(assets["index.html"].content, media_type=assets["index.html"].kind)

    @app.get("/assets/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        found = assets.get(name)
        if found is None:
            raise HTTPException(404, "There is no such part of the page.")
        return Response(found.content, media_type=found.kind)


def _add_health(app: FastAPI, hub: Hub) -> None:
    @app.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """Whether the server lives."""
        return "ok\n"

    @app.get("/readyz", response_class=PlainTextResponse, responses=_NOT_READY)
    async def readyz() -> Response:
        """Whether pictures come in."""
        reason = hub.why_not_ready()
        return PlainTextResponse(f"{reason or 'ok'}\n", 503 if reason else 200)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """How the run stands, for Prometheus."""
        return Response(exposition(hub), media_type=CONTENT_TYPE)


def _add_facts(app: FastAPI, hub: Hub) -> None:
    @app.get("/api/status", responses={200: {"model": schemas.Status}, 503: {"model": schemas.Problem}})
    async def status() -> Response:
        """How the run stands."""
        if not hub.status:
            raise HTTPException(503, "The run has told nothing yet.")
        return JSONResponse(hub.account())

    @app.get("/api/sightings", responses={200: {"model": list[schemas.Sighting]}})
    async def sightings() -> Response:
        """What was announced, the newest first."""
        return JSONResponse(hub.sightings.as_list())

    @app.get("/api/sightings/{number}.jpg", response_class=Response, responses=_JPEG)
    async def sighting(number: Annotated[int, Path(ge=1, le=10**9)]) -> Response:
        """Return the picture of a sighting."""
        found = hub.sightings.picture(number)
        if found is None:
            raise HTTPException(404, "There is no picture of such a sighting.")
        return Response(found, media_type="image/jpeg")

    @app.get(
        "/api/snapshot.jpg",
        response_class=Response,
        responses={200: _JPEG[200], 503: {"model": schemas.Problem}},
    )
    async def snapshot() -> Response:
        """Return the newest picture."""
        picture = await hub.still()
        if picture is None:
            raise HTTPException(503, _NO_PICTURE)
        return Response(picture.jpeg, media_type="image/jpeg", headers={"X-Frame-Index": str(picture.index)})


def _add_control(app: FastAPI, hub: Hub) -> None:
    problems: _Answers = {code: {"model": schemas.Problem} for code in (408, 409, 413, 415, 422, 503)}

    @app.post(
        "/api/control",
        responses={200: {"model": schemas.ControlsNow}, **problems},
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": SCHEMA}}}
        },
    )
    async def control(request: Request) -> Response:
        """Change what a person may change while a run goes on."""
        changes = _meant(await _body(request), hub)
        if "recording" in changes and (reason := hub.status.get("recording_fixed")):
            raise HTTPException(409, reason)
        if hub.state != "going":
            raise HTTPException(409, "The run has ended: nothing can be changed any more.")
        try:
            answer = await hub.ask(changes)
        except NoAnswerError as error:
            raise HTTPException(503, str(error)) from error
        saved = {"saved": answer["snapshot"]} if "snapshot" in answer else {}
        return JSONResponse({**answer["controls"], **saved})


def _add_streams(app: FastAPI, hub: Hub) -> None:
    @app.get("/api/events", response_class=StreamingResponse, responses=_stream("text/event-stream"))
    async def events(last_event_id: Annotated[str, Header()] = "") -> Response:
        """Events of the run as they happen, and its status twice a second (text/event-stream).

        With Last-Event-ID: from the one after it, of the latest thousand.
        """
        if hub.listeners >= MOST_VIEWERS:
            raise HTTPException(503, _FULL)
        known = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= _DIGITS
        last_seen = int(last_event_id) if known else None
        return StreamingResponse(server_sent(hub, last_seen), media_type="text/event-stream")

    @app.get("/video.mjpeg", response_class=StreamingResponse, responses=_stream("multipart/x-mixed-replace"))
    async def video_mjpeg() -> Response:
        """Return the video as an endless picture, for whatever takes no WebSocket."""
        if hub.viewers >= MOST_VIEWERS:
            raise HTTPException(503, _FULL)
        return StreamingResponse(mjpeg(hub), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")

    @app.websocket("/ws/video")
    async def video(websocket: WebSocket) -> None:
        if hub.viewers >= MOST_VIEWERS:
            await websocket.send_denial_response(JSONResponse({"detail": _FULL}, 503))
            return
        await Viewer(websocket, hub).serve()


async def _body(request: Request) -> bytes:
    """Read the body of a request, as long as it comes."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send JSON, with Content-Type: application/json.")
    try:
        async with asyncio.timeout(_BODY_S):
            return await request.body()
    except TimeoutError as error:
        raise HTTPException(408, "The request did not come in time.") from error
    except ClientDisconnect as error:
        raise HTTPException(413, "The request was cut off, or is too large.") from error


def _meant(body: bytes, hub: Hub) -> Mapping[str, float | bool]:
    try:
        changes = checked(json.loads(body))
    except RecursionError as error:
        raise HTTPException(422, "That is a JSON of endless brackets.") from error
    except UnicodeDecodeError as error:
        raise HTTPException(422, "That is no UTF-8.") from error
    except json.JSONDecodeError as error:
        raise HTTPException(422, f"That is no JSON: {error.msg}.") from error
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    follows = hub.status.get("controls", {}).get("alert_after_s") is not None
    if "alert_after_s" in changes and not follows:
        raise HTTPException(422, "This run does not follow regions, so it has no alert rule.")
    return changes
