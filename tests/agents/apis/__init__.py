"""The APIs of models that clients speak: what a request holds, and how the mock model answers.

Each API is a class without state. What is not needed to have a client call tools is left out.
"""

from __future__ import annotations

from .api import Api
from .completions import Completions
from .generate import Generate
from .messages import Messages
from .plain import Plain
from .responses import Responses

APIS: tuple[Api, ...] = (Messages(), Responses(), Completions(), Generate(), Plain())

__all__ = ["APIS", "Api"]
