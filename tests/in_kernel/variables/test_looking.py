"""Looking at objects that lie, raise or never answer: none of their code runs."""

from __future__ import annotations

import collections
import contextlib
import datetime
import enum
import re
import signal
import sys
import threading
import types
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import pytest

from jupyter_mcp_ext.in_kernel.variables.inspecting import inspected
from jupyter_mcp_ext.in_kernel.variables.listing import listed, users
from jupyter_mcp_ext.in_kernel.variables.plain import brief
from tests.in_kernel.variables.looks import facts, look

# pytest-timeout's default method uses the timer that is tested here.
pytestmark = pytest.mark.timeout(60, method="thread")


class Ran(BaseException):
    """Code of a user ran."""


def runs(*_: object, **__: object) -> NoReturn:
    """Stands for any code of a user."""
    raise Ran


class Meta(type):
    """A metaclass that answers everything itself."""

    __getattribute__ = __instancecheck__ = __subclasscheck__ = __eq__ = __hash__ = runs
    __repr__ = __str__ = __call__ = runs


EVERYTHING = {
    name: runs
    for name in (
        *("__repr__", "__str__", "__len__", "__getattr__", "__getattribute__", "__getitem__"),
        *("__eq__", "__hash__", "__bool__", "__iter__", "__sizeof__", "__format__", "__dir__"),
        *("__contains__", "__missing__", "__reduce__", "__reduce_ex__", "__del__", "__index__"),
        *("__array__", "__dataframe__", "__instancecheck__", "keys", "items"),
    )
    if name != "__del__"
}
LIES = {name: property(runs) for name in ("shape", "dtype", "nbytes", "columns", "__class__")}


def hostile(*bases: type, **more: Any) -> type:
    """A class whose every method is code that must not run."""
    return type.__new__(type, "Hostile", bases, {**EVERYTHING, **LIES, **more})


def instances() -> dict[str, Any]:
    """Objects of such classes, made without running them."""
    plain: Any = object.__new__(hostile())
    a_list: Any = list.__new__(hostile(list))
    list.extend(a_list, [1, 2, 3])
    a_dict: Any = dict.__new__(hostile(dict))
    dict.__setitem__(a_dict, "a", 1)
    return {
        "plain": plain,
        "list": a_list,
        "dict": a_dict,
        "str": str.__new__(hostile(str), "text"),
        "int": int.__new__(hostile(int), 7),
        "module": types.ModuleType.__new__(hostile(types.ModuleType)),
        "in_a_list": [plain],
        "in_a_dict": {"a": plain},
        "with_dict": object.__new__(hostile(__dict__=property(runs))),
        "named": object.__new__(hostile(__module__=7, __qualname__="x" * 100_000)),
        "liar": object.__new__(hostile(__module__="pandas.core.frame")),
        "of_a_metaclass": type.__new__(Meta, "Odd", (), {}),
    }


@pytest.mark.parametrize("name", instances())
def test_nothing_of_an_object_runs_when_it_is_listed(name: str) -> None:
    found = listed([(name, instances()[name])], "", 50)

    assert found["total"] == 1


@pytest.mark.parametrize("name", instances())
def test_nothing_of_an_object_runs_when_it_is_inspected_in_a_busy_kernel(name: str) -> None:
    for detail in ("summary", "full", "source"):
        assert "type" in inspected(instances(), [("name", name)], detail, is_idle=False, seconds=60)


@pytest.mark.parametrize("name", ["plain", "list", "dict", "with_dict", "liar", "str", "module"])
@pytest.mark.parametrize("step", ["a", "shape", "__class__", 0, "keys"])
@pytest.mark.parametrize("how", ["attribute", "item"])
def test_nothing_of_an_object_runs_on_the_way_to_what_it_has(
    name: str, step: str | int, how: str
) -> None:
    if how == "attribute" and not isinstance(step, str):
        step = "b"

    inspected(instances(), [("name", name), (how, step)], "summary", is_idle=False, seconds=60)


