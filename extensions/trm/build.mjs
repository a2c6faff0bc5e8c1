// Bundles src/ into dist/, where Directus looks for it. Takes a third of a second; `pnpm lint` checks the types.
import { build } from 'esbuild';

await build({
  entryPoints: ['src/index.ts'],
  outfile: 'dist/api.js',
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  // CommonJS packages call require, which ES modules do not have.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
});
await build({
  entryPoints: ['src/studio/index.ts'],
  outfile: 'dist/app.js',
  bundle: true,
  platform: 'browser',
  target: 'es2022',
  format: 'esm',
  // The Studio provides it.
  external: ['vue'],
});
