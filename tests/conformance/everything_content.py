"""Contents of the conformance suite's fixtures: images, schemas, answers of tools."""

from __future__ import annotations

from typing import Any

IMAGE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5E"
    "rkJggg=="
)
AUDIO = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

Block = dict[str, Any]


def text(words: str) -> Block:
    """A text block."""
    return {"type": "text", "text": words}


def image() -> Block:
    """An image block of one pixel."""
    return {"type": "image", "data": IMAGE, "mimeType": "image/png"}


def embedded(uri: str, mime_type: str, words: str) -> Block:
    """A resource as a block."""
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": words}}


TOOL_CONTENT: dict[str, list[Block]] = {
    "test_simple_text": [text("This is a simple text response for testing.")],
    "test_image_content": [image()],
    "test_audio_content": [{"type": "audio", "data": AUDIO, "mimeType": "audio/wav"}],
    "test_embedded_resource": [
        embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    ],
    "test_multiple_content_types": [
        text("Multiple content types test:"),
        image(),
        embedded(
            "test://mixed-content-resource", "application/json", '{"test":"data","value":123}'
        ),
    ],
    "json_schema_2020_12_tool": [text("The schema is what is tested.")],
    "test_headers": [text("The headers were in order.")],
}

_EMPTY: dict[str, Any] = {"type": "object", "properties": {}}


def _one_string(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}


SCHEMA_2020_12: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
HEADER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    "required": ["region"],
}
INPUT_SCHEMAS: dict[str, dict[str, Any]] = {
    "json_schema_2020_12_tool": SCHEMA_2020_12,
    "test_headers": HEADER_SCHEMA,
    "test_sampling": _one_string("prompt"),
    "test_elicitation": _one_string("message"),
    "greet": _one_string("name"),
    "slow_compute": {"type": "object", "properties": {"seconds": {"type": "number"}}},
    "confirm_delete": _one_string("filename"),
}


def input_schema(tool: str) -> dict[str, Any]:
    """The input schema of a tool; most take nothing."""
    return INPUT_SCHEMAS.get(tool, _EMPTY)


DEFAULTS_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": {"type": "boolean", "default": True},
    },
    "required": [],
}
_TITLED = [("low", "Low"), ("medium", "Medium"), ("high", "High")]
ENUMS_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {
            "type": "string",
            "oneOf": [{"const": value, "title": title} for value, title in _TITLED],
        },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["One", "Two", "Three"],
        },
        "untitledMulti": {
            "type": "array",
            "items": {"type": "string", "enum": ["option1", "option2", "option3"]},
        },
        "titledMulti": {
            "type": "array",
            "items": {"anyOf": [{"const": value, "title": title} for value, title in _TITLED]},
        },
    },
    "required": [],
}


def one_field_form(name: str, kind: str = "string") -> dict[str, Any]:
    """A form with one required field."""
    return {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}


def message(block: Block) -> dict[str, Any]:
    """A prompt's message from the user."""
    return {"role": "user", "content": block}


PROMPTS: dict[str, list[str]] = {
    "test_simple_prompt": [],
    "test_prompt_with_arguments": ["arg1", "arg2"],
    "test_prompt_with_embedded_resource": ["resourceUri"],
    "test_prompt_with_image": [],
    "test_input_required_result_prompt": [],
}


def prompt_messages(name: str, arguments: dict[str, str]) -> list[dict[str, Any]]:
    """The text of a prompt."""
    given = {argument: arguments.get(argument, "") for argument in PROMPTS[name]}
    if name == "test_prompt_with_arguments":
        words = f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"
        return [message(text(words))]
    if name == "test_prompt_with_embedded_resource":
        words = "Embedded resource content for testing."
        return [
            message(embedded(given["resourceUri"], "text/plain", words)),
            message(text("Please process the embedded resource above.")),
        ]
    if name == "test_prompt_with_image":
        return [message(image()), message(text("Please analyze the image above."))]
    return [message(text("This is a simple prompt for testing."))]
