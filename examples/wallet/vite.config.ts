import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const backEnd = "http://127.0.0.1:5180";

export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/token": backEnd, "/graphql": backEnd } },
});
