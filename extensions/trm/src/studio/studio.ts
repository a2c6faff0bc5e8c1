/** What the Studio provides to an interface: the form's values and the API client. */
import { inject, ref, type Ref } from 'vue';

export type Values = Readonly<Record<string, unknown>>;

/** The parts of the Studio's API client that are used here. */
export interface Api {
  get: (path: string, options: { params: Record<string, unknown> }) => Promise<{ data: { data: unknown } }>;
  post: (path: string, body: unknown) => Promise<{ data: { data: unknown } }>;
}

/** The name under which an inner form finds the values of the outer form. */
export const OUTER = 'trm-outer-values';

export const formValues = (): Ref<Values> => inject<Ref<Values>>('values', ref({}));
export const outerValues = (): Ref<Values> => inject<Ref<Values>>(OUTER, ref({}));
export const api = (): Api | undefined => inject<Api | undefined>('api', undefined);

/** Return the key of a related row; a form has either the key or the row. */
export function keyOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const { id } = value as { id?: unknown };
  return typeof id === 'string' ? id : undefined;
}

/** Return the server's message of a refusal. */
export function reasonOf(error: unknown): string {
  const { response } = error as { response?: { data?: { errors?: { message?: string }[] } } };
  return response?.data?.errors?.[0]?.message ?? String(error);
}
