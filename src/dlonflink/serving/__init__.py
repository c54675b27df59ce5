"""Scoring with a published version."""
