"""Tables as text, row by row, so that whatever is wrong with one is said with its line."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from gatewright.recommender.errors import DataError

__all__ = ["Layout", "Row", "no_rows", "parse_row", "positions", "read_table", "rows", "take_header"]

Row = tuple[int, list[str]]
"""The line, from 1 on, that a row ends in, and its fields."""


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Attributes
    ----------
    separator : what stands between two fields
    names : of the columns, where the file does not begin with a line that names them
    quoted : whether fields may stand in double quotes, with separators and ends of lines inside (CSV)
    typed : whether names have a type behind them, as in ``user_id:token``
    latin1 : whether what is not UTF-8 is ISO-8859-1
    """

    separator: str
    names: tuple[str, ...] | None = None
    quoted: bool = False
    typed: bool = False
    latin1: bool = False


def rows(path: Path, layout: Layout, lines: Iterable[bytes], first: int = 1, encoding: str = "utf-8") -> Iterator[Row]:
    """The rows in ``lines`` of ``path``, of which the one with number ``first`` comes first; blank lines are left out.

    Raises `DataError` for what is not text, and for quotes that are not closed.
    """
    texts = _texts(path, lines, first, encoding)
    if not layout.quoted:
        for number, text in enumerate(texts, first):
            line = text.removesuffix("\n").removesuffix("\r")
            if line:
                yield number, line.split(layout.separator)
        return
    reader = csv.reader(texts, delimiter=layout.separator, strict=True)
    try:
        for fields in reader:
            if fields:
                yield first - 1 + reader.line_num, fields
    except csv.Error as error:
        raise DataError(f"{path}, line {first - 1 + reader.line_num}: malformed CSV, {error}") from error


def _texts(path: Path, lines: Iterable[bytes], first: int, encoding: str) -> Iterator[str]:
    """Lines as text, decoded one by one, so that an error can name the line."""
    for number, line in enumerate(lines, first):
        if b"\0" in line:
            raise DataError(f"{path}, line {number}: a NUL byte, where a text file in UTF-8 is needed")
        if encoding != "utf-8":
            # A control character that no text has: the file is UTF-8 with a damaged byte elsewhere, or something else
            odd = next((byte for byte in line if 0x80 <= byte < 0xA0), None)
            if odd is not None:
                raise DataError(f"{path}, line {number}: byte 0x{odd:02x}, the file is neither in UTF-8 nor ISO-8859-1")
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path}, line {number}: byte 0x{line[error.start]:02x} is not valid, the file must be in UTF-8"
            ) from error
        yield text.removeprefix("\ufeff") if number == 1 else text


def take_header(path: Path, layout: Layout, found: Iterator[Row]) -> tuple[Sequence[str], int]:
    """The names of the columns, taken from the first row where the file has them, and the line that comes next."""
    if layout.names is not None:
        return layout.names, 1
    line, header = next(found, (0, []))
    if not header:
        raise DataError(f"{path} is empty")
    return [name.partition(":")[0] for name in header] if layout.typed else header, line + 1


def positions(path: Path, header: Sequence[str], columns: Iterable[str]) -> list[int]:
    """Where ``columns`` stand in the header."""
    columns = list(columns)
    for name in columns:
        if name not in header:
            raise DataError(f"{path} has no column {name}: it needs {', '.join(columns)}")
        if header.count(name) > 1:
            raise DataError(f"{path} has column {name} {header.count(name)} times, allowed: once")
    return [header.index(name) for name in columns]


def parse_row(
    path: Path, layout: Layout, row: Row, width: int, plan: Sequence[tuple[str, int, Callable[[str], Any]]]
) -> list[Any]:
    """The values of a row by ``plan``, which has a column's name, its position and what makes a value of its text."""
    line, fields = row
    if len(fields) != width:
        needed = f"where the header has {width}" if layout.names is None else f"where {width} are needed"
        raise DataError(f"{path}, line {line}: {len(fields)} fields {needed}")
    values = []
    for name, position, parse in plan:
        try:
            values.append(parse(fields[position]))
        except ValueError as error:
            raise DataError(f"{path}, line {line}: {name} {error}") from error
    return values


def read_table(
    path: Path,
    layout: Layout,
    columns: Mapping[str, Callable[[str], Any]],
    optional: Mapping[str, Callable[[str], Any]] | None = None,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and values of each row of a table that fits into memory; ``optional`` columns are read where they are."""
    data = path.read_bytes()
    found = rows(path, layout, BytesIO(data), encoding=_encoding(data, layout))
    header, _ = take_header(path, layout, found)
    parsers = {**columns, **{name: parse for name, parse in (optional or {}).items() if name in header}}
    positions(path, header, columns)
    plan = [(name, header.index(name), parse) for name, parse in parsers.items()]
    row = None
    for row in found:
        yield row[0], dict(zip(parsers, parse_row(path, layout, row, len(header), plan), strict=True))
    if row is None:
        raise DataError(f"{path} {no_rows(layout)}")


def no_rows(layout: Layout) -> str:
    """What is said of a file without a row."""
    return "has a header but no rows" if layout.names is None else "is empty"


def _encoding(data: bytes, layout: Layout) -> str:
    if layout.latin1:
        try:
            data.decode()
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"
