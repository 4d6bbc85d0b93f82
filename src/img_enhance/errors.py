"""The error tree: every failure has a code, an HTTP status and an exit code.

    ImgEnhanceError
    +-- UserError                   your photo or your options                exit 2
    |   +-- OptionError             an option out of its bounds               422
    |   +-- RecipeError             a recipe that cannot be read              422
    |   +-- PhotoError              a photo that cannot be read               422
    |   |   +-- UnsupportedPhoto    a kind of photo this version refuses      415
    |   |   +-- PhotoTooLarge       more pixels than allowed                  413
    |   +-- OutputError             a result that cannot go where it is sent  409
    +-- MachineError                this machine                              exit 3
    |   +-- MemoryBudgetError       the work does not fit in memory           503
    |   |   +-- GpuMemoryFull       nor in that of the GPU                    503
    |   +-- DiskError               the disk is full or cannot be written     507
    |   +-- DeviceError             a device or a precision it does not have  503
    |   |   +-- DeviceLost          a GPU that stopped to answer              503
    |   +-- WeightsMissing          weights that are not on this machine      503
    |   +-- UnsupportedModel        a file of a network not known here        503
    |   +-- DownloadError           weights that cannot be fetched            503
    |   +-- ServiceUnreachable      a service that does not answer as one     503
    +-- IntegrityError              never hand this on                        exit 4
    |   +-- WeightsCorrupt          weights that are not the published ones   500
    |   +-- NotFinite               a network answered NaN or infinity        500
    +-- Cancelled                   somebody asked to stop                    exit 130

A message says what happened, with numbers, and apart from that the next thing to try. Settings and downloads in it are values (`words.py`),
which each door says in its own way. Errors carry only their message, so they pickle.
"""

from collections.abc import Callable
from typing import ClassVar, Self

from img_enhance.words import Setting, Term, Words, settled, settled_parts


class ImgEnhanceError(Exception):
    """Any failure this package foresees: what it `says` happened, and `advice`; `str(error)` is one line for a person."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, says: str, *advice: str | Term) -> None:
        super().__init__(says, *advice)
        self.says, self.advice = says, advice

    @property
    def words(self) -> Words:
        """The line with the terms that it speaks of."""
        return Words(self.says, "; ", *self.advice) if self.advice else Words(self.says)

    def __str__(self) -> str:
        return str(self.words)

    def settled(self, say: Callable[[Setting], str | Setting]) -> Self:
        """The same with its settings as `say` has them: whoever has passed options on knows what they were called."""
        return type(self)(settled(self.says, say), *settled_parts(self.advice, say))


class UserError(ImgEnhanceError):
    """The photo or the options must change."""

    code = "bad_request"
    http_status = 400
    exit_code = 2


class OptionError(UserError):
    """An option is unknown, has the wrong type or is out of its bounds."""

    code = "invalid_option"
    http_status = 422


class RecipeError(UserError):
    """A recipe cannot be read as one."""

    code = "invalid_recipe"
    http_status = 422


class PhotoError(UserError):
    """A photo is missing, unreadable, truncated or damaged."""

    code = "unreadable_photo"
    http_status = 422


class UnsupportedPhoto(PhotoError):
    """A file is not an image, or is a kind of image this version does not take."""

    code = "unsupported_photo"
    http_status = 415


class PhotoTooLarge(PhotoError):
    """A photo has more pixels than allowed."""

    code = "photo_too_large"
    http_status = 413


class OutputError(UserError):
    """A result cannot be written as or where it was asked for."""

    code = "output_refused"
    http_status = 409


class MachineError(ImgEnhanceError):
    """This machine cannot do the work as asked."""

    code = "machine"
    http_status = 503
    exit_code = 3


class MemoryBudgetError(MachineError):
    """The projected memory is above what is allowed or free."""

    code = "memory_budget"


class GpuMemoryFull(MemoryBudgetError):
    """A GPU's own memory is too small, or others hold it."""

    code = "gpu_memory_full"


class DiskError(MachineError):
    """A disk is full, or a folder cannot be written."""

    code = "disk"
    http_status = 507


class DeviceError(MachineError):
    """A device, or a precision on it, is not available."""

    code = "device"


class DeviceLost(DeviceError):
    """A GPU no longer answers: its driver was reset, or it is gone."""

    code = "device_lost"


class WeightsMissing(MachineError):
    """A model's weights are not on this machine."""

    code = "weights_missing"


class UnsupportedModel(MachineError):
    """A model's file is of a network that this version does not know, or does not do what networks that enlarge do."""

    code = "unsupported_model"


class DownloadError(MachineError):
    """A file cannot be fetched: the network, the server, or what it sends."""

    code = "download"


class ServiceUnreachable(MachineError):
    """A web service of ours does not answer, or what answers is none."""

    code = "service_unreachable"


class IntegrityError(ImgEnhanceError):
    """Something that must never be handed on as a result."""

    code = "integrity"
    exit_code = 4


class WeightsCorrupt(IntegrityError):
    """A weight file differs from the published one."""

    code = "weights_corrupt"


class NotFinite(IntegrityError):
    """A network's answer held NaN or infinity."""

    code = "not_finite"


class Cancelled(ImgEnhanceError):
    """The work was stopped on request; nothing was written."""

    code = "cancelled"
    http_status = 499
    exit_code = 130
