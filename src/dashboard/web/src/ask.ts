// Asks the server. All addresses are relative to the page, so that it can live below a path; a link's token goes along
// with every request.
import type { ApiError, Values, Views } from './api';
import { question, type State } from './state';
import { browserZone } from './times';

/** Path and query of what a state shows, below `api/` or `api/stream/`. */
export function resource(state: State): string {
  if (state.view === 'operations') return withLink('operations', state.link);
  const query = question(state);
  if (state.zone === null) query.set('zone', browserZone);
  return `overview?${query}`;
}

function withLink(path: string, link: string | null, query = new URLSearchParams()): string {
  if (link !== null) query.set('link', link);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** The error that is shown if the server cannot be reached. */
export const unreachable: ApiError['error'] = {
  code: 'unreachable',
  message: 'The server cannot be reached.',
  hint: 'Is `millrace serve` running? The page tries again by itself.',
};

/** The error that is shown if the server has stopped sending. */
export const silent: ApiError['error'] = {
  code: 'silent',
  message: 'The server has not been heard for 20 seconds.',
  hint: 'The page tries again by itself.',
};

function isApiError(body: unknown): body is ApiError {
  if (typeof body !== 'object' || body === null || !('error' in body)) return false;
  const error = body.error;
  return typeof error === 'object' && error !== null && 'message' in error;
}

/** An error of the server as it is; anything else as an error that can be shown. */
export function asError(body: unknown, status: number): ApiError['error'] {
  if (isApiError(body)) return body.error;
  return { code: 'unknown', message: `The server answered ${status} without saying why.`, hint: '' };
}

/** The error that a GET of a resource returns; null if it succeeds after all. */
export async function askForError(path: string): Promise<ApiError['error'] | null> {
  try {
    const answer = await fetch(`api/${path}`, { headers: { accept: 'application/json' } });
    if (answer.ok) return null;
    return asError(await answer.json().catch(() => null), answer.status);
  } catch {
    return unreachable;
  }
}

/** The answer's body; throws an Error with the server's message. */
async function ask(path: string, options: RequestInit = {}): Promise<unknown> {
  const answer = await fetch(`api/${path}`, options).catch(() => null);
  if (!answer) throw new Error(unreachable.message);
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(asError(body, answer.status).message);
  return body;
}

/** Values of a dimension that contain a text. */
export async function searchValues(
  { rollup, link }: State,
  dimension: string,
  search: string,
): Promise<Values> {
  const query = new URLSearchParams({ dimension, search, limit: '50' });
  if (rollup !== null) query.set('rollup', rollup);
  return (await ask(withLink('values', link, query))) as Values;
}

export async function savedViews({ link }: State): Promise<Views> {
  return (await ask(withLink('views', link))) as Views;
}

/** What other sites' pages cannot send. */
const headers = { 'x-millrace': 'page' };

/** Saves a view, in place of one of that name. */
export async function saveView({ link }: State, name: string, query: string): Promise<void> {
  await ask(withLink('views', link, new URLSearchParams({ name, query })), { method: 'POST', headers });
}

export async function deleteView({ link }: State, name: string): Promise<void> {
  await ask(withLink('views', link, new URLSearchParams({ name })), { method: 'DELETE', headers });
}
