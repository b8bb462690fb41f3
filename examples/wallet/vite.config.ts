import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const { GATEWAY = "http://127.0.0.1:8000", PORT = "5180" } = process.env;

export default defineConfig({
  plugins: [react()],
  // For development only: tokens come from the back end, operations go directly to the gateway.
  server: { proxy: { "/token": `http://127.0.0.1:${PORT}`, "/graphql": GATEWAY } },
});
