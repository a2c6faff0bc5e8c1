/** The operation of flows that sends the commands that wait. It routes; what a command does is the device's. */
import type { OperationApiConfig } from '@directus/types';
import { outboxOf } from '../outbox/outbox';

export default {
  id: 'trm-send-commands',
  // The loop of the outbox repeats what fails here.
  handler: async (_options, context): Promise<void> => outboxOf(context).attempt(0),
} satisfies OperationApiConfig;
