// The items with the most events. Their counts are upper bounds, and the largest error is shown with them; where it may
// have changed the order, this is said.
import type { Top, TopAnswer } from '../api';
import { count } from '../format';
import { Actions, Panel } from './panel';
import { Value } from './value';

function Bound({ error, certain }: { error: number; certain: boolean }) {
  if (error === 0) return <>counts exact</>;
  return (
    <>
      counts at most {count(error)} too many
      {!certain && <strong class="amber">: the ranking is not certain</strong>}
    </>
  );
}

export function TopPanel({ top, answer, stem, class: more = '' }: { top: Top; answer: TopAnswer; stem: string; class?: string }) {
  const { rows, error, certain, sql } = answer;
  const name = `top-${top.name}`;
  const most = Math.max(1, ...rows.map((row) => row.count));
  const sheet = () => ({
    name: `${stem}_${top.name}`,
    header: ['rank', 'item', 'count', 'at_most_too_many'],
    rows: rows.map((row, index) => [index + 1, row.item, row.count, error]),
  });
  return (
    <Panel
      name={name}
      title={top.label}
      subtitle={
        <span
          title={top.description ?? 'Counts by TopN, which keeps those of the most frequent'}
          data-testid={`${name}-error`}
          data-error={error}
          data-certain={certain}
        >
          <Bound error={error} certain={certain} />
        </span>
      }
      class={`top-n ${more}`}
      actions={<Actions name={name} title={top.label} sql={sql} sheet={sheet} />}
    >
      <table class="ranked">
        <caption class="visually-hidden">{top.label}, most first</caption>
        <thead class="visually-hidden">
          <tr>
            <th scope="col">Rank</th>
            <th scope="col">Item</th>
            <th scope="col">Count</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr
              key={row.item}
              data-testid={`${name}-row`}
              data-item={row.item}
              data-count={row.count}
            >
              <td class="rank">{index + 1}</td>
              <th scope="row">
                <Value value={row.item} meaning={row.label} />
                <span class="bar" style={{ width: `${(row.count / most) * 100}%` }} />
              </th>
              <td>{count(row.count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="none">No events in this span.</p>}
    </Panel>
  );
}
