/** Explains to users why PostgreSQL refused a row. Pure. */
import { ConstraintViolated, RowInUse } from '../lib/errors';
import sentences from '../generated/constraints.json' with { type: 'json' };

/** The parts of PostgreSQL's error that may be passed on. Its `detail` contains the whole row. */
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

const sentence = (constraint: string): string => SENTENCES[constraint] ?? `The rule ${constraint} does not allow this.`;

/** Return the sentence of a trigger, which follows the statement in the message. */
const ofTrigger = (message: string): string => message.slice(message.lastIndexOf(' - ') + 3);

/** Return an error that explains the rule that was violated; return any other error unchanged. */
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
      const reason = `Rows of ${table ?? 'another table'} refer to this row; delete them first.`;
      return new RowInUse({ reason, ...details });
    }
    default:
      return error;
  }
}
