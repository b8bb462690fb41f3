"""The command line.

- `main`: `promo-gateway` and the list of its commands
- `serve`, `demo`: run the gateway
- `data`: `import`, `export`, `events`
- `clients`: `clients`, `groups`, `keys`
- `database`: `init-db`, and the database as a command uses it
- `embedded_database`, `sample_data`: what the demo runs on
"""
