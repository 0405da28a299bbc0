"""How much of a database one process takes at a time, whichever database it is."""

from typing import Final

PATIENCE_SECONDS: Final = 3.0
"""How long a request waits for the database, connections and all, before it is told to come again."""

BEGIN_SECONDS: Final = 4.0
"""How long a long list is waited for, its turn and its first posts together: whoever asks a silent database is answered
within five seconds."""

BYTES_PER_SECOND: Final = 4 * 1024 * 1024
"""What the slowest disk that is served from reads or removes in a second: what is heavy may take so much longer."""

STREAMS: Final = 8
"""How many long lists are read at the same time, on connections of their own; see `Streams`."""

OWN_STREAMS: Final = 2
"""How many of those may be one account's: the second as long as nobody else waits."""

LONGEST_STREAMS: Final = 6
"""How many of the turns at long lists may go to the longest: the others come through whoever reads those."""

LONGEST_BYTES: Final = 16 * 1024 * 1024
"""Lists with more are the longest: such a list takes longer than anybody waits for a turn, however fast it is read."""

HEAVY_BYTES: Final = 64 * 1024
"""Queries that read more are heavy."""

HEAVY_QUERIES: Final = 4
"""How many of those run at the same time, one of each account, and never more than half of a server's connections."""

BATCH_SECONDS: Final = 0.2
"""After so long, the units that run in one transaction of a SQLite file are committed, and those that came meanwhile
have their turn."""

BATCH_BYTES: Final = BYTES_PER_SECOND
"""So are they before they change more than so many bytes, which may take the disk longer than the units took; a unit
that changes more is alone."""

PLACE_BYTES: Final = 1024 * 1024
"""A unit stands one place further behind in a SQLite file's line for each so many bytes that it changes."""

OWN_UNITS: Final = 2
"""How many units of one account are sent to a server at a time: one, and one that waits for the account's row."""

SEARCHES: Final = 2
"""How many searches run at the same time, one of each account: on a server, on connections of their own."""

SEARCH_SECONDS: Final = 10
"""How long one search may take, when it is its turn."""

UNDISTURBED_SECONDS: Final = 1.0
"""How long a search takes, or a long list is read, before it can be in others' way: much less than anybody waits for a
turn."""

COUNTS: Final = 2
"""How many transactions that let attempts through run at the same time on a server, one of each network, and as many
that make room for others: a flood of logins must leave connections to everybody else."""

PART_LENGTH: Final = 64 * 1024
"""A part of a long list is done when its texts have so many characters together."""
