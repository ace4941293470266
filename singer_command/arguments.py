"""The arguments that both commands have."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from invoiced_api.version import VERSION

SHELLS = ("bash", "zsh")


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """A parser with the arguments that both commands have.

    `config` becomes a list of files, in the order in which they were given. The caller adds the
    arguments of its own command.
    """
    arguments = argparse.ArgumentParser(prog=name, description=description)
    arguments.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        action="append",
        default=[],
        help="JSON file with settings; may be repeated, later files override earlier ones",
    )
    arguments.add_argument(
        "--check",
        action="store_true",
        help="check the credentials, list readable resources, and exit",
    )
    arguments.add_argument(
        "--about",
        nargs="?",
        const="json",
        choices=("json", "markdown", "meltano"),
        help="print settings, capabilities and resources; meltano: a plugin definition",
    )
    arguments.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        help="print a completion script for this shell",
    )
    arguments.add_argument("--version", action="version", version=f"{name} {VERSION}")
    return arguments


class PrintCompletion(argparse.Action):
    """Prints the completion script of a shell for all arguments, and exits."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Print the script, and exit."""
        import shtab  # slow to import, and --help is to be quick

        for action in parser._actions:  # argparse has no public way to go through them
            if action.metavar == "FILE":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        sys.stdout.write(shtab.complete(parser, str(values)))
        parser.exit()
