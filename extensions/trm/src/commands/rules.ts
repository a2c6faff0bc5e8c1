/** Reads the answer of a device, and compares it with an earlier one. Pure. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { CommandAnswered, InvalidBody } from '../lib/errors';
import { isRow, type Row } from '../lib/types';

export interface Answer {
  status: 'acknowledged' | 'failed';
  answer: string | null;
  error: string | null;
}

/** A stored command. */
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
  if (typeof value !== 'string' || value.includes('\0')) return invalid(`${name} must be a text.`);
  return value.length <= longest ? value : invalid(`${name} must have at most ${String(longest)} characters.`);
}

/** Read the body of an answer. Throws INVALID_BODY. */
export function answerOf(body: unknown): Answer {
  if (!isRow(body)) return invalid('The body must be a JSON object.');
  const unknown = Object.keys(body).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) invalid(`This request does not take ${unknown}.`);
  const { status } = body;
  if (status !== 'acknowledged' && status !== 'failed') return invalid('status must be acknowledged or failed.');
  const [answer, error] = [text(body, 'answer', LONGEST), text(body, 'error', LONGEST_ERROR)];
  if (status === 'acknowledged' && error !== null) invalid('A command that was acknowledged must have no error.');
  if (status === 'failed' && answer !== null) invalid('A command that failed must have an error instead of an answer.');
  if (status === 'failed' && (error ?? '') === '') invalid('error must say why the command failed.');
  return { status, answer, error };
}

/** Return whether an answer is new; false if it is stored already. Throws COMMAND_ANSWERED if another one is. */
export function isNew(stored: Stored, { status, answer, error }: Answer): boolean {
  if (stored.status !== 'acknowledged' && stored.status !== 'failed') return true;
  if (stored.status === status && stored.answer === answer && stored.error === error) return false;
  throw new CommandAnswered({ reason: `The command is ${stored.status} already, with another answer.` });
}

/** Compare a token with the setting, in constant time. Without a setting every token is wrong. */
export function isToken(given: unknown, wanted: string | undefined): boolean {
  if (wanted === undefined || wanted === '' || typeof given !== 'string') return false;
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
