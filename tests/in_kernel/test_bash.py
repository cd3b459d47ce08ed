"""The lines that a bash runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from jupyter_mcp_ext.in_kernel.bash import LIST, show, written


def ran(code: str) -> str:
    command = ["bash", "--noprofile", "--norc", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_what_commands_print_is_in_the_file_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "it's here"

    out = ran(f"mine=(1 2); {written(LIST, str(path), mark=tmp_path.name, max_bytes=1 << 20)}")

    assert out == ""
    assert 'declare -a mine=([0]="1" [1]="2")\n' in path.read_text()


def test_no_more_is_written_than_was_allowed(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    code = written("printf '%100000s' x", str(path), mark=tmp_path.name, max_bytes=2_048)

    assert ran(f"{code}; echo on") == "on\n"
    assert path.stat().st_size <= 2_048


def test_a_variable_or_a_function_is_shown() -> None:
    assert ran(f"a=1; {show('a')}") == 'declare -- a="1"\n'
    assert ran(f"f() {{ true; }}; {show('f')} 2>/dev/null") == "f () \n{ \n    true\n}\n"
