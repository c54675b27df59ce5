"""Running a pipeline: in this process, or on a Flink of its own in a child JVM. Progress, summary, and every failure
turned into one of our errors.
"""
