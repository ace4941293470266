"""What Invoiced refuses, and what it computes, one module per kind of object.

endpoints           which path has which rules
base                create, update and delete without rules of their own
changes             checks and changes that several kinds share
customers           parents, and what keeps a customer from being deleted
customer_children   contacts, payment sources, pending lines, notes, tasks
documents           invoices, estimates, credit notes: totals, status, voiding
subscriptions       price, periods and cancellation
transactions        the amounts by which they reduce the balance of their documents
payments            applications, and the transactions that mirror them
payment_plans       the installments of an invoice
charges             charges and refunds
catalog             plans, items, coupons, tax rates, which are archived
calls               calls on one object, such as `pay`
balances            the balance of a customer
"""

__all__: list[str] = []
