import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // Tokens from the back end, and any operation straight to the gateway: for development only.
  server: { proxy: { "/token": "http://127.0.0.1:5180", "/graphql": "http://127.0.0.1:8000" } },
});
