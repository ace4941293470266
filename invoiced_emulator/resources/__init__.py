"""What the objects look like.

definition          a resource: its attributes and its lists
documents           customers, invoices, estimates and credit notes
customer_children   contacts, payment sources, notes, tasks
catalog             plans, items, coupons, tax rates
payments            payments, charges, refunds, transactions
account_settings    members, roles, and the other lists of an account's settings
features            what an account may lack
registry            the table of all resources
"""

__all__: list[str] = []
