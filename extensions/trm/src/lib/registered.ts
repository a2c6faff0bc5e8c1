/** Records which parts of the bundle Directus has registered since it loaded the bundle, for /trm/health. */
import manifest from '../../package.json' with { type: 'json' };

const names: readonly string[] = manifest['directus:extension'].entries.map((entry) => entry.name);
// These count as registered once the bundle is loaded: Directus registers operations, browsers load the Studio's parts.
const BY_DIRECTUS = new Set(['display', 'interface', 'operation']);
const served = manifest['directus:extension'].entries.filter(({ type }) => BY_DIRECTUS.has(type));
const registered = new Set<string>(served.map(({ name }) => name));

/** Record that Directus registered a part. An administrator can switch off each part. */
export function recordRegistered(name: string): void {
  registered.add(name);
}

/** Return the parts in package.json that are registered, and those that are missing. */
export function health(): { registered: string[]; missing: string[] } {
  const missing = names.filter((name) => !registered.has(name));
  return { registered: names.filter((name) => registered.has(name)), missing };
}
