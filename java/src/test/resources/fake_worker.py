"""A worker without a learner: counts the rows of one BIGINT column and adds them up. Standard library only.

Usage: fake_worker.py BEHAVIOUR SOCKET, where BEHAVIOUR is a JSON object, every member optional:
  echo        send each batch back as scored rows
  pad         bytes that the snapshot is made longer by
  exit_first  exit at once with this code
  mute        connect and say nothing
  kill_after_commit  in attempt 0, at the first batch after this checkpoint's COMMIT or a later one: SIGKILL itself
  error_at    once so many rows came: send ERROR
  kill_after_aligned  in attempt 0, at this checkpoint: SIGKILL itself between ALIGNED and SNAPSHOT
  slow_at     at this checkpoint: wait before the snapshot until ABORT has come
  corrupt     give a digest that is not the snapshot's
  linger      do not end on STOP, nor when the socket ends
  publish     outcome of every VERSION (default "published")
  stop_at     in attempt 0, once so many rows came: SIGSTOP itself
  fork_at     in attempt 0, once so many rows came: fork a child that holds the socket, and SIGKILL itself
  lose        say at the end that so many rows fewer were learned
Prints one line per event, for the log.
"""

import hashlib
import json
import os
import signal
import socket
import struct
import sys
import threading
import time

HELLO, RESTORE, BATCH, BARRIER, COMMIT, ABORT, WATERMARK, END, STOP = range(1, 10)
READY, SCORED, CREDIT, ALIGNED, SNAPSHOT, DURABLE, VERSION, WATERMARK_OUT, FINISHED, METRICS = range(33, 43)
ERROR, HEARTBEAT = 44, 45
CHUNK = 1 << 20

behaviour = json.loads(sys.argv[1])
sending = threading.Lock()
state = {"rows": 0, "sum": 0, "watermark": None}


def say(*words):
    print(*words, flush=True)


def receive(count):
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def send(kind, payload):
    with sending:
        sock.sendall(struct.pack("<BBHI", kind, 0, 0, len(payload)) + payload)


def beat():
    while True:
        time.sleep(0.2)
        send(HEARTBEAT, struct.pack("<q", 0))


