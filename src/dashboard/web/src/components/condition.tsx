// Whether the figures are current: in a word for the bar at the top, and in full: what is wrong, since when,
// and what else is wrong.
import type { Condition, ConditionKind } from '../api';
import { useTimes } from '../times';
import { Icon } from './icon';

export const words: Record<ConditionKind, string> = {
  live: 'Live',
  standby: 'Standby',
  unknown: 'Connected',
  failing: 'Failing',
  no_worker: 'Not refreshed',
  paused: 'Paused',
  behind: 'Behind',
  replay_paused: 'Replay paused',
  disconnected: 'Cut off',
  differing: 'Wrong figures',
  set_aside: 'Incomplete',
};

/** What the time `since` means. */
const since: Partial<Record<ConditionKind, string>> = {
  failing: 'Last refreshed',
  no_worker: 'Last refreshed',
  paused: 'Last refreshed',
  behind: 'Complete through',
  replay_paused: 'Complete through',
  disconnected: 'Complete through',
};

function Time({ time, now, id }: { time: string; now: string; id: string }) {
  const { dayAndTime, fullTime, sameDay, seconds } = useTimes();
  return (
    <time dateTime={time} title={fullTime(time)} data-testid={id}>
      {sameDay(time, now) ? seconds(time) : dayAndTime(time)}
    </time>
  );
}

interface Props {
  condition: Condition;
  warnings: string[];
  now: string;
}

export function ConditionPanel({ condition, warnings, now }: Props) {
  const { kind, state, message } = condition;
  const wrong = state !== 'ok';
  if (!wrong && warnings.length === 0) return null;
  const title = wrong ? words[kind] : warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`;
  return (
    <section
      class={`panel warnings condition ${wrong ? state : 'warning'}`}
      role="alert"
      data-testid="condition"
      data-kind={kind}
      data-state={state}
    >
      <h2>
        <Icon name={state === 'bad' ? 'bad' : 'warning'} size={18} /> {title}
      </h2>
      {wrong && (
        <p data-testid="condition-message">
          {message}{' '}
          {condition.since !== null && (
            <span class="muted">
              {since[kind] ?? 'Since'} <Time time={condition.since} now={now} id="condition-since" />.{' '}
            </span>
          )}
          {condition.retry_at !== null && (
            <span class="muted">
              Tried again at <Time time={condition.retry_at} now={now} id="condition-retry" />.
            </span>
          )}
        </p>
      )}
      {warnings.length > 0 && (
        <ul>
          {warnings.map((warning) => (
            <li key={warning} data-testid="condition-warning">
              {warning}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
