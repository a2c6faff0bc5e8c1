/** Which parts of this bundle Directus has registered since it loaded it. /trm/health answers with it. */
import manifest from '../../package.json' with { type: 'json' };

const names: readonly string[] = manifest['directus:extension'].entries.map((entry) => entry.name);
// Browsers load those of the Studio, and Directus registers operations, as soon as it has the bundle.
const BY_DIRECTUS = new Set(['display', 'interface', 'operation']);
const served = manifest['directus:extension'].entries.filter(({ type }) => BY_DIRECTUS.has(type));
const registered = new Set<string>(served.map(({ name }) => name));

/** Note that Directus registered a part. An administrator can switch off each of them. */
export function note(name: string): void {
  registered.add(name);
}

/** Return what was registered and what package.json names besides. */
export function health(): { registered: string[]; missing: string[] } {
  const missing = names.filter((name) => !registered.has(name));
  return { registered: names.filter((name) => registered.has(name)), missing };
}
