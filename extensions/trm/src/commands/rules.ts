/** What the answer of a device says, and what becomes of its command. Pure. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { CommandAnswered, InvalidBody } from '../lib/errors';
import { isRow, type Row } from '../lib/types';

export interface Answer {
  status: 'acknowledged' | 'failed';
  answer: string | null;
  error: string | null;
}

/** A command as it is stored. */
export interface Stored {
  status: string;
  answer: string | null;
  error: string | null;
}

const KNOWN = ['status', 'answer', 'error'];
const LONGEST = 10_000;
const LONGEST_ERROR = 255;

function invalid(reason: string): never {
  throw new InvalidBody({ reason });
}

function text(body: Row, name: string, longest: number): string | null {
  const value = body[name] ?? null;
  if (value === null) return null;
  if (typeof value !== 'string' || value.includes('\0')) return invalid(`${name} is a text.`);
  return value.length <= longest ? value : invalid(`${name} has ${String(longest)} characters at most.`);
}

/** Read the body of an answer. Throws INVALID_BODY. */
export function answerOf(body: unknown): Answer {
  if (!isRow(body)) return invalid('The body is a JSON object.');
  const unknown = Object.keys(body).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) invalid(`There is no ${unknown} in this request.`);
  const { status } = body;
  if (status !== 'acknowledged' && status !== 'failed') return invalid('status is acknowledged or failed.');
  const [answer, error] = [text(body, 'answer', LONGEST), text(body, 'error', LONGEST_ERROR)];
  if (status === 'acknowledged' && error !== null) invalid('A command that was acknowledged has no error.');
  if (status === 'failed' && answer !== null) invalid('A command that failed has an error instead of an answer.');
  if (status === 'failed' && (error ?? '') === '') invalid('error says why the command failed.');
  return { status, answer, error };
}

/** Tell whether an answer is new; false if it came before. Throws COMMAND_ANSWERED if another one did. */
export function isNew(stored: Stored, { status, answer, error }: Answer): boolean {
  if (stored.status !== 'acknowledged' && stored.status !== 'failed') return true;
  if (stored.status === status && stored.answer === answer && stored.error === error) return false;
  throw new CommandAnswered({ reason: `The command is ${stored.status} already, with another answer.` });
}

/** Compare a token with the one that is set, in constant time. Without a setting every token is wrong. */
export function isToken(given: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'string' || wanted === '' || typeof given !== 'string') return false;
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
