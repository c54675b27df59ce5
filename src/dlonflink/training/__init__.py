"""The one place that cuts batches, encodes, scores, learns, evaluates, snapshots and publishes.

The local runtime and the worker both drive `Trainer`; that is why they can be bit-equal.
"""
