"""Record Polymarket's order books in bundles that can be believed, and replay them exactly."""

__version__ = "0.1.0"
