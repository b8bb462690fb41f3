"""The command line.

- `main`: `promo-gateway` and the list of its commands
- `serve`, `demo`: run the gateway
- `data`: `import`, `export`, `events`; `import_input` and `import_output` belong to `import`
- `clients`: `clients`, `groups`, `keys`
- `customers`: `customers`
- `database`: `init-db`, and how a command opens the database
- `schema_and_settings`: `schema`, `settings`
- `environment`: how a command reads the settings
- `embedded_database`, `sample_data`: the database and the data of the demo
"""
