/** What an operator is told when PostgreSQL refuses a row. Pure. */
import { ConstraintViolated, RowInUse } from '../lib/errors';
import sentences from '../generated/constraints.json' with { type: 'json' };

/** As much of PostgreSQL's error as may be passed on: its detail holds the whole row. */
interface DatabaseError {
  code: string;
  message: string;
  constraint?: string;
  table?: string;
}

const SENTENCES: Readonly<Record<string, string>> = sentences;
const CHECK = '23514';
const UNIQUE = '23505';
const EXCLUSION = '23P01';
const FOREIGN_KEY = '23503';

const isDatabaseError = (value: unknown): value is DatabaseError =>
  value instanceof Error && 'code' in value && typeof value.code === 'string' && /^[0-9A-Z]{5}$/.test(value.code);

const sentence = (constraint: string): string => SENTENCES[constraint] ?? `The rule ${constraint} does not allow it.`;

/** Return the sentence of a trigger, which stands in the message after the statement. */
const ofTrigger = (message: string): string => message.slice(message.lastIndexOf(' - ') + 3);

/** Return an error that says which rule PostgreSQL kept; anything else comes back as it is. */
export function explain(error: unknown): unknown {
  if (Array.isArray(error)) return error.map(explain);
  if (!isDatabaseError(error) || error.constraint === undefined) return error;
  const { code, constraint, message, table } = error;
  const details = { constraint, ...(table === undefined ? {} : { collection: table }) };
  switch (code) {
    case CHECK: {
      const reason = message.includes('violates check constraint') ? sentence(constraint) : ofTrigger(message);
      return new ConstraintViolated({ reason, ...details });
    }
    case UNIQUE:
    case EXCLUSION:
      return new ConstraintViolated({ reason: sentence(constraint), ...details });
    case FOREIGN_KEY: {
      const reason = `Rows of ${table ?? 'another table'} refer to it; delete them first.`;
      return new RowInUse({ reason, ...details });
    }
    default:
      return error;
  }
}
