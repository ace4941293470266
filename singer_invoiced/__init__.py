"""The command `singer-invoiced`: what people and schedulers do beside the tap and the target.

cli          what it does with its arguments
state_saver  the lines that a target prints -> the last whole STATE in a database
"""

__all__ = ["DESCRIPTION"]

DESCRIPTION = "Keeps and shows the states of pipelines in a database."
