// Compares schemas as Directus does, and leaves to its own code what differs: that looks for each item among all others.
import { createHash } from 'node:crypto';
import objectHash from 'package:object-hash';
import { version } from 'package:directus/version';
import { getSnapshotDiff as diffByDirectus } from 'directus:utils/get-snapshot-diff.js';
import { keyOf } from './apply_plan.mjs';

export function getSnapshotDiff(current, after) {
  const [left, right] = [{ ...current }, { ...after }];
  for (const section of ['collections', 'fields', 'relations']) {
    // What is no list is for Directus to refuse.
    if (!Array.isArray(after[section])) continue;
    const equal = equalKeys(current[section], after[section]);
    const differs = (item) => !equal.has(keyOf(item));
    [left[section], right[section]] = [current[section].filter(differs), after[section].filter(differs)];
  }
  return diffByDirectus(left, right);
}

// The items that are the same in both lists. Of several with one name in `after`, Directus compares the first.
function equalKeys(current, after) {
  const wanted = new Map();
  for (const item of after) if (!wanted.has(keyOf(item))) wanted.set(keyOf(item), item);
  const [equal, unequal] = [new Set(), new Set()];
  for (const item of current) (isSame(item, wanted.get(keyOf(item))) ? equal : unequal).add(keyOf(item));
  return equal.difference(unequal);
}

// Whether Directus can't find a difference. Of what is neither text, number, list nor plain object, it decides itself.
function isSame(one, other) {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  const kind = Object.getPrototypeOf(one);
  if (kind !== Object.getPrototypeOf(other) || (kind !== Object.prototype && kind !== Array.prototype)) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && isSame(one[name], other[name]))
  );
}

let latest = { text: '', hash: '' };

// The same schema is asked for twice: before a comparison, and before what it gave is applied.
export function getVersionedHash(item) {
  const text = JSON.stringify(item);
  if (text !== latest.text) latest = { text, hash: hashOf({ item, version }) };
  return latest.hash;
}

// As `objectHash(value)`, which sends each of its many texts to the hash alone.
function hashOf(value) {
  const texts = [];
  objectHash.writeToStream(value, { write: (text) => texts.push(text) });
  return createHash('sha1').update(texts.join('')).digest('hex');
}
