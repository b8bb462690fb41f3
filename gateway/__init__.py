"""A GraphQL gateway that answers: what has this customer earned from this loyalty promotion?

The rooms, with arrows only to the right:

    gateway  →  resolvers  →  loaders
    HTTP and    meaning       data
    callers

`gateway` puts everything together (`app`) and holds

- the two faces: `graphql_app` with `graphql_http` and `persisted`, and `legacy`, the original REST call;
- who may call (`auth`), and how an error looks (`errors`);
- the way in for data (`ingest`);
- what protects it: `body`, `deadline`, `traffic`, and `health` for whoever asks;
- what is said of it: `telemetry`, `openapi`; to browsers `browsers`, and pages in `playground`;
- how it runs: `cli` and `admin`, `settings`, `server`, `embedded` and `demo`.

`resolvers` hold the GraphQL schema, what an operation may ask for (`limits`, `cost`), its preparation
(`operations`, with `compiler` and `plan`), and `promotion_summary.summarize`, the use case that both faces
call.

`loaders` hold a request's dataloaders, and the `dispatcher` under them, in which the reads of concurrent
requests meet. Only `store` and `driver` know MongoDB's driver.

The path of one request: `telemetry` gives it an id, and at the end a line in the log; `deadline` says until
when it is of use; `auth` turns its credentials into a `Caller`, whose organisation is the only one it can
read; the face reads the arguments and calls `summarize`, which loads customer and promotion side by side, and
then the totals of the benefits that are asked for. However many aliases and lists that were, and however many
other requests ask at the same time, one aggregation answers them.
"""
