"""How many bad rows there may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlonflink.connectors.rejects import KEPT_BYTES, SCHEMA, Bound, Reject, Share, table
from dlonflink.errors import TooManyRejects


def reject(row: int) -> Reject:
    return Reject.of("parse", "no number", f"a.csv:{row}", b"x")


def fed(rows: list[bool], cuts: list[int], bound: Bound) -> tuple[int, int, str | None]:
    """Rows seen and rejected, and what was said, of rows (true: bad) that come in pieces."""
    share = Share(bound, "there")
    begin = 0
    try:
        for end in [*sorted(cuts), len(rows)]:
            share.add(end - begin, [(i - begin, reject(i)) for i in range(begin, end) if rows[i]])
            begin = end
    except TooManyRejects as error:
        return -1, -1, str(error)
    return share.seen, share.rejected, None


@given(st.data())
def test_the_bound_is_passed_at_the_same_row_however_the_stream_is_cut(data):
    rows = data.draw(st.lists(st.booleans(), max_size=40))
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=5))
    bound = Bound(max_share=data.draw(st.sampled_from([0.0, 0.25, 0.5, 1.0])), over=data.draw(st.integers(0, 30)))
    at_once, one_by_one = fed(rows, [], bound), fed(rows, list(range(len(rows))), bound)
    assert fed(rows, cuts, bound) == at_once == one_by_one
    counts = [(n, sum(rows[:n])) for n in range(1, len(rows) + 1) if n >= bound.over]
    passed = next(((bad, seen) for seen, bad in counts if bad > bound.max_share * seen), None)
    assert (at_once[2] or "").startswith(f"{passed[0]} of {passed[1]} rows" if passed else "")
    assert (at_once[2] is None) == (passed is None)


def test_too_many_in_words():
    share = Share(Bound(max_share=0.1, over=10), "/home/rejects")
    share.add(9, [(3, reject(3))])
    with pytest.raises(TooManyRejects) as caught:
        share.add(10, [(2, reject(11))])
    assert str(caught.value) == (
        "2 of 12 rows are bad, 16.67%\n"
        "  where:    a.csv:11\n"
        "  expected: at most 10.00% once 10 rows are seen (source.rejects)\n"
        "  got:      parse: no number\n"
        "  fix:      see the rejects in /home/rejects; mend the source, or raise source.rejects.max_share"
    )


def test_bytes_are_bounded_and_it_is_said():
    one = Reject.of("parse", "no end", "a.csv:0", b"y" * (KEPT_BYTES + 1))
    assert len(one.data) == KEPT_BYTES
    assert one.message == "no end; the first 65536 of 65537 bytes are kept"
    rows = table([one], run="r", attempt=3)
    assert rows.schema == SCHEMA
    assert rows.to_pylist()[0]["attempt"] == 3
