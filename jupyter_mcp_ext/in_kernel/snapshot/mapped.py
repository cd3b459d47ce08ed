"""Classes that SQLAlchemy maps to tables: mapped again by what their mappers know.

What is not known here, such as inheritance or listeners, is refused: a class never comes back with
another mapping than it had.
"""

from __future__ import annotations

import importlib
import types
from typing import Any

from .classes import class_reduced, fill_class
from .found import has_name
from .functions import Reduced

INSTRUMENTED = {"_sa_class_manager", "__mapper__", "__table__"}
"""Attributes that a class gets when it is mapped."""

PLAIN_MAPPER = {
    **dict.fromkeys(("always_refresh", "concrete", "single", "passive_deletes"), False),
    **dict.fromkeys(("version_id_col", "inherits", "column_prefix", "polymorphic_on"), None),
    **dict.fromkeys(("with_polymorphic", "polymorphic_load", "polymorphic_identity"), None),
    **dict.fromkeys(("include_properties", "exclude_properties", "_reconstructor"), None),
    **dict.fromkeys(("batch", "passive_updates", "allow_partial_pks"), True),
    **dict.fromkeys(("legacy_is_orphan", "polymorphic_abstract"), False),
    **dict.fromkeys(("_primary_key_argument", "inherit_condition"), None),
    "confirm_deleted_rows": True,
    "eager_defaults": "auto",
}

PLAIN_COLUMN = {
    **dict.fromkeys(("deferred", "raiseload", "active_history"), False),
    **dict.fromkeys(("group", "_default_scalar_value"), None),
    **dict.fromkeys(("instrument", "expire_on_flush"), True),
    "_is_polymorphic_discriminator": False,
}

PLAIN_RELATIONSHIP = {"query_class": None, "_legacy_inactive_history_style": False}

GIVEN = (
    *("uselist", "collection_class", "post_update", "viewonly", "sync_backref", "lazy", "doc"),
    *("passive_deletes", "passive_updates", "active_history", "enable_typechecks", "join_depth"),
    *("single_parent", "innerjoin", "distinct_target_key", "load_on_pending", "omit_join"),
)
"""Arguments of a relationship that it has as attributes."""

OWN_LISTENERS = {"mapper", "unitofwork", "attributes", "decl_api"}
"""Modules of SQLAlchemy whose functions listen to any mapped class."""


def is_mapped(cls: Any) -> bool:
    """Whether a class itself is mapped."""
    return "_sa_class_manager" in vars(cls) and "__mapper__" in vars(cls)


def require_known(cls: Any) -> None:
    """Raise TypeError if a class, unless it has a name, cannot be mapped again.

    That needs all that are in its registry.
    """
    if not is_mapped(cls) or has_name(cls):
        return
    registry = vars(cls)["__mapper__"].registry
    for other in _in_order(registry):
        _mapping(other)
        if any(has_name(base) and _registry_of(base) is registry for base in other.class_.__mro__):
            raise _unknown(other.class_, "with classes of a module")


def mapped_reduced(cls: Any) -> Reduced:
    """A mapped class. Raises TypeError for one that cannot be mapped again."""
    require_known(cls)
    mapper = vars(cls)["__mapper__"]
    made, parts, (attributes, registered), *_ = class_reduced(cls)
    manager = attributes["_sa_class_manager"]
    for name in (*INSTRUMENTED, *manager.local_attrs):
        attributes.pop(name, None)
    attributes.update(_own_init(cls, manager, attributes.pop("__init__", None)))
    state = (attributes, registered), mapper.registry, mapper.local_table, _mapping(mapper)
    return made, parts, state, None, None, map_class


def map_class(cls: Any, state: Any) -> None:
    """Give a class its attributes, and map it."""
    parts, registry, table, mapping = state
    fill_class(cls, parts)
    orm = importlib.import_module("sqlalchemy.orm")
    properties = {
        name: orm.relationship(**given) if type(given) is dict else given
        for name, given in mapping.items()
    }
    registry.map_imperatively(cls, table, properties=properties)


def registry_reduced(registry: Any) -> Reduced:
    """A registry, with all classes that are mapped in it."""
    _refuse_listeners("what is in a registry", registry)
    given = (registry.metadata, registry.type_annotation_map, registry.constructor)
    classes = [mapper.class_ for mapper in _in_order(registry)]
    return make_registry, given, classes, None, None, fill_registry


def make_registry(metadata: Any, types_of: Any, constructor: Any) -> Any:
    """A registry in which no class is mapped."""
    made = importlib.import_module("sqlalchemy.orm").registry
    return made(metadata=metadata, type_annotation_map=types_of, constructor=constructor)


def fill_registry(_: Any, __: Any) -> None:
    """Its classes are loaded, and have been mapped."""


def mapper_reduced(mapper: Any) -> Reduced:
    """What maps a class."""
    require_known(mapper.class_)
    return mapper_of, (mapper.class_,)


def mapper_of(cls: Any) -> Any:
    """What maps a class."""
    return vars(cls)["__mapper__"]


def attribute_reduced(attribute: Any) -> Reduced:
    """An attribute of a class that is mapped."""
    require_known(attribute.class_)
    return attribute.__reduce__()


ORM_WAYS = {
    "registry": registry_reduced,
    "Mapper": mapper_reduced,
    "InstrumentedAttribute": attribute_reduced,
}
"""By the names of SQLAlchemy's types."""


