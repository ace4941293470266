"""What the objects look like.

definition          a resource: its attributes and its lists
documents           customers, invoices, estimates, credit notes, subscriptions, transactions
customer_children   contacts, payment sources, pending line items, notes, tasks
catalog             plans, items, coupons, tax rates
payments            payments, charges, refunds, credit balance adjustments, payment plans
account_settings    members, roles, and the other lists of an account's settings
features            what an account may lack
registry            the table of all resources
"""

__all__: list[str] = []
