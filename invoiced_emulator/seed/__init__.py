"""How sample data is made.

account     a whole account from a seed
documents   invoices and what belongs to them
extras      the rarer objects
bulk        computed objects by the million
context     what the makers share
data        names, products and prices
"""

__all__: list[str] = []
