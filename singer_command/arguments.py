"""What is typed after a command's name."""

import argparse

from invoiced_api import VERSION


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """The arguments that both commands have."""
    arguments = argparse.ArgumentParser(prog=name, description=description)
    arguments.add_argument("-c", "--config", metavar="FILE", help="settings, as a JSON object")
    arguments.add_argument(
        "--check", action="store_true", help="try the credentials and tell what they may read"
    )
    arguments.add_argument(
        "--about",
        nargs="?",
        const="json",
        choices=("json", "markdown"),
        help="print settings, capabilities and resources",
    )
    arguments.add_argument("--version", action="version", version=f"{name} {VERSION}")
    return arguments
