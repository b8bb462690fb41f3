import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // For development only: tokens come from the back end, operations go directly to the gateway.
  server: { proxy: { "/token": "http://127.0.0.1:5180", "/graphql": "http://127.0.0.1:8000" } },
});
