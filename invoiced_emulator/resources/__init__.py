"""What the objects look like.

definition          a resource: its attributes and its lists
documents           customers, invoices, estimates and credit notes
customer_children   contacts, payment sources, notes, tasks
catalog             plans, items, coupons, tax rates
payments            payments, charges, refunds, transactions
"""
