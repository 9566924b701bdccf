"""The report: one HTML file that opens offline. Reads a results folder, computes nothing (issue 2, point 8)."""

from adjudge.report.page import build

__all__ = ["build"]
