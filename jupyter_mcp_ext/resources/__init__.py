"""What clients read and watch by URI: notebooks, executions and sessions."""
