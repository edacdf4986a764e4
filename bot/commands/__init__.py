"""The `frontdesk` command: one module per command; heavy imports wait until a command runs."""

from __future__ import annotations

import sys

import typer

from frontdesk.bot.commands import (
    advise,
    ask,
    channels,
    chat,
    doctor,
    evaluate,
    export,
    forget,
    import_rasa,
    ingest,
    init,
    review,
    routers,
    run,
    serve,
    test,
    train,
    tune,
    voices,
)
from frontdesk.bot.errors import FrontdeskError

app = typer.Typer(
    name="frontdesk",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Hybrid customer support: a voice for what is routine, cited knowledge for facts, a person for the rest.",
)
app.command("init")(init.init)
app.command("ingest")(ingest.ingest)
app.command("train")(train.train)
app.command("tune")(tune.tune)
app.add_typer(voices.app, name="voices")
app.add_typer(routers.app, name="routers")
app.command("review")(review.review)
app.command("advise")(advise.advise)
app.command("chat")(chat.chat)
app.command("ask")(ask.ask)
app.command("serve")(serve.serve)
app.add_typer(run.app, name="run")
app.add_typer(channels.app, name="channels")
app.add_typer(evaluate.app, name="eval")
app.command("test")(test.test)
app.command("export")(export.export)
app.command("forget")(forget.forget)
app.command("doctor")(doctor.doctor)
app.command("import-rasa")(import_rasa.import_rasa)


def main() -> None:
    """Run the command line; an error of ours is one line and exit code 2, never a traceback."""
    try:
        app()
    except FrontdeskError as error:
        print(f"frontdesk: {error}", file=sys.stderr)
        sys.exit(2)
