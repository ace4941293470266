"""The table of all resources of an account."""

from invoiced_emulator.resources.account_settings import SETTINGS
from invoiced_emulator.resources.catalog import CATALOG
from invoiced_emulator.resources.customer_children import ACCOUNT
from invoiced_emulator.resources.documents import DOCUMENTS
from invoiced_emulator.resources.payments import MONEY

RESOURCES = (*DOCUMENTS, *CATALOG, *MONEY, *ACCOUNT, *SETTINGS)
