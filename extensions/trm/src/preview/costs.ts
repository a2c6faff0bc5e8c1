/** Computes what an offence costs by the formulas of an event, as the notes of their fields describe. Pure. */

/** A stored formula. */
export interface Formula {
  type: string;
  belongs_to_type: string;
  belongs_to_id: string | null;
  offence_key: string | null;
  offence_min: number | null;
  offence_max: number | null;
  occurrence_min: number;
  occurrence_max: number | null;
  operator: string;
  penalty: number | null;
  outcome: string | null;
  params: { unit_seconds?: number } | null;
}

/** What happens to an entry besides the seconds. mta: it gets the maximum time. */
export type Outcome = 'none' | 'mta' | 'dnf' | 'dq';

export interface Cost {
  seconds: number;
  outcome: Outcome;
}

export interface Offence {
  type: string;
  key: string | null;
  value: number;
  /** The number of the offence among those of its kind, from 1 on. */
  occurrence: number;
}

/** What an offence belongs to: pairs of belongs_to_type and id, the most specific first. The event has no id. */
export type Scopes = readonly (readonly [type: string, id: string | null])[];

export const FREE: Cost = { seconds: 0, outcome: 'none' };
const WORSE: readonly Outcome[] = ['none', 'mta', 'dnf', 'dq'];

/** Return the formulas of a type that belong to the most specific scope with such formulas. */
function ofScope(formulas: readonly Formula[], type: string, scopes: Scopes): readonly Formula[] {
  const some = formulas.filter((formula) => formula.type === type);
  const found = scopes.map(([scope, id]) =>
    some.filter(({ belongs_to_type: to, belongs_to_id: of }) => to === scope && of === id),
  );
  return found.find((of) => of.length > 0) ?? [];
}

const holds = (formula: Formula, { key, occurrence }: Offence): boolean =>
  (formula.offence_key === null || formula.offence_key === key) &&
  occurrence >= formula.occurrence_min &&
  (formula.occurrence_max === null || occurrence <= formula.occurrence_max);

/** Return the cost by one formula. Its bracket begins at offence_min and ends below offence_max. */
function costBy(formula: Formula, value: number): Cost {
  const low = formula.offence_min ?? 0;
  const high = formula.offence_max ?? Infinity;
  const seconds = formula.penalty ?? 0;
  const outcome = (formula.outcome ?? 'none') as Outcome;
  const part = Math.min(value, high) - low;
  switch (formula.operator) {
    case 'per_unit':
      return part > 0 ? { seconds: part * seconds, outcome } : FREE;
    case 'per_started_unit':
      return part > 0 ? { seconds: Math.ceil(part / (formula.params?.unit_seconds ?? 1)) * seconds, outcome } : FREE;
    default:
      if (value < low || value >= high) return FREE;
      if (formula.operator === 'disqualify') return { seconds: 0, outcome: 'dq' };
      return { seconds, outcome: formula.operator === 'fill_mta' && outcome === 'none' ? 'mta' : outcome };
  }
}

export const sum = (costs: readonly Cost[]): Cost =>
  costs.reduce(
    (left, right) => ({
      seconds: left.seconds + right.seconds,
      outcome: WORSE.indexOf(left.outcome) > WORSE.indexOf(right.outcome) ? left.outcome : right.outcome,
    }),
    FREE,
  );

/** Return the total cost of one entry's offences, in whole seconds. */
export function costOf(formulas: readonly Formula[], scopes: Scopes, offences: readonly Offence[]): Cost {
  const each = offences.flatMap((offence) =>
    ofScope(formulas, offence.type, scopes)
      .filter((formula) => holds(formula, offence))
      .map((formula) => costBy(formula, offence.value)),
  );
  const found = sum(each);
  return { ...found, seconds: Math.round(found.seconds) };
}
