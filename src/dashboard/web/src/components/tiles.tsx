// The four figures of the span: value, how exact it is, and how it compares with the span before.
import type { Estimate, Overview } from '../api';
import { change, count, interval, margin, rate, type Change } from '../format';
import { Actions } from './panel';

const tiles = [
  { key: 'events', label: 'Events', name: 'events' },
  { key: 'devices', label: 'Distinct devices', name: 'devices' },
  { key: 'sessions', label: 'Distinct sessions', name: 'sessions' },
  { key: 'events_per_second', label: 'Events per second', name: 'rate' },
] as const;

const signs: Record<Change['direction'], string> = { up: '▲', down: '▼', same: '=', new: '✦' };
const spoken: Record<Change['direction'], string> = { up: 'up', down: 'down', same: '', new: '' };

function Exactness({ error }: { error: number }) {
  if (error === 0) {
    return (
      <span class="exactness" title="Counted, not estimated.">
        exact
      </span>
    );
  }
  return (
    <span
      class="exactness"
      title="Estimated by HyperLogLog: the true number lies within this in 95 % of cases (two standard errors)."
    >
      {margin(error)}
    </span>
  );
}

function Tile({
  name,
  label,
  estimate,
  digits,
}: {
  name: string;
  label: string;
  estimate: Estimate;
  digits: (n: number) => string;
}) {
  const { direction, text } = change(estimate.value, estimate.before);
  return (
    <div class="panel tile" data-testid={`tile-${name}`}>
      <dt>{label}</dt>
      <dd class="value" data-testid={`tile-${name}-value`} data-value={estimate.value}>
        {digits(estimate.value)}
      </dd>
      <dd class="beside">
        <span
          class={`change ${direction}`}
          title={`Before: ${digits(estimate.before)}`}
          data-testid={`tile-${name}-change`}
          data-before={estimate.before}
        >
          <span aria-hidden="true">{signs[direction]}</span>
          <span class="visually-hidden">{spoken[direction]}</span> {text}
        </span>
        <Exactness error={estimate.error} />
      </dd>
    </div>
  );
}

export function Tiles({ data, stem }: { data: Overview; stem: string }) {
  const start = Date.parse(data.from);
  const length = Date.parse(data.to) - start;
  const sheet = () => ({
    name: `${stem}_summary`,
    header: ['figure', 'value', 'before', 'relative_standard_error'],
    rows: tiles.map(({ key }) => {
      const { value, before, error } = data.tiles[key];
      return [key, value, before, error];
    }),
  });
  return (
    <section class="summary" aria-label="Summary" data-testid="summary">
      <dl>
        {tiles.map(({ key, label, name }) => (
          <Tile
            key={key}
            name={name}
            label={label}
            estimate={data.tiles[key]}
            digits={name === 'rate' ? rate : count}
          />
        ))}
      </dl>
      <footer>
        <p class="muted">Changes are against the span before: {interval(start - length, start)}.</p>
        <div class="actions">
          <Actions name="summary" title="Summary" sql={data.tiles.sql} sheet={sheet} />
        </div>
      </footer>
    </section>
  );
}