def section(found: Any, title: str) -> Any:
    [one] = [section for section in found["sections"] if section["title"] == title]
    return one.get("text", one.get("rows"))


class Point:
    """A point."""

    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int = 2) -> None:
        self.x = x

    def move(self, by: int, *rest: int, fast: bool = False, **more: int) -> None:
        """Move it."""

    @property
    def length(self) -> int:
        runs()

    @staticmethod
    def origin() -> None:
        """Nothing."""


class Pair(NamedTuple):
    """Two."""

    left: int
    right: str


class Holder:
    """Holds things."""

    kept = (10, 20)

    def __init__(self) -> None:
        self.layers = [Point(1), {"a": [1, 2]}]

    def __getattr__(self, name: str) -> NoReturn:
        runs()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x.layers[0].x", "1"),
        ("x.layers[-1]['a'][1]", "2"),
        ("x.kept[1]", "20"),
        ("x.__dict__['layers'][0].x", "1"),
    ],
)
def test_attributes_and_items_that_are_there_are_found(name: str, value: str) -> None:
    assert section(look(Holder(), name), "value") == value


@pytest.mark.parametrize(
    ("make", "name", "why"),
    [
        (Holder, "x.other", r"may make it by its __getattr__"),
        (lambda: Point(1), "x.length", r"is a property of .*Point"),
        (lambda: Point(1), "x.y", r"x.y is not set"),
        (lambda: Point(1), "x.z", r"has no attribute z"),
        (lambda: Point(1), "x.orign", r"Did you mean origin\?"),
        (lambda: Point(1), "x[0]", r"is not a list or dict"),
        (lambda: [1, 2], "x[2]", r"has no item 2: it has 2"),
        (lambda: [1, 2], "x['a']", r"its items have numbers"),
        (lambda: {"price": 1}, "x['pric']", r"has no key 'pric'. Did you mean price\?"),
        (lambda: {"a": 1}, "y", r"There is no variable 'y'"),
        (lambda: 1, "xx", r"Did you mean x\?|There is no variable 'xx'"),
    ],
)
def test_what_is_not_there_or_would_run_code_is_said(
    make: Callable[[], Any], name: str, why: str
) -> None:
    found = look(make(), name)

    assert re.search(why, found["unresolved"]), found


def test_keys_of_a_dict_are_not_asked_for_their_equality() -> None:
    class Key:
        def __hash__(self) -> int:
            return hash("a")

        __eq__ = runs

    assert "has no key 'a'" in look({Key(): 1}, "x['a']")["unresolved"]


def test_a_named_tuple_and_other_containers_have_their_items() -> None:
    assert section(look(Pair(1, "r"), "x.right"), "value") == "r"
    assert section(look(collections.OrderedDict(a=5), "x['a']"), "value") == "5"
    assert section(look(collections.deque([1, 2]), "x[-1]"), "value") == "2"


def test_a_function_has_signature_documentation_and_source() -> None:
    found = look(Point.move)

    assert facts(found)["signature"] == (
        "Point.move(self, by: int, *rest: int, fast: bool = False, **more: int) -> None"
    )
    assert facts(found)["defined in"].endswith("tests/in_kernel/variables/test_looking.py")
    assert section(found, "documentation") == "Move it."
    assert section(look(Point.move, detail="source"), "source").startswith("    def move(self, by")


def test_a_class_has_its_makers_signature_and_its_members() -> None:
    found = look(Point)

    assert facts(found)["signature"] == "Point(self, x: int, y: int = 2) -> None"
    assert ["length", "property", "<property object>"] in section(found, "members")
    assert section(look(Point, detail="source"), "source").startswith("class Point:\n")


