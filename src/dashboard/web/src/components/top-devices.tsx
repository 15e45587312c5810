// The ten devices with the most events. Their counts are upper bounds, and the largest error is shown with
// them.
import type { DeviceRow, Rows } from '../api';
import { count } from '../format';
import { Actions, Panel } from './panel';
import { Value } from './value';

function bound(error: number): string {
  return error === 0 ? 'counts exact' : `counts at most ${count(error)} too many`;
}

export function TopDevices({ sql, rows, error, stem }: Rows<DeviceRow> & { error: number; stem: string }) {
  const most = Math.max(1, ...rows.map((row) => row.events));
  const sheet = () => ({
    name: `${stem}_top_devices`,
    header: ['rank', 'device', 'events', 'at_most_too_many'],
    rows: rows.map((row, index) => [index + 1, row.device, row.events, error]),
  });
  return (
    <Panel
      name="top-devices"
      title="Top devices"
      subtitle={
        <span
          title="Counts by TopN, which keeps those of the most frequent devices"
          data-testid="top-devices-error"
          data-error={error}
        >
          {bound(error)}
        </span>
      }
      class="devices"
      actions={<Actions name="top-devices" title="Top devices" sql={sql} sheet={sheet} />}
    >
      <table class="ranked">
        <caption class="visually-hidden">The ten devices with the most events</caption>
        <thead class="visually-hidden">
          <tr>
            <th scope="col">Rank</th>
            <th scope="col">Device</th>
            <th scope="col">Events</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr
              key={row.device}
              data-testid="top-devices-row"
              data-device={row.device}
              data-events={row.events}
            >
              <td class="rank">{index + 1}</td>
              <th scope="row">
                <Value value={row.device} />
                <span class="bar" style={{ width: `${(row.events / most) * 100}%` }} />
              </th>
              <td>{count(row.events)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="none">No events in this span.</p>}
    </Panel>
  );
}
