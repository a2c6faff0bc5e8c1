/** Decides which relations a user sees, and whether with the name of the list. Pure. */

export interface Shown {
  collection: string;
  field: string;
  related_collection: string | null;
  meta: { one_field: string | null } | null;
}

/** Return the relations of the fields that the user may read, without the names of lists that are not readable. */
export function visible<Relation extends Shown>(
  relations: readonly Relation[],
  readable: ReadonlyMap<string, ReadonlySet<string>>,
): Relation[] {
  const found: Relation[] = [];
  for (const relation of relations) {
    const { collection, field, related_collection: related, meta } = relation;
    if (readable.get(collection)?.has(field) !== true || related === null) continue;
    const other = readable.get(related);
    if (other === undefined) continue;
    const list = meta?.one_field;
    const isHidden = typeof list === 'string' && !other.has(list);
    found.push(isHidden ? { ...relation, meta: { ...meta, one_field: null } } : relation);
  }
  return found;
}
