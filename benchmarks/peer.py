"""Runs the peer's own command against another address. For the peer's own Python:

python -I benchmarks/peer.py URL PATH/bin/tap-invoiced ARGUMENTS

The peer knows Invoiced's two hosts and has no setting for another. The address is an attribute
of the client library that it uses; it is set here, and nothing else is changed.
"""

import runpy
import sys

import invoiced  # type: ignore[import-not-found]  # lives in the peer's environment only

invoiced.Client.ApiBase, *sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
