"""What a check finds: one line for a person, with what mends it where something is wrong."""

from dataclasses import dataclass
from typing import Literal

from img_enhance.errors import ImgEnhanceError
from img_enhance.words import Words

# Something is broken; something is missing that not everybody needs, or makes work slow; all is well.
Status = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and, where that is not all right, what to do: most often a command."""

    status: Status
    title: str
    text: str
    remedy: str = ""

    def record(self) -> dict[str, str]:
        """The finding as JSON values."""
        return {"status": self.status, "title": self.title, "text": str(self.text), "remedy": str(self.remedy)}


def ok(title: str, text: str) -> Finding:
    return Finding("ok", title, text)


def warning(title: str, text: str, remedy: str) -> Finding:
    return Finding("warning", title, text, remedy)


def error(title: str, text: str, remedy: str) -> Finding:
    return Finding("error", title, text, remedy)


def failed(title: str, problem: ImgEnhanceError, otherwise: str) -> Finding:
    """What is broken because of a problem that is foreseen; `otherwise` is what to do where the problem names nothing."""
    return error(title, problem.says, Words(*problem.advice) if problem.advice else otherwise)
