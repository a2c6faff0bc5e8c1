/** The operation for flows that sends the waiting commands. It does not look at their content. */
import type { OperationApiConfig } from '@directus/types';
import { outboxOf } from '../outbox/outbox';

export default {
  id: 'trm-send-commands',
  // If this fails, the loop of the outbox tries again.
  handler: async (_options, context): Promise<void> => outboxOf(context).attempt(0),
} satisfies OperationApiConfig;
