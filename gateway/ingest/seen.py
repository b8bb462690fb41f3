"""What a file has said so far: two different lines for one key must not both count.

On disk, because a file may have more keys than fit into memory.
"""

import sqlite3
from hashlib import blake2b


class Seen:
    """The keys of one file, each with a fingerprint of what was said about it first."""

    def __init__(self) -> None:
        # An empty name is a temporary file of SQLite's own, which goes away with the connection.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, said BLOB) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def contradicts(self, key: tuple[object, ...], said: bytes) -> bool:
        """Whether something else was said about `key` before; if nothing was, `said` is what counts."""
        hashed = blake2b(repr(key).encode(), digest_size=16).digest()
        fingerprint = blake2b(said, digest_size=16).digest()
        self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (hashed, fingerprint))
        [(first,)] = self._database.execute("SELECT said FROM seen WHERE key = ?", (hashed,))
        return bool(first != fingerprint)

    def close(self) -> None:
        self._database.close()
