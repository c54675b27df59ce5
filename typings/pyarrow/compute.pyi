# Compute functions are made at import time from a registry; none has a type.
from typing import Any

def __getattr__(name: str) -> Any: ...
