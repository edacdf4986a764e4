"""Account: rasa-sdk actions read and change the customer's own records, once the customer is known well enough."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from frontdesk.bot.config import Brand
from frontdesk.bot.dialogue.account_turn import AccountTurn
from frontdesk.bot.dialogue.calls import Runner
from frontdesk.bot.dialogue.carried import brand_words
from frontdesk.bot.dialogue.changes import Ledger, MemoryLedger
from frontdesk.bot.dialogue.patience import Patient
from frontdesk.bot.dialogue.undo import UNDO
from frontdesk.bot.errors import StoreError
from frontdesk.bot.types import Conversation, Message, Route, Sentence

TIME_LIMIT = 10.0
"""Seconds the actions of one message may take before the customer is handed to a person."""
ACTIONS_AT_ONCE = 32


class AccountAnswerer:
    """Plays the account tasks: asks for what is missing, reads back, confirms, runs the actions, reports.

    `ledger` is where a server keeps what was changed; without one it is kept in memory. `owner` is the field of every
    record that must be the customer's id where an action names none.
    """

    def __init__(
        self, actions: Runner, brands: Mapping[str, Brand], ledger: Ledger | None = None, *, owner: str = ""
    ) -> None:
        self.actions, self.brands, self.ledger = Patient(actions, TIME_LIMIT), brands, ledger or MemoryLedger()
        self.owner = owner
        self._words: dict[str, frozenset[str]] = {}
        self._pool = ThreadPoolExecutor(ACTIONS_AT_ONCE, thread_name_prefix="frontdesk-action")

    async def answer(self, message: Message, conversation: Conversation, route: Route) -> AsyncIterator[Sentence]:
        """Yield what is to be said, sentence by sentence, each supported by its record.

        Raises StoreError; where no change was begun, what the actions failed with (ModelError when they took too long).
        """
        turn = AccountTurn(self, message, conversation, route)
        if turn.intent not in (*turn.brand.actions, UNDO):
            return
        run = asyncio.get_running_loop().run_in_executor(self._pool, turn.play)
        try:
            await asyncio.wait_for(run, TIME_LIMIT)
            told = turn.sentences()
        except StoreError:
            raise  # the turn is done again, and the ledger knows of its change
        except Exception as error:
            turn.over.set()  # before it is asked whether a change was begun: none begins unseen
            told = turn.broken_off(error)
        for sentence in told:
            yield sentence

    def words_of(self, brand: Brand) -> frozenset[str]:
        """Return the words of a brand's settings."""
        if brand.name not in self._words:
            self._words[brand.name] = brand_words(brand)
        return self._words[brand.name]
