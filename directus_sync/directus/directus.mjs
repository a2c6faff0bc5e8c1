// Runs Directus without its own cli.js, which asks the network for updates at every start, for up to 8 s.
//   directus.mjs bootstrap    as `directus bootstrap`
//   directus.mjs start        as `directus start`, less what extensions hook into the command line
import { realpathSync } from 'node:fs';
import module from 'node:module';
import { dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const home = realpathSync(process.env.DIRECTUS_HOME);
const directus = module.createRequire(join(home, 'package.json'));
const load = (name) => import(pathToFileURL(directus.resolve(`@directus/api/${name}`)).href);

// A sixth of the loading is V8's compiling, the first time. Node before 22.1 can't keep what came of it, and where
// the folder can't be written it does not.
module.enableCompileCache?.(join(home, '.cache', 'directus-sync'));

// date-fns names all its functions in its package.json. Node parses those 146 kB anew for each import among its files, to
// learn their format: 0.7 s of a start. Here it is asked once per folder and ending, and not whether the file is there;
// Node before 22.15 can't be helped.
const formats = new Map();
const hooks = module.registerHooks?.({
  resolve(specifier, context, next) {
    const inside = context.parentURL?.includes('/node_modules/date-fns/') && /^\.{1,2}\/[^?#%]*\.c?js$/.test(specifier);
    if (!inside) return next(specifier, context);
    const { href, pathname } = new URL(specifier, context.parentURL);
    const kind = dirname(pathname) + extname(pathname);
    if (!formats.has(kind)) formats.set(kind, next(specifier, context).format);
    return { url: href, format: formats.get(kind), shortCircuit: true };
  },
});

// A server needs nothing of the command line, which is a tenth of all that there is to load.
const starts = process.argv[2] === 'start';
const { startServer } = await load(starts ? 'server' : 'cli/index');
hooks?.deregister();
module.flushCompileCache?.();
// Loading takes nearly all of a start, and needs no database. What comes then waits until stdin ends.
for await (const _ of process.stdin);
await (starts ? startServer() : load('cli/run'));
