"""The view inside: one line per request, metrics, and traces if they are wanted.

Nothing here holds what a caller sent as a value. What is logged, counted and traced is a route's template,
an operation's name if the operator knows it, numbers, names of our own, and ids that cannot be anything
personal.

- `entry`: what is noted of a request while it runs
- `access`: the middleware that makes an entry, and at the end a line and a count of it
- `logs`: how lines look, those of libraries too
- `metrics`: what is counted, and the port where that can be read
- `watching`: what the database's driver and the dispatchers tell
- `traces`: spans, imported only where they are switched on
- `view`: all of it together, as the application gets it
"""

REQUEST_ID = "X-CAP-REQUEST-ID"
