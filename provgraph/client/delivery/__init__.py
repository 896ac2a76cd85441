"""
Where a client's events go, when not straight to the service.

Other clients call this a transport. A client without one sends each event at once and waits for the verdict. To write
your own, see `Delivery`.
"""

from provgraph.client.delivery.base import Delivery, Flushed
from provgraph.client.delivery.plain import ConsoleDelivery, FileDelivery, NoopDelivery
from provgraph.client.delivery.spooled import SpoolDelivery

__all__ = ["ConsoleDelivery", "Delivery", "FileDelivery", "Flushed", "NoopDelivery", "SpoolDelivery"]
