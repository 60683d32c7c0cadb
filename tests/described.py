"""What answers are held to where an OpenAPI document describes them."""

from __future__ import annotations

from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

# Refusing what the document does not forbid is allowed.
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
