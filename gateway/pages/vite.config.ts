import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

import { defineConfig, type Plugin } from "vite";

/**
 * Takes the fonts out of GraphiQL's CSS, 340 KB that every reader would load first, but for the Latin letters of
 * the editors' font. Text is in the system's font.
 */
function withoutFonts(): Plugin {
  return {
    name: "without-fonts",
    enforce: "pre",
    transform: {
      filter: { id: /graphiql\/dist\/style\.css$/ },
      handler: (css) =>
        css.replace(/@font-face\s*\{[^}]*\}/g, (face) =>
          face.includes("Fira Code") && face.includes("U+0000-00FF") ? face : "",
        ),
    },
  };
}

/** Compresses each asset with brotli, which is a fifth smaller than gzip and too slow for a server. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    async writeBundle({ dir }) {
      const assets = join(dir!, "assets");
      const names = (await readdir(assets)).filter((name) => /\.(js|css|ttf|svg)$/.test(name));
      await Promise.all(names.map((name) => compress(join(assets, name))));
    },
  };
}

async function compress(path: string): Promise<void> {
  const body = await readFile(path);
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: body.length, [constants.BROTLI_PARAM_LGWIN]: 24 };
  await writeFile(`${path}.br`, await promisify(brotliCompress)(body, { params }));
}

export default defineConfig({
  plugins: [withoutFonts(), compressed()],
  resolve: {
    alias: [
      // The editor without the parts that GraphQL and JSON do not use. `monaco-graphql` itself imports it too.
      {
        find: /^(monaco-graphql\/esm|\.)\/monaco-editor(\.js)?$/,
        replacement: join(import.meta.dirname, "src/monaco-editor.js"),
      },
    ],
  },
  build: {
    rolldownOptions: { input: ["graphiql.html", "docs.html"] },
    // The editor alone is larger than the size that Vite warns about.
    chunkSizeWarningLimit: 8000,
  },
  worker: { format: "es" },
});
