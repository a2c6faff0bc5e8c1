// Directus's command line without its look for updates: cli.js asks the network at every start, for up to 8 s.
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const directus = createRequire(`${realpathSync(process.env.DIRECTUS_HOME)}/package.json`);
await import(pathToFileURL(directus.resolve('@directus/api/cli/run.js')).href);
