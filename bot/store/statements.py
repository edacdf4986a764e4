"""Statements of the main path: written in SQLAlchemy's language, compiled once, run on the driver's own cursor.

What SQLAlchemy does around each execution costs ten times what SQLite needs for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DBAPIError

Values = Mapping[str, Any]
Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class _Compiled:
    """The text of a statement for one database, and what its parameters are unless they are given."""

    text: str
    places: tuple[str, ...] | None
    """The order of the parameters, where the driver takes them by place."""
    fixed: Values

    def parameters(self, values: Values) -> Any:
        """Return the parameters as the driver takes them."""
        if self.places is None:
            return {**self.fixed, **values}
        return [values[name] if name in values else self.fixed[name] for name in self.places]


class Statement:
    """One statement with `bindparam`s; its values are what the driver takes: text, numbers, booleans, None.

    Every column without a default in the database must be among its values. Errors are SQLAlchemy's.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def one(self, connection: Connection, values: Values) -> Row | None:
        """Return the first row, or None."""
        rows = self.all(connection, values)
        return rows[0] if rows else None

    def all(self, connection: Connection, values: Values) -> list[Row]:
        """Return every row, its columns in the statement's order."""
        rows: list[Row] = self._cursor(connection, values).fetchall()
        return rows

    def run(self, connection: Connection, values: Values) -> int:
        """Return how many rows a statement without RETURNING changed."""
        return int(self._cursor(connection, values).rowcount)

    def _cursor(self, connection: Connection, values: Values) -> Any:
        name = connection.dialect.name
        compiled = self._compiled.get(name) or self._compiled.setdefault(name, self._compile(connection))
        driver: Any = connection.connection.driver_connection
        try:
            return driver.execute(compiled.text, compiled.parameters(values))
        except connection.dialect.loaded_dbapi.Error as error:
            family: Any = connection.dialect.loaded_dbapi.Error
            raise DBAPIError.instance(compiled.text, None, error, family, hide_parameters=True) from error

    def _compile(self, connection: Connection) -> _Compiled:
        statement: Any = self._statement
        made = statement.compile(dialect=connection.dialect)
        places = tuple(made.positiontup) if made.positional else None
        return _Compiled(text=str(made), places=places, fixed=dict(made.params))
