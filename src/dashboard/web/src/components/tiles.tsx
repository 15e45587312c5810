// The figures of the span: value, how exact it is, and how it compares with another span. The first four are large.
import type { Family, Figure, Measure, Overview, Tile as Answer } from '../api';
import { isDrawn, isShown, measureOf } from '../family';
import { figure } from '../figure';
import { change, margin, type Change } from '../format';
import { useTimes } from '../times';
import { Actions } from './panel';

const signs: Record<Change['direction'], string> = { up: '▲', down: '▼', same: '=', new: '✦' };
const spoken: Record<Change['direction'], string> = { up: 'up', down: 'down', same: '', new: '' };
const large = 4;

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

/** More events are good news, but a longer time or a larger least or most need not be. */
const isNews = ({ kind }: Measure) => !['average', 'min', 'max'].includes(kind);

function Changed({ measure, value, before }: { measure: Measure; value: Figure; before: Figure }) {
  const known = typeof value === 'number' && typeof before === 'number';
  const { direction, text } = known ? change(value, before) : { direction: 'same' as const, text: '' };
  return (
    <span
      class={`change ${isNews(measure) ? direction : 'same'}`}
      title={`Before: ${figure(before, measure)}`}
      data-testid={`tile-${measure.name}-change`}
      data-before={before ?? ''}
    >
      {known ? (
        <>
          <span aria-hidden="true">{signs[direction]}</span>
          <span class="visually-hidden">{spoken[direction]}</span> {text}
        </>
      ) : (
        <span class="was">before {figure(before, measure)}</span>
      )}
    </span>
  );
}

function Tile({ measure, answer, compared }: { measure: Measure; answer: Answer; compared: boolean }) {
  const { name, label, description } = measure;
  return (
    <div class="panel tile" data-testid={`tile-${name}`}>
      <dt title={description ?? undefined}>{label}</dt>
      <dd class="value" data-testid={`tile-${name}-value`} data-value={answer.value ?? ''}>
        {figure(answer.value, measure)}
      </dd>
      <dd class="beside">
        {compared ? <Changed measure={measure} value={answer.value} before={answer.before} /> : <span />}
        {isDrawn(measure) && answer.value !== null && <Exactness error={answer.error} />}
      </dd>
    </div>
  );
}

const against = {
  before: 'the span before',
  week: 'the same time a week before',
  custom: 'the chosen period',
} as const;

interface Props {
  data: Overview;
  family: Family;
  stem: string;
}

export function Tiles({ data, family, stem }: Props) {
  const { interval } = useTimes();
  const { compare, tiles } = data;
  const shown = tiles.rows.flatMap((answer) => {
    const measure = measureOf(family, answer.measure);
    return measure && isShown(measure) ? [{ measure, answer }] : [];
  });
  const sheet = () => ({
    name: `${stem}_summary`,
    header: ['figure', 'value', 'before', 'relative_standard_error'],
    rows: shown.map(({ answer: { measure, value, before, error } }) => [measure, value, before, error]),
  });
  const lists = [shown.slice(0, large), shown.slice(large)].filter((list) => list.length > 0);
  return (
    <section class="summary" aria-label="Summary" data-testid="summary">
      {lists.map((list, index) => (
        <dl key={index} class={index === 0 ? `large of-${list.length}` : 'rest'}>
          {list.map(({ measure, answer }) => (
            <Tile key={measure.name} measure={measure} answer={answer} compared={compare !== null} />
          ))}
        </dl>
      ))}
      <footer>
        <p class="muted" data-testid="compared" data-from={compare?.from ?? ''} data-to={compare?.to ?? ''}>
          {compare && `Changes are against ${against[compare.kind]}: ${interval(compare.from, compare.to)}.`}
        </p>
        <div class="actions">
          <Actions name="summary" title="Summary" sql={tiles.sql} sheet={sheet} />
        </div>
      </footer>
    </section>
  );
}
