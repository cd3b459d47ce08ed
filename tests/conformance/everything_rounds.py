"""Fixtures that ask the client for something: the 2026-07-28 protocol answers, and is retried."""

from __future__ import annotations

from typing import Any

from mcp.shared.exceptions import MCPError

from .everything_content import one_field_form, text

Result = dict[str, Any]


def elicitation(message: str, field: str, kind: str = "string") -> dict[str, Any]:
    """Ask the client's user for one field."""
    form = one_field_form(field, kind)
    params = {"mode": "form", "message": message, "requestedSchema": form}
    return {"method": "elicitation/create", "params": params}


def sampling(words: str) -> dict[str, Any]:
    """Ask the client's model."""
    messages = [{"role": "user", "content": text(words)}]
    params = {"messages": messages, "maxTokens": 100}
    return {"method": "sampling/createMessage", "params": params}


ROOTS: dict[str, Any] = {"method": "roots/list", "params": {}}

# What each tool asks for, and whether its question carries a sealed state.
QUESTIONS: dict[str, tuple[dict[str, Any], bool]] = {
    "test_input_required_result_elicitation": (
        {"user_name": elicitation("What is your name?", "name")},
        False,
    ),
    "test_input_required_result_sampling": (
        {"capital_question": sampling("What is the capital of France?")},
        False,
    ),
    "test_input_required_result_list_roots": ({"client_roots": ROOTS}, False),
    "test_input_required_result_request_state": (
        {"confirm": elicitation("Please confirm", "ok", "boolean")},
        True,
    ),
    "test_input_required_result_tampered_state": (
        {"confirm": elicitation("Please confirm", "ok", "boolean")},
        True,
    ),
    "test_input_required_result_multiple_inputs": (
        {
            "user_name": elicitation("What is your name?", "name"),
            "greeting": sampling("Generate a greeting"),
            "client_roots": ROOTS,
        },
        True,
    ),
    "test_input_required_result_prompt": (
        {"user_context": elicitation("What context should the prompt use?", "context")},
        False,
    ),
}
STEPS = (
    {"step1": elicitation("Step 1: What is your name?", "name")},
    {"step2": elicitation("Step 2: What is your favorite color?", "color")},
)
ROUND_TOOLS = (
    *(name for name in QUESTIONS if not name.endswith("_prompt")),
    "test_input_required_result_multi_round",
    "test_input_required_result_capabilities",
    "test_missing_capability",
)


def ask(requests: dict[str, Any], state: str | None = None) -> Result:
    """An answer that asks; the client retries the call with what it was asked for."""
    result: Result = {"resultType": "input_required", "inputRequests": requests}
    return result if state is None else {**result, "requestState": state}


def ask_once(name: str, responses: dict[str, Any], state: str | None) -> Result | None:
    """Ask what ``name`` needs, or return ``None`` when all of it has been answered."""
    requests, sealed = QUESTIONS[name]
    if requests.keys() <= responses.keys() and (not sealed or state == name):
        return None
    return ask(requests, name if sealed else None)


def call_round_tool(
    name: str, responses: dict[str, Any], state: str | None, capabilities: dict[str, Any]
) -> Result:
    """Run a fixture of `ROUND_TOOLS`."""
    if name == "test_missing_capability":
        return _needs_sampling(capabilities)
    if name == "test_input_required_result_capabilities":
        possible = {"sampling": sampling("Hello"), "elicitation": elicitation("Name?", "name")}
        return ask({key: ask for key, ask in possible.items() if key in capabilities})
    if name == "test_input_required_result_multi_round":
        step = {None: 0, "1": 1}.get(state, 2) if responses or state is None else 0
        if step < len(STEPS):
            return ask(STEPS[step], str(step + 1))
    elif (question := ask_once(name, responses, state)) is not None:
        return question
    return {"content": [text(f"state-ok: {', '.join(sorted(responses))}")]}


def _needs_sampling(capabilities: dict[str, Any]) -> Result:
    if "sampling" not in capabilities:
        data: Result = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(-32021, "The client does not declare sampling.", data)
    return {"content": [text("The client can sample.")]}
