"""The command `tap-invoiced`: arguments, and what the exit code says."""

import os
import sys

from singer_command.arguments import parser
from singer_command.signals import use_default_sigint
from tap_invoiced import DESCRIPTION


def main() -> int:
    use_default_sigint()
    arguments = parser("tap-invoiced", DESCRIPTION)
    arguments.add_argument(
        "--catalog", metavar="FILE", help="which streams and fields; the default ones without it"
    )
    arguments.add_argument(
        "-p", "--properties", dest="catalog", metavar="FILE", help="old name of --catalog"
    )
    arguments.add_argument(
        "-s", "--state", metavar="FILE", help="the last STATE of the run before: go on from there"
    )
    arguments.add_argument(
        "-d", "--discover", action="store_true", help="print the catalog; needs no network"
    )
    options = arguments.parse_args()
    from tap_invoiced.cli import run  # slow to import, and --help is to be quick

    return run(options, os.environ)


if __name__ == "__main__":
    sys.exit(main())
