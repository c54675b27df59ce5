"""Rows by 64-bit ID: the contract, the index, and the tables that learners read and write."""
