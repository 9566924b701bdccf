"""Full and diff: a table that readers are served while runs are merged into its next version."""

from adjudge.scoring.served.merge import Merged, merge
from adjudge.scoring.served.publish import Published, publish
from adjudge.scoring.served.settings import MergeConfig, ServedSettings
from adjudge.scoring.served.table import Version, served

__all__ = ["MergeConfig", "Merged", "Published", "ServedSettings", "Version", "merge", "publish", "served"]
