"""The parts of the schema that cannot be read from the routes: bodies that are streamed, pictures, problems, examples."""

from __future__ import annotations

from typing import Any

from img_enhance.photo import FORMAT_NAMES
from img_enhance.request.form import Field, fields
from img_enhance.request.options import Input, Limits, Output
from img_enhance.request.recipe import AUTO
from img_enhance.request.step_options import STEP_OPTIONS
from img_enhance.service.problems import MEDIA_TYPE
from img_enhance.service.views import ProblemView

_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}

RECIPE_EXAMPLE = {
    "version": 1,
    "steps": [{"step": "white_balance"}, {"step": "real_esrgan", "model": "realesr-animevideov3", "upscale": 2}],
    "output": {"format": "webp", "quality": 90},
}


def field_schema(field: Field, known: tuple[str, ...] = ()) -> dict[str, Any]:
    """JSON Schema of an option; `known` are all choices where more are known than those that are always there."""
    schema: dict[str, Any] = {"type": _TYPES[field.type], "description": field.help}
    if field.choices:
        schema["examples" if field.extensible and not known else "enum"] = list(known or field.choices)
    if field.minimum is not None:
        schema["minimum"] = field.minimum
    if field.maximum is not None:
        schema["maximum"] = field.maximum
    if field.default is not None:
        schema["default"] = field.default
    return schema


def _object(options: type[Any], **first: Any) -> dict[str, Any]:
    properties = first | {field.name: field_schema(field) for field in fields(options)}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def recipe_schema() -> dict[str, Any]:
    """JSON Schema of a recipe."""
    steps = [_object(kind, step={"const": kind.name}) | {"title": kind.name, "required": ["step"]} for kind in STEP_OPTIONS]
    return {
        "type": "object",
        "title": "Recipe",
        "required": ["version", "steps"],
        "properties": {
            "version": {"const": 1},
            "steps": {"oneOf": [{"const": AUTO}, {"type": "array", "items": {"oneOf": steps}}]},
            "output": _object(Output),
            "input": _object(Input),
            "limits": _object(Limits),
        },
        "additionalProperties": False,
        "examples": [RECIPE_EXAMPLE],
    }


def _fields() -> dict[str, Any]:
    names = ", ".join(kind.name for kind in STEP_OPTIONS)
    return {
        "algorithms": {"type": "string", "default": "auto", "description": f"auto, or some of {names} with commas between"},
        "upscale_factor": {"type": "number", "minimum": 1, "maximum": 16, "description": "how many times larger"},
        "enhance_level": {"type": "number", "minimum": 0, "maximum": 1, "description": "how much of their work the algorithms do"},
        "output_format": {"type": "string", "enum": list(FORMAT_NAMES), "description": "default: the photo's own"},
        "quality": {"type": "integer", "minimum": 1, "maximum": 100, "description": "of a JPEG, WebP or AVIF"},
        "recipe": recipe_schema(),
        "keep_photo": {
            "type": "boolean",
            "default": False,
            "description": "keep the photo as long as its result, so that both can be looked at (GET /jobs/ID/view)",
        },
    }


_PHOTO_URL = {
    "type": "string",
    "maxLength": 2000,
    "description": "where the photo is, in place of its file, if the service takes such (photo_urls in /status)",
    "example": "https://photos.example/cat.jpg",
}
_CALLBACK_URL = {
    "type": "string",
    "maxLength": 2000,
    "description": "whom to tell of the end by a signed POST (docs/webhooks.md); needs an API key",
    "example": "https://yours.example/done",
}

_FILE = {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP, TIFF, AVIF, JPEG XL, HEIC, GIF, BMP or camera raw"}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 200},
    "description": "a request with the same key and payload is not done twice",
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string"},
    "example": "respond-async",
    "description": "respond-async: answer 202 at once",
}

ENHANCE_REQUEST: dict[str, Any] = {
    "parameters": [_IDEMPOTENCY, _PREFER],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "anyOf": [{"required": ["file"]}, {"required": ["photo_url"]}],
                    "properties": {"file": _FILE, **_fields(), "photo_url": _PHOTO_URL, "callback_url": _CALLBACK_URL},
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "anyOf": [{"required": ["image"]}, {"required": ["photo_url"]}],
                    "properties": {
                        "image": {"type": "string", "contentEncoding": "base64"},
                        **_fields(),
                        "photo_url": _PHOTO_URL,
                        "callback_url": _CALLBACK_URL,
                    },
                },
                "example": {"image": "iVBORw0KGgo...", "recipe": RECIPE_EXAMPLE},
            },
        },
    },
}
BATCH_REQUEST: dict[str, Any] = {
    "parameters": [_IDEMPOTENCY],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {"files": {"type": "array", "items": _FILE}, **_fields(), "callback_url": _CALLBACK_URL},
                }
            }
        },
    },
}

SUGGEST_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {"file": _FILE}}}},
    }
}

PREVIEW_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["file", "recipe"], "properties": {"file": _FILE, "recipe": recipe_schema()}}
            }
        },
    }
}

_PICTURES = {f"image/{name}": {"schema": {"type": "string", "format": "binary"}} for name in FORMAT_NAMES}
Answers = dict[int | str, dict[str, Any]]

PICTURE_ANSWER: Answers = {200: {"description": "The enhanced photo", "content": _PICTURES}}
ZIP_ANSWER: Answers = {200: {"description": "The ZIP", "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}}
TILE_ANSWER: Answers = {
    200: {
        "description": "The tile",
        "content": {f"image/{name}": {"schema": {"type": "string", "format": "binary"}} for name in ("png", "jpeg")},
    },
}
PREVIEW_ANSWER: Answers = {
    200: {"description": "The preview", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
}
ENHANCE_ANSWERS: Answers = {
    200: {
        "description": "The enhanced photo; X-Summary says what was done and what was noticed and left, Link leads to the record. "
        "With Accept: application/json the job.",
        "content": {**_PICTURES, "application/json": {"schema": {"$ref": "#/components/schemas/JobView"}}},
    },
    202: {"description": "Accepted: the job", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobView"}}}},
}
EVENTS_ANSWER: Answers = {
    200: {
        "description": "Events",
        "content": {"text/event-stream": {"example": 'event: state\nid: 2\ndata: {"state": "running", "at": 1790000000.0}\n\n'}},
    }
}
PROBLEMS: Answers = {
    "4XX": {"description": "The request must change", "model": ProblemView, "content": {MEDIA_TYPE: {}}},
    "5XX": {"description": "The service cannot; those with Retry-After pass", "model": ProblemView, "content": {MEDIA_TYPE: {}}},
}
