// The live answer to what is shown: one EventSource at a time, closed when something else is asked
// for or the page has been hidden for a while. What was shown stays until the new answer is there.
import { useEffect, useState } from 'preact/hooks';
import type { ApiError, Overview } from './api';
import { askForError, asError, silent } from './ask';
import type { Operations } from './operations-api';

export type Connection = 'connecting' | 'live' | 'reconnecting' | 'error';

/** An answer, and the resource that gave it. */
export type Answer = { path: string } & (
  { view: 'overview'; data: Overview } | { view: 'operations'; data: Operations }
);

export interface Live {
  connection: Connection;
  /** The last error; null after an answer. */
  error: ApiError['error'] | null;
  answer: Answer | null;
}

/** A page that is hidden for this long closes its connection, because browsers open only six to a server. */
const hiddenFor = 30_000;
const retryAfter = 3_000;
/** The server sends at least every five seconds. If nothing comes for this long, what is shown is not live. */
const silentFor = 20_000;

/** Calls `open` while the page is visible, and what it returned to close. */
function whileVisible(open: () => () => void): () => void {
  let close: (() => void) | null = open();
  let timer: number | undefined;
  const changed = () => {
    clearTimeout(timer);
    if (document.visibilityState === 'visible') {
      close ??= open();
    } else {
      timer = setTimeout(() => {
        close?.();
        close = null;
      }, hiddenFor);
    }
  };
  document.addEventListener('visibilitychange', changed);
  return () => {
    document.removeEventListener('visibilitychange', changed);
    clearTimeout(timer);
    close?.();
  };
}

export function useLive(path: string): Live {
  const [live, set] = useState<Live>({ connection: 'connecting', error: null, answer: null });

  useEffect(() => {
    const view = path.startsWith('operations') ? 'operations' : 'overview';

    const open = () => {
      let source: EventSource;
      let timer: number | undefined;
      let silence: number | undefined;
      let closed = false;

      const failed = (error: ApiError['error']) => set((old) => ({ ...old, connection: 'error', error }));

      // An EventSource that was refused does not try again and cannot say why: a GET can.
      const refused = async () => {
        const error = await askForError(path);
        if (closed) return;
        if (error) failed(error);
        else set((old) => ({ ...old, connection: 'reconnecting' }));
        timer = setTimeout(connect, retryAfter);
      };

      // A connection may be dead without being closed: the server stopped, or this machine was asleep.
      const heard = () => {
        clearTimeout(silence);
        silence = setTimeout(() => {
          failed(silent);
          clearTimeout(timer);
          source.close();
          connect();
        }, silentFor);
      };

      const onProblem = (event: MessageEvent<string>) => {
        heard();
        failed(asError(JSON.parse(event.data), 200));
      };

      const onError = () => {
        if (source.readyState === EventSource.CLOSED) {
          void refused();
        } else {
          set((old) => ({ ...old, connection: 'reconnecting' }));
        }
      };

      const onAnswer = (event: MessageEvent<string>) => {
        heard();
        const answer = { path, view, data: JSON.parse(event.data) } as Answer;
        set({ connection: 'live', error: null, answer });
      };

      const connect = () => {
        source = new EventSource(`api/stream/${path}`);
        source.addEventListener(view, onAnswer);
        source.addEventListener('problem', onProblem);
        source.addEventListener('error', onError);
        heard();
      };

      set((old) => ({ ...old, connection: 'connecting', error: null }));
      connect();
      return () => {
        closed = true;
        clearTimeout(timer);
        clearTimeout(silence);
        source.close();
      };
    };

    return whileVisible(open);
  }, [path]);

  return live;
}
