// Stands for what runs flows in a whole Directus. The worker runs none; the others are told that there are new ones.
import { useBus } from 'directus:bus/index.js';

export const getFlowManager = () => ({ reload: async () => useBus().publish('flows', { type: 'reload' }) });
