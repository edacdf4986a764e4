"""Acceptance conversations: a file of them, played on the bot turn by turn, and what each turn must have brought."""
