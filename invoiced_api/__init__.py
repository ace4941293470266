"""Speaks to the Invoiced REST API: one client, its failures, and the table of resources."""

from importlib.metadata import version

VERSION = version("singer-invoiced")
