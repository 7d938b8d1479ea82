"""The report of a comparison: one HTML file without a network, and the same figures as SVG."""

from tidegate.comparison.report.page import write_report

__all__ = ["write_report"]
