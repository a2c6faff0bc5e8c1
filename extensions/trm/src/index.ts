/** The bundle as Directus loads it. Directus silently skips a name that is not in package.json. */
import type { EndpointConfig, HookConfig, OperationApiConfig } from '@directus/types';
import closing from './closing';
import coherence from './coherence';
import discipline from './discipline';
import flags from './flags';
import sendCommands from './commands/operation';
import { recordRegistered } from './lib/registered';
import outbox from './outbox';
import penalties from './penalties';
import queries from './queries';
import refusals from './refusals';
import relations from './relations';
import results from './results';
import routes from './routes';
import stages from './stages';
import tenantGuard from './tenant';

type Endpoint = Extract<EndpointConfig, { id: string }>;

const hook = (name: string, config: HookConfig): { name: string; config: HookConfig } => ({
  name,
  config: (register, context) => {
    config(register, context);
    recordRegistered(name);
  },
});

const endpoint = (name: string, config: Endpoint): { name: string; config: EndpointConfig } => ({
  name,
  config: {
    ...config,
    handler: (router, context) => {
      config.handler(router, context);
      recordRegistered(name);
    },
  },
});

// The guard must come before the other rules, because filters run in the order in which they were registered.
export const hooks = [
  hook('trm-refusals', refusals),
  hook('trm-tenant-guard', tenantGuard),
  hook('trm-coherence', coherence),
  hook('trm-queries', queries),
  hook('trm-discipline', discipline),
  hook('trm-position-flags', flags),
  hook('trm-outbox', outbox),
  hook('trm-stages', stages),
  hook('trm-closing-times', closing),
  hook('trm-results', results),
  hook('trm-penalties', penalties),
  hook('trm-relations', relations),
];
export const endpoints = [endpoint('trm-routes', routes)];
const operation = { name: 'trm-send-commands', config: sendCommands as OperationApiConfig };
export const operations = [operation];
