"""The outputs of an execution: folded from its messages, held in memory or left on disk."""

from __future__ import annotations

from jupyter_mcp_ext.outputs.folding.fold import OutputFold
from jupyter_mcp_ext.outputs.model import Error, Output


class HeldOutputs:
    """What a notebook would show. Those of a finished execution are folded once and held."""

    is_loaded = True
    """Whether they are in memory."""

    def __init__(self, fold: OutputFold) -> None:
        self._fold = fold
        self._outputs: tuple[Output, ...] | None = None
        self._version = 0
        self._error: Error | None = None

    def now(self, *, is_finished: bool) -> tuple[Output, ...]:
        """The outputs. Raises RuntimeError when they are on disk."""
        if not self.is_loaded:
            msg = "the outputs are on disk"
            raise RuntimeError(msg)
        version = self._fold.version
        if self._outputs is not None and version in (0, self._version):
            return self._outputs
        outputs = self._fold.outputs
        if is_finished:
            self._outputs, self._version = outputs, version
        return outputs

    def error(self, *, is_finished: bool) -> Error | None:
        """The last error among them, also of outputs that are on disk."""
        if not self.is_loaded:
            return self._error
        outputs = self.now(is_finished=is_finished)
        return next((o for o in reversed(outputs) if isinstance(o, Error)), None)

    def change(self) -> None:
        """There was more output after the end."""
        self._outputs = None

    def release(self, error: Error | None) -> None:
        """Let go of outputs that are on disk; ``error`` is what is still needed of them."""
        self._error = error
        self._fold.release()
        self._outputs, self.is_loaded = None, False

    def load(self, outputs: tuple[Output, ...]) -> None:
        """Take the outputs back from disk."""
        self._outputs, self.is_loaded = outputs, True
