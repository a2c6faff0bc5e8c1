/** Shows what a change of a place would do to results, before it is saved. */
import { h, ref, resolveComponent, type Ref, type VNode } from 'vue';
import { FIELDS, isCollection } from '../preview/fields';
import { changeOf, entryLine, resultLine, shapeOf, sketch, wordsOf, type Preview, type Shape } from './effects';
import { api, formValues, reasonOf, type Api, type Values } from './studio';

interface Given {
  collection?: string;
  primaryKey?: string;
}

type Words = ReturnType<typeof wordsOf>;

/** The answer: a sentence, or a preview with the shapes before and after. */
type Found = { said: string; isError: boolean } | { preview: Preview; shapes: Shape[] };

/** The part of the browser that is used here. */
declare const document: { documentElement: { lang: string } };

async function look(client: Api, collection: string, key: string, form: Values, words: Words): Promise<Found> {
  if (!isCollection(collection)) return { said: words.nothing, isError: true };
  const fields = [...FIELDS[collection], ...(collection === 'waypoints' ? ['tolerance_meters'] : [])];
  const { data } = await client.get(`/items/${collection}/${key}`, { params: { fields: [...new Set(fields)] } });
  const stored = data.data as Values;
  const change = changeOf(collection, stored, form);
  if (change === undefined) return { said: words.same, isError: false };
  const answer = await client.post('/trm/preview', { collection, id: key, change });
  const shapes = [shapeOf(stored), shapeOf({ ...stored, ...change })].filter((shape) => shape !== undefined);
  return { preview: answer.data.data as Preview, shapes };
}

const notice = (type: string, text: string): VNode =>
  h(resolveComponent('v-notice'), { type }, { default: () => text });

const CELL = 'padding: 4px 12px 4px 0; text-align: start; font-variant-numeric: tabular-nums';

function table(head: readonly string[], lines: readonly string[][]): VNode {
  const row = (cell: 'th' | 'td', texts: readonly string[]): VNode =>
    h('tr', null, texts.map((text) => h(cell, { style: CELL, textContent: text })));
  return h('table', { style: 'width: 100%; border-collapse: collapse' }, [
    h('thead', null, [row('th', head)]),
    h('tbody', null, lines.map((line) => row('td', line))),
  ]);
}

function map(preview: Preview, shapes: readonly Shape[]): VNode | null {
  const found = sketch(shapes, preview.entries);
  if (found === undefined) return null;
  const size = Math.max(found.box[2], found.box[3]);
  const looks = ['var(--theme--foreground-subdued)', 'var(--theme--primary)'];
  const drawn = found.shapes.map(({ path, circle }, index) => {
    const look = { fill: 'none', stroke: looks[index], 'stroke-width': size / 200 };
    const [cx, cy, r] = circle ?? [];
    return circle === null ? h('path', { d: path, ...look }) : h('circle', { cx, cy, r, ...look });
  });
  const dots = found.dots.flatMap(({ x, y, text }) => [
    h('circle', { cx: x, cy: y, r: size / 100, fill: 'var(--theme--danger)' }),
    h('text', { x: x + size / 60, y, 'font-size': size / 30, fill: 'currentColor', textContent: text }),
  ]);
  const style = 'width: 100%; max-height: 360px; background: var(--theme--background-subdued)';
  return h('svg', { viewBox: found.box.join(' '), style, role: 'img' }, [...drawn, ...dots]);
}

function shownPreview({ preview, shapes }: { preview: Preview; shapes: Shape[] }, words: Words): (VNode | null)[] {
  const { entries, results, retroactive } = preview;
  if (entries.length === 0) return [notice('success', words.nothing)];
  return [
    retroactive ? null : notice('warning', words.forward),
    map(preview, shapes),
    table(words.entries, entries.map(entryLine)),
    entries.some(({ decided }) => decided) ? notice('info', words.decided) : null,
    results.length === 0 ? null : table(words.results, results.map(resultLine)),
  ];
}

const Effect = {
  inheritAttrs: false,
  // `disabled` is not used: the field has no value, so nobody may write it.
  props: ['collection', 'primaryKey'],
  setup: (given: Given) => {
    const values = formValues();
    const client = api();
    const found: Ref<Found | undefined> = ref<Found | undefined>(undefined);
    const busy = ref(false);
    const words = wordsOf(document.documentElement.lang);
    const ask = async (): Promise<void> => {
      if (client === undefined) return;
      busy.value = true;
      try {
        found.value = await look(client, given.collection ?? '', String(given.primaryKey), values.value, words);
      } catch (error) {
        found.value = { said: reasonOf(error), isError: true };
      }
      busy.value = false;
    };
    return (): VNode => {
      if (given.primaryKey === '+') return notice('info', words.new);
      const button = h(
        resolveComponent('v-button'),
        { secondary: true, loading: busy.value, onClick: () => void ask() },
        { default: () => words.show },
      );
      const { value } = found;
      const shown = value === undefined ? [] : 'said' in value
        ? [notice(value.isError ? 'danger' : 'info', value.said)]
        : shownPreview(value, words);
      return h('div', { style: 'display: grid; gap: 16px' }, [button, ...shown]);
    };
  },
};

export const previewInterface = {
  id: 'trm-preview',
  name: 'Effect on results',
  icon: 'insights',
  description: 'What a change of this place would do to passes, penalties and results',
  types: ['alias'],
  localTypes: ['presentation'],
  group: 'presentation',
  hideLabel: false,
  options: [],
  component: Effect,
};
