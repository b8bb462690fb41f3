"""How data comes in and goes out: bulk imports, event notifications, exports. Each issuance counts once.

- `records`: a line of an import, decoded and checked.
- `importer`: files of such lines to the database, a batch at a time.
- `payloads`, `notifications`: an event notification of the loyalty platform, decoded and translated.
- `event_recorder`: writes what events say, and keeps pending what cannot be counted yet.
- `customer_changes`: merges and erases customers, and removes erased customers from pending events.
- `background_counting`: counts the events that took too long for their requests.
- `export`: the database as lines that `importer` takes.

`loaders.ledger` and `loaders.pending_events` write the collections; the endpoint is `rest.events`, and the
commands are in `commands.data`.
"""
