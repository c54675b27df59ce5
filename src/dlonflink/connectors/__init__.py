"""What is read and written: descriptions of sources and sinks, DDL for Flink, readers for the local runtime."""
