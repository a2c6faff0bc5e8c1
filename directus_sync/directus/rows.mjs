// Writes rows as Directus's API does: with its own services, which check the rows, record who wrote them, and clear
// caches. Does not delete roles, because that also changes users.
import { ForbiddenError } from 'package:@directus/errors';
import { AccessService } from 'directus:services/access.js';
import { ActivityService } from 'directus:services/activity.js';
import { DashboardsService } from 'directus:services/dashboards.js';
import { FlowsService } from 'directus:services/flows.js';
import { ItemsService } from 'directus:services/items.js';
import { OperationsService } from 'directus:services/operations.js';
import { PanelsService } from 'directus:services/panels.js';
import { PermissionsService } from 'directus:services/permissions.js';
import { PoliciesService } from 'directus:services/policies.js';
import { PresetsService } from 'directus:services/presets.js';
import { RevisionsService } from 'directus:services/revisions.js';
import { RolesService } from 'directus:services/roles.js';
import { TranslationsService } from 'directus:services/translations.js';
import { getSchema } from 'directus:utils/get-schema.js';

// Directus's own SettingsService loads telemetry code, which only another route needs.
class SettingsService extends ItemsService {
  constructor(options) {
    super('directus_settings', options);
  }
}

const SERVICES = {
  access: AccessService,
  dashboards: DashboardsService,
  flows: FlowsService,
  operations: OperationsService,
  panels: PanelsService,
  permissions: PermissionsService,
  policies: PoliciesService,
  presets: PresetsService,
  roles: RolesService,
  settings: SettingsService,
  translations: TranslationsService,
};

const WRITERS = {
  POST: (service, rows) => service.createMany(rows),
  PATCH: (service, rows) => (Array.isArray(rows) ? service.updateBatch(rows) : service.upsertSingleton(rows)),
  DELETE: (service, keys) => service.deleteMany(keys),
};

// Modules that Directus's services import dynamically. bundle.mjs redirects those imports to this object.
globalThis.directusSync = {
  access: { AccessService },
  activity: { ActivityService },
  revisions: { RevisionsService },
  'get-service': {
    getService(collection, options) {
      const Service = SERVICES[collection.replace(/^directus_/, '')];
      if (!Service) throw new ForbiddenError({ reason: `The schema worker does not write ${collection}` });
      return new Service(options);
    },
  },
};

// Returns a function that writes a request body on behalf of a user; undefined if method and path write no rows here.
export function writerOf(method, path) {
  const [Service, write] = [SERVICES[path.slice(1)], WRITERS[method]];
  if (!Service || !write || (method === 'DELETE' && Service === RolesService)) return undefined;
  return async (body, accountability) => write(new Service({ accountability, schema: await getSchema() }), body);
}
