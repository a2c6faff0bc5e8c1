/** The routes under /trm. */
import type { EndpointConfig } from '@directus/types';
import { health } from '../lib/registered';

const routes = {
  id: 'trm',
  handler: (router) => {
    router.get('/health', (_request, response) => {
      const { registered, missing } = health();
      response.status(missing.length === 0 ? 200 : 503).json({ registered, missing });
    });
  },
} satisfies EndpointConfig;

export default routes;
