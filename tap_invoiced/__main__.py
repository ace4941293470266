"""The command `tap-invoiced`: arguments, and what the exit code says."""

import argparse
import os
import sys

from invoiced_api import VERSION

DESCRIPTION = "Reads an Invoiced account and writes Singer messages to stdout."


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tap-invoiced",
        description=DESCRIPTION,
    )
    parser.add_argument("-c", "--config", metavar="FILE", help="settings, as a JSON object")
    parser.add_argument(
        "--catalog", metavar="FILE", help="which streams and fields; the default ones without it"
    )
    parser.add_argument(
        "-p", "--properties", dest="catalog", metavar="FILE", help="old name of --catalog"
    )
    parser.add_argument(
        "-s", "--state", metavar="FILE", help="the last STATE of the run before: go on from there"
    )
    parser.add_argument(
        "-d", "--discover", action="store_true", help="print the catalog; needs no network"
    )
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
    parser.add_argument("--version", action="version", version=f"tap-invoiced {VERSION}")
    return parser.parse_args(argv)


def main() -> int:
    options = arguments(sys.argv[1:])
    from tap_invoiced.command import run  # slow to import, and --help is to be quick

    return run(options, os.environ)


if __name__ == "__main__":
    sys.exit(main())
