# The part of numba that dlonflink uses: numba ships no types.
from collections.abc import Callable
from typing import Any

__version__: str

class _Config:
    CACHE_DIR: str
    def __getattr__(self, name: str) -> Any: ...

config: _Config
types: Any

def njit(
    *, cache: bool = False, nogil: bool = False, inline: str = "never", error_model: str = "python"
) -> Callable[[Callable[..., Any]], Any]: ...
def __getattr__(name: str) -> Any: ...
