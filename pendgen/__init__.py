"""Stage one: what is true. Builds datasets of pendulum images whose energy is known."""

__version__ = "0.1.0"
