import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Static files for `/console`, which the service serves from `dist`, with a nonce of its own in each page it sends. */
export default defineConfig({
  base: '/console/',
  plugins: [react()],
  html: { cspNonce: '__NONCE__' },
  build: {
    target: 'es2023',
    // Everything is a file of its own: the pages' policy lets nothing be inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Which file needs which: bundle.test.ts adds up what a browser loads first.
    manifest: true,
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8080', '/auth': 'http://127.0.0.1:8080' } },
});
