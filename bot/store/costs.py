"""What language models read, wrote and cost, by case and by model, as it was noted with the figures of turns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, select

from frontdesk.bot.store.tables import figures, model_uses
from frontdesk.bot.usage import HERE


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Tokens of models on servers, read and written; those of models in this process; what the former cost.

    `uncounted` are calls whose server named no tokens.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_here: int = 0
    uncounted: int = 0
    cost: float = 0.0


NOTHING = Spent()


@dataclass(frozen=True, kw_only=True)
class ModelUse:
    """A model by its name and whose it is: how often it was asked, what it read, wrote and cost."""

    model: str
    provider: str
    calls: int
    uncounted: int
    tokens_in: int
    tokens_out: int
    cost: float


def together(spent: Iterable[Spent]) -> Spent:
    """Return the sums."""
    sums = [sum(each) for each in zip(*map(astuple, (NOTHING, *spent)), strict=True)]
    return Spent(**dict(zip(vars(NOTHING), sums, strict=True)))


def by_case(connection: Connection, start: float) -> Mapping[int, Spent]:
    """Return what was spent on each case since `start`; cases of no language model are missing."""
    of, here = model_uses.c, model_uses.c.provider == HERE

    def total(column: ColumnElement[int]) -> ColumnElement[int]:
        return func.coalesce(func.sum(column), 0)

    wanted = (
        select(
            figures.c.case_id,
            total(case((here, 0), else_=of.tokens_in)).label("tokens_in"),
            total(case((here, 0), else_=of.tokens_out)).label("tokens_out"),
            total(case((here, of.tokens_in + of.tokens_out), else_=0)).label("tokens_here"),
            total(of.uncounted).label("uncounted"),
            func.sum(of.cost).label("cost"),
        )
        .select_from(model_uses.join(figures, figures.c.turn_id == of.turn_id))
        .where(figures.c.asked_at >= start)
        .group_by(figures.c.case_id)
    )
    found = map(_counted, connection.execute(wanted))
    return {row.pop("case_id"): Spent(**row) for row in found}


def by_model(connection: Connection, start: float, end: float, brand: str) -> Sequence[ModelUse]:
    """Return what each model was asked in a time, the dearest first."""
    of = model_uses.c
    sums = [func.sum(column).label(column.name) for column in (of.calls, of.uncounted, of.tokens_in, of.tokens_out)]
    cost = func.sum(of.cost).label("cost")
    wanted = (
        select(of.model, of.provider, *sums, cost)
        .select_from(model_uses.join(figures, figures.c.turn_id == of.turn_id))
        .where(figures.c.asked_at >= start, figures.c.asked_at < end)
        .group_by(of.model, of.provider)
        .order_by(cost.desc(), func.sum(of.tokens_in).desc())
    )
    if brand:
        wanted = wanted.where(figures.c.brand == brand)
    return [ModelUse(**_counted(row)) for row in connection.execute(wanted)]


def _counted(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    """Return the columns by name; PostgreSQL's sums of whole numbers are decimals."""
    return {name: int(value) if isinstance(value, Decimal) else value for name, value in row._mapping.items()}
