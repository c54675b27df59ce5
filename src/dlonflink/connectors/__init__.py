"""What is read and written: descriptions of sources and sinks, their DDL for Flink, their readers for the local runtime."""
