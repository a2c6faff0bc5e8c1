/** Has every refusal of PostgreSQL answered with a sentence and a code, instead of status 500. */
import type { HookConfig } from '@directus/types';
import type { Application, NextFunction, Request, Response } from 'express';
import { explain } from './rules';

const refusals: HookConfig = ({ filter, init }) => {
  filter('database.error', explain);
  // Deletes, and what is checked only at the end of a transaction, never come to that filter.
  init('routes.custom.after', (meta) => {
    (meta['app'] as Application).use((error: unknown, _request: Request, _response: Response, next: NextFunction) => {
      next(explain(error));
    });
  });
};

export default refusals;
