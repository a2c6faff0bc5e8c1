// Bundles the schema worker with the esbuild of a Directus installation: one file loads in a tenth of the time that
// 3,800 take.   bundle.mjs ENTRY OUTFILE
import { existsSync, readdirSync, readFileSync, realpathSync, renameSync } from 'node:fs';
import module from 'node:module';
import { basename, dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

const [entry, outfile] = process.argv.slice(2);
const home = realpathSync(process.env.DIRECTUS_HOME);
const directus = module.createRequire(join(home, 'package.json'));
const api = realpathSync(dirname(directus.resolve('@directus/api/package.json')));

// Drivers of other databases, compiled modules and build tools: each is loaded from its own place, if it is ever asked for.
const OUTSIDE =
  /^(oracledb|tedious|mysql2?|sqlite3|better-sqlite3|pg-native|pg-query-stream|sharp|isolated-vm|argon2|snappy|@napi-rs\/.*|vite|rollup|rolldown|esbuild|lightningcss|fsevents)$/;

// In place of these of Directus's `utils`.
const OURS = {
  'apply-diff': 'apply.mjs',
  'get-snapshot': 'snapshot.mjs',
  'get-snapshot-diff': 'comparison.mjs',
  'get-versioned-hash': 'comparison.mjs',
};

// What Directus's services import when they need it, and rows.mjs has.
const BESIDE = /await import\("[./\w]+\/(access|activity|revisions|get-service)\.js"\)/g;

// pnpm keeps esbuild beside what asked for it, where only that finds it.
function findEsbuild() {
  try {
    return directus('esbuild');
  } catch {
    const store = api.slice(0, api.indexOf(`${sep}.pnpm${sep}`) + '/.pnpm'.length);
    const name = existsSync(store) && readdirSync(store).find((each) => each.startsWith('esbuild@'));
    if (!name) throw new Error(`there is no esbuild in the installation at ${home}`);
    return module.createRequire(join(store, name, 'node_modules/esbuild/package.json'))('./lib/main.js');
  }
}

// What `name` means to a file in `folder`, as a file URL where it is a file.
function located(name, folder) {
  if (name.startsWith('.')) return pathToFileURL(join(folder, name)).href;
  try {
    const found = module.createRequire(join(folder, '_')).resolve(name);
    return found.startsWith('/') ? pathToFileURL(found).href : found;
  } catch {
    return name;
  }
}

const plugin = {
  name: 'directus',
  setup(build) {
    build.onResolve({ filter: /^directus:/ }, ({ path }) => ({ path: join(api, 'dist', path.slice('directus:'.length)) }));
    build.onResolve({ filter: /^package:/ }, ({ path, kind }) =>
      build.resolve(path.slice('package:'.length), { kind, resolveDir: join(api, 'dist') }),
    );
    // Directus's service of the schema gets ours, which still reach Directus's own, as `directus:`.
    build.onResolve({ filter: /\/(apply-diff|get-snapshot|get-snapshot-diff|get-versioned-hash)\.js$/ }, ({ path, importer }) =>
      importer === join(api, 'dist/services/schema.js') ? { path: join(dirname(entry), OURS[basename(path, '.js')]) } : undefined,
    );
    // A process manager, which some of Directus asks whether it runs under it.
    build.onResolve({ filter: /^pm2$/ }, () => ({ path: 'pm2', namespace: 'absent' }));
    build.onResolve({ filter: /\/flows\.js$/ }, ({ importer }) =>
      /\/services\/(flows|operations)\.js$/.test(importer) ? { path: join(dirname(entry), 'flow_manager.mjs') } : undefined,
    );
    // Users need most of Directus. Roles need them when one is removed, which is left to a whole Directus.
    build.onResolve({ filter: /\/users\.js$/ }, ({ importer }) =>
      importer === join(api, 'dist/services/roles.js') ? { path: 'users', namespace: 'absent' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
      contents: 'export default new Proxy({}, { get: () => () => {} }); export class UsersService {}',
    }));
    build.onResolve({ filter: /.*/ }, ({ path, kind, resolveDir }) => {
      if (OUTSIDE.test(path)) return { path: kind === 'require-call' ? path : located(path, resolveDir), external: true };
      // What is imported only when it is needed stays where it is.
      if (kind === 'dynamic-import') return { path: located(path, resolveDir), external: true };
    });
    build.onLoad({ filter: /\.m?js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      // Files find others by their own address.
      const placed = text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
      const contents = path.startsWith(join(api, 'dist')) ? placed.replaceAll(BESIDE, 'globalThis.directusSync["$1"]') : placed;
      return contents === text ? undefined : { contents, loader: 'js' };
    });
  },
};

const draft = `${outfile}.${process.pid}`;
const require = `const require = __createRequire(${JSON.stringify(pathToFileURL(join(api, 'dist/_')).href)});`;
await findEsbuild().build({
  entryPoints: [entry],
  outfile: draft,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  logLevel: 'error',
  banner: { js: `import { createRequire as __createRequire } from 'node:module'; ${require}` },
  plugins: [plugin],
});
renameSync(draft, outfile);
