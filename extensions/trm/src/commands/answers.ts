/** Writes down what a device answered. */
import type { Knex } from 'knex';
import { CommandNotFound } from '../lib/errors';
import { isKey } from '../lib/paths';
import { isNew, type Answer, type Stored } from './rules';

/** Note the answer to a command. The same answer twice changes nothing. */
export async function noteAnswer(trx: Knex, id: unknown, answer: Answer): Promise<{ id: string; status: string }> {
  const row = isKey(id) ? trx('device_commands').where('id', id) : undefined;
  const stored: Stored | undefined = await row?.clone().forUpdate().first('status', 'answer', 'error');
  if (row === undefined || stored === undefined) throw new CommandNotFound({ reason: 'There is no such command.' });
  if (isNew(stored, answer)) {
    // The answer may come before it was noted that the command went out.
    const known = answer.status === 'acknowledged' ? { sent_at: trx.raw('coalesce(sent_at, now())') } : {};
    await row.update({ ...answer, ...known, answered_at: trx.fn.now() });
  }
  return { id: String(id), status: answer.status };
}
