/** Pickers for rows of the event, for fields that hold keys without a relation. */
import { h, ref, resolveComponent, watch, type Ref, type VNode } from 'vue';
import { choicesOf, KINDS, queryFor, raised, type Choice, type Kind, type Row } from './kinds';
import { latest } from './latest';
import { api, formValues, keyOf, outerValues, type Values } from './studio';

/** Load the choices; load them again whenever the event or the kind changes. */
function choicesFor(kindOf: () => Kind | undefined, values: Ref<Values>): Ref<Choice[]> {
  const found = ref<Choice[]>([]);
  const client = api();
  const choices = latest(async (kind: Kind | undefined, event: string | undefined): Promise<Choice[]> => {
    if (client === undefined || kind === undefined || event === undefined) return [];
    const { data } = await client.get(`/items/${kind.collection}`, { params: queryFor(kind, event) });
    return choicesOf(kind, data.data as Row[]);
  });
  const load = async (): Promise<void> => {
    found.value = [];
    found.value = (await choices(kindOf(), keyOf(values.value['event_id']))) ?? found.value;
  };
  watch(() => `${String(kindOf()?.collection)} ${String(keyOf(values.value['event_id']))}`, () => void load(), {
    immediate: true,
  });
  return found;
}

type Chosen = (value: unknown) => void;

const picker = (choices: readonly Choice[], value: unknown, disabled: boolean, chosen: Chosen): VNode =>
  h(resolveComponent('v-select'), {
    items: choices,
    modelValue: value,
    disabled,
    showDeselect: true,
    placeholder: choices.length === 0 ? '--' : '…',
    'onUpdate:modelValue': chosen,
  });

interface One {
  value?: string | null;
  kindField?: string;
  disabled?: boolean;
}

const OneRow = {
  inheritAttrs: false,
  props: ['value', 'kindField', 'disabled'],
  emits: ['input'],
  setup: (given: One, { emit }: { emit: (event: 'input', value: unknown) => void }) => {
    const values = formValues();
    const kindOf = (): Kind | undefined => KINDS[String(values.value[given.kindField ?? ''])];
    const choices = choicesFor(kindOf, values);
    return (): VNode => {
      const key = given.value ?? null;
      const known = key === null || choices.value.some(({ value }) => value === key);
      // A key that was chosen for another kind stays visible.
      const offered = known ? choices.value : [...choices.value, { text: key, value: key }];
      return picker(offered, key, given.disabled === true, (value) => {
        emit('input', value ?? null);
      });
    };
  },
};

interface Many {
  value?: string[] | null;
  /** Not `collection`, because an inner form sets that to its own. */
  rowCollection?: string;
  disabled?: boolean;
}

const line = (text: string, disabled: boolean, up: () => void, remove: () => void): VNode => {
  const icon = (name: string, onClick: () => void): VNode | null =>
    disabled ? null : h(resolveComponent('v-icon'), { name, clickable: true, onClick });
  return h(resolveComponent('v-list-item'), { block: true, dense: true }, {
    default: () => [
      h('span', { style: 'flex-grow: 1', textContent: text }),
      icon('arrow_upward', up),
      icon('close', remove),
    ],
  });
};

const ManyRows = {
  inheritAttrs: false,
  props: ['value', 'rowCollection', 'disabled'],
  emits: ['input'],
  setup: (given: Many, { emit }: { emit: (event: 'input', value: string[] | null) => void }) => {
    const choices = choicesFor(() => KINDS[given.rowCollection ?? ''], outerValues());
    const set = (keys: string[]): void => {
      emit('input', keys.length === 0 ? null : keys);
    };
    return (): VNode => {
      const [keys, disabled] = [given.value ?? [], given.disabled === true];
      const text = (key: string): string => choices.value.find(({ value }) => value === key)?.text ?? key;
      const lines = keys.map((key, index) =>
        line(`${String(index + 1)}. ${text(key)}`, disabled, () => { set(raised(keys, index)); }, () => {
          set(keys.filter((other) => other !== key));
        }),
      );
      const free = choices.value.filter(({ value }) => !keys.includes(value));
      const add = picker(free, null, disabled, (value) => {
        if (typeof value === 'string') set([...keys, value]);
      });
      return h('div', { style: 'display: grid; gap: 8px' }, [...lines, ...(disabled ? [] : [add])]);
    };
  },
};

const option = (field: string, name: string): object => ({
  field,
  name,
  type: 'string',
  meta: { interface: 'input', width: 'half' },
});

export const rowInterface = {
  id: 'trm-row',
  name: 'A row of the event',
  icon: 'playlist_add_check',
  description: 'Chooses a row of the kind that another field names',
  types: ['uuid'],
  options: [option('kindField', 'Field with the kind')],
  component: OneRow,
};
export const rowsInterface = {
  id: 'trm-rows',
  name: 'Rows of the event, in order',
  icon: 'format_list_numbered',
  description: 'Chooses several rows of a collection, and their order',
  types: ['json'],
  options: [option('rowCollection', 'Collection')],
  component: ManyRows,
};
