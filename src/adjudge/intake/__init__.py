"""Brings a user's files into the shapes of `tables.py`; what does not fit is quarantined, never dropped."""

from adjudge.intake.esci import ImportEsciConfig, import_esci
from adjudge.intake.folder import Imported
from adjudge.intake.intake import Intake, take_in
from adjudge.intake.ubi import ImportUbiConfig, import_ubi
from adjudge.intake.wands import ImportWandsConfig, import_wands

__all__ = [
    "ImportEsciConfig",
    "ImportUbiConfig",
    "ImportWandsConfig",
    "Imported",
    "Intake",
    "import_esci",
    "import_ubi",
    "import_wands",
    "take_in",
]
