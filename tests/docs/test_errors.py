"""docs/errors.md has a heading for every error, with the codes of the error table."""

import re
from collections import defaultdict

from gateway.errors import ERRORS
from tests.test_house import ROOT

PAGE = (ROOT / "docs" / "errors.md").read_text()


def test_the_errors_page_has_a_heading_for_every_code() -> None:
    expected = defaultdict(set)
    for spec in ERRORS.values():
        expected[spec.graphql_code].add(spec.code)
    sections = re.findall(r"^## (\w+)\n\nCodes: ([\d, ]+)\n\n\S", PAGE, re.MULTILINE)
    assert len(sections) == len(re.findall(r"^## ", PAGE, re.MULTILINE))
    assert {name: set(map(int, codes.split(", "))) for name, codes in sections} == expected
    assert [name for name, _ in sections] == list(expected)
