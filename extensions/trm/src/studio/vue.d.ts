/** As much of Vue as this folder uses. The Studio has Vue and shares it. */
declare module 'vue' {
  export type VNode = object;
  export function h(type: string, props: Record<string, unknown>): VNode;
}
