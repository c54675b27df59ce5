from collections.abc import Iterator, Sequence
from typing import Any, Self

from pyarrow import RecordBatch, Schema

class RowGroupMetaData:
    num_rows: int

class FileMetaData:
    num_row_groups: int
    def row_group(self, i: int) -> RowGroupMetaData: ...

class ParquetFile:
    schema_arrow: Schema
    metadata: FileMetaData
    def __init__(self, source: str) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...
    def iter_batches(
        self, batch_size: int = 65_536, row_groups: Sequence[int] | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[RecordBatch]: ...
    def close(self, force: bool = False) -> None: ...

def __getattr__(name: str) -> Any: ...
