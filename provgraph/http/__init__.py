"""What all services share at their HTTP edge: bodies, answers, errors, streams, metrics."""

from provgraph.http import tagpath
from provgraph.http.answers import encoded, error_answer, json, text
from provgraph.http.body import Bodies, read_body
from provgraph.http.browsers import BrowserGuard
from provgraph.http.doors import Doors, FrontDoor, front_door
from provgraph.http.edge import Edge, install
from provgraph.http.metrics import Gauge, Metrics
from provgraph.http.services import Building, ProjectorStatus, Services
from provgraph.http.streaming import Places, enclosed, json_list

__all__ = [
    "Bodies",
    "BrowserGuard",
    "Building",
    "Doors",
    "Edge",
    "FrontDoor",
    "Gauge",
    "Metrics",
    "Places",
    "ProjectorStatus",
    "Services",
    "enclosed",
    "encoded",
    "error_answer",
    "front_door",
    "install",
    "json",
    "json_list",
    "read_body",
    "tagpath",
    "text",
]
