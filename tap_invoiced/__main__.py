"""The command line of `tap-invoiced`."""

import os
import sys

from singer_command.arguments import parser
from singer_command.memory import kept_imports
from singer_command.signals import use_default_sigint
from tap_invoiced import DESCRIPTION


def main() -> int:
    """Run `tap-invoiced` with the arguments of the process; returns the exit code."""
    use_default_sigint()
    arguments = parser("tap-invoiced", DESCRIPTION)
    arguments.add_argument(
        "--catalog",
        metavar="FILE",
        help="streams and fields to read; the default streams if omitted",
    )
    arguments.add_argument(
        "-p", "--properties", dest="catalog", metavar="FILE", help="alias of --catalog"
    )
    arguments.add_argument(
        "-s",
        "--state",
        metavar="FILE",
        help="STATE of the previous run, to resume from its bookmarks: a file, or the URL of a "
        "database in which `singer-invoiced state save` keeps it",
    )
    arguments.add_argument(
        "-d", "--discover", action="store_true", help="print the catalog; needs no account"
    )
    options = arguments.parse_args()
    with kept_imports():
        from tap_invoiced.cli import run  # slow to import, and --help is to be quick

    return run(options, os.environ)


if __name__ == "__main__":
    sys.exit(main())
