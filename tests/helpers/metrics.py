"""The values of this process's metrics."""

from prometheus_client import REGISTRY


def metric(name: str, **labels: str) -> float:
    """The value of a sample; `name` is without the prefix promo_gateway_."""
    return REGISTRY.get_sample_value(f"promo_gateway_{name}", labels) or 0
