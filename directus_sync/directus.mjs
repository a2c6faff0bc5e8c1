// Runs Directus without its own cli.js, which asks the network for updates at every start, for up to 8 s.
//   directus.mjs bootstrap | start    what Directus has under that name
//   directus.mjs load                 just load it all, so that its compiled code is kept
import { realpathSync } from 'node:fs';
import { createRequire, enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const verb = process.argv[2];
const home = realpathSync(process.env.DIRECTUS_HOME);
const directus = createRequire(join(home, 'package.json'));
const load = (name) => import(pathToFileURL(directus.resolve(`@directus/api/${name}`)).href);

// A fifth of the loading is V8's compiling. Where the folder can't be written, it is compiled every time.
enableCompileCache(join(home, '.cache', 'directus-sync'));

// A server needs nothing of the command line, which is a tenth of all that there is to load.
const [library, program] = verb === 'start' ? ['server', 'start'] : ['cli/index', 'cli/run'];
await load(library);
if (verb === 'load') process.exit();
// Loading takes nearly all of a start, and needs no database. What comes then waits until stdin ends.
for await (const _ of process.stdin);
await load(program);
