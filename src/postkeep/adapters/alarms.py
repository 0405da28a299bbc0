"""Events that somebody may want to be woken by: what the log can tell as a warning or worse."""

from collections.abc import Mapping, Sequence
from typing import Final

ALARMS: Final[Mapping[str, Sequence[str]]] = {
    "warning": (
        "answer_cut",
        "attempt_unsettled",
        "attempts_unpurged",
        "connections_bounded",
        "database_absent",
        "housekeeping_put_off",
        "log_lines_left_out",
        "login_failed",
        "login_refused",
        "password_refused",
        "refresh_token_reused",
        "removal_unfinished",
        "restore_left_rows",
        "search_cut",
        "search_refused",
        "session_not_renewed",
        "signup_refused",
        "stamp_unread",
        "storage_busy",
        "storage_retried",
        "too_many_requests",
        "tracing_off",
        "untrusted_host",
        "untrusted_proxy",
        "waiting_for_database",
        "worker_not_started",
    ),
    "error": (
        "connection_unwatched",
        "connections_unshed",
        "failed",
        "hashing_failed",
        "housekeeping_failed",
        "schema_unfit",
        "storage_failed",
    ),
    "critical": ("password_hash_unreadable",),
}
"""Their names, by their level; tests hold them to what the code logs.

A counter that begins with its first event has not risen when that is scraped, so `increase(...) > 0` does not see it:
each of these is there from the start, at 0. Source: https://prometheus.io/docs/practices/instrumentation/, "avoid
missing metrics".
"""
