/** The bundle's part for the Studio. Runs in the browser. */
import { durationDisplay, durationInterface } from './duration';
import { fieldsInterface } from './fields';
import { previewInterface } from './preview';
import { rowInterface, rowsInterface } from './row';

export const displays = [durationDisplay];
export const interfaces = [durationInterface, fieldsInterface, previewInterface, rowInterface, rowsInterface];
export const operations = [
  {
    id: 'trm-send-commands',
    name: 'Send device commands',
    icon: 'settings_remote',
    description: 'Sends the waiting commands to the stream of the devices',
    overview: (): readonly never[] => [],
    options: [],
  },
];
