"""Reads a list completely while it changes.

pages        one list query and one page of it
strategies   which page to request next: decisions only, no network
readers      one stream, read in parts
prefetch     keeps the connections busy for several readers
"""
