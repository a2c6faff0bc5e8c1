// Bundles the schema worker into one file, with the esbuild of a Directus installation. One file loads in a tenth of
// the time of 3,800 files.   bundle.mjs ENTRY OUTFILE
import { existsSync, readdirSync, readFileSync, realpathSync, renameSync } from 'node:fs';
import module from 'node:module';
import { basename, dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

const [entry, outfile] = process.argv.slice(2);
const home = realpathSync(process.env.DIRECTUS_HOME);
const directus = module.createRequire(join(home, 'package.json'));
const api = realpathSync(dirname(directus.resolve('@directus/api/package.json')));

// Not bundled: drivers of other databases, compiled modules, build tools. Each is loaded from its place when needed.
const OUTSIDE =
  /^(oracledb|tedious|mysql2?|sqlite3|better-sqlite3|pg-native|pg-query-stream|sharp|isolated-vm|argon2|snappy|@napi-rs\/.*|vite|rollup|rolldown|esbuild|lightningcss|fsevents)$/;

// Our replacements for these files of Directus's `utils`.
const OURS = {
  'apply-diff': 'apply.mjs',
  'get-snapshot': 'snapshot.mjs',
  'get-snapshot-diff': 'comparison.mjs',
  'get-versioned-hash': 'comparison.mjs',
};

// Dynamic imports in Directus's services of modules that rows.mjs provides.
const BESIDE = /await import\("[./\w]+\/(access|activity|revisions|get-service)\.js"\)/g;

// With pnpm only the packages that depend on esbuild can import it, so this looks into pnpm's store.
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

// Returns what the import `name` resolves to from a file in `folder`: a file URL, or the name if it is not a file.
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
    // Directus's schema service gets our replacements. They import Directus's own versions with the prefix `directus:`.
    build.onResolve({ filter: /\/(apply-diff|get-snapshot|get-snapshot-diff|get-versioned-hash)\.js$/ }, ({ path, importer }) =>
      importer === join(api, 'dist/services/schema.js') ? { path: join(dirname(entry), OURS[basename(path, '.js')]) } : undefined,
    );
    // pm2 is a process manager. Some code of Directus only checks whether it runs under it.
    build.onResolve({ filter: /^pm2$/ }, () => ({ path: 'pm2', namespace: 'absent' }));
    build.onResolve({ filter: /\/flows\.js$/ }, ({ importer }) =>
      /\/services\/(flows|operations)\.js$/.test(importer) ? { path: join(dirname(entry), 'flow_manager.mjs') } : undefined,
    );
    // The users service would pull in most of Directus. The roles service needs it only to delete a role, which the
    // worker does not do.
    build.onResolve({ filter: /\/users\.js$/ }, ({ importer }) =>
      importer === join(api, 'dist/services/roles.js') ? { path: 'users', namespace: 'absent' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'absent' }, () => ({
      contents: 'export default new Proxy({}, { get: () => () => {} }); export class UsersService {}',
    }));
    build.onResolve({ filter: /.*/ }, ({ path, kind, resolveDir }) => {
      if (OUTSIDE.test(path)) return { path: kind === 'require-call' ? path : located(path, resolveDir), external: true };
      // Modules that are imported dynamically stay in their place.
      if (kind === 'dynamic-import') return { path: located(path, resolveDir), external: true };
    });
    build.onLoad({ filter: /\.m?js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      // Files locate other files relative to import.meta.url.
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
