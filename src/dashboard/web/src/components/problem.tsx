// What stands in place of the figures when there are none: the server's message and its hint.
import type { ApiError } from '../api';
import { address, start, type State } from '../state';
import { Icon } from './icon';

const titles: Record<string, string> = {
  bad_request: 'This cannot be shown',
  unauthorized: 'A token is needed',
  forbidden: 'The server refuses this',
  not_found: 'There is no such thing',
  busy: 'The server is busy',
  timeout: 'That took too long',
  failed: 'The database answers with an error',
  unavailable: 'The database cannot be reached',
  silent: 'The server is silent',
};

export function Problem({ error, state }: { error: ApiError['error']; state: State }) {
  const ofLink = error.code === 'unauthorized' && state.link !== null;
  const title = ofLink ? 'This link does not work' : (titles[error.code] ?? 'Something is wrong');
  return (
    <section class="problem" role="alert" data-testid="problem" data-code={error.code}>
      <Icon name="warning" size={36} />
      <h1>{title}</h1>
      <p data-testid="problem-message">{error.message}</p>
      {error.hint !== '' && (
        <p class="hint" data-testid="problem-hint">
          {error.hint}
        </p>
      )}
      {error.code === 'bad_request' ? (
        <p>
          <a class="button" href={address(start(state))}>
            Start over
          </a>
        </p>
      ) : (
        <p class="muted">The page tries again every few seconds.</p>
      )}
    </section>
  );
}
