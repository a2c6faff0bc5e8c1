/** Records the answers of devices. */
import type { Knex } from 'knex';
import { CommandNotFound } from '../lib/errors';
import { isKey } from '../lib/paths';
import { isNew, type Answer, type Stored } from './rules';

/** Record the answer to a command. The same answer again changes nothing. */
export async function noteAnswer(trx: Knex, id: unknown, answer: Answer): Promise<{ id: string; status: string }> {
  const row = isKey(id) ? trx('device_commands').where('id', id) : undefined;
  const stored: Stored | undefined = await row?.clone().forUpdate().first('status', 'answer', 'error');
  if (row === undefined || stored === undefined) throw new CommandNotFound({ reason: 'There is no such command.' });
  if (isNew(stored, answer)) {
    // The answer may arrive before the command is recorded as sent.
    const known = answer.status === 'acknowledged' ? { sent_at: trx.raw('coalesce(sent_at, now())') } : {};
    await row.update({ ...answer, ...known, answered_at: trx.fn.now() });
  }
  return { id: String(id), status: answer.status };
}
