"""The description of a whole pipeline, its reading from YAML, its checks, and the plan made of it."""
