"""docs/errors.md has a heading for every error code of GraphQL, with its numeric codes."""

import re
from collections import defaultdict

from starlette.exceptions import HTTPException

from gateway.errors import ERRORS, describe
from gateway.graphql.endpoint import PARSE_FAILED, VALIDATION_FAILED
from tests.helpers.repository import ROOT

PAGE = (ROOT / "docs" / "errors.md").read_text()
# An unknown path, a wrong method, and a defect of the gateway.
STATUSES = {404, 405, 500}
for module in (ROOT / "gateway").rglob("*.py"):
    STATUSES |= set(map(int, re.findall(r"(?:HTTPException|__init__)\((\d{3})\b", module.read_text())))


def test_the_errors_page_has_a_heading_for_every_code() -> None:
    expected = defaultdict(set, {PARSE_FAILED: {400}, VALIDATION_FAILED: {400}})
    for spec in (*ERRORS.values(), *(describe(HTTPException(status)) for status in sorted(STATUSES))):
        expected[spec.graphql_code].add(spec.code)
    sections = re.findall(r"^## (\w+)\n\nCodes: ([\d, ]+)\n\n\S", PAGE, re.MULTILINE)
    assert len(sections) == len(re.findall(r"^## ", PAGE, re.MULTILINE))
    assert {name: set(map(int, codes.split(", "))) for name, codes in sections} == expected
    assert [name for name, _ in sections] == list(expected)
