// Runs Directus without its own cli.js, which looks for updates on the network at every start, for up to 8 s.
//   directus.mjs bootstrap    like `directus bootstrap`
//   directus.mjs start        like `directus start`, without the commands that extensions add to the command line
//   directus.mjs start APPLY  the same, but applies a schema with the code in the file APPLY
//   directus.mjs work BUNDLE  the schema worker, from the file that bundle.mjs made
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const home = realpathSync(process.env.DIRECTUS_HOME);
const directus = module.createRequire(join(home, 'package.json'));
const load = (name) => import(pathToFileURL(directus.resolve(`@directus/api/${name}`)).href);

// Caches compiled code for the next start, which saves a sixth of its time. Does nothing in Node before 22.1, or if the
// folder is read-only or another user can write to it.
const cache = join(home, '.cache', 'directus-sync');
function isOwn(folder) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    return found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0;
  } catch {
    return false;
  }
}
if (isOwn(cache)) module.enableCompileCache?.(cache);

// date-fns has a package.json of 146 kB. Node parses it for each import between date-fns's files to find their format,
// which takes 0.7 s of a start. This hook asks once per folder and file extension. Node before 22.15 has no such hooks.
const [verb, file] = process.argv.slice(2);
const ours = file && pathToFileURL(file).href;
const formats = new Map();
const hooks = module.registerHooks?.({
  resolve(specifier, context, next) {
    if (verb === 'start' && ours && /^(directus|package):|\/apply-diff\.js$/.test(specifier)) {
      return next(...replaced(specifier, context));
    }
    const inside = context.parentURL?.includes('/node_modules/date-fns/') && /^\.{1,2}\/[^?#%]*\.c?js$/.test(specifier);
    if (!inside) return next(specifier, context);
    const { href, pathname } = new URL(specifier, context.parentURL);
    const kind = dirname(pathname) + extname(pathname);
    if (!formats.has(kind)) formats.set(kind, next(specifier, context).format);
    return { url: href, format: formats.get(kind), shortCircuit: true };
  },
});

// Resolves imports of Directus's own apply to our file, and the prefixes `directus:` and `package:` as bundle.mjs does.
function replaced(specifier, context) {
  const api = pathToFileURL(directus.resolve('@directus/api/package.json'));
  const [, kind, name] = /^(directus|package):(.*)$/.exec(specifier) ?? [];
  if (kind === 'directus') return [new URL(`dist/${name}`, api).href, context];
  return kind ? [name, { ...context, parentURL: api.href }] : [ours, context];
}

// A server does not need the code of the command line, a tenth of all code.
const bootstraps = verb === 'bootstrap';
const { startServer } = await (verb === 'work' ? import(ours) : load(bootstraps ? 'cli/index' : 'server'));
hooks?.deregister();
module.flushCompileCache?.();
// Loading takes nearly all the time of a start and needs no database. The rest waits for the end of stdin.
for await (const _ of process.stdin);
await (bootstraps ? load('cli/run') : startServer());
