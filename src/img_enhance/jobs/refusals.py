"""What only a service refuses: a branch of the error tree with the codes and HTTP statuses of its answers."""

from img_enhance.errors import DiskError, MachineError, UserError


class MalformedRequest(UserError):
    """A request that cannot be read: its form, its JSON, its headers."""

    code = "malformed_request"


class KeyMissing(UserError):
    """No API key came with the request."""

    code = "key_missing"
    http_status = 401


class KeyUnknown(UserError):
    """An API key that is not one of ours."""

    code = "key_unknown"
    http_status = 403


class StrangeSite(UserError):
    """A request that names another host, or comes from another site's page."""

    code = "strange_site"
    http_status = 403


class OneTimeKeyRefused(UserError):
    """A one-time key that was used already, or that somebody else holds."""

    code = "one_time_key"
    http_status = 403


class NotHere(UserError):
    """No such address, job or batch, or not the caller's."""

    code = "not_found"
    http_status = 404


class MethodRefused(UserError):
    """An address that does not know the method."""

    code = "method_not_allowed"
    http_status = 405


class UploadTooSlow(UserError):
    """The body did not arrive in time."""

    code = "upload_too_slow"
    http_status = 408


class NotFinished(UserError):
    """A result that does not exist yet, or never will."""

    code = "not_finished"
    http_status = 409


class StillRunning(UserError):
    """The first request with this Idempotency-Key is still being worked on."""

    code = "idempotency_running"
    http_status = 409


class JobCancelled(UserError):
    """A job that was cancelled: it has no result, and never will."""

    code = "job_cancelled"
    http_status = 410


class ResultExpired(UserError):
    """A result that is gone: it was kept as long as promised, or its owner deleted it."""

    code = "result_expired"
    http_status = 410


class FileTooLarge(UserError):
    """More bytes than allowed."""

    code = "file_too_large"
    http_status = 413


class KindRefused(UserError):
    """A body of a kind that the address does not take."""

    code = "unsupported_body"
    http_status = 415


class RangeRefused(UserError):
    """A part of a result that lies behind its end."""

    code = "range_not_satisfiable"
    http_status = 416


class KeyReused(UserError):
    """An Idempotency-Key that came with another payload before."""

    code = "idempotency_reused"
    http_status = 422


class UrlRefused(UserError):
    """A URL that leads to where the service may not go."""

    code = "url_refused"
    http_status = 422


class UrlFailed(UserError):
    """A URL that did not answer as it should."""

    code = "url_failed"
    http_status = 422


class WorkTooLong(UserError):
    """Work estimated to take longer than allowed."""

    code = "work_too_long"
    http_status = 422


class NotViewable(UserError):
    """A result that is there and cannot be cut into the tiles to look at it by."""

    code = "not_viewable"
    http_status = 422


class QuotaReached(UserError):
    """The caller has as many unfinished jobs as it may."""

    code = "quota"
    http_status = 429


class DailyQuotaReached(UserError):
    """The key has sent as much today as it may."""

    code = "daily_quota"
    http_status = 429


class Saturated(MachineError):
    """The service has as much to do as it takes."""

    code = "saturated"


class Stopping(MachineError):
    """The service is about to stop."""

    code = "stopping"


class StoreBroken(MachineError):
    """The list of jobs cannot be read or written."""

    code = "store"


class WorkerDied(MachineError):
    """A job that ended its worker more than once."""

    code = "worker_died"
    http_status = 500


class WaitedTooLong(MachineError):
    """A result took longer than a request waits; the job goes on."""

    code = "waited_too_long"
    http_status = 504


class StorageFull(DiskError):
    """No room for another photo and its result."""

    code = "storage_full"


class Bug(MachineError):
    """A mistake of ours."""

    code = "bug"
    http_status = 500


# What passes by itself, so that it is worth trying again. Others with the same statuses, such as a photo that needs too much memory, would
# come again.
PASSING = (QuotaReached, Saturated, Stopping, StoreBroken)
