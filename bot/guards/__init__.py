"""Checks on every sentence before it is sent; all have the shape `check(sentence, context) -> Verdict`."""

from frontdesk.bot.guards.check import Check, Context, Verdict, checked
from frontdesk.bot.guards.consequences import ConsequenceCheck
from frontdesk.bot.guards.content import ContentCheck
from frontdesk.bot.guards.firewall import FactFirewall
from frontdesk.bot.guards.support import SupportCheck

__all__ = ["Check", "ConsequenceCheck", "ContentCheck", "Context", "FactFirewall", "SupportCheck", "Verdict", "checked"]
