"""Real agents, run offline against a mock model: what reaches the model of each, and when.

The model is part of the tests (`model`). It plays a scenario, which is a list of tool calls, and
keeps what a client puts before it. A client is described once (`programs`, `libraries`), is started
twice (`playing`: to play the scenario, and to be cancelled), and is judged by what the model was
given (`judging`). ``python -m tests.agents`` writes docs/clients/matrix.md.
"""
