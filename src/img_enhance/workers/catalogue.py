"""Every problem that a client can meet: one row a code, with what it means and what to do. Pages, schema and answers come from here."""

from __future__ import annotations

from dataclasses import dataclass

from img_enhance import errors
from img_enhance.errors import ImgEnhanceError
from img_enhance.jobs import refusals
from img_enhance.words import Pull
from img_enhance.workers.protocol import Failed
from img_enhance.workers.public import public

PATH = "/problems"


@dataclass(frozen=True)
class Kind:
    """One class of the error tree as its clients see it.

    `private` ones speak of the machine that serves, its folders and files: clients get the meaning, the log has the words.
    """

    error: type[ImgEnhanceError]
    fix: str
    private: bool = False

    @property
    def code(self) -> str:
        return self.error.code

    @property
    def status(self) -> int:
        return self.error.http_status

    @property
    def meaning(self) -> str:
        return (self.error.__doc__ or "").splitlines()[0]

    @property
    def address(self) -> str:
        """Where this row can be read: the `type` of RFC 9457."""
        return f"{PATH}/{self.code}"


_OPERATOR = "ask the operator, whose log says more"
_LATER = "try again after Retry-After seconds"

KINDS = (
    Kind(errors.UserError, "change the request as the detail says"),
    Kind(errors.OptionError, "change the option as the detail says; GET /api/v1/algorithms lists all with their bounds"),
    Kind(errors.RecipeError, "send a recipe as docs/api.md and the schema show it"),
    Kind(errors.PhotoError, "save the photo anew in an image editor and send that file"),
    Kind(errors.UnsupportedPhoto, "send a JPEG, PNG, WebP, TIFF, AVIF, JPEG XL, HEIC, GIF, BMP or camera raw file"),
    Kind(errors.PhotoTooLarge, "reduce the photo, or ask for a smaller factor; GET /api/v1/status lists the limits"),
    Kind(errors.OutputError, "ask for another output_format"),
    Kind(errors.MachineError, _OPERATOR, private=True),
    Kind(errors.MemoryBudgetError, "ask for a smaller factor or a faster model, or send a smaller photo"),
    Kind(errors.GpuMemoryFull, "ask for a smaller factor or a faster model, or send the photo again later"),
    Kind(errors.DiskError, _OPERATOR, private=True),
    Kind(errors.DeviceError, _OPERATOR, private=True),
    Kind(errors.DeviceLost, f"send the photo again, or {_OPERATOR}", private=True),
    Kind(errors.WeightsMissing, f"take another model, or {_OPERATOR}", private=True),
    Kind(errors.UnsupportedModel, f"take another model, or {_OPERATOR}", private=True),
    Kind(errors.DownloadError, f"take another model, or {_OPERATOR}", private=True),
    Kind(errors.IntegrityError, _OPERATOR, private=True),
    Kind(errors.WeightsCorrupt, f"take another model, or {_OPERATOR}", private=True),
    Kind(errors.NotFinite, f"take another model, or {_OPERATOR}"),
    Kind(errors.Cancelled, "send the photo again if you still want it"),
    Kind(refusals.MalformedRequest, "send the request as docs/api.md and the schema show it"),
    Kind(refusals.KeyMissing, "send your API key as X-API-Key or as Authorization: Bearer"),
    Kind(refusals.KeyUnknown, "check the key, or ask the operator for a new one"),
    Kind(refusals.StrangeSite, "open the page at the address that img-enhance open says"),
    Kind(refusals.OneTimeKeyRefused, "run img-enhance open again"),
    Kind(refusals.NotHere, "check the address; jobs are forgotten a week after their results"),
    Kind(refusals.MethodRefused, "use a method that the schema names for this address"),
    Kind(refusals.UploadTooSlow, "use a faster connection or a smaller file"),
    Kind(refusals.NotFinished, "ask again later, or read the job's events"),
    Kind(refusals.StillRunning, "wait for the first request; its job is named in the answer"),
    Kind(refusals.JobCancelled, "send the photo again if you still want it"),
    Kind(refusals.ResultExpired, "send the photo again"),
    Kind(refusals.FileTooLarge, "send a smaller file; GET /api/v1/status lists the limits"),
    Kind(refusals.KindRefused, "send multipart/form-data, or application/json with the photo in base64, unpacked"),
    Kind(refusals.RangeRefused, "ask for bytes that the result has; Content-Range says how many"),
    Kind(refusals.KeyReused, "use a new Idempotency-Key for another payload"),
    Kind(refusals.UrlRefused, "name a URL of http or https whose host everybody can reach"),
    Kind(refusals.UrlFailed, "check the URL, or send the photo itself"),
    Kind(refusals.NotViewable, "download the result to see it"),
    Kind(refusals.WorkTooLong, "ask for a smaller factor or a faster model"),
    Kind(refusals.QuotaReached, "wait for some of your jobs, or cancel them"),
    Kind(refusals.DailyQuotaReached, "wait for the next day (UTC), or ask the operator for more; GET /api/v1/status shows what is used"),
    Kind(refusals.Saturated, _LATER),
    Kind(refusals.Stopping, _LATER),
    Kind(refusals.StoreBroken, _OPERATOR, private=True),
    Kind(refusals.WorkerDied, "ask for a smaller factor, or send a smaller photo"),
    Kind(refusals.WaitedTooLong, "ask for the job at the address in the answer"),
    Kind(refusals.StorageFull, "try again later"),
    Kind(refusals.Bug, "tell the operator the X-Request-ID"),
)
_BY_CODE = {kind.code: kind for kind in KINDS}


def kind_of(code: str) -> Kind:
    """The row with this code; the one of our own mistakes for a code that no row has."""
    return _BY_CODE.get(code, _BY_CODE[refusals.Bug.code])


def is_code(code: str) -> bool:
    """Whether a row has this code."""
    return code in _BY_CODE


def as_data(error: ImgEnhanceError) -> Failed:
    """An error of the tree as data; what it says is fit for strangers."""
    kind = kind_of(error.code)
    if kind.private:
        return Failed(error.code, error.http_status, f"{kind.meaning.rstrip('.')}; {_fix(kind, error)}", str(error))
    return Failed(error.code, error.http_status, public(error.words))


def _fix(kind: Kind, error: ImgEnhanceError) -> str:
    """What to do about an error of the machine: the command where weights are to be downloaded, which names no folder."""
    pull = next((part for part in error.advice if isinstance(part, Pull)), None)
    return kind.fix if pull is None else f"take another model, or ask the operator to {pull}"
