"""The command line of `target-invoiced`."""

import os
import sys

from singer_command.arguments import parser
from singer_command.memory import kept_imports
from singer_command.signals import use_default_sigint
from target_invoiced import DESCRIPTION


def main() -> int:
    """Run `target-invoiced` with the arguments of the process; returns the exit code."""
    use_default_sigint()
    arguments = parser("target-invoiced", DESCRIPTION)
    arguments.add_argument(
        "--input", metavar="FILE", help="read messages from a file instead of stdin"
    )
    trial = arguments.add_mutually_exclusive_group()
    trial.add_argument("--dry-run", action="store_true", help="print the writes and send none")
    trial.add_argument(
        "--test",
        action="store_true",
        help="send the first record of each stream, print its response, and stop",
    )
    options = arguments.parse_args()
    with kept_imports():
        from target_invoiced.cli import run  # slow to import, and --help is to be quick

    return run(options, os.environ)


if __name__ == "__main__":
    sys.exit(main())
