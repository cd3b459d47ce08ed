"""The way from sandboxes without a network to the hosts that the operator lists.

One process for all sandboxes carries TLS connections and nothing else. It listens inside of each
sandbox's network namespace, resolves the names itself, and connects only to public addresses.
"""
