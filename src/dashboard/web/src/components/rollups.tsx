// The rollups: how far each is behind, how its refreshes go, and the refreshes that are at work.
import { bytes, count, counted, duration, milliseconds } from '../format';
import type { Refresh, Rollup } from '../operations-api';
import { useTimes } from '../times';
import { Ago } from './ago';
import { Grid } from './grid';
import { Health } from './health';
import { Panel } from './panel';

const columns = [
  { label: 'Rollup' },
  { label: 'State' },
  { label: 'Events behind', figure: true },
  { label: 'Seconds behind', figure: true },
  { label: 'Last refresh', figure: true },
  { label: 'Took', figure: true },
  { label: 'Rows', figure: true },
  { label: 'Size', figure: true },
];

const orDash = <T,>(value: T | null, show: (value: T) => string) => (value === null ? '–' : show(value));

function howOften({ declared, paused, refresh_interval_seconds: every }: Rollup): string {
  if (!declared) return 'hand-written';
  if (paused) return 'paused';
  return every === null ? 'refreshed on demand' : `every ${duration(every).replace('.0', '')}`;
}

export function Rollups({ rollups, now }: { rollups: Rollup[]; now: string }) {
  const { seconds } = useTimes();
  return (
    <Panel name="rollups" title="Rollups">
      <Grid caption="Rollups" columns={columns}>
        {rollups.map((rollup) => (
          <tbody key={rollup.rollup} data-testid="rollup" data-name={rollup.rollup}>
            <tr>
              <th scope="row">
                {rollup.rollup}
                <small>
                  of {rollup.source}, {howOften(rollup)}
                  {rollup.verified_at !== null && (
                    <>
                      , verified <Ago time={rollup.verified_at} now={now} />
                    </>
                  )}
                </small>
              </th>
              <td>
                <Health state={rollup.state} />
              </td>
              <td class="figure">{orDash(rollup.events_behind, count)}</td>
              <td class="figure">{orDash(rollup.seconds_behind, duration)}</td>
              <td class="figure">
                <Ago time={rollup.last_refresh} now={now} never="never" />
              </td>
              <td class="figure">{orDash(rollup.duration_ms, milliseconds)}</td>
              <td class="figure" title={rollup.rows === null ? 'not known yet' : undefined}>
                {orDash(rollup.rows, count)}
              </td>
              <td class="figure">{bytes(rollup.size_bytes)}</td>
            </tr>
            {rollup.waits_for !== null && (
              <tr class="detail">
                <td colSpan={columns.length}>Waits for: {rollup.waits_for}</td>
              </tr>
            )}
            {rollup.last_error !== null && (
              <tr class="detail error">
                <td colSpan={columns.length}>Last error: {rollup.last_error}</td>
              </tr>
            )}
            {rollup.failed_at !== null && (
              <tr class="detail error">
                <td colSpan={columns.length} data-testid="rollup-failed">
                  Failed <Ago time={rollup.failed_at} now={now} />, tried again at{' '}
                  {rollup.retry_at === null ? '–' : seconds(rollup.retry_at)}
                </td>
              </tr>
            )}
            {rollup.differences > 0 && (
              <tr class="detail error">
                <td colSpan={columns.length} data-testid="rollup-differences">
                  {counted(rollup.differences, 'difference', 'differences')} found by verification
                </td>
              </tr>
            )}
            {rollup.failed_events > 0 && (
              <tr class="detail">
                <td colSpan={columns.length} data-testid="rollup-failed-events">
                  {counted(rollup.failed_events, 'event', 'events')} set aside and not counted
                </td>
              </tr>
            )}
          </tbody>
        ))}
      </Grid>
      {rollups.length === 0 && <p class="none">There are no rollups.</p>}
    </Panel>
  );
}

export function Refreshes({ refreshes }: { refreshes: Refresh[] }) {
  return (
    <Panel name="refreshes" title="At work" subtitle="Refreshes at this moment" class="refreshing">
      {refreshes.length === 0 && <p class="none">None: each takes a moment only.</p>}
      <ul class="refreshes">
        {refreshes.map(({ rollup, percent, running_seconds: running }) => (
          <li key={rollup}>
            <span>{rollup}</span>
            <progress
              aria-label={`Refresh of ${rollup}`}
              max={100}
              {...(percent === null ? {} : { value: percent })}
            />
            <span class="figure">
              {percent !== null && `${count(percent)} % · `}
              {duration(running)}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
