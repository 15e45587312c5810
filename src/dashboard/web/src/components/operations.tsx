// The operations view: first what is wrong, then the events that come in, the rollups, and the background
// work.
import { useEffect, useState } from 'preact/hooks';
import { ago, bytes, count, duration, rate } from '../format';
import type { Operations, Warning } from '../operations-api';
import { Health } from './health';
import { Icon } from './icon';
import { Jobs, Rejects, Workers } from './machinery';
import { Panel } from './panel';
import { Refreshes, Rollups } from './rollups';
import { Sparkline, type Sample } from './sparkline';
import { Tables } from './tables';
import { Topics } from './topics';

/** As many as the sparkline can show. */
const mostSamples = 600;

/** What has come in since the view was opened. */
function useSamples(data: Operations): Sample[] {
  const [samples, set] = useState<Sample[]>([]);
  useEffect(() => {
    const { events_per_second: value } = data.ingest;
    if (value === null) return;
    const sample = { time: Date.parse(data.generated_at), value };
    set((old) => [...old, sample].slice(-mostSamples));
  }, [data]);
  return samples;
}

/** Whether a warning needs attention; mere information is shown elsewhere. */
const isTold = ({ severity }: Warning) => severity !== 'information';

function Warnings({ warnings: all }: { warnings: Warning[] }) {
  const warnings = all.filter(isTold);
  if (warnings.length === 0) {
    return (
      <p class="panel all-well" data-testid="no-warnings">
        <Icon name="check" size={18} /> Nothing to worry about.
      </p>
    );
  }
  const critical = warnings.some(({ severity }) => severity === 'critical');
  return (
    <section class={`panel warnings ${critical ? 'bad' : ''}`} aria-label="Warnings" data-testid="warnings">
      <h2>
        <Icon name={critical ? 'bad' : 'warning'} size={18} />{' '}
        {warnings.length === 1 ? '1 warning' : `${warnings.length} warnings`}
      </h2>
      <ul>
        {warnings.map(({ code, object, severity, message, hint }) => (
          <li key={`${code} ${object ?? ''} ${message}`} data-code={code} data-severity={severity}>
            {message}
            {hint !== null && <span class="muted">. {hint}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Server({ server }: { server: Operations['server'] }) {
  const facts = [
    ['Database', server.database],
    ['Size', bytes(server.size_bytes)],
    ['Connections', count(server.connections)],
    ['Up for', duration(server.uptime_seconds)],
    ...server.volumes.map(
      ({ name, size_bytes, free_bytes }) =>
        [`Free: ${name}`, `${bytes(free_bytes)} of ${bytes(size_bytes)}`] as const,
    ),
  ] as const;
  return (
    <Panel name="server" title="Server" subtitle={server.version} class="server">
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

function Ingest({ data }: { data: Operations }) {
  const samples = useSamples(data);
  const first = samples[0];
  const most = Math.max(0, ...samples.map((sample) => sample.value));
  const now = data.ingest.events_per_second;
  // The server's first reading has nothing to compare with: a zero is measured once it is seen twice.
  const measured = now !== null && (now > 0 || samples.length > 1);
  const since = first && ago(new Date(first.time).toISOString(), data.generated_at);
  return (
    <Panel name="ingest" title="Coming in" class="ingest" actions={measured && <Health state={data.ingest.state} />}>
      <div class="in">
        <p>
          <strong data-testid="ingest-rate" data-value={now ?? ''} data-measured={measured}>
            {measured ? rate(now) : '–'}
          </strong>{' '}
          events per second{!measured && ', being measured'}
        </p>
        <div>
          <Sparkline
            samples={samples}
            label={`Events per second since ${since ?? 'now'}: at most ${rate(most)}`}
          />
          <p class="muted">
            <span>{since ?? ''}</span> <span>at most {rate(most)}/s</span> <span>now</span>
          </p>
        </div>
      </div>
    </Panel>
  );
}

export function OperationsView({ data }: { data: Operations }) {
  return (
    <div class="operations" data-testid="operations" data-generated-at={data.generated_at}>
      <h1 class="visually-hidden">Operations</h1>
      <Warnings warnings={data.warnings} />
      <Ingest data={data} />
      <Server server={data.server} />
      <Rollups rollups={data.rollups} now={data.generated_at} />
      <Topics partitions={data.kafka} now={data.generated_at} />
      <Tables tables={data.tables} />
      <Jobs jobs={data.jobs} now={data.generated_at} />
      <Refreshes refreshes={data.refreshes} />
      <Workers workers={data.workers} now={data.generated_at} />
      <Rejects rejects={data.rejects} now={data.generated_at} />
    </div>
  );
}
