"""Server-sent events, as far as a job's are concerned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """`kind` is "state" or "progress"; "" is a sign of life."""

    kind: str
    id: str
    data: dict[str, Any]


def events_in(lines: Iterable[bytes]) -> Iterator[Event]:
    """The events in the lines of a stream; one that is cut off or cannot be read is left out, for the job itself says the same."""
    fields: dict[str, str] = {}
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
            continue
        if "data" in fields:
            try:
                data = json.loads(fields["data"])
            except ValueError:
                data = None
            if isinstance(data, dict):
                yield Event(fields.get("event", ""), fields.get("id", ""), data)
        else:
            yield Event("", "", {})
        fields = {}
