"""What the lists of an account's settings look like: members, roles, cadences and others.

No page describes most of these objects. They have the attributes that clients know; `account.add`
takes any others.
"""

from invoiced_emulator.resources.definition import Resource, shape

_NAMES = (
    *("custom_fields", "customer_chasing_cadences", "invoice_chasing_cadences"),
    *("chasing_cadences", "gl_accounts", "late_fee_schedules", "merchant_accounts"),
    *("payment_methods", "tax_rules", "payment_links", "disputes", "payouts"),
    "merchant_account_transactions",
)

# Their ids are words, as those of the catalog are.
_WITH_TEXT_IDS = ("custom_fields", "payment_methods")


def _setting(name: str) -> Resource:
    singular = name.removesuffix("s")
    return Resource(
        name=name,
        singular=singular,
        shape=shape({"id": None, "object": singular}, "name created_at updated_at"),
        eventful=False,
        text_ids=name in _WITH_TEXT_IDS,
    )


MEMBERS = Resource(
    name="members",
    singular="member",
    shape={
        **shape({"id": None, "object": "member"}, "user role"),
        "restriction_mode": "none",
        **shape({}, "restrictions email_update_frequency last_accessed created_at updated_at"),
    },
    eventful=False,
)

ROLES = Resource(
    name="roles",
    singular="role",
    shape=shape({"id": None, "object": "role"}, "name created_at updated_at"),
    eventful=False,
    text_ids=True,
)

SETTINGS = (MEMBERS, ROLES, *map(_setting, _NAMES))
