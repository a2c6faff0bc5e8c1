// Compares schemas with the same result as Directus. Skips equal items and passes the rest to Directus's own code,
// which is slow because it searches all items for each item.
import { createHash } from 'node:crypto';
import objectHash from 'package:object-hash';
import { version } from 'package:directus/version';
import { getSnapshotDiff as diffByDirectus } from 'directus:utils/get-snapshot-diff.js';
import { keyOf } from './apply_plan.mjs';

export function getSnapshotDiff(current, after) {
  const [left, right] = [{ ...current }, { ...after }];
  for (const section of ['collections', 'fields', 'relations']) {
    // Directus refuses a section that is not a list.
    if (!Array.isArray(after[section])) continue;
    const equal = equalKeys(current[section], after[section]);
    const differs = (item) => !equal.has(keyOf(item));
    [left[section], right[section]] = [current[section].filter(differs), after[section].filter(differs)];
  }
  return diffByDirectus(left, right);
}

// The keys of the items that are equal in both lists. If `after` has a key twice, Directus compares the first.
function equalKeys(current, after) {
  const wanted = new Map();
  for (const item of after) if (!wanted.has(keyOf(item))) wanted.set(keyOf(item), item);
  const [equal, unequal] = [new Set(), new Set()];
  for (const item of current) (isSame(item, wanted.get(keyOf(item))) ? equal : unequal).add(keyOf(item));
  return equal.difference(unequal);
}

// Whether Directus cannot find a difference. False for unusual objects, so that Directus compares those itself.
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

// Remembers the latest hash, because the hash of the same schema is needed twice: to compare, then to apply.
export function getVersionedHash(item) {
  const text = JSON.stringify(item);
  if (text !== latest.text) latest = { text, hash: hashOf({ item, version }) };
  return latest.hash;
}

// Same as `objectHash(value)`, but updates the hash once instead of with each of many texts.
function hashOf(value) {
  const texts = [];
  objectHash.writeToStream(value, { write: (text) => texts.push(text) });
  return createHash('sha1').update(texts.join('')).digest('hex');
}
