"""A server that paints what is posted to it, for asyncio; whoever leaves frees the engine.

uvicorn --app-dir examples embed_fastapi:app
curl --data-binary @photo.jpg "http://127.0.0.1:8000/paint?strength=0.8" > painting.jpg
"""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response
from PIL import Image

from nst_rt import InputError, LimitError, Stylizer


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    with Stylizer("starry-night", max_pixels=24_000_000) as app.state.stylizer:
        yield


app = FastAPI(lifespan=lifespan, max_body_size=20_000_000)


@app.post("/paint")
async def paint(request: Request, strength: Annotated[float, Query(ge=0, le=1)] = 1.0) -> Response:
    photo = await request.body()
    painting = asyncio.create_task(app.state.stylizer.acall(photo, strength=strength))
    leaving = asyncio.create_task(left(request))
    try:
        await asyncio.wait({painting, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not painting.done():
            return Response(status_code=499)  # to nobody
        data = await painting
    except LimitError as error:
        raise HTTPException(413, error.what) from error
    except InputError as error:
        raise HTTPException(415, error.what) from error
    finally:
        painting.cancel()
        leaving.cancel()
    return Response(data, media_type=Image.open(io.BytesIO(data)).get_format_mimetype())


async def left(request: Request) -> None:
    """Wait until the client is gone."""
    while not await request.is_disconnected():
        await asyncio.sleep(0.1)
