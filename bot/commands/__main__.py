"""`python -m frontdesk.bot.commands`, the same as `frontdesk`."""

from frontdesk.bot.commands import main

main()
