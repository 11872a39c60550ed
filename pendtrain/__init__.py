"""Stage two: what is learnt. Trains encoders, contrastively or supervised, and saves embeddings."""

__version__ = "0.1.0"
