"""The process beside a Flink subtask that scores and learns (contract/README.md, section 2).

`python -m dlonflink.worker NAME SOCKET`. `messages` is what is said, `wire` turns it into bytes and back, `protocol`
decides without I/O what to do about it, `loop` does it.
"""