def test_a_default_value_is_not_asked_for_its_repr() -> None:
    plain = instances()["plain"]

    def function(a: Any = plain) -> None:
        """Nothing."""

    assert "a: Any = <tests.Hostile object>" in facts(look(function))["signature"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, "a", None], "[1, 'a', None]"),
        ((1,), "(1,)"),
        ({}, "{}"),
        (frozenset({1}), "frozenset({1})"),
        ({"a": [1, [2, [3, [4]]]]}, "{'a': [1, [2, […]]]}"),
        (10**2_000, "<int of 6644 bits>"),
        (types, "<module types>"),
        (Point, "<class Point>"),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (enum.Enum("E", "A"), "<class E>"),
    ],
)
def test_a_preview_is_short_and_cheap(value: Any, text: str) -> None:
    assert brief(value) == text


@pytest.mark.parametrize(
    ("unit", "text"),
    [(b"\x00", "b'" + r"\x00" * 19 + r"\…"), ("x", "'" + "x" * 78 + "…")],
    ids=["bytes", "text"],
)
def test_a_preview_of_a_hundred_million_is_short_and_cheap(unit: Any, text: str) -> None:
    assert brief(unit * 10**8) == text


def test_a_list_in_itself_and_one_of_ten_million_have_a_preview() -> None:
    again: list[Any] = [1]
    again.append(again)

    assert brief(again) == "[1, […]]"
    assert brief([0] * 10_000_000).startswith("[0, 0, 0,")
    assert len(brief({str(n): "x" * 10**6 for n in range(20)})) <= 80


# -- what may run: a repr, if the kernel is idle -----------------------------------------------


def made(body: Callable[[Any], Any]) -> Any:
    return type("Made", (), {"__repr__": body})()


def forever(_: object) -> str:
    while True:
        pass


def stubborn(_: object) -> str:
    for _n in range(3):
        with contextlib.suppress(BaseException):
            forever(None)
    return forever(None)


def recursive(self: object) -> str:
    return repr(self)


def raises(_: object) -> str:
    msg = "no\n" * 1_000
    raise ValueError(msg)


