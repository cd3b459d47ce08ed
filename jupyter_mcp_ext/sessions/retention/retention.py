"""The operator's limits for sessions on disk."""

from __future__ import annotations

from traitlets import Enum, Float, Int
from traitlets.config import LoggingConfigurable

from .plan import Bounds


class McpRetention(LoggingConfigurable):
    """How long sessions are kept on disk, and how many; what is in use stays."""

    max_age = Float(
        0.0, min=0.0, help="Seconds after its last use for which a session is kept. 0: no limit."
    ).tag(config=True)
    max_sessions_per_user = Int(
        0,
        min=0,
        help="Sessions of one user that are kept; those used longest ago expire first. 0: no "
        "limit.",
    ).tag(config=True)
    max_sessions = Int(
        0, min=0, help="Sessions of all users together that are kept. 0: no limit."
    ).tag(config=True)
    max_bytes_per_user = Int(
        0,
        min=0,
        help="Bytes of the folders of one user's sessions, with all files in them. 0: no limit.",
    ).tag(config=True)
    max_bytes = Int(
        0, min=0, help="Bytes of the folders of all users' sessions together. 0: no limit."
    ).tag(config=True)
    max_snapshot_bytes = Int(
        0,
        min=0,
        help="Bytes of the saved variables of all sessions together; those of the sessions used "
        "longest ago are removed first. 0: no limit.",
    ).tag(config=True)
    expired = Enum(
        ["archive", "delete"],
        default_value="archive",
        help="What becomes of a session that expires: 'archive', its variables are removed and its "
        "notebook stays; 'delete', it is archived, and its folder is deleted after archive_age.",
    ).tag(config=True)
    archive_age = Float(
        2_592_000.0,
        min=0.0,
        help="Seconds for which an archived session is kept where expired is 'delete'.",
    ).tag(config=True)

    @property
    def bounds(self) -> Bounds:
        """The limits."""
        return Bounds(
            max_age=self.max_age,
            max_sessions_per_user=self.max_sessions_per_user,
            max_sessions=self.max_sessions,
            max_bytes_per_user=self.max_bytes_per_user,
            max_bytes=self.max_bytes,
            max_snapshot_bytes=self.max_snapshot_bytes,
            deletes=self.expired == "delete",
            archive_age=self.archive_age,
        )
