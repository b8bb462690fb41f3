"""The input of an import, compressed or not, and the list of its rejected lines."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.commands.import_input import Batches, InputUnusable
from gateway.commands.import_output import LONGEST_REASON, LONGEST_TEXT, Rejects
from gateway.commands.terminal import printable
from gateway.ingest.importer import BATCH_LINES, Line, Summary

BOM = b"\xef\xbb\xbf"
LINES = b'{"a": 1}\r\n\n{"b": 2}'


def lines(content: bytes) -> list[tuple[int, bytes]]:
    with Batches(io.BufferedReader(io.BytesIO(content))) as batches:
        return [(line.number, line.text) for batch in batches for line in batch]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("mark", [b"", BOM], ids=["no mark", "byte order mark"])
def test_lines_are_read_with_or_without_compression_and_byte_order_mark(
    pack: Callable[[bytes], bytes], mark: bytes
) -> None:
    assert lines(pack(mark + LINES)) == [(1, b'{"a": 1}'), (3, b'{"b": 2}')]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", BOM, BOM + b"\n", gzip.compress(b""), b"  \r\n"],
    ids=["nothing", "line ends", "byte order mark", "mark and line end", "gzip of nothing", "spaces"],
)
def test_an_input_without_a_line_is_empty(content: bytes) -> None:
    assert lines(content) == []


def test_a_byte_order_mark_belongs_to_the_start_of_the_input_only() -> None:
    assert lines(b"{}\n" + BOM + b"{}") == [(1, b"{}"), (2, BOM + b"{}")]
    assert lines(BOM + BOM + b"{}") == [(1, BOM + b"{}")]


def test_gzip_files_behind_one_another_are_one_input() -> None:
    assert lines(gzip.compress(b"1\n") + gzip.compress(b"2\n")) == [(1, b"1"), (2, b"2")]


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("day.ndjson", LINES)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (bz2.compress(LINES), "bzip2"),
        (lzma.compress(LINES), "xz"),
        (b"\x28\xb5\x2f\xfd" + LINES, "zstd"),
        (zipped(), "zip"),
        (LINES.decode().encode("utf-16"), "UTF-16"),
        (b"\xfe\xff" + LINES.decode().encode("utf-16-be"), "UTF-16"),
    ],
)
def test_another_format_is_named(content: bytes, name: str) -> None:
    with pytest.raises(InputUnusable, match=f"^it is {name}; expected UTF-8, gzipped or not$"):
        lines(content)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(LINES)[:-1],
        gzip.compress(LINES)[:3],
        gzip.compress(LINES)[:-8] + bytes(8),
        gzip.compress(LINES) + b"more",
        b"\x1f{}",
    ],
    ids=["last byte missing", "half a head", "no checksum", "more behind it", "first byte only"],
)
def test_damaged_gzip_data_ends_the_input(content: bytes) -> None:
    with pytest.raises(InputUnusable, match=r"^its gzip data is cut short or damaged$"):
        lines(content)


def test_the_lines_before_the_damage_are_read() -> None:
    reader = io.BufferedReader(io.BytesIO(gzip.compress(b"{}\n" * BATCH_LINES * 2)[:-8]))
    assert len(next(iter(Batches(reader)))) == BATCH_LINES


def summary(*rejections: tuple[int, bytes, str]) -> Summary:
    found = Summary()
    for number, text, reason in rejections:
        found.reject(Line(number, text), reason)
    return found


def test_rejected_lines_replace_the_list_of_an_earlier_import(tmp_path: Path) -> None:
    path = tmp_path / "day.rejected.ndjson"
    path.write_text("old")
    rejects = Rejects(path, chosen=False)
    assert not path.exists()
    rejects.write(summary())
    assert not path.exists()
    rejects.write(summary((3, b"{\x7f\x1b", "bad")))
    rejects.write(summary((4, b"\xff", "worse")))
    rejects.close()
    assert path.read_text() == (
        '{"line": 3, "reason": "bad", "text": "{\\u007f\\u001b"}\n'
        '{"line": 4, "reason": "worse", "text": "\\ufffd"}\n'
    )
    assert rejects.where == str(path)


def test_a_long_line_and_a_long_reason_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    rejects = Rejects(path, chosen=True)
    rejects.write(summary((1, b"x" * 1_000_000, "y" * 1_000_000)))
    rejects.close()
    assert len(path.read_text()) == LONGEST_TEXT + LONGEST_REASON + len(
        '{"line": 1, "reason": "", "text": ""}\n'
    )


def test_rejected_lines_go_to_standard_error_where_their_file_cannot_be_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    rejects = Rejects(tmp_path / "file" / "rejects", chosen=False)
    rejects.write(summary((1, b"{", "bad")))
    assert capsys.readouterr().err == '{"line": 1, "reason": "bad", "text": "{"}\n'
    assert rejects.where == "above"
    with pytest.raises(NotADirectoryError):
        Rejects(tmp_path / "file" / "rejects", chosen=True)


def test_a_full_disk_is_reported_with_the_name_of_the_file() -> None:
    rejects = Rejects(Path("/dev/full"), chosen=True)
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'$"):
        rejects.write(summary((1, b"{", "bad")))
    rejects.close()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("evil\t\x1b[31mRED\x1b[0m\nORG\tfake", "evil\\t\\x1b[31mRED\\x1b[0m\\nORG\\tfake"),
        ("\x7f\x9b\u202e\u2028\ud800", "\\x7f\\x9b\\u202e\\u2028\\ud800"),
        ("Fête 🎉 日本", "Fête 🎉 日本"),
    ],
)
def test_characters_that_a_terminal_does_not_show_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
