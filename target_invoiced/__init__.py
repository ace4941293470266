"""Reads Singer messages and creates, updates, voids or deletes Invoiced objects."""
