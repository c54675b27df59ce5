"""Figures over scored rows: mergeable metrics, totals and windows, part of the snapshot."""
