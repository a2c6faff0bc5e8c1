/** The parts of Vue that this folder uses. The Studio provides Vue. */
declare module 'vue' {
  export type VNode = object;
  export interface Ref<Value> {
    value: Value;
  }
  type Child = VNode | string | null;
  export function h(
    type: string | object,
    props: Record<string, unknown> | null,
    children?: readonly Child[] | string | Record<string, () => Child | readonly Child[]>,
  ): VNode;
  export function inject<Value>(key: string, otherwise: Value): Value;
  export function provide(key: string, value: unknown): void;
  export function ref<Value>(value: Value): Ref<Value>;
  export function resolveComponent(name: string): object | string;
  export function watch(source: () => unknown, changed: () => void, options: { immediate: boolean }): void;
}
