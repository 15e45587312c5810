// Whether what is shown is live, in words, and up to when it is complete. Only the words are
// announced: the time changes every second.
import { fullTime, seconds } from '../format';
import type { Connection, Live } from '../stream';

const words: Record<Connection, string> = {
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  error: 'Not live',
};

function Complete({ live }: { live: Live }) {
  const data = live.answer?.data;
  if (!data) return null;
  if (!('complete_through' in data)) {
    return (
      <span class="complete" title={fullTime(data.generated_at)}>
        as of <time dateTime={data.generated_at}>{seconds(data.generated_at)}</time>
      </span>
    );
  }
  if (data.complete_through === null) return null;
  const title = `Every event committed before ${fullTime(data.complete_through)} is in these figures.`;
  return (
    <span class="complete" title={title}>
      complete through{' '}
      <time dateTime={data.complete_through} data-testid="complete-through">
        {seconds(data.complete_through)}
      </time>
    </span>
  );
}

export function LiveState({ live }: { live: Live }) {
  const { connection, error } = live;
  return (
    <div class={`live ${connection}`} data-testid="live" data-state={connection}>
      <span class="dot" aria-hidden="true" />
      <span
        class="words"
        role="status"
        aria-live="polite"
        title={error ? `${error.message} ${error.hint}` : undefined}
      >
        {words[connection]}
        {error && <span class="why">: {error.message}</span>}
      </span>
      <Complete live={live} />
    </div>
  );
}
