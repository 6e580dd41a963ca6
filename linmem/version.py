"""The version, in one place: package metadata, reports and CITATION.cff follow it."""

__version__ = "0.1.0"
