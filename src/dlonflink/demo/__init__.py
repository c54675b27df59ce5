"""Ready streams to try things on."""

from dlonflink.demo.flights import flights, pipeline

__all__ = ["flights", "pipeline"]
