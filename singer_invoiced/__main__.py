"""The command `singer-invoiced`: arguments, and what the exit code says."""

import argparse
import os
import sys

from invoiced_api import VERSION
from singer_command.memory import kept_imports
from singer_command.signals import use_default_sigint
from singer_invoiced import DESCRIPTION

DATABASE = "the database: sqlite:///file.db or postgresql://…, such as the target's ledger"


def main() -> int:
    """Run the command. Returns its exit code."""
    use_default_sigint()
    options = parser().parse_args()
    with kept_imports():
        from singer_invoiced.cli import run  # slow to import, and --help is to be quick

    return run(options, os.environ)


def parser() -> argparse.ArgumentParser:
    """`singer-invoiced state ACTION URL …`."""
    command = argparse.ArgumentParser(prog="singer-invoiced", description=DESCRIPTION)
    command.add_argument("--version", action="version", version=f"singer-invoiced {VERSION}")
    groups = command.add_subparsers(dest="group", required=True, metavar="state")
    states = groups.add_parser("state", help="states of pipelines in a database")
    actions = states.add_subparsers(dest="action", required=True)
    for name, does in (
        ("list", "show each account and pipeline, and when its state was saved"),
        ("show", "print a state as JSON"),
        ("save", "read the lines that a target prints, and save each whole STATE"),
        ("set", "replace a state with the content of a file"),
        ("reset", "delete a state, and print it: the next run reads from `start_date`"),
    ):
        action = actions.add_parser(name, help=does, description=does)
        action.add_argument("url", metavar="URL", help=DATABASE)
        if name == "list":
            continue
        action.add_argument("--account", metavar="NAME", required=True, help="the tap's `account`")
        action.add_argument(
            "--pipeline", metavar="NAME", default="default", help="the tap's `pipeline`"
        )
        if name == "set":
            action.add_argument("file", metavar="FILE", help="the state as JSON; - for stdin")
    return command


if __name__ == "__main__":
    sys.exit(main())
