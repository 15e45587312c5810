// Whether what is shown is live, in words, and up to when it is complete. Only the words are
// announced: the time changes every second.
import type { Connection, Live } from '../stream';
import { useTimes } from '../times';
import { words } from './condition';

const connections: Record<Exclude<Connection, 'live'>, string> = {
  connecting: 'Connecting',
  reconnecting: 'Reconnecting',
  error: 'Not live',
};

function Complete({ live }: { live: Live }) {
  const { fullTime, seconds } = useTimes();
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
  const but = data.condition.kind === 'set_aside' ? ', but for those set aside,' : '';
  const title = `Every event committed before ${fullTime(data.complete_through)}${but} is in these figures.`;
  return (
    <span class="complete" title={title}>
      complete through{' '}
      <time dateTime={data.complete_through} data-testid="complete-through">
        {seconds(data.complete_through)}
      </time>
    </span>
  );
}

/** How it looks, what it is called, and why. The connection comes first: without it nothing else is known. */
function look({ connection, error, answer }: Live): { state: string; colour: string; word: string; why: string } {
  if (connection !== 'live' || answer === null) {
    const state = connection === 'live' ? 'connecting' : connection;
    return { state, colour: state, word: connections[state], why: error ? error.message : '' };
  }
  const { condition } = answer.data;
  return {
    state: condition.kind,
    colour: condition.kind === 'unknown' ? 'neutral' : condition.state === 'ok' ? 'live' : condition.state,
    word: words[condition.kind],
    why: condition.message,
  };
}

export function LiveState({ live }: { live: Live }) {
  const { state, colour, word, why } = look(live);
  const hint = live.error ? ` ${live.error.hint}` : '';
  return (
    <div class={`live ${colour}`} data-testid="live" data-state={state}>
      <span class="dot" aria-hidden="true" />
      <span class="words" role="status" aria-live="polite" title={why === '' ? undefined : `${why}${hint}`}>
        {word}
        {why !== '' && <span class="why">: {why}</span>}
      </span>
      <Complete live={live} />
    </div>
  );
}
