// Replaces Directus's flow manager. The worker runs no flows; it only notifies other servers that flows changed.
import { useBus } from 'directus:bus/index.js';

export const getFlowManager = () => ({ reload: async () => useBus().publish('flows', { type: 'reload' }) });
