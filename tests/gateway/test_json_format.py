"""JSON that cannot be decoded: the message says where, for each kind of error."""

import pytest

from gateway import json_format

OTHER = "not valid JSON: it has NaN, Infinity, a number out of range or half of a surrogate pair"
WRONG: list[tuple[str | bytes, str]] = [
    ("", "not valid JSON at line 1, column 1"),
    ("{", "not valid JSON at line 1, column 2"),
    ('{"a" 1}', "not valid JSON at line 1, column 6"),
    ('{"a": 1} x', "not valid JSON at line 1, column 10"),
    ('{"a": 1,\n "b": tru}', "not valid JSON at line 2, column 7"),
    ('{"é": "🏃",\r\n "b": .5}', "not valid JSON at line 2, column 7"),
    ("{'a': 1}", "not valid JSON at line 1, column 2"),
    ('["a\nb"]', "not valid JSON at line 1, column 4"),
    (b"\xff", "not valid JSON at line 1, column 1"),
    (b'{"\xc3\xa9":\n"\xc3("}', "not valid JSON at line 2, column 2"),
    ('{"a": 1}'.encode("utf-16-le"), "not valid JSON at line 1, column 2"),
    (b"\xef\xbb\xbf{}", "not valid JSON at line 1, column 1"),
    ("[" * 100_000, "nested too deeply"),
    ('"\\ud800"', OTHER),
    ("[NaN]", OTHER),
    ("1e999", OTHER),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=range(len(WRONG)))
def test_invalid_json_is_located(text: str | bytes, message: str) -> None:
    with pytest.raises(json_format.NotJSON) as raised:
        json_format.decode(text)
    assert str(raised.value) == message
