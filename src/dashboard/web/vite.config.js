// Builds three files with fixed names, because the server embeds them by name, and nothing
// inline, because its Content-Security-Policy allows neither inline scripts nor inline styles.
import { defineConfig } from 'vite';

const notice =
  '/*! Contains Preact, (c) Jason Miller, and uPlot, (c) Leon Sorokin, both under the MIT licence. */';

export default defineConfig({
  // Relative addresses: the page also works behind a proxy that puts it under a path.
  base: './',
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'inline' },
  build: {
    outDir: process.env.MILLRACE_WEB_OUT ?? 'dist',
    target: 'es2021',
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        banner: notice,
        entryFileNames: 'app.js',
        // Everything in the one script: there is no second chunk to name.
        inlineDynamicImports: true,
        assetFileNames: (asset) =>
          asset.names.some((n) => n.endsWith('.css')) ? 'app.css' : '[name][extname]',
      },
    },
  },
  server: {
    // `millrace serve` refuses a foreign Host, so the proxy sends the server's own.
    proxy: { '/api': { target: process.env.MILLRACE_URL ?? 'http://127.0.0.1:8080', changeOrigin: true } },
  },
});
