"""
Where a client's events go, when not straight to the service.

Other clients call this a transport. A client without one sends each event at once and waits for the verdict. To write
your own, see `provgraph.client.delivery.base.Delivery`.
"""
