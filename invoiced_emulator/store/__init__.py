"""Where the objects are kept.

account    one account
tables     its lists, in order
computed   objects that are computed when they are read
"""

__all__: list[str] = []
