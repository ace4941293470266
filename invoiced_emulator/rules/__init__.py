"""What Invoiced refuses, and what it computes, one module per resource.

base        create, update and delete without rules of their own
changes     checks and changes that several resources share
endpoints   which path writes to which resource
"""

__all__: list[str] = []
