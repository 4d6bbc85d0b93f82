"""Photos of a batch are looked at together, but never more of them than there are readers."""

import asyncio
from typing import Any, cast

from img_enhance.errors import PhotoError
from img_enhance.jobs.spool import Spool
from img_enhance.request.recipe import Recipe
from img_enhance.service.pace import Pace
from img_enhance.service.photo_file import Upload
from img_enhance.service.service import Service
from img_enhance.service.settings import Settings
from img_enhance.service.submissions import Submission, all_checked
from img_enhance.workers.protocol import Checked, CheckPhoto, Failed

READERS = 3


class SlowReaders:
    """Readers that answer the later the earlier they are asked, and refuse every fourth photo."""

    def __init__(self) -> None:
        self.at_work = self.most_at_work = self.asked = 0

    async def check(self, message: CheckPhoto) -> Checked | Failed:
        self.asked += 1
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await asyncio.sleep(0.02 / self.asked)
        self.at_work -= 1
        number = int(message.photo.split("/")[-2])
        if number % 4 == 0:
            return Failed("unreadable_photo", 422, "damaged")
        return Checked({}, (), "png", (number, 1), "png", (1, 1), 0.1, 1, ())


class FakeService:
    def __init__(self, root: Any) -> None:
        self.settings = Settings(readers=READERS)
        self.spool = Spool(root)
        self.pace = Pace()
        self.readers = SlowReaders()


def test_a_batch_is_looked_at_by_all_readers_and_each_photo_gets_its_own_answer(tmp_path: Any) -> None:
    service = FakeService(tmp_path)
    submissions = [Submission(Upload(str(number), 1, ""), Recipe()) for number in range(1, 21)]
    answers = asyncio.run(all_checked(cast(Service, service), submissions))
    assert service.readers.most_at_work == READERS
    for number, answer in enumerate(answers, 1):
        assert isinstance(answer, Failed) if number % 4 == 0 else isinstance(answer, Checked) and answer.size == (number, 1)


def test_a_recipe_that_cannot_be_read_asks_no_reader(tmp_path: Any) -> None:
    service = FakeService(tmp_path)
    answers = asyncio.run(all_checked(cast(Service, service), [Submission(Upload("1", 1, ""), PhotoError("no"))]))
    assert isinstance(answers[0], Failed)
    assert service.readers.asked == 0
