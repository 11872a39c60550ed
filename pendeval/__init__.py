"""Stage three: what it is worth. Scores saved embeddings beside the ceiling of their own data."""

__version__ = "0.1.0"
