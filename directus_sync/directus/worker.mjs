// Serves Directus's schema on a Unix socket, and writes some kinds of rows. Answers the requests of the tool's client
// with Directus's own services, and loads nothing else of Directus. bundle.mjs makes one file of this file and the 300
// files of Directus that it needs.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import busboy from 'package:busboy';
import { dump, load } from 'package:js-yaml';
import { InvalidPayloadError, isDirectusError, RouteNotFoundError } from 'package:@directus/errors';
import { parseJSON, toBoolean } from 'package:@directus/utils';
import { version } from 'package:directus/version';
import getDatabase from 'directus:database/index.js';
import { createDefaultAccountability } from 'directus:permissions/utils/create-default-accountability.js';
import { FieldsService } from 'directus:services/fields.js';
import { SchemaService } from 'directus:services/schema.js';
import { UtilsService } from 'directus:services/utils.js';
import { getAccountabilityForToken } from 'directus:utils/get-accountability-for-token.js';
import { generateHash } from 'directus:utils/generate-hash.js';
import { getSecret } from 'directus:utils/get-secret.js';
import { verifyAccessJWT } from 'directus:utils/jwt.js';
import { getSchema } from 'directus:utils/get-schema.js';
import { writerOf } from './rows.mjs';

const NOTHING = { status: 204 };
// The snapshot of the latest comparison. Discarded when the schema changes or the client clears the cache.
let compared;

const ROUTES = {
  // Only the part of /server/info that the tool reads.
  'GET /server/info': async (_, { user }) => data(user ? { version } : {}),
  'POST /utils/cache/clear': async ({ query }, accountability) => {
    const system = query.has('system') && (query.get('system') === '' || Boolean(query.get('system')));
    await new UtilsService({ accountability }).clearCache({ system });
    compared = undefined;
    return { status: 200 };
  },
  'GET /schema/snapshot': async ({ query }, accountability) => {
    const found = accountability.admin ? compared : undefined;
    return exported(found ?? (await new SchemaService({ accountability }).snapshot()), query.get('export'));
  },
  'GET /fields': async ({ query }, accountability) =>
    exported(await new FieldsService({ accountability, schema: await getSchema() }).readAll(), query.get('export')),
  'POST /schema/diff': async ({ query, upload }, accountability) => {
    const service = new SchemaService({ accountability });
    const wanted = await upload();
    const currentSnapshot = await service.snapshot();
    compared = currentSnapshot;
    const diff = await service.diff(wanted, { currentSnapshot, force: query.has('force') });
    return diff ? data({ hash: service.getHashedSnapshot(currentSnapshot).hash, diff }) : NOTHING;
  },
  'POST /schema/apply': async ({ query, upload }, accountability) => {
    const diff = await upload();
    compared = undefined;
    await new SchemaService({ accountability }).apply(diff, { force: toBoolean(query.get('force')) });
    return NOTHING;
  },
};

export async function startServer() {
  // Fail early, as Directus does, if the database does not answer.
  await getDatabase().raw('SELECT 1');
  const server = createServer(async (request, response) => {
    const { status, type, body } = await answer(request);
    response.writeHead(status, type ? { 'Content-Type': type } : {}).end(body);
  });
  process.once('SIGTERM', () => process.exit());
  server.listen(process.env.UNIX_SOCKET_PATH);
}

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://worker');
  if (pathname === '/server/ping') return { status: 200, type: 'text/html; charset=utf-8', body: 'pong' };
  let accountability;
  try {
    const [, token = null] = /^bearer ([^ ]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    // Before Directus has tables there are no users to look up, so a valid signature is enough.
    if (pathname === '/utils/hash/generate' && verifyAccessJWT(token, getSecret())) {
      return data(await generateHash(parseJSON(await text(request)).string));
    }
    const userAgent = request.headers['user-agent']?.substring(0, 1024);
    accountability = await getAccountabilityForToken(token, createDefaultAccountability(userAgent ? { userAgent } : {}));
    const write = writerOf(request.method, pathname);
    if (write) {
      await write(parseJSON(await text(request)), accountability);
      return NOTHING;
    }
    const route = ROUTES[`${request.method} ${pathname}`];
    if (!route) throw new RouteNotFoundError({ path: pathname });
    return await route({ query: searchParams, upload: () => uploaded(request) }, accountability);
  } catch (error) {
    return refusal(error, accountability?.admin === true);
  }
}

function data(value) {
  return json(200, { data: value });
}

function json(status, value) {
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify(value) };
}

function exported(value, format) {
  if (format === 'yaml') return { status: 200, type: 'text/yaml', body: dump(value) };
  if (format === 'json') return { status: 200, type: 'application/json', body: JSON.stringify(value, null, '\t') };
  return data(value);
}

// Returns the one file of a multipart body, parsed as JSON or YAML.
function uploaded(request) {
  return new Promise((resolve, reject) => {
    const refuse = (reason) => reject(new InvalidPayloadError({ reason }));
    const parser = busboy({ headers: request.headers });
    let found = false;
    parser.on('file', async (_, stream, { mimeType }) => {
      found = true;
      const [kind, read] = mimeType === 'application/json' ? ['JSON', parseJSON] : ['YAML', load];
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      try {
        const value = read(Buffer.concat(chunks).toString('utf8'));
        return value ? resolve(value) : refuse('No file was included in the body');
      } catch {
        return refuse(`The provided ${kind} is invalid`);
      }
    });
    parser.on('error', reject);
    parser.on('close', () => found || refuse('No file was included in the body'));
    request.pipe(parser);
  });
}

// Returns the answer for an error, in Directus's form. Only an administrator sees the message of an internal error.
function refusal(error, admin) {
  if (isDirectusError(error)) {
    const { message, status, code, extensions } = error;
    return json(status, { errors: [{ message, extensions: { ...extensions, code } }] });
  }
  console.error(error);
  const message = (admin && error?.message) || 'An unexpected error occurred.';
  const extensions = { code: 'INTERNAL_SERVER_ERROR', ...(admin && error?.extensions) };
  return json(500, { errors: [{ message, extensions }] });
}
