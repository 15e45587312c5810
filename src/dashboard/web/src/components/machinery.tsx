// What works in the background: pg_cron's jobs, Millrace's workers, and what loads have rejected.
import { count, milliseconds } from '../format';
import type { Job, Operations, Worker } from '../operations-api';
import { Ago } from './ago';
import { Grid } from './grid';
import { Health } from './health';
import { Panel } from './panel';

const jobColumns = [
  { label: 'Job' },
  { label: 'State' },
  { label: 'Schedule' },
  { label: 'Last run', figure: true },
  { label: 'Took', figure: true },
  { label: 'Outcome' },
];

export function Jobs({ jobs, now }: { jobs: Job[]; now: string }) {
  return (
    <Panel name="jobs" title="Jobs" subtitle="Of pg_cron">
      <Grid caption="Jobs of pg_cron" columns={jobColumns}>
        <tbody>
          {jobs.map((job) => (
            <tr key={job.job} data-testid="job">
              <th scope="row">
                <code>{job.command}</code>
                <small>
                  number {job.job}
                  {!job.active && ', not active'}
                </small>
              </th>
              <td>
                <Health state={job.state} />
              </td>
              <td>{job.schedule}</td>
              <td class="figure">
                <Ago time={job.last_start} now={now} never="never" />
              </td>
              <td class="figure">{job.duration_ms === null ? '–' : milliseconds(job.duration_ms)}</td>
              <td class="wide">
                {job.last_status ?? '–'}
                {job.last_message && <small>{job.last_message}</small>}
              </td>
            </tr>
          ))}
        </tbody>
      </Grid>
      {jobs.length === 0 && <p class="none">There are no jobs.</p>}
    </Panel>
  );
}

const workerColumns = [
  { label: 'Worker' },
  { label: 'Database' },
  { label: 'Does' },
  { label: 'Since', figure: true },
];

export function Workers({ workers, now }: { workers: Worker[]; now: string }) {
  return (
    <Panel name="workers" title="Workers" class="workers">
      <Grid caption="Workers of Millrace" columns={workerColumns}>
        <tbody>
          {workers.map((worker, index) => (
            <tr key={index} data-testid="worker">
              <th scope="row">{worker.type}</th>
              <td>{worker.database ?? '–'}</td>
              <td class="wide">{worker.activity ?? '–'}</td>
              <td class="figure">
                <Ago time={worker.since} now={now} />
              </td>
            </tr>
          ))}
        </tbody>
      </Grid>
      {workers.length === 0 && <p class="none">No worker is running.</p>}
    </Panel>
  );
}

const rejectColumns = [{ label: 'File' }, { label: 'Rows', figure: true }, { label: 'When', figure: true }];

export function Rejects({ rejects, now }: { rejects: Operations['rejects']; now: string }) {
  return (
    <Panel
      name="rejects"
      title="Rejects"
      subtitle={`${count(rejects.rows)} ${rejects.rows === 1 ? 'row' : 'rows'} refused by loads`}
    >
      {rejects.files.length > 0 && (
        <Grid caption="Files with rejected rows" columns={rejectColumns}>
          <tbody>
            {rejects.files.map((each) => (
              <tr key={each.file} data-testid="reject">
                <th scope="row">{each.file}</th>
                <td class="figure">{count(each.rows)}</td>
                <td class="figure">
                  <Ago time={each.at} now={now} />
                </td>
              </tr>
            ))}
          </tbody>
        </Grid>
      )}
    </Panel>
  );
}
