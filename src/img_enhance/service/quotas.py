"""Daily quotas, as callers see them."""

from __future__ import annotations

import time
from typing import Any

from img_enhance.jobs import days
from img_enhance.jobs.refusals import DailyQuotaReached
from img_enhance.jobs.rows import Used
from img_enhance.jobs.store import JobStore
from img_enhance.service.keys import Caller
from img_enhance.service.problems import Problem
from img_enhance.service.service import Service
from img_enhance.workers.catalogue import as_data


async def today_of(service: Service, caller: Caller) -> dict[str, Any]:
    """What a caller has used today, of how much, and when the next day begins (seconds since 1970)."""
    now = time.time()
    used = await service.store.ask(JobStore.used, caller.quota, day=days.day_of(now))
    return {
        "jobs": {"used": used.jobs, "limit": caller.daily.jobs},
        "megapixels": {"used": round(used.pixels / 1e6, 3), "limit": caller.daily.megapixels},
        "resets": days.next_day(now),
    }


async def check_today(service: Service, caller: Caller) -> None:
    """Pass if the caller may send anything more today.

    Raises: Problem.
    """
    used = await service.store.ask(JobStore.used, caller.quota, day=days.day_of(time.time()))
    try:
        days.check_day(used, Used(1, 1), caller.daily)
    except DailyQuotaReached as error:
        raise await daily_problem(service, caller, error) from None


async def daily_problem(service: Service, caller: Caller, error: DailyQuotaReached) -> Problem:
    """The refusal, with what is used and when to come again."""
    today = await today_of(service, caller)
    seconds = max(1, round(today["resets"] - time.time()))
    return Problem(as_data(error), {"today": today}, {"Retry-After": str(seconds)})
