"""Output that a kernel could not send, from recorded tracebacks of ipykernel."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.advice.unsent import Unsent

PACKER = """Traceback (most recent call last):
  File "/env/lib/python3.11/site-packages/jupyter_client/session.py", line 103, in json_packer
    ).encode("utf8", errors="surrogateescape")
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
UnicodeEncodeError: 'utf-8' codec can't encode character '\\ud800' in position 29: surrogates not \
allowed

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/env/lib/python3.11/site-packages/ipykernel/iostream.py", line 739, in _flush
    self.session.send(
  File "/env/lib/python3.11/site-packages/jupyter_client/session.py", line 111, in json_packer
    ).encode("utf8", errors="surrogateescape")
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
UnicodeEncodeError: 'utf-8' codec can't encode character '\\ud800' in position 29: surrogates not \
allowed
"""
CALLBACK = f"ERROR:tornado.general:Uncaught exception in ZMQStream callback\n{PACKER}"
TIMER = (
    "ERROR:tornado.application:Exception in callback functools.partial(<bound method OutStream._"
    f"flush of <ipykernel.iostream.OutStream object at 0x7f>>)\n{PACKER}"
)
WARNING = """/env/jupyter_client/session.py:727: UserWarning: Message serialization failed with:
Out of range float values are not JSON compliant
Supporting this message is deprecated in jupyter-client 7, please make sure your message is \
JSON-compliant
  content = self.pack(content)
"""


ASYNCIO = (
    f"Exception in callback BaseAsyncIOLoop._handle_events(31, 1)\nhandle: <Handle x>\n{PACKER}\n"
)


def fed(*pieces: str) -> tuple[str, list[str]]:
    """The text and the notices of one execution."""
    unsent = Unsent()
    found = [*map(unsent.feed, pieces), unsent.finish()]
    return "".join(text for text, _ in found), list(dict.fromkeys(n for _, s in found for n in s))


def test_the_tracebacks_of_text_that_cannot_be_sent_are_one_notice() -> None:
    text, notices = fed(f"own\n{CALLBACK}{CALLBACK}between\n{TIMER}{ASYNCIO}after\n")

    assert text == "own\nbetween\nafter\n"
    [notice] = notices
    assert "'\\ud800', a lone surrogate" in notice


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_they_come_in_pieces(size: int) -> None:
    whole = f"own\n{CALLBACK}between\n{ASYNCIO}{TIMER}after\nE"
    text, notices = fed(*(whole[n : n + size] for n in range(0, len(whole), size)))

    assert text == "own\nbetween\nafter\nE"
    assert len(notices) == 1


@pytest.mark.parametrize("inner", [CALLBACK, TIMER, ASYNCIO])
def test_one_that_stands_anywhere_inside_another_is_removed_with_it(inner: str) -> None:
    """A kernel writes some directly, and others through a pipe that is read in pieces."""
    for cut in range(len(CALLBACK) + 1):
        text, notices = fed(f"own\n{CALLBACK[:cut]}{inner}{CALLBACK[cut:]}after\n")

        assert text == "own\nafter\n", cut
        assert len(notices) == 1


def test_one_of_the_code_inside_one_of_the_kernel_stays() -> None:
    own = ASYNCIO.replace("ipykernel/iostream.py", "mine.py").replace("jupyter_client/", "my/")
    for cut in range(100, len(CALLBACK), 50):
        assert fed(f"{CALLBACK[:cut]}{own}{CALLBACK[cut:]}after\n")[0].rstrip("\n") == (
            f"{own}after"
        )


def test_many_in_a_row_stay_in_their_order() -> None:
    one = CALLBACK.replace("ipykernel/iostream.py", "mine.py").replace("jupyter_client/", "my/")
    whole = "".join(one.replace("ZMQStream callback", f"ZMQStream callback {n}") for n in range(50))

    assert fed(whole) == (whole, [])
    assert fed(*(whole[n : n + 1000] for n in range(0, len(whole), 1000))) == (whole, [])


def test_a_piece_that_comes_with_the_next_execution_is_not_part_of_its_text() -> None:
    unsent = Unsent()
    first = unsent.feed(f"own\n{CALLBACK[:700]}"), unsent.finish()
    second = unsent.feed(f"{CALLBACK[700:]}of the next\n"), unsent.finish()

    assert "".join(text for text, _ in first) == "own\n"
    assert len(first[1][1]) == 1
    assert "".join(text for text, _ in second) == "of the next\n"


def test_values_that_json_does_not_have_are_a_notice() -> None:
    text, notices = fed(f"a\n{WARNING}b\n")

    assert text == "a\nb\n"
    assert "Out of range float values" in notices[0]


@pytest.mark.parametrize(
    "own",
    [
        CALLBACK.replace("ipykernel/iostream.py", "mine.py").replace("jupyter_client/", "my/"),
        "ERROR:x:Exception in callback f\nTraceback (most recent call last):\n",
        "ERROR:tornado.general:Uncaught exce",
        "IOStream.flush timed out\n",
    ],
)
def test_text_of_the_codes_own_stays(own: str) -> None:
    assert fed(own) == (own, [])
    assert fed(own[:20], own[20:]) == (own, [])


def test_a_traceback_without_end_is_text_again() -> None:
    head = "Exception in callback \nTraceback (most recent call last):\n  ipykernel/iostream.py\n"
    pieces = [head.replace("ipykernel/", ""), *["  a\n"] * 20_000]

    assert fed(*pieces) == ("".join(pieces), [])
    assert len(fed(head, *["  a\n"] * 40_000)[0]) > 50_000
