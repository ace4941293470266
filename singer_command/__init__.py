"""Code that every command of a Singer pipeline needs.

arguments         the arguments that all commands have
files             reads the JSON files that are named there
logs              log lines on stderr, as text or JSON, without secrets
database          SQLite or PostgreSQL, by URL
states            states of pipelines in such a database
signals           SIGTERM and SIGINT end a run where nothing is cut in half
stdout            whole lines, and nothing else
exceptions        what ends a run from outside
memory            returns large blocks of memory to the system
exit_codes        exit codes, and one line about a failure
text_tables       tables of numbers for people, at the end of a run
about             describes what a command can do and how to set it
meltano           the same as a definition for Meltano
shared_settings   settings of only one command, in a config file of both
"""

# Serves the commands of this distribution, and nobody else.
__all__: list[str] = []
