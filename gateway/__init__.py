"""A GraphQL gateway that answers: what has this customer earned from this loyalty promotion?

The rooms, with arrows only to the right:

    gateway  →  resolvers  →  loaders
    HTTP and    meaning       data
    callers

- `gateway`: the application (`app`), who may call (`auth`), the two faces (`graphql_app`, and `legacy` with
  the original REST call), operations that are asked for by an id (`persisted`), the way in for data
  (`ingest`), how an error looks (`errors`), what browsers are told (`browsers`) and shown (`playground`), the
  REST routes described (`openapi`), the view inside (`telemetry`), the command line (`cli`, `admin`).
- `resolvers`: the GraphQL schema, what an operation may ask for (`limits`), its preparation (`operations`),
  and `promotion_summary.summarize`, the use case that both faces call.
- `loaders`: dataloaders over MongoDB. Only `loaders.store` knows the driver.

The path of one request: `telemetry` gives it an id, and at the end a line in the log; `auth` turns its
credentials into a `Caller`, whose organisation is the only one it can read; the face reads the arguments and
calls `summarize`, which loads customer and promotion side by side; each list of the answer that is read asks
the loaders for its totals, and however many lists and aliases that were, one aggregation answers them all.
"""
