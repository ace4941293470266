"""The command `target-invoiced`: arguments, and what the exit code says."""

import argparse
import os
import sys

from invoiced_api import VERSION

DESCRIPTION = "Reads Singer messages from stdin and writes them to an Invoiced account."


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="target-invoiced",
        description=DESCRIPTION,
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="settings, as a JSON object")
    parser.add_argument("--input", metavar="FILE", help="read messages from here, not from stdin")
    parser.add_argument(
        "--check", action="store_true", help="try the credentials and tell what they may read"
    )
    parser.add_argument(
        "--about",
        nargs="?",
        const="json",
        choices=("json", "markdown"),
        help="print settings, capabilities and resources",
    )
    parser.add_argument("--version", action="version", version=f"target-invoiced {VERSION}")
    return parser.parse_args(argv)


def main() -> int:
    options = arguments(sys.argv[1:])
    from target_invoiced.command import run  # slow to import, and --help is to be quick

    return run(options, os.environ)


if __name__ == "__main__":
    sys.exit(main())
