"""The container of a snapshot against the safetensors library."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dlonflink.errors import CorruptionError, LearnerError, ResumeError
from dlonflink.training import snapshot

METADATA = {"format": snapshot.FORMAT, "version": snapshot.VERSION, "name": "ü"}
ARRAYS = st.dictionaries(
    st.text(max_size=8).filter(lambda name: name != "__metadata__"),
    hnp.arrays(
        st.sampled_from(["<f8", "<f4", "<f2", "<i8", "<u8", "<i4", "<u4", "<i2", "<u2", "|i1", "|u1", "|b1"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    max_size=5,
)


@given(ARRAYS, st.integers(1, 100))
def test_what_is_written_is_read(arrays: dict[str, np.ndarray], size: int) -> None:
    pieces = list(snapshot.chunks(arrays, METADATA, size=size))
    assert all(len(piece) == size for piece in pieces[:-1])
    data = b"".join(pieces)
    read, metadata = snapshot.read(data)
    assert metadata == METADATA
    library = safetensors.numpy.load(data)
    assert read.keys() == library.keys() == arrays.keys()
    for name, array in arrays.items():
        for other in (read[name], library[name]):
            assert (other.dtype, other.shape, other.tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert read[name].flags.aligned
        assert read[name].flags.writeable


@given(ARRAYS, st.data())
def test_damaged_bytes_end_in_an_error_of_ours(arrays: dict[str, np.ndarray], data: st.DataObject) -> None:
    whole = bytearray(b"".join(snapshot.chunks(arrays, METADATA, size=1 << 20)))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(whole), len(whole) // 2]))
    with contextlib.suppress(CorruptionError, ResumeError):
        snapshot.read(bytes(whole[:cut]))


def test_another_release_is_named() -> None:
    data = b"".join(snapshot.chunks({}, METADATA | {"version": "1"}, size=100))
    with pytest.raises(ResumeError, match="another release"):
        snapshot.read(data)


def test_an_array_of_objects_is_refused() -> None:
    with pytest.raises(LearnerError, match="names"):
        snapshot.check({"names": np.array(["a"])}, owner="learner my:Learner")
