"""The process beside a Flink subtask that scores and learns (contract/README.md, section 2).

`python -m dlonflink.worker NAME SOCKET`. `wire` turns bytes into messages, `protocol` decides without I/O what to do
about them, `loop` does it.
"""
