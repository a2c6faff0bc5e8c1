/** A display and an interface for durations as h:mm:ss. */
import { h, type VNode } from 'vue';
import { read, shown, type Unit } from './rules';

interface Shown {
  value?: unknown;
  unit?: Unit;
  disabled?: boolean;
}

/** The parts of the browser's input that are used here. */
interface Field {
  value: string;
  setCustomValidity: (message: string) => void;
  reportValidity: () => void;
}

const TYPES = ['integer', 'bigInteger'];
const LOOK = [
  'width: 100%',
  'height: var(--theme--form--field--input--height)',
  'padding: var(--theme--form--field--input--padding)',
  'color: var(--theme--form--field--input--foreground)',
  'background: var(--theme--form--field--input--background)',
  'border: var(--theme--border-width) solid var(--theme--form--field--input--border-color)',
  'border-radius: var(--theme--border-radius)',
  'font-family: var(--theme--fonts--monospace--font-family)',
].join('; ');

const unit = {
  field: 'unit',
  name: 'Unit',
  type: 'string',
  meta: {
    width: 'half',
    interface: 'select-dropdown',
    options: {
      choices: [
        { text: 'Seconds', value: 's' },
        { text: 'Milliseconds', value: 'ms' },
      ],
    },
  },
  schema: { default_value: 's' },
};

const described = {
  id: 'trm-duration',
  name: 'Duration',
  icon: 'timer',
  description: 'A number of seconds or milliseconds as h:mm:ss',
  types: TYPES,
  options: [unit],
};

const Input = {
  props: ['value', 'unit', 'disabled'],
  emits: ['input'],
  setup: (props: Shown, { emit }: { emit: (event: 'input', value: number | null) => void }) => {
    const changed = ({ target }: { target: Field }): void => {
      const value = read(target.value, props.unit);
      target.setCustomValidity(value === undefined ? 'Write it as h:mm:ss, for example 0:01:30.' : '');
      target.reportValidity();
      if (value === undefined) return;
      target.value = shown(value, props.unit);
      emit('input', value);
    };
    return (): VNode =>
      h('input', {
        type: 'text',
        value: shown(props.value, props.unit),
        disabled: props.disabled === true,
        placeholder: props.unit === 'ms' ? 'h:mm:ss.000' : 'h:mm:ss',
        style: LOOK,
        onChange: changed,
      });
  },
};

export const durationDisplay = {
  ...described,
  component: ({ value, unit: of }: Shown): VNode => h('span', { textContent: shown(value, of) }),
  handler: (value: unknown, { unit: of }: Shown): string => shown(value, of),
};
export const durationInterface = { ...described, component: Input };
