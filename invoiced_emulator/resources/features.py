"""What an account may lack: features that are bought separately."""

from collections.abc import Mapping

# Each feature with the resources of which every request is refused without it.
FEATURES: Mapping[str, tuple[str, ...]] = {
    "subscription_billing": ("plans", "subscriptions"),
    "estimates": ("estimates",),
    "payment_plans": ("payment_plans",),
    "tasks": ("tasks",),
}
