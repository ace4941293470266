"""Reads a list completely while it changes.

pages        one list query and one page of it
strategies   which page to request next: decisions only, no network
windows      one stretch of a stream, read page by page
readers      one stream, read in several windows at once
scheduler    several streams: which pages to request next
prefetch     sends what the scheduler decides, over several connections
"""
