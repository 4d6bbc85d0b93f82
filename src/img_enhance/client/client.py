"""The client: photos to a service and results back, whatever breaks in between."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from img_enhance.client.events import events_in
from img_enhance.client.form import Form, OnBytes, SentPhoto
from img_enhance.client.jobs import Batch, JobStatus, batch_from, job_from
from img_enhance.client.problems import Passing
from img_enhance.client.transport import Patience, Transport
from img_enhance.errors import ImgEnhanceError, IntegrityError
from img_enhance.files import check_output, replacing
from img_enhance.progress import OnProgress, Progress
from img_enhance.request.recipe import Recipe

API = "/api/v1"

# The service says something every 10 s.
_SILENT_SECONDS = 30.0
_CANCEL_SECONDS = 5.0

# A stream of events that brings nothing so many times is not asked for again: something between holds it back.
_MOST_DEAF = 2


@dataclass(frozen=True)
class Enhanced:
    """An enhanced photo as the bytes of its file, and the job that made it: `job.record` says how."""

    data: bytes
    job: JobStatus


class Client:
    """A service at `url`. It holds nothing open, and may be used from several threads.

    `timeout` is how many seconds a connection may be silent, `warn` is told why a request is tried again. `token` is not the service's but
    for what lies before it, such as a private Space of Hugging Face.

    Raises (every method): the service's refusals as the errors that the engine raises; ServiceUnreachable, IntegrityError.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 60.0,
        patience: Patience | None = None,
        warn: Callable[[str], None] | None = None,
        token: str | None = None,
    ) -> None:
        self.transport = Transport(url, key, timeout=timeout, patience=patience or Patience(), warn=warn or _silent, token=token)

    @property
    def url(self) -> str:
        return self.transport.url

    def enhance(self, photo: SentPhoto, recipe: Recipe | None = None, *, progress: OnProgress | None = None) -> Enhanced:
        """The photo, a file's name or bytes, as `recipe` says. Ctrl-C cancels the job."""
        job = self._done(self.submit(photo, recipe), progress)
        return Enhanced(self.result(job), job)

    def enhance_file(
        self,
        photo: SentPhoto,
        output: str | Path,
        recipe: Recipe | None = None,
        *,
        overwrite: bool = False,
        progress: OnProgress | None = None,
    ) -> JobStatus:
        """The job whose result was written to `output`, which appears complete or not at all.

        Raises: OutputError, DiskError before anything is sent, where that can be foreseen.
        """
        check_output(Path(output), overwrite=overwrite)
        job = self._done(self.submit(photo, recipe), progress)
        self.save_result(job, output, overwrite=overwrite)
        return job

    def enhance_batch(self, photos: Sequence[SentPhoto], recipe: Recipe | None = None) -> list[Enhanced | ImgEnhanceError]:
        """What became of each photo, in their order: one that cannot be enhanced fails alone."""
        batch = self.submit_batch(photos, recipe)
        return [self._outcome(job) for job in batch.jobs]

    def submit(
        self, photo: SentPhoto, recipe: Recipe | None = None, *, sending: OnBytes | None = None, idempotency_key: str | None = None
    ) -> JobStatus:
        """The job that the service has accepted, and keeps. Sent again with the same `idempotency_key`, it is the same job."""
        form = Form([photo], _fields(recipe), sending=sending)
        headers = {"Prefer": "respond-async", "Idempotency-Key": idempotency_key or secrets.token_hex(16)}
        return job_from(self.transport.ask("POST", f"{API}/enhance", self.transport.read_json, form=form, headers=headers))

    def submit_batch(self, photos: Sequence[SentPhoto], recipe: Recipe | None = None, *, idempotency_key: str | None = None) -> Batch:
        """The batch that the service has accepted; jobs of photos that it does not take have failed already."""
        form = Form(photos, _fields(recipe), field="files")
        headers = {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}
        return batch_from(self.transport.ask("POST", f"{API}/enhance/batch", self.transport.read_json, form=form, headers=headers))

    def job(self, id: str) -> JobStatus:
        """A job as it is now."""
        return job_from(self._json(f"{API}/jobs/{id}"))

    def batch(self, id: str) -> Batch:
        """A batch as it is now, without the records of its jobs."""
        return batch_from(self._json(f"{API}/batches/{id}"))

    def wait(self, id: str, *, progress: OnProgress | None = None) -> JobStatus:
        """The job once it has ended, well or not: as its events tell, or where they do not come, by asking again and again."""
        last, deaf = "", 0
        while True:
            job = self.job(id)
            tell = _teller(job, progress)
            tell(job.progress)
            if job.finished:
                return job
            heard, last = self._listen(id, last, tell) if deaf < _MOST_DEAF else (False, last)
            deaf = 0 if heard else deaf + 1
            if not heard:
                time.sleep(self.transport.patience.poll)

    def result(self, job: JobStatus | str) -> bytes:
        """The file of a job's result.

        Raises: the job's own error; Cancelled, ResultExpired; NotFinished.
        """
        path, length = self._result_of(job)
        return self.transport.ask("GET", path, lambda response: b"".join(self.transport.picture(response, length)))

    def save_result(self, job: JobStatus | str, output: str | Path, *, overwrite: bool = False) -> None:
        """Write a job's result to a file, which appears complete or not at all.

        Raises: as `result`; OutputError, DiskError.
        """
        path, length = self._result_of(job)

        def save(response: Any) -> None:
            with replacing(Path(output), overwrite=overwrite) as partial, partial.open("wb") as file:
                for block in self.transport.picture(response, length):
                    file.write(block)

        self.transport.ask("GET", path, save)

    def cancel(self, id: str) -> JobStatus:
        """The job, cancelled; of one that is done the result is deleted at once."""
        return job_from(self.transport.ask("DELETE", f"{API}/jobs/{id}", self.transport.read_json))

    def suggest(self, photo: SentPhoto, recipe: Recipe | None = None) -> dict[str, Any]:
        """What `enhance` would do: recipe, reasons, warnings, result, estimated_seconds. Nothing is kept."""
        return self.transport.ask("POST", f"{API}/suggest", self.transport.read_json, form=Form([photo], _fields(recipe)))

    def algorithms(self) -> dict[str, Any]:
        """The algorithms with their options, and the models."""
        return self._json(f"{API}/algorithms")

    def status(self) -> dict[str, Any]:
        """How the service is."""
        return self._json(f"{API}/status")

    def abandon(self, id: str) -> None:
        """Cancel a job that nobody waits for any more, if the service can be reached at once."""
        with suppress(ImgEnhanceError, Passing), self.transport.once("DELETE", f"{API}/jobs/{id}", timeout=_CANCEL_SECONDS):
            pass

    def _json(self, path: str) -> dict[str, Any]:
        return self.transport.ask("GET", path, self.transport.read_json)

    def _done(self, job: JobStatus, progress: OnProgress | None = None) -> JobStatus:
        try:
            job = self.wait(job.id, progress=progress)
        except KeyboardInterrupt:
            self.abandon(job.id)
            raise
        job.check_done()
        return job

    def _outcome(self, job: JobStatus) -> Enhanced | ImgEnhanceError:
        try:
            ended = self._done(job)
            return Enhanced(self.result(ended), ended)
        except ImgEnhanceError as error:
            return error

    def _listen(self, id: str, last: str, tell: Callable[[float], None]) -> tuple[bool, str]:
        """Whether anything was heard of a job before its stream of events ended, and the id of the last event."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
        heard = False
        # Whatever breaks here, the job itself is asked next, and that says what is wrong.
        stream = self.transport.once("GET", f"{API}/jobs/{id}/events", headers=headers, timeout=_SILENT_SECONDS)
        with suppress(Passing, ImgEnhanceError), stream as response:
            for event in events_in(self.transport.lines(response)):
                heard, last = True, event.id or last
                if event.kind == "progress":
                    tell(float(event.data.get("progress", 0.0)))
        return heard, last

    def _result_of(self, job: JobStatus | str) -> tuple[str, int]:
        """Where a result is, and how many bytes it has."""
        if isinstance(job, str) or job.result is None:
            job = self.job(job if isinstance(job, str) else job.id)
        job.check_done()
        path = f"{API}/jobs/{job.id}/result"
        if job.result is None:  # the service says why
            self.transport.ask("GET", path, self.transport.read_text)
            raise IntegrityError(f"job {job.id} has a result of which nothing is known", "try again")
        return path, int(job.result["bytes"])


def _fields(recipe: Recipe | None) -> dict[str, str]:
    return {"recipe": (recipe or Recipe()).to_json()}


def _teller(job: JobStatus, progress: OnProgress | None) -> Callable[[float], None]:
    return _silent if progress is None else lambda fraction: progress(Progress(fraction, job.megapixels))


def _silent(_: object) -> None:
    """Nothing."""
