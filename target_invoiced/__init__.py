"""Reads Singer messages and creates, updates, voids or deletes Invoiced objects."""

DESCRIPTION = "Reads Singer messages from stdin and writes them to an Invoiced account."
