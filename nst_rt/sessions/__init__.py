"""Engines behind one small protocol, and the choice of one for a device."""

from nst_rt.sessions.choosing import open_session, preferred_flavour
from nst_rt.sessions.options import Device, Precision, SessionOptions
from nst_rt.sessions.protocol import Session

__all__ = [
    "Device",
    "Precision",
    "Session",
    "SessionOptions",
    "open_session",
    "preferred_flavour",
]
