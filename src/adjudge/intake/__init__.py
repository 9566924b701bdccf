"""Brings a user's files into the shapes of `tables.py`; what does not fit is quarantined, never dropped."""

from adjudge.intake.intake import Intake, take_in

__all__ = ["Intake", "take_in"]