def table_field(data, table, index):
    """Absolute place of a field of a flatbuffers table; 0 where it is absent."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    slot = 4 + 2 * index
    if slot >= struct.unpack_from("<H", data, vtable)[0]:
        return 0
    offset = struct.unpack_from("<H", data, vtable + slot)[0]
    return table + offset if offset else 0


def indirect(data, place):
    return place + struct.unpack_from("<I", data, place)[0]


def values(message):
    """The first column of a record batch, which is int64 without nulls."""
    continuation, length = struct.unpack_from("<II", message, 0)
    assert continuation == 0xFFFFFFFF and length % 8 == 0, (continuation, length)
    meta = message[8 : 8 + length]
    batch = indirect(meta, table_field(meta, indirect(meta, 0), 2))
    rows = struct.unpack_from("<q", meta, table_field(meta, batch, 0))[0]
    buffers = indirect(meta, table_field(meta, batch, 2)) + 4
    offset, size = struct.unpack_from("<qq", meta, buffers + 16)
    assert rows == 0 or size >= 8 * rows
    return struct.unpack_from(f"<{rows}q", message, 8 + length + offset)


def send_snapshot(checkpoint):
    data = json.dumps(state).encode() + b" " * behaviour.get("pad", 0)
    for start in range(0, len(data), CHUNK):
        send(SNAPSHOT, struct.pack("<q", checkpoint) + data[start : start + CHUNK])
    digest = hashlib.sha256(data + (b"!" if behaviour.get("corrupt") else b"")).digest()
    send(DURABLE, struct.pack("<qQ", checkpoint, len(data)) + digest)


def batch(payload, attempt, committed):
    column = values(payload)
    state["rows"] += len(column)
    state["sum"] += sum(column)
    if attempt == 0 and committed >= behaviour.get("kill_after_commit", float("inf")):
        say("killing myself at", state["rows"])
        os.kill(os.getpid(), signal.SIGKILL)
    if state["rows"] >= behaviour.get("error_at", float("inf")):
        fields = ("code", "what", "where", "expected", "got", "fix", "traceback")
        error = dict.fromkeys(fields) | {"code": "learner", "what": "the learner raised", "where": "row 7"}
        send(ERROR, json.dumps(error).encode())
        sys.exit(1)
    if attempt == 0 and state["rows"] >= behaviour.get("stop_at", float("inf")):
        say("stopping at", state["rows"])
        os.kill(os.getpid(), signal.SIGSTOP)
    if attempt == 0 and state["rows"] >= behaviour.get("fork_at", float("inf")):
        if os.fork() == 0:
            time.sleep(600)
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour.get("echo"):
        send(SCORED, payload)
    send(CREDIT, struct.pack("<i", 1))
    send(METRICS, json.dumps({"rows": state["rows"]}).encode())


def run():
    kind, length = struct.unpack("<B3xI", receive(8))
    hello = json.loads(receive(length))
    assert kind == HELLO and hello["protocol"] == 2, hello
    say("hello", json.dumps({k: v for k, v in hello.items() if k != "schema"}))
    if hello["restore"]:
        data = b""
        while True:
            kind, flags, length = struct.unpack("<BB2xI", receive(8))
            assert kind == RESTORE
            part = receive(length)
            if flags & 1:
                assert hashlib.sha256(data).digest() == part
                break
            data += part
        state.update(json.loads(data))
        say("restored", state["rows"], state["sum"])
    send(READY, json.dumps({"protocol": 2, "pid": os.getpid(), "libraries": {}, "received": state["rows"]}).encode())
    threading.Thread(target=beat, daemon=True).start()
    send(CREDIT, struct.pack("<i", 2))
    late = None
    committed = 0
    while True:
        kind, length = struct.unpack("<B3xI", receive(8))
        payload = receive(length)
        if kind == BATCH:
            batch(payload, hello["attempt"], committed)
        elif kind == BARRIER:
            checkpoint = struct.unpack("<q", payload)[0]
            send(ALIGNED, payload)
            if hello["attempt"] == 0 and behaviour.get("kill_after_aligned") == checkpoint:
                os.kill(os.getpid(), signal.SIGKILL)
            if behaviour.get("slow_at") == checkpoint:
                late = checkpoint
            else:
                send_snapshot(checkpoint)
        elif kind == COMMIT:
            checkpoint = struct.unpack("<q", payload)[0]
            committed = checkpoint
            outcome = behaviour.get("publish", "published")
            reason = None if outcome == "published" else "because"
            say("commit", checkpoint, outcome)
            answer = {"checkpoint": checkpoint, "outcome": outcome, "version": checkpoint, "reason": reason}
            send(VERSION, json.dumps(answer).encode())
        elif kind == ABORT:
            say("abort", struct.unpack("<q", payload)[0])
            if struct.unpack("<q", payload)[0] == late:
                send_snapshot(late)  # for nobody any more
        elif kind == WATERMARK:
            state["watermark"] = struct.unpack("<q", payload)[0]
            send(WATERMARK_OUT, payload)
        elif kind == END:
            send_snapshot(-1)
            learned = {"rows": state["rows"] - behaviour.get("lose", 0)}
            send(FINISHED, json.dumps(state | learned).encode())
        elif kind == STOP:
            say("stop")
            if not behaviour.get("linger"):
                return


def lifeline():
    while os.read(0, 1):
        pass
    say("lifeline")
    if not behaviour.get("linger"):
        os._exit(3)


os.setpgid(0, 0)
if "exit_first" in behaviour:
    say("one last word")
    sys.exit(behaviour["exit_first"])
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[2])
threading.Thread(target=lifeline, daemon=True).start()
if behaviour.get("mute"):
    time.sleep(600)
try:
    run()
except EOFError:
    say("the socket ended")
if behaviour.get("linger"):
    time.sleep(600)
