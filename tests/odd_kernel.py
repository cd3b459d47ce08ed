"""A kernel that is silent where others answer, as some kernels are.

It tells what it is on shell only (as IRkernel), never answers ``inspect_request``, asks for input
although no one can answer (as IRkernel), and fails internally without a reply (as bash_kernel).
"""

from __future__ import annotations

from typing import Any

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel


class OddKernel(Kernel):
    """Prints the code; ``ask`` asks for input, ``fail`` fails."""

    implementation = "odd"
    implementation_version = "1"
    language_info = {"name": "odd", "mimetype": "text/plain", "file_extension": ".odd"}  # noqa: RUF012  # as ipykernel has it
    banner = "odd"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # ipykernel's
        self.control_handlers.pop("kernel_info_request")
        self.shell_handlers["inspect_request"] = self.ignore

    async def ignore(self, *_: Any) -> None:
        """Answer nothing."""

    async def do_execute(self, code: Any, silent: Any, *_: Any, **__: Any) -> Any:
        """Print the code, ask or fail."""
        if code == "fail":
            msg = "as bash_kernel does"
            raise ValueError(msg)
        if code == "ask":
            self._allow_stdin = True
            code = self.raw_input("who? ")  # type: ignore[no-untyped-call]  # ipykernel's
        if not silent:
            content = {"name": "stdout", "text": code}
            self.send_response(self.iopub_socket, "stream", content)  # type: ignore[no-untyped-call]  # ipykernel's
        count = self.execution_count
        return {"status": "ok", "execution_count": count, "payload": [], "user_expressions": {}}


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=OddKernel)
