"""Columns to numbers: descriptions, the hashing kernel, and the one encoder that training and serving share."""
