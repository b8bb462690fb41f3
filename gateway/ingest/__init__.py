"""The way in for data: bulk imports and event notifications, each thing counted once.

- `records`: a line of an import → what it says; every bad line gets its reason in words.
- `importer`: files of such lines → the database, a batch at a time.
- `notifications`: an event of the loyalty platform → what it says.
- `events`: `POST /v3/events`, and the replay of what was set aside.
- `export`: the database → lines that `importer` takes.

Nothing here writes to a collection itself: that is the loaders' business (`ledger`, `pending_events`).
"""
