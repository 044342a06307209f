"""The report: one self-contained page, with the data and the checks beside it."""

from compare.page.report import Section, report

__all__ = ["Section", "report"]