def leaves(_: object) -> str:
    sys.exit(3)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (forever, "took more than 1 s"),
        (stubborn, "took more than 1 s"),
        (recursive, "raised RecursionError"),
        (raises, "raised ValueError: no"),
        (leaves, "raised SystemExit"),
        (lambda _: 7, "raised TypeError"),
    ],
)
def test_a_repr_that_does_not_answer_is_ended_and_named(
    body: Callable[[Any], Any], why: str
) -> None:
    found = look(made(body), idle=True)

    assert found["notes"][0].startswith(f"its repr {why}")
    assert len(found["notes"][0]) < 300
    assert section(found, "value") == "<tests.Made object>"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a repr that answers more time than it takes on any machine."""
    monkeypatch.setattr("jupyter_mcp_ext.in_kernel.variables.guard.SECONDS", 30)


@pytest.mark.usefixtures("patient")
def test_a_repr_of_a_hundred_megabytes_is_cut() -> None:
    found = look(made(lambda _: "x" * 10**8), idle=True)

    assert section(found, "value") == "x" * 1_999 + "…"
    assert found["cut"]


@pytest.mark.usefixtures("patient")
def test_what_a_repr_prints_is_dropped_and_what_others_print_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def body(_: object) -> str:
        print("dropped")
        other = threading.Thread(target=print, args=("kept",))
        other.start()
        other.join()
        return "shown"

    assert section(look(made(body), idle=True), "value") == "shown"

    assert capsys.readouterr().out == "kept\n"


def test_an_alarm_that_other_code_waits_for_is_left_alone() -> None:

    signal.setitimer(signal.ITIMER_REAL, 1_000)
    try:
        found = look(made(forever), idle=True)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 900
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)

    assert found["notes"] == ["its repr was not asked for: it could not be stopped"]


def test_the_handler_of_alarms_is_given_back() -> None:

    earlier = signal.getsignal(signal.SIGALRM)

    look(made(forever), idle=True)

    assert signal.getsignal(signal.SIGALRM) is earlier
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert not isinstance(sys.stdout, type(None))


# -- the list ----------------------------------------------------------------------------------


def names(found: Any) -> list[str]:
    return [variable["name"] for variable in found["variables"]]


def test_ipythons_own_names_are_hidden_and_the_newest_is_first() -> None:
    hidden = {"np": types}
    space = {"In": [], "_": 1, "_i3": "", "_oh": {}, "exit": 1, "__name__": "x", "get_ipython": 1}
    space |= {"_mine": 1, "a": 2, "np": types, "Index": 3, 4: 5}  # type: ignore[dict-item]

    assert names(listed(users(space, hidden), "", 50)) == ["Index", "a", "_mine"]


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("PRI", ["prices", "price"]),
        ("list", ["prices"]),
        ("p*e", ["price"]),
        ("?", ["p"]),
        ("data", ["p", "prices", "price"]),
        ("zzz", []),
        ("[", []),
    ],
)
def test_a_filter_is_a_part_of_a_name_or_type_or_a_glob(pattern: str, fits: list[str]) -> None:
    space: dict[str, Any] = {"price": 1, "prices": [], "p": 2, "f": brief}

    assert names(listed(list(space.items()), pattern, 50)) == fits


def test_functions_classes_and_modules_are_apart() -> None:
    space = {"f": brief, "C": Point, "m": types, "ln": len, "x": 1}

    found = listed(list(space.items()), "", 50)

    assert names(found) == ["x"]
    assert found["functions"]["names"] == ["ln", "f"]
    assert found["classes"]["names"] == ["C"]
    assert found["modules"]["names"] == ["m (types)"]
    assert listed(list(space.items()), "function", 50)["functions"]["total"] == 2


def test_a_name_without_end_is_cut() -> None:
    found = listed([("n" * 10**6, 1)], "", 50)

    assert len(names(found)[0]) == 200


def test_the_size_of_a_container_is_that_of_all_it_holds() -> None:
    text = "x" * 10_000
    shared = [text] * 1_000

    assert 10_000 < in_list_bytes({"a": [text]}) < 12_000
    assert 18_000 < in_list_bytes(shared) < 22_000  # the text once, and the list
    assert in_list_bytes([[n] for n in range(1_000, 2_000)]) > 80_000


def in_list_bytes(value: Any) -> int:
    [variable] = listed([("x", value)], "", 50)["variables"]
    assert variable["bytes_mark"] == ""
    return int(variable["bytes"])


def test_a_size_that_is_not_counted_to_its_end_says_so() -> None:
    [variable] = listed([("x", list(range(1_000_000)))], "", 50)["variables"]

    assert variable["bytes_mark"] == "over "
    assert facts(look(list(range(1_000_000))))["bytes"].startswith("over ")


def test_what_holds_itself_is_counted_once() -> None:
    loop: list[Any] = []
    loop.append(loop)

    assert in_list_bytes(loop) < 1_000


class Model:
    def __init__(self, depth: int = 3, *, rate: float = 0.1) -> None:
        self._private = depth
        self.depth = depth
        self.rate = rate
        self.coef_ = [1.0]

    def about(self) -> None: ...

    def score(self, x: object, y: object) -> float:
        return 1.0

    def fit(self, x: object) -> Model:
        return self

    def predict(self, x: object) -> object:
        return x


def test_a_model_shows_parameters_and_its_main_methods_first() -> None:
    found = look(Model())

    titles = [one["title"] for one in found["sections"]]
    assert titles[1:4] == ["parameters", "methods", "attributes"]
    assert [row[0] for row in section(found, "parameters")] == ["depth", "rate"]
    names = [words.partition("(")[0] for words in section(found, "methods").split(", ")]
    assert [n for n in names if n in ("fit", "predict", "score", "about")] == [
        *("fit", "predict", "score", "about"),
    ]
    assert [row[0] for row in section(found, "attributes")] == ["coef_", "_private"]
