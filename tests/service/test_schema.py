"""The schema against the service: every route is called with made-up requests, good and bad, and answers as the schema says.

A long run is part of `make soak`.
"""

import os
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from served import Served

EXAMPLES = 300 if os.environ.get("IMG_ENHANCE_SOAK") else 25


def no_server_error(context: Any, response: Any, case: Any) -> bool | None:
    """Pass unless the service fails: that weights were not downloaded to it is no mistake."""
    lacking = response.status_code == 503 and response.json()["code"] == "weights_missing"
    return None if lacking else not_a_server_error(context, response, case)


# That every request which fits the schema is taken cannot be asked: a schema cannot say what a photo is.
CHECKS = [
    no_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
    unsupported_method,
]


def test_the_service_answers_as_its_schema_says(service: Served) -> None:
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 10
    wrong = [finding for operation in operations if (finding := _finding(operation)) is not None]
    assert not wrong, "\n\n".join(wrong)


def _finding(operation: Any) -> str | None:
    """What one route does that the schema does not say."""
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def call(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS)

    try:
        call()
    except (AssertionError, BaseExceptionGroup) as error:
        return f"{operation.method.upper()} {operation.path}: {error!r}"
    return None
