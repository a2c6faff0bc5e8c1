// Directus's command line without its look for updates: cli.js asks the network at every start, for up to 8 s.
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const directus = createRequire(`${realpathSync(process.env.DIRECTUS_HOME)}/package.json`);
const load = (name) => import(pathToFileURL(directus.resolve(`@directus/api/cli/${name}`)).href);

// Loading takes nearly all of a start, and needs no database. What comes then waits until stdin ends.
await load('index');
for await (const _ of process.stdin);
await load('run');
