"""Programs that use a library as people do; each runs in an environment of its own.

They are given ``MODEL`` (the address of the mock model), ``SERVER`` (that of MCP) and
``JUPYTER_TOKEN``. Those whose library has no model ask the mock one themselves (`asking`).
"""
