/** Shows an object as a form with a field for each key, instead of JSON. */
import { h, provide, resolveComponent, type VNode } from 'vue';
import { filled } from './rules';
import { formValues, OUTER, type Values } from './studio';

interface Given {
  value?: Values | null;
  fields?: { field: string; name: string; meta: Record<string, unknown> }[];
  disabled?: boolean;
}

const Fields = {
  // Otherwise the inner form would inherit the outer one's collection, and nest its fields endlessly.
  inheritAttrs: false,
  props: ['value', 'fields', 'disabled'],
  emits: ['input'],
  setup: (given: Given, { emit }: { emit: (event: 'input', value: Values | null) => void }) => {
    provide(OUTER, formValues());
    // The form renders again for each new object, so it gets the same objects each time.
    const fields = (given.fields ?? []).map((field) => ({ ...field, meta: { ...field.meta, field: field.field } }));
    const nothing: Values = {};
    const changed = (values: Values): void => {
      const found = filled(values);
      if (JSON.stringify(found) !== JSON.stringify(given.value ?? null)) emit('input', found);
    };
    return (): VNode =>
      h(resolveComponent('v-form'), {
        fields,
        modelValue: given.value ?? nothing,
        primaryKey: '+',
        disabled: given.disabled === true,
        'onUpdate:modelValue': changed,
      });
  },
};

export const fieldsInterface = {
  id: 'trm-fields',
  name: 'Fields of an object',
  icon: 'list_alt',
  description: 'A form with a field for each key of a JSON object',
  types: ['json'],
  options: [
    {
      field: 'fields',
      name: 'Fields',
      type: 'json',
      meta: { interface: 'input-code', width: 'full', options: { language: 'json' } },
    },
  ],
  component: Fields,
};
