"""The page that shows the API, from this host alone: Swagger UI from an installed package, and our few lines that start it."""

from __future__ import annotations

import os
from pathlib import Path

import fastapi_swagger
from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from img_enhance.service.api.whole_files import WholeFiles

STATIC = Path(__file__).parent.parent / "static"
SWAGGER = Path(fastapi_swagger.__file__).parent / "resources"
FILES = {"swagger-ui.css": SWAGGER, "swagger-ui-bundle.js": SWAGGER, "start.js": STATIC}

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>img-enhance API</title>
<link rel="stylesheet" href="docs/static/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="docs/static/swagger-ui-bundle.js"></script>
<script src="docs/static/start.js"></script>
</body>
</html>
"""
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; base-uri 'none'"


class PageFiles(WholeFiles):
    """The files that the page names, and nothing else of their folders."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        if path not in FILES:
            return "", None
        file = FILES[path] / path
        return str(file), file.stat()


@router.get("/docs")
async def docs() -> Response:
    """Swagger UI over /openapi.json."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})
