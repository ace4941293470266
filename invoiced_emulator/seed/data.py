"""The catalog of the sample data, and names and addresses of its customers: data only."""

from invoiced_emulator.resources.definition import Row

PLANS: tuple[Row, ...] = (
    {"id": "starter", "name": "Starter", "amount": 49},
    {"id": "team", "name": "Team", "amount": 129.5},
    {"id": "pro", "name": "Pro", "amount": 249},
    {"id": "starter-yearly", "name": "Starter, yearly", "amount": 499, "interval": "year"},
    {"id": "pro-yearly", "name": "Pro, yearly", "amount": 2390, "interval": "year"},
    {"id": "paper-club", "name": "Paper Club", "amount": 89.9, "interval_count": 3},
    {"id": "ipad-license", "name": "Tablet licence", "amount": 7.5},
    {"id": "priority-support", "name": "Priority support", "amount": 39.95},
    {"id": "archive-yearly", "name": "Archive, yearly", "amount": 120, "interval": "year"},
)
# Plans a customer subscribes to, each with the addon of the same interval and its weight.
SUBSCRIBED = (
    ("starter", "ipad-license", 5),
    ("team", "priority-support", 4),
    ("pro", "ipad-license", 4),
    ("starter-yearly", "archive-yearly", 1),
    ("pro-yearly", "archive-yearly", 1),
    ("paper-club", None, 1),
)

ITEMS: tuple[Row, ...] = (
    {"id": "copy-paper", "name": "Copy Paper, Case", "type": "product", "unit_cost": 45},
    {"id": "recycled-paper", "name": "Recycled Paper, Case", "type": "product", "unit_cost": 38.95},
    {"id": "envelopes", "name": "Envelopes, Box of 500", "type": "product", "unit_cost": 21.5},
    {
        "id": "toner",
        "name": "Toner Cartridge",
        "type": "product",
        "unit_cost": 84.9,
        "taxes": ["eco-fee"],
    },
    {"id": "labels", "name": "Labels, Roll", "type": "product", "unit_cost": 6.75},
    {"id": "paper-clips", "name": "Paper Clips", "type": "product", "unit_cost": 0.035},
    {"id": "delivery", "name": "Delivery", "type": "service", "unit_cost": 10, "taxable": False},
    {"id": "consulting", "name": "Consulting", "type": "hours", "unit_cost": 135},
    {"id": "installation", "name": "Installation", "type": "service", "unit_cost": 220},
    {"id": "api-calls", "name": "API calls, thousand", "type": "service", "unit_cost": 0.1275},
)

COUPONS: tuple[Row, ...] = (
    {"id": "S8L47J", "name": "Non-profit Discount", "value": 20},
    {"id": "WELCOME", "name": "Welcome", "value": 25, "is_percent": False, "currency": "usd"},
    {"id": "LOYAL", "name": "Loyal customer", "value": 7.5, "max_redemptions": 500},
)

TAX_RATES: tuple[Row, ...] = (
    {"id": "vat", "name": "VAT", "value": 20},
    {"id": "ust", "name": "Umsatzsteuer", "value": 19},
    {"id": "gst", "name": "GST", "value": 5},
    {"id": "sales-tax", "name": "Sales Tax", "value": 7.25},
    {"id": "eco-fee", "name": "Eco fee", "value": 1.5, "is_percent": False},
)

# No longer sold, and only listed with `archived=1`.
ARCHIVED: tuple[tuple[str, Row], ...] = (
    ("plans", {"id": "basic-2019", "name": "Basic (2019)", "amount": 19}),
    ("plans", {"id": "basic-2019-yearly", "name": "Basic (2019)", "amount": 190}),
    ("items", {"id": "fax-roll", "name": "Fax Roll", "type": "product", "unit_cost": 3.2}),
    ("coupons", {"id": "SPRING19", "name": "Printemps 2019", "value": 15}),
    ("tax_rates", {"id": "vat-2019", "name": "VAT (2019)", "value": 16}),
)

# Country: its currency, its tax rate, and cities with state and postal code.
COUNTRIES: dict[str, tuple[str, str, tuple[tuple[str, str | None, str], ...]]] = {
    "US": (
        "usd",
        "sales-tax",
        (
            ("Scranton", "PA", "18505"),
            ("Austin", "TX", "78701"),
            ("Portland", "OR", "97205"),
            ("Stamford", "CT", "06901"),
        ),
    ),
    "GB": ("gbp", "vat", (("Slough", None, "SL1 1XY"), ("Leeds", None, "LS1 4DY"))),
    "DE": ("eur", "ust", (("München", "BY", "80331"), ("Köln", "NW", "50667"))),
    "CA": ("cad", "gst", (("Montréal", "QC", "H2Y 1C6"), ("Calgary", "AB", "T2P 1J9"))),
    "FR": ("eur", "vat", (("Saint-Étienne", None, "42000"), ("Lyon", None, "69002"))),
}
COUNTRY_WEIGHTS = {"US": 10, "GB": 4, "DE": 3, "CA": 3, "FR": 1}

FIRST_WORDS = (
    *("Acme", "Northwind", "Blue Harbour", "Granite", "Maple", "Zürcher", "Lumière", "Copperfield"),
    *("Øresund", "Silver Birch", "Quill", "Bright", "Höfner", "Cascade", "Juniper", "Prairie"),
    *("São Jorge", "Kestrel", "Oak & Iron", "Meridian", "Fjord", "Tamarack", "Łódź", "Harvest"),
)
SECOND_WORDS = (
    *("Paper", "Logistics", "Software", "Studios", "Dental", "Foods", "Robotics", "Legal"),
    *("Bakery", "Schools", "Partners", "Optics", "Outfitters", "Energy", "Print", "Media"),
)
ENDINGS = {"US": "Inc.", "GB": "Ltd", "DE": "GmbH", "CA": "Corp.", "FR": "SARL"}
GIVEN_NAMES = (
    *("Ada", "Björn", "Chloé", "Dwight", "Esi", "Françoise", "Grace", "Hiroshi", "Inés", "José"),
    *("Katarzyna", "Liam", "Mei", "Noor", "Oscar", "Pam", "Renée", "Siobhán", "Tomáš", "Zoë"),
)
FAMILY_NAMES = (
    *("Müller", "O'Brien", "Schrute", "Nguyễn", "Dupont", "Okafor", "García", "Kowalski"),
    *("Beesly", "Sørensen", "Lindqvist", "Tanaka", "Hopper", "Fletcher", "Brontë", "Martin"),
)
STREETS = ("Main Street", "Station Road", "Bahnhofstraße", "Rue de l'Église", "Lake View Drive")
REPRESENTATIVES = ("Jan", "Pam", "Toby", "Zoë")
FAILURES = (
    "Your card was declined.",
    "Your card has insufficient funds.",
    "Your card has expired.",
)
