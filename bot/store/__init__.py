"""Inbox, outbox and conversations on SQLAlchemy, and the dispatcher that answers messages in order."""

from frontdesk.bot.store.database import StoreInUse
from frontdesk.bot.store.dispatcher import Dispatcher, Turnwork, apologise
from frontdesk.bot.store.follow import Follower, follow
from frontdesk.bot.store.inbox import Lane, LeaseLost, Pending, Room
from frontdesk.bot.store.store import Store

__all__ = [
    "Dispatcher",
    "Follower",
    "Lane",
    "LeaseLost",
    "Pending",
    "Room",
    "Store",
    "StoreInUse",
    "Turnwork",
    "apologise",
    "follow",
]