def is_attached(obj: Any, kind: Any) -> bool:
    """Whether it is the state of a mapped object that is in a database session."""
    return kind.__name__ == "InstanceState" and obj.session_id is not None


def _mapping(mapper: Any) -> dict[str, Any]:
    """The columns that are mapped otherwise than by their names, and the relationships."""
    cls, table = mapper.class_, mapper.local_table
    _refuse_listeners(cls, mapper, mapper.class_manager)
    if mapper.validators or type(table).__name__ != "Table" or not _has(mapper, PLAIN_MAPPER):
        raise _unknown(cls, "with options of its mapper")
    mapping = {}
    mapped = set()
    for name, prop in mapper._props.items():
        attribute = vars(cls).get(name)
        if attribute is None or attribute is not mapper.class_manager.local_attrs.get(name):
            raise _unknown(cls, f"with another {name}")
        _refuse_listeners(cls, attribute)
        if prop.info or prop._has_dataclass_arguments:
            raise _unknown(cls, f"with options of {name}")
        if type(prop).__name__ == "ColumnProperty":
            column = _plain_column(cls, name, prop, table)
            mapped.add(column)
            if column.key != name:
                mapping[name] = column
        else:
            mapping[name] = _relationship(cls, name, prop)
    if mapped != set(table.c):
        raise _unknown(cls, "without some columns")
    return mapping


def _plain_column(cls: Any, name: str, prop: Any, table: Any) -> Any:
    """The column of a property without options."""
    column = prop.columns[0]
    is_plain = prop.comparator_factory is type(prop).Comparator and _has(prop, PLAIN_COLUMN)
    if len(prop.columns) > 1 or table.c.get(column.key) is not column or not is_plain:
        raise _unknown(cls, f"with options of {name}")
    if prop.doc != column.doc:
        raise _unknown(cls, f"with options of {name}")
    return column


def _relationship(cls: Any, name: str, prop: Any) -> dict[str, Any]:
    """The arguments that make a relationship again."""
    if type(prop).__name__ not in ("RelationshipProperty", "_RelationshipDeclared", "Relationship"):
        raise _unknown(cls, f"with {name}")
    if "Comparator" in vars(prop.comparator_factory) or not _has(prop, PLAIN_RELATIONSHIP):
        raise _unknown(cls, f"with options of {name}")
    given = {one: getattr(prop, one) for one in GIVEN}
    given["argument"] = _argument(cls, name, prop.argument)
    given["cascade"] = ", ".join(sorted(prop._cascade))
    given["overlaps"] = ", ".join(sorted(prop._overlaps)) or None
    for one in prop._init_args:
        if one.argument is not None and one.argument is not False:
            given[one.name] = _argument(cls, name, one.argument)
    if prop.backref is not None and prop.parent.configured:
        raise _unknown(cls, "with a backref")  # its other side would not be there at first
    return {**given, "backref": prop.backref}


def _argument(cls: Any, name: str, argument: Any) -> Any:
    """What a relationship was given: a text, a function, a class, a table or columns."""
    if type(argument) in (list, tuple):
        return [_argument(cls, name, one) for one in argument]
    if isinstance(argument, (str, type, types.FunctionType)):
        return argument
    kind = type(argument).__name__
    if kind == "Table" or (kind == "Column" and argument.table is not None):
        return argument
    if kind == "Mapper":
        return argument.class_
    if kind == "MappedColumn":
        return argument.column
    if kind == "InstrumentedAttribute" and type(argument.property).__name__ == "ColumnProperty":
        return argument.property.columns[0]
    raise _unknown(cls, f"with options of {name}")


def _own_init(cls: Any, manager: Any, init: Any) -> dict[str, Any]:
    """The ``__init__`` that a class had before it was mapped."""
    if init is not None and init is not manager.new_init:
        raise _unknown(cls, "with another __init__")
    before = manager.originals.get("__init__")
    return {"__init__": before} if isinstance(before, types.FunctionType) else {}


def _has(obj: Any, plain: dict[str, Any]) -> bool:
    """Whether these attributes of an object are plain, as far as it has them."""
    found = ((getattr(obj, name, value), value) for name, value in plain.items())
    return all(one is value or (type(one) is str and one == value) for one, value in found)


def _refuse_listeners(owner: Any, *dispatching: Any) -> None:
    """Raise TypeError if functions of others than SQLAlchemy listen."""
    for one in dispatching:
        for event, module in _listeners(one):
            is_known = module.startswith("sqlalchemy.") and (
                module.rpartition(".")[2] in OWN_LISTENERS or event == "append_wo_mutation"
            )
            if not is_known:
                raise _unknown(owner, f"with a listener to {event}")


def is_heard(obj: Any) -> bool:
    """Whether functions listen to a table's events, which SQLAlchemy does not pickle."""
    return any(not module.startswith("sqlalchemy.") for _, module in _listeners(obj))


def _listeners(obj: Any) -> Any:
    """The events for which functions listen, with the functions' modules."""
    for event in obj.dispatch._event_names:
        for listener in getattr(obj.dispatch, event):
            yield event, getattr(listener, "__module__", None) or ""


def _in_order(registry: Any) -> list[Any]:
    return sorted(registry.mappers, key=lambda mapper: str(mapper.class_.__qualname__))


def _registry_of(cls: Any) -> Any:
    return vars(cls).get("registry")


def _unknown(owner: Any, words: str) -> TypeError:
    name = getattr(owner, "__name__", owner)
    return TypeError(f"{name} is mapped {words}, which cannot be saved")
