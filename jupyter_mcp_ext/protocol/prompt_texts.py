"""What prompts tell a model. The calls that they spell out can be made as they stand."""

from __future__ import annotations

from jupyter_mcp_ext.outputs.characters import argument as quoted

NOTEBOOK = ".ipynb"


def analyse_file(path: str, question: str) -> str:
    """Have a model load a file and say what is in it."""
    path = quoted(path)
    return f"""\
Analyse the file {path} of this Jupyter server.{_wish(question)}

- read_file({path}, limit=30) shows how it begins, if it is text.
- Load it with execute_code, whose first result names the folder from which paths in code are \
taken; the path above is relative to Jupyter's root.
- Look at its size, types, missing and odd values before you conclude. get_variables() and \
inspect_variable show what is loaded.
- Plot what helps. Print less rather than page more.
- Do not change the file. Say what you have found, with numbers, and what is uncertain."""


def continue_session(session: str, goal: str) -> str:
    """Have a model take up the work of a session, or of a notebook with its kernel."""
    is_notebook = session.endswith(NOTEBOOK)
    return (_continue_notebook if is_notebook else _continue_session)(quoted(session), goal)


def _continue_session(session: str, goal: str) -> str:
    return f"""\
Go on with the session {session} of this Jupyter server.{_wish(goal)}

- list_sessions(filter={session}) names its notebook, which has what was executed: read_notebook \
shows it.
- get_kernel_status(session_id={session}) says what its kernel does, and what was lost if it came \
back. get_output(session_id={session}) shows the latest result.
- get_variables(session_id={session}) lists the variables; inspect_variable shows one of them. If \
the session has no kernel now, execute_code starts one and brings back what was saved.
- Say in one sentence what was done so far, and what comes next.
- Run code with execute_code and session_id={session}. Do not run again what is done: it may take \
long or change something outside of the session."""


def _continue_notebook(path: str, goal: str) -> str:
    return f"""\
Go on with the notebook {path} of this Jupyter server.{_wish(goal)}

- read_notebook({path}, view="outputs") shows its cells with handles, run states and results. A \
person may have it open: leave their cells as they are unless you are asked to change them.
- Say in one sentence what it does so far, and what comes next.
- Add cells with insert_cells({path}, cells=["..."], run=true): by default at the end, else after \
a handle. edit_cell changes a cell by its handle.
- If variables are missing, run_cells({path}) runs the cells again. Ask first if that takes long \
or changes something outside of the notebook.
- At the end, say what you have added. undo_edit({path}) takes back your last edit."""


def explain_notebook(path: str, question: str) -> str:
    """Have a model say what a notebook does."""
    path = quoted(path)
    return f"""\
Explain the notebook {path} of this Jupyter server.{_wish(question)}

- read_notebook({path}, view="outline") shows its structure, and read_notebook({path}, \
view="outputs") its cells with their results, in pages.
- Say first what it is for and what comes out of it, then how it gets there, step by step: where \
the data comes from, what each group of cells does, and why.
- Name cells by their index. Say which have no result, were not run in order or raised an error, \
and what in their results contradicts the text.
- Only read: do not run cells or change them. Tell what the notebook shows from what you assume."""


def clean_up_notebook(path: str, wish: str) -> str:
    """Have a model put a notebook in order, with the same results."""
    path = quoted(path)
    return f"""\
Clean up the notebook {path} of this Jupyter server, without changing its results.{_wish(wish)}

- read_notebook({path}, view="outputs") shows its cells with handles, run states and results.
- Say what you would change, and wait for a yes before you delete cells: code that is repeated, \
dead or out of order, imports that belong to the top, names that say nothing, missing headings.
- move_cells, edit_cell and delete_cells take the handles that were shown; insert_cells({path}, \
cells=[{{"cell_type": "markdown", "source": "# Title"}}], after="start") adds a heading.
- Then run_cells({path}, restart=true) runs all of it in a fresh kernel. Ask first: variables of \
that kernel are lost, and it may take long or change something outside of the notebook. Results \
that differ from those before are to be explained or mended.
- At the end, say what you have changed. undo_edit({path}) takes back your last edit."""


def _wish(words: str) -> str:
    return f" {words.strip()}" if words.strip() else ""
