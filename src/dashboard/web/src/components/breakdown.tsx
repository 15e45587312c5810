// Events and devices by one property, most events first: a table whose rows have a bar behind them.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Group, Rows } from '../api';
import { count, share } from '../format';
import { Actions, Panel } from './panel';
import { Value } from './value';

interface Props extends Rows<Group> {
  name: string;
  title: string;
  /** The name of the property in the events. */
  column: string;
  /** The number of events in the whole span, for the shares. */
  total: number;
  stem: string;
  /** How a value is shown, if not as its own text. */
  label?: (value: string | null) => ComponentChildren;
}

const few = 8;

export function Breakdown({ name, title, column, sql, rows, total, stem, label }: Props) {
  const [all, showAll] = useState(false);
  const most = Math.max(1, ...rows.map((row) => row.events));
  const sheet = () => ({
    name: `${stem}_${name}`,
    header: [column, 'events', 'share', 'devices'],
    rows: rows.map((row) => [row.value, row.events, total > 0 ? row.events / total : 0, row.devices]),
  });
  return (
    <Panel
      name={name}
      title={title}
      class="breakdown"
      actions={<Actions name={name} title={title} sql={sql} sheet={sheet} />}
    >
      <table class="ranked">
        <caption class="visually-hidden">{title} by events, most first</caption>
        <thead>
          <tr>
            <th scope="col">
              <span class="visually-hidden">{title}</span>
            </th>
            <th scope="col">Devices</th>
            <th scope="col">Events</th>
            <th scope="col">Share</th>
          </tr>
        </thead>
        <tbody>
          {(all ? rows : rows.slice(0, few)).map((row) => (
            <tr
              key={row.value === null ? 'null' : `=${row.value}`}
              data-testid={`${name}-row`}
              data-value={row.value ?? undefined}
              data-events={row.events}
              data-devices={row.devices}
            >
              <th scope="row">
                {label ? label(row.value) : <Value value={row.value} />}
                <span class="bar" style={{ width: `${(row.events / most) * 100}%` }} />
              </th>
              <td class="devices">{count(row.devices)}</td>
              <td>{count(row.events)}</td>
              <td class="share">{share(total > 0 ? row.events / total : 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="none">No events in this span.</p>}
      {rows.length > few && (
        <button
          type="button"
          class="more"
          aria-expanded={all}
          onClick={() => showAll(!all)}
          data-testid={`${name}-more`}
        >
          {all ? `Show the first ${few}` : `Show all ${rows.length}${rows.length === 50 ? ' or more' : ''}`}
        </button>
      )}
    </Panel>
  );
}
