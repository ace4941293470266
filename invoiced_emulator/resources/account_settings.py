"""What the lists of an account's settings look like: members, roles, cadences and others.

No page describes most of these objects. They have the attributes that clients know; `account.add`
takes any others.
"""

from invoiced_emulator.resources.definition import ResourceDefinition, template

_NAMES = (
    *("custom_fields", "customer_chasing_cadences", "invoice_chasing_cadences"),
    *("chasing_cadences", "gl_accounts", "late_fee_schedules", "merchant_accounts"),
    *("payment_methods", "tax_rules", "payment_links", "disputes", "payouts"),
    "merchant_account_transactions",
)

# Their ids are words, as those of the catalog are.
_WITH_TEXT_IDS = ("custom_fields", "payment_methods")


def _setting(name: str) -> ResourceDefinition:
    singular = name.removesuffix("s")
    return ResourceDefinition(
        name=name,
        singular=singular,
        template=template({"id": None, "object": singular}, "name created_at updated_at"),
        eventful=False,
        text_ids=name in _WITH_TEXT_IDS,
    )


MEMBERS = ResourceDefinition(
    name="members",
    singular="member",
    template={
        **template({"id": None, "object": "member"}, "user role"),
        "restriction_mode": "none",
        **template({}, "restrictions email_update_frequency last_accessed created_at updated_at"),
    },
    eventful=False,
)

ROLES = ResourceDefinition(
    name="roles",
    singular="role",
    template=template({"id": None, "object": "role"}, "name created_at updated_at"),
    eventful=False,
    text_ids=True,
)

SETTINGS = (MEMBERS, ROLES, *map(_setting, _NAMES))
