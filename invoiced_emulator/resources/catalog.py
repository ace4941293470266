"""What plans, items, coupons and tax rates look like: their ids are the caller's own strings."""

from invoiced_emulator.resources.definition import ResourceDefinition, Row, field_types, template

# Only the name, and what cannot change a price, is written to again.
_UPDATE = field_types(string="name", metadata="metadata")


def archived(_row: Row, private: Row) -> tuple[str, ...]:
    """The lists on which an object of the catalog appears: archived ones have their own."""
    return ("all", "archived" if private.get("_archived") else "live")


def _sold(
    name: str, template: Row, writes: dict[str, str], more: dict[str, str]
) -> ResourceDefinition:
    """The row of one kind of catalog object; `more` is what `PATCH` accepts beside the name."""
    singular = name.removesuffix("s")
    return ResourceDefinition(
        name=name,
        singular=singular,
        label="TaxRate" if name == "tax_rates" else "",
        template={"id": None, "object": singular, **template},
        create={**_UPDATE, "id": "string", **writes},
        update={**_UPDATE, **more},
        list_names=archived,
        default_list="live",
        flags={"archived": "archived"},
        eventful=False,
        text_ids=True,
    )


PLANS = _sold(
    "plans",
    {
        "name": None,
        "currency": "usd",
        "amount": 0,
        "interval": "month",
        "interval_count": 1,
        **template({}, "catalog_item updated_at created_at"),
        "metadata": {},
        "pricing_mode": "per_unit",
        "quantity_type": "constant",
        "tiers": None,
    },
    field_types(
        string="catalog_item currency pricing_mode quantity_type interval",
        number="amount",
        integer="interval_count",
        array="tiers",
    ),
    {},
)

_ITEM_WRITES = field_types(string="description type", ids="taxes")

ITEMS = _sold(
    "items",
    {
        "name": None,
        "currency": "usd",
        "unit_cost": 0,
        **template({}, "description type"),
        "taxes": [],
        "gl_account": None,
        "discountable": True,
        "taxable": True,
        **template({}, "avalara_tax_code avalara_location_code updated_at created_at"),
        "metadata": {},
    },
    {
        **_ITEM_WRITES,
        **field_types(
            string="currency avalara_tax_code avalara_location_code gl_account",
            number="unit_cost",
            boolean="taxable discountable",
        ),
    },
    _ITEM_WRITES,
)

_RATE: Row = {
    **template({}, "name currency"),
    "value": 0,
    "is_percent": True,
    **template({}, "updated_at created_at"),
    "metadata": {},
}
_RATE_WRITES = field_types(string="currency", number="value", boolean="is_percent")

COUPONS = _sold(
    "coupons",
    {**_RATE, "exclusive": False, "expiration_date": None, "max_redemptions": 0, "duration": 0},
    {
        **_RATE_WRITES,
        **field_types(boolean="exclusive", timestamp="expiration_date", integer="max_redemptions"),
    },
    {},
)

TAX_RATES = _sold(
    "tax_rates", {**_RATE, "inclusive": False}, {**_RATE_WRITES, "inclusive": "boolean"}, {}
)

CATALOG = (PLANS, ITEMS, COUPONS, TAX_RATES)
