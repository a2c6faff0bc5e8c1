/** Keeps the answer of a slow request from replacing that of a later one. Pure. */

/** Return `load` as a function that gives undefined to a call if another one began before it was answered. */
export function latest<Given extends unknown[], Found>(
  load: (...given: Given) => Promise<Found>,
): (...given: Given) => Promise<Found | undefined> {
  let calls = 0;
  return async (...given) => {
    const call = (calls += 1);
    const found = await load(...given);
    return call === calls ? found : undefined;
  };
}
