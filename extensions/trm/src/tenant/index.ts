/** Keeps organisations apart: a user needs a role in the organisation of each row that they write. */
import type { EventContext, HookConfig, PrimaryKey } from '@directus/types';
import { InvalidKey, TenantForbidden } from '../lib/errors';
import { isToMany, targetInPayload, wrongKey } from '../lib/paths';
import type { Reading, Row } from '../lib/types';
import { readingOf } from '../lib/values';
import { isMemberSomewhere, mayReach } from './membership';
import { advice, mayCreate, requirementOf, type Action, type Requirement } from './rules';

const WORDS: Readonly<Record<Action, string>> = { create: 'create', update: 'change', delete: 'delete' };

/** A write: the keys of stored rows, and the new values. */
interface Writing {
  collection: string;
  action: Action;
  keys: readonly PrimaryKey[];
  payload: Row;
}

/** Return whether the user may write to the organisation to which the rows will belong. */
async function mayPut(reading: Reading, user: string, requirement: Requirement, writing: Writing): Promise<boolean> {
  const { collection, action, payload } = writing;
  const [first] = requirement.path;
  if (first === undefined || isToMany(reading.schema, collection, first)) {
    // The row belongs to no organisation yet. A separate row links it to one, and is checked when it is written.
    return action !== 'create' || (first !== undefined && isMemberSomewhere(reading, user, requirement.roles));
  }
  const place = targetInPayload(reading.schema, collection, requirement.path, payload);
  // An update without the field leaves the row in its organisation.
  if (place === 'nothing') return action === 'update';
  return place !== null && place !== 'new' && mayReach(reading, user, requirement, place, [place.key]);
}

async function isAllowed(reading: Reading, user: string, writing: Writing): Promise<boolean> {
  const { collection, action, keys } = writing;
  const found = requirementOf(collection, action);
  if (found === null) return false;
  const requirement = action === 'create' ? mayCreate(collection, found, writing.payload) : found;
  const { path } = requirement;
  if (action !== 'create' && !(await mayReach(reading, user, requirement, { collection, path }, keys))) return false;
  return action === 'delete' || mayPut(reading, user, requirement, writing);
}

/** Refuse a key in another form. The checks of all hooks compare keys as text, and look up only keys. */
function requireKeys({ schema }: Reading, { collection, payload }: Writing): void {
  const field = wrongKey(schema, collection, payload);
  if (field === undefined) return;
  const reason = `${field} must be a key in the form 0f4a2c1e-0d3a-4b8e-9a51-3c0d5f6b7a01.`;
  throw new InvalidKey({ reason, collection });
}

const guard: HookConfig = ({ filter }, { getSchema }) => {
  async function requireAllowed(writing: Writing, context: EventContext): Promise<void> {
    const [reading, { accountability }] = [await readingOf(context, getSchema), context];
    requireKeys(reading, writing);
    // null: the server itself, or a flow with full access.
    if (accountability === null || accountability.admin) return;
    if (accountability.user !== null && (await isAllowed(reading, accountability.user, writing))) return;
    // The message does not reveal whether the row belongs to another organisation or does not exist.
    const { action, collection } = writing;
    const hint = action === 'create' ? advice(collection, writing.payload) : '';
    const reason = `You may not ${WORDS[action]} ${collection} in this organisation, or it does not exist.${hint}`;
    throw new TenantForbidden({ reason, collection });
  }

  filter<Row>('items.create', async (payload, { collection }, context) => {
    await requireAllowed({ collection: String(collection), action: 'create', keys: [], payload }, context);
    return payload;
  });
  filter<Row>('items.update', async (payload, meta, context) => {
    const [collection, keys] = [String(meta['collection']), meta['keys'] as PrimaryKey[]];
    await requireAllowed({ collection, action: 'update', keys, payload }, context);
    return payload;
  });
  filter<PrimaryKey[]>('items.delete', async (keys, { collection }, context) => {
    await requireAllowed({ collection: String(collection), action: 'delete', keys, payload: {} }, context);
    return keys;
  });
};

export default guard;
