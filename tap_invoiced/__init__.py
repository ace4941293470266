"""Reads an Invoiced account and writes Singer messages."""
